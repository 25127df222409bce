-- federation/delivery.py: rows come by the hundred, each for the same sender, whom the activity names as well and who is
-- never deleted; looking that sender up for each row was a fifth of what a row costs.
alter table deliveries drop constraint deliveries_sender_id_fkey;

-- federation/delivery.py: rows come by the hundred, all for one activity that was just written, and for lanes that the
-- same statement makes sure of. Both are kept while rows name them (federation/housekeeping.py, federation/lanes.py);
-- looking them up for each row once more was a third of what a row costs.
alter table deliveries drop constraint deliveries_activity_id_fkey;
alter table deliveries drop constraint deliveries_host_fkey;
-- Rows expire in the order in which they came, so a summary of ranges finds them as well as a tree, for next to nothing.
drop index deliveries_expiry;
create index deliveries_expiry on deliveries using brin (expires_at);

-- federation/delivery.py: the group for whose members somebody else's own words are sent, such as its author's edit of a
-- thread to microblogs; what it blocks stops them as well. Null: they go to whom their sender tells by themselves.
alter table deliveries add column group_id bigint;

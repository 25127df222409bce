-- server/community/posts.py: only threads have an active position, and said twice it makes the planner expect so few of
-- them that it would rather sort a whole group than read its newest thirty.
drop index posts_group_active;
drop index posts_group_newest;
create index posts_group_active on posts (group_id, active_position desc)
    where state = 'published' and active_position is not null;
create index posts_group_newest on posts (group_id, position desc)
    where state = 'published' and active_position is not null;

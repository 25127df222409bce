-- moderation/deeds.py: what a moderator does to a person or to a thread as a whole; for ever, like decisions about texts.
create table deeds (
    id bigint primary key,
    group_id bigint not null references actors,
    moderator_id bigint not null references actors,
    verb text not null check (verb in ('ban', 'unban', 'lock', 'unlock', 'pin', 'unpin', 'promote', 'demote')),
    person_id bigint references actors,
    post_id bigint references posts,
    until timestamptz,
    removes_posts boolean not null default false,
    rule_id bigint references rules,
    rule_version int,
    reason text not null default '' check (length(reason) <= 4000),
    reversed_by bigint references deeds,
    created_at timestamptz not null default clock_now(),
    check ((person_id is null) <> (post_id is null))
);
create index deeds_group on deeds (group_id, id desc);
create index deeds_person on deeds (group_id, person_id, id desc) where person_id is not null;
create index deeds_post on deeds (post_id, id desc) where post_id is not null;

-- server/community/standing.py: why a thread was closed, for whoever would reply. The few pinned ones of a group lead
-- its list.
alter table posts add column lock_reason text not null default '' check (length(lock_reason) <= 1000);
create index posts_pinned on posts (group_id, position desc)
    where pinned and state = 'published' and active_position is not null;

-- server/community/votes.py: 0 is a thank of somebody who is banned from the group: kept, and not counted.
alter table votes drop constraint votes_value_check;
alter table votes add check (value in (1, 0, -1));

-- moderation/reports.py: whether the reporter's own words may go to other servers.
alter table reports add column forward boolean not null default false;

-- federation/moderators.py: who moderates a group elsewhere, as that group's own collection says.
create table moderator_lists (
    group_id bigint primary key references actors,
    uris text[] not null check (cardinality(uris) <= 1000),
    read_at timestamptz not null default clock_now()
);
create index remote_actors_moderators on remote_actors (moderators) where moderators is not null;
create index remote_actors_featured on remote_actors (featured) where featured is not null;

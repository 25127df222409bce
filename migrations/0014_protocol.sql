-- federation/remote.py: an actor that has moved, or to which one has moved, does not move again for a month (B19).
alter table remote_actors add column moved_to text check (length(moved_to) <= 2048);
alter table remote_actors add column moved_at timestamptz;

-- server/community/votes.py: thanks that a group's server reports of others. Nobody but that server vouches for them, so
-- they are kept and counted apart, and a person's own vote takes the place of what was reported of them (B15).
create table attested_votes (
    voter_uri text not null check (length(voter_uri) <= 2048),
    post_id bigint not null references posts,
    uri text check (length(uri) <= 2048),
    created_at timestamptz not null default clock_now(),
    primary key (voter_uri, post_id)
);
alter table posts add column attested_count int not null default 0;

-- federation/activities/farewell.py: to how many inboxes the farewell of one of our people went.
create table farewells (
    actor_id bigint primary key references actors,
    activity_id bigint not null,
    activity_uri text not null check (length(activity_uri) <= 2048),
    asked int not null,
    said_at timestamptz not null default clock_now()
);

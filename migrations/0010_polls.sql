-- server/community/polls.py: a thread with a row here is a poll. `options` are in the order in which they are shown and
-- never change; `counts` belongs to them by place. `lasts` runs from publication, since a held poll appears late. Of a
-- poll from elsewhere the totals are what its author's server said, and `settled` that it was asked after the end.
-- `telling`: votes have come that other servers have not been told of; `tellings` counts how often they were told.
create table polls (
    post_id bigint primary key references posts,
    options text[] not null check (cardinality(options) between 2 and 20),
    multiple boolean not null,
    counts bigint[] not null,
    voter_count bigint not null default 0 check (voter_count >= 0),
    lasts interval,
    closes_at timestamptz,
    settled boolean not null default false,
    telling boolean not null default false,
    tellings int not null default 0,
    check (cardinality(counts) = cardinality(options) and 0 <= all (counts))
);

-- server/community/polls.py: `choice` is the place of an option, from 0.
create table poll_votes (
    post_id bigint not null references posts,
    actor_id bigint not null references actors,
    choice smallint not null check (choice between 0 and 19),
    created_at timestamptz not null default clock_now(),
    primary key (post_id, actor_id, choice)
);

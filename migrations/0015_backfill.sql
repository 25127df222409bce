-- server/community/posts.py: read from the past of a group elsewhere, so it stands where its own time puts it, and tells
-- nobody of itself.
alter table posts add column from_past boolean not null default false;

-- server/community/groups.py: while older posts of a group elsewhere are being read, how many are here, of about how many.
alter table groups add column older_here int check (older_here >= 0);
alter table groups add column older_about int check (older_about >= 0);

-- federation/backfills.py: how far the reading of a group's past has come, one row a group elsewhere. `run` is the number
-- of the one errand that may go on; `seen` are digests of pages, so that no page is read twice; `refresh`: it was read
-- before, so it ends where known ground begins.
create table backfills (
    group_id bigint primary key references actors,
    run int not null default 1,
    stage text not null check (stage in ('featured', 'outbox')),
    next_page text check (length(next_page) <= 2048),
    seen text[] not null default '{}' check (cardinality(seen) <= 1000),
    outbox_total int,
    outbox_read int not null default 0,
    found int not null default 0,
    here int not null default 0,
    failures int not null default 0,
    refresh boolean not null default false,
    begun_at timestamptz not null default clock_now(),
    ended_at timestamptz
);

-- federation/backfills.py: what was found in the past of a group and is still to be read: posts, and the collections of
-- replies to them.
create table backfill_finds (
    id bigint primary key,
    group_id bigint not null references backfills,
    uri text not null check (length(uri) <= 2048),
    kind text not null check (kind in ('listed', 'parent', 'answer', 'context', 'replies')),
    fallback text check (length(fallback) <= 2048),
    depth int not null default 0,
    page int not null default 1,
    tries int not null default 0,
    unique (group_id, uri)
);
create index backfill_finds_next on backfill_finds (group_id, tries, id);

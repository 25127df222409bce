-- server/community/media.py: the pictures of our residents, each as two files (`key` and a size are their names). Without
-- a post: taken in by a form that has not been sent through yet, for its owner's eyes alone, and swept after a day.
create table media (
    id bigint primary key,
    owner_id bigint not null references actors,
    post_id bigint references posts,
    key text not null unique check (length(key) between 20 and 100),
    width int not null check (width between 1 and 16384),
    height int not null check (height between 1 and 16384),
    bytes int not null check (bytes > 0),
    created_at timestamptz not null default clock_now()
);
create index media_post on media (post_id) where post_id is not null;
create index media_unused on media (created_at) where post_id is null;

-- server/community/posts.py, server/community/revisions.py: the pictures of a text in their order, each with what its
-- author says of it, so that both are screened with the text and change with it. One of ours is named by its id in
-- `media`, one from elsewhere by its address, which is never loaded.
alter table posts add column pictures jsonb not null default '[]'
    check (jsonb_typeof(pictures) = 'array' and jsonb_array_length(pictures) <= 4 and length(pictures::text) <= 32768);
alter table revisions add column pictures jsonb not null default '[]'
    check (jsonb_typeof(pictures) = 'array' and jsonb_array_length(pictures) <= 4 and length(pictures::text) <= 32768);

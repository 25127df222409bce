-- The moot itself. Owners: the modules of server/ and server/community/ named above each table.

-- One clock (server/clock.py): tests move it with `alter database ... set folkmoot.clock_offset`.
create function clock_now() returns timestamptz language sql stable parallel safe as
$$ select now() + coalesce(nullif(current_setting('folkmoot.clock_offset', true), ''), '0')::interval $$;

-- server/site.py
create table site (
    singleton boolean primary key default true check (singleton),
    base_url text not null check (length(base_url) <= 300),
    title text not null default 'Folkmoot' check (length(title) <= 100),
    about text not null default '' check (length(about) <= 2000),
    contact text not null default '' check (length(contact) <= 300),
    accent text not null default 'green' check (accent in ('green', 'blue', 'plum', 'rust', 'slate')),
    demo boolean not null default false,
    created_at timestamptz not null default clock_now()
);

-- server/jobs.py: `ordering` is the key under which jobs run one after the other, oldest first.
create table jobs (
    id bigint primary key,
    name text not null check (length(name) <= 60),
    args jsonb not null,
    ordering text check (length(ordering) <= 200),
    due_at timestamptz not null default clock_now(),
    tries int not null default 0,
    error text check (length(error) <= 2000),
    parked_at timestamptz,
    created_at timestamptz not null default clock_now()
);
create index jobs_due on jobs (due_at, id) where parked_at is null;
create index jobs_ordering on jobs (ordering, id) where ordering is not null and parked_at is null;

-- server/worker.py: one row a worker process, so that /readyz and `check` know whether anybody works.
create table workers (
    id text primary key check (length(id) <= 100),
    seen_at timestamptz not null default clock_now(),
    state jsonb not null default '{}'
);

-- server/limits.py
create table rate_limits (
    key text not null check (length(key) <= 200),
    window_start timestamptz not null,
    hits int not null default 1,
    primary key (key, window_start)
);

-- server/mail.py
create table mails (
    id bigint primary key,
    recipient text not null check (length(recipient) <= 254),
    subject text not null check (length(subject) <= 300),
    body text not null check (length(body) <= 20000),
    created_at timestamptz not null default clock_now(),
    sent_at timestamptz
);

-- server/community/actors.py: people, groups and the instance itself, ours (host is null) and others'.
create table actors (
    id bigint primary key,
    kind text not null check (kind in ('person', 'group', 'application')),
    name text not null check (length(name) between 1 and 256),
    host text check (length(host) <= 260),
    uri text not null unique check (length(uri) <= 2048),
    url text check (length(url) <= 2048),
    title text not null default '' check (length(title) <= 200),
    about_source text not null default '' check (length(about_source) <= 20000),
    about_html text not null default '' check (length(about_html) <= 65536),
    created_at timestamptz not null default clock_now(),
    suspended_at timestamptz,
    deleted_at timestamptz
);
create unique index actors_handle on actors (lower(name), coalesce(host, ''));

-- server/community/accounts.py
create table accounts (
    actor_id bigint primary key references actors,
    email text not null check (length(email) <= 254),
    password_hash text not null check (length(password_hash) <= 300),
    state text not null default 'unconfirmed' check (state in ('unconfirmed', 'waiting', 'active', 'refused', 'deleted')),
    admin boolean not null default false,
    language text not null default 'en' check (length(language) <= 20),
    timezone text not null default 'UTC' check (length(timezone) <= 60),
    theme text not null default 'system' check (theme in ('system', 'light', 'dark')),
    application text check (length(application) <= 2000),
    invite_id bigint,
    read_up_to bigint not null default 0,
    created_at timestamptz not null default clock_now(),
    confirmed_at timestamptz,
    home_seen_at timestamptz
);
create unique index accounts_email on accounts (lower(email));

create table invites (
    id bigint primary key,
    token_hash bytea not null unique,
    created_by bigint not null references actors,
    uses_left int not null default 1 check (uses_left >= 0),
    created_at timestamptz not null default clock_now(),
    expires_at timestamptz not null
);
alter table accounts add foreign key (invite_id) references invites;

create table account_tokens (
    token_hash bytea primary key,
    account_id bigint not null references accounts,
    purpose text not null check (purpose in ('confirm', 'reset')),
    expires_at timestamptz not null
);
create index account_tokens_account on account_tokens (account_id);

-- server/community/sessions.py
create table sessions (
    id bigint primary key,
    token_hash bytea not null unique,
    account_id bigint not null references accounts,
    user_agent text not null default '' check (length(user_agent) <= 200),
    created_at timestamptz not null default clock_now(),
    seen_at timestamptz not null default clock_now()
);
create index sessions_account on sessions (account_id);

-- server/community/groups.py
create table groups (
    actor_id bigint primary key references actors,
    place text not null default '' check (length(place) <= 100),
    tagline text not null default '' check (length(tagline) <= 200),
    language text not null default 'en' check (length(language) <= 20),
    visibility text not null default 'public' check (visibility in ('public', 'private', 'local')),
    join_mode text not null default 'open' check (join_mode in ('open', 'ask', 'invite')),
    posting text not null default 'anyone' check (posting in ('anyone', 'members', 'moderators')),
    hold_first_remote boolean not null default false,
    discoverable boolean not null default true,
    answers_within text not null default '' check (length(answers_within) <= 100),
    member_count int not null default 0,
    thread_count int not null default 0,
    active_at timestamptz,
    updated_at timestamptz not null default clock_now()
);

-- server/community/memberships.py: who follows whom. A person in a group is its member; a person may also follow a person.
create table memberships (
    person_id bigint not null references actors,
    target_id bigint not null references actors,
    state text not null check (state in ('asked', 'joined', 'refused')),
    role text not null default 'member' check (role in ('member', 'moderator')),
    follow_uri text check (length(follow_uri) <= 2048),
    banned_until timestamptz,
    created_at timestamptz not null default clock_now(),
    primary key (person_id, target_id)
);
create index memberships_target on memberships (target_id, state, person_id);

-- server/community/posts.py: threads (no parent) and replies. What readers see; every text that was ever written stands in revisions.
create table posts (
    id bigint primary key,
    uri text not null unique check (length(uri) <= 2048),
    url text check (length(url) <= 2048),
    group_id bigint not null references actors,
    author_id bigint not null references actors,
    parent_id bigint references posts,
    parent_uri text check (length(parent_uri) <= 2048),
    root_id bigint references posts,
    depth int not null default 0,
    path text collate "C" not null default '' check (length(path) <= 2000),
    state text not null default 'submitted'
        check (state in ('submitted', 'held', 'published', 'refused', 'removed', 'deleted')),
    position bigint unique,
    title text check (length(title) <= 200),
    link text check (length(link) <= 2048),
    source text not null default '' check (length(source) <= 65536),
    html text not null default '' check (length(html) <= 262144),
    excerpt text not null default '' check (length(excerpt) <= 600),
    language text not null default '' check (length(language) <= 20),
    revision int not null default 1,
    reply_count int not null default 0,
    thank_count int not null default 0,
    active_position bigint,
    pinned boolean not null default false,
    locked boolean not null default false,
    idempotency_key text check (length(idempotency_key) <= 100),
    announced_at timestamptz,
    submitted_at timestamptz not null default clock_now(),
    published_at timestamptz,
    edited_at timestamptz,
    ended_at timestamptz,
    wiped_at timestamptz,
    unique (author_id, idempotency_key)
);
create index posts_group_active on posts (group_id, active_position desc) where state = 'published' and parent_id is null and active_position is not null;
create index posts_group_newest on posts (group_id, position desc) where state = 'published' and parent_id is null and active_position is not null;
create index posts_tree on posts (root_id, path);
create index posts_author on posts (author_id, id desc);
create index posts_parent on posts (parent_id, id) where parent_id is not null;
create index posts_waiting_parent on posts (parent_uri) where parent_uri is not null and parent_id is null;
create index posts_not_taken_up on posts (published_at) where state = 'published' and announced_at is null;
create index posts_ended on posts (ended_at) where state = 'deleted' and wiped_at is null;

-- server/community/revisions.py
create table revisions (
    post_id bigint not null references posts,
    number int not null,
    state text not null default 'submitted' check (state in ('submitted', 'held', 'published', 'refused')),
    title text check (length(title) <= 200),
    link text check (length(link) <= 2048),
    source text not null check (length(source) <= 65536),
    html text not null check (length(html) <= 262144),
    excerpt text not null default '' check (length(excerpt) <= 600),
    language text not null default '' check (length(language) <= 20),
    idempotency_key text check (length(idempotency_key) <= 100),
    created_at timestamptz not null default clock_now(),
    primary key (post_id, number)
);

-- server/community/votes.py
create table votes (
    post_id bigint not null references posts,
    actor_id bigint not null references actors,
    value smallint not null check (value in (1, -1)),
    uri text check (length(uri) <= 2048),
    created_at timestamptz not null default clock_now(),
    primary key (post_id, actor_id)
);
create index votes_actor on votes (actor_id);

-- server/community/notifications.py
create table notifications (
    id bigint primary key,
    account_id bigint not null references accounts,
    kind text not null check (length(kind) <= 40),
    actor_id bigint references actors,
    post_id bigint references posts,
    group_id bigint references actors,
    detail jsonb not null default '{}',
    read_at timestamptz,
    created_at timestamptz not null default clock_now()
);
create index notifications_account on notifications (account_id, id desc);
create index notifications_unread on notifications (account_id) where read_at is null;

-- Speaks with other instances. Owners: the modules of federation/ named above each table.

-- federation/keys.py: our private keys, so that a backup is secret.
create table own_keys (
    actor_id bigint not null references actors,
    kind text not null check (kind in ('rsa', 'ed25519')),
    private_pem text not null,
    public_text text not null,
    created_at timestamptz not null default clock_now(),
    primary key (actor_id, kind)
);

-- federation/senders.py: the keys of others, checked both ways.
create table remote_keys (
    key_id text primary key check (length(key_id) <= 2048),
    owner_uri text not null check (length(owner_uri) <= 2048),
    public_pem text not null check (length(public_pem) <= 8192),
    fetched_at timestamptz not null default clock_now()
);
create index remote_keys_owner on remote_keys (owner_uri);

create table missing_keys (
    key_id text primary key check (length(key_id) <= 2048),
    reason text not null check (length(reason) <= 200),
    retry_at timestamptz not null
);

-- federation/remote.py: what we know of an actor elsewhere beyond the actors row.
create table remote_actors (
    actor_id bigint primary key references actors,
    inbox text not null check (length(inbox) <= 2048),
    shared_inbox text check (length(shared_inbox) <= 2048),
    followers text check (length(followers) <= 2048),
    outbox text check (length(outbox) <= 2048),
    featured text check (length(featured) <= 2048),
    moderators text check (length(moderators) <= 2048),
    fetched_at timestamptz not null default clock_now()
);

-- federation/activities rows: what we say (written once, sent to many), and the received ones that we announce on.
create table activities (
    id bigint primary key,
    uri text not null unique check (length(uri) <= 2048),
    actor_id bigint not null references actors,
    type text not null check (length(type) <= 40),
    post_id bigint references posts,
    event text check (length(event) <= 100),
    body text not null check (length(body) <= 1048576),
    public boolean not null default true,
    created_at timestamptz not null default clock_now()
);
create unique index activities_event on activities (actor_id, event) where event is not null;
create index activities_outbox on activities (actor_id, id desc) where public;
create index activities_post on activities (post_id, id desc) where post_id is not null;

-- The activity that brought a remote post or its revision here, byte for byte, for our Announce of it.
create table received_activities (
    post_id bigint not null references posts,
    revision int not null,
    body text not null check (length(body) <= 1048576),
    primary key (post_id, revision)
);

-- federation/lanes.py: one lane an instance, with its failure state. federation/delivery.py drains them.
create table lanes (
    host text primary key check (length(host) <= 260),
    software text check (length(software) <= 60),
    software_version text check (length(software_version) <= 60),
    software_checked_at timestamptz,
    scheme text not null default 'cavage' check (scheme in ('cavage', 'rfc9421')),
    due_at timestamptz,
    leased_until timestamptz not null default '-infinity',
    failures int not null default 0,
    failing_since timestamptz,
    sleeping boolean not null default false,
    last_ok_at timestamptz,
    last_error text check (length(last_error) <= 300),
    created_at timestamptz not null default clock_now()
);
create index lanes_due on lanes (due_at) where due_at is not null;

create table deliveries (
    id bigint primary key,
    host text not null references lanes,
    inbox text not null check (length(inbox) <= 2048),
    activity_id bigint not null references activities,
    sender_id bigint not null references actors,
    ordering text not null check (length(ordering) <= 100),
    due_at timestamptz not null default clock_now(),
    tries int not null default 0,
    error text check (length(error) <= 300),
    parked boolean not null default false,
    expires_at timestamptz not null default clock_now() + interval '30 days',
    unique (activity_id, inbox)
);
create index deliveries_lane on deliveries (host, id);
create index deliveries_ordering on deliveries (host, ordering, id);
create index deliveries_expiry on deliveries (expires_at);

create table dropped_deliveries (
    id bigint primary key,
    host text not null check (length(host) <= 260),
    inbox text not null check (length(inbox) <= 2048),
    activity_uri text not null check (length(activity_uri) <= 2048),
    reason text not null check (length(reason) <= 300),
    dropped_at timestamptz not null default clock_now()
);
create index dropped_deliveries_at on dropped_deliveries (dropped_at);

-- federation/inbox.py
create table seen_activities (
    uri text not null check (length(uri) <= 2048),
    actor_uri text not null check (length(actor_uri) <= 2048),
    outcome text not null check (length(outcome) <= 200),
    received_at timestamptz not null default clock_now(),
    primary key (uri, actor_uri)
);
create index seen_activities_at on seen_activities (received_at);

create table tombstones (
    object_uri text not null check (length(object_uri) <= 2048),
    actor_uri text not null check (length(actor_uri) <= 2048),
    created_at timestamptz not null default clock_now(),
    primary key (object_uri, actor_uri)
);

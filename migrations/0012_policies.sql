-- moderation/instances.py: the host '*' stands for every server that no other row covers: blocked, only the listed take part.
-- `list_id` names the subscription that brought the row; null: a person set it, and no list changes it.
alter table instance_policies add column list_id bigint;
create index instance_policies_list on instance_policies (list_id) where list_id is not null;

-- moderation/instances.py: what a group's moderators set for their group alone; of this and the place's policy the stricter counts.
create table group_policies (
    group_id bigint not null references actors,
    host text not null check (length(host) <= 260),
    policy text not null check (policy in ('open', 'limited', 'blocked')),
    reason text not null default '' check (length(reason) <= 2000),
    changed_by bigint references actors,
    changed_at timestamptz not null default clock_now(),
    primary key (group_id, host)
);
create index group_policies_host on group_policies (host);

-- moderation/instances.py: counts the changes, also those that somebody makes by hand, so that processes read thousands of
-- rows only after one.
create table policy_version (
    singleton boolean primary key default true check (singleton),
    version bigint not null default 0
);
insert into policy_version default values;
create function policies_changed() returns trigger language plpgsql as
$$ begin update policy_version set version = version + 1; return null; end $$;
create trigger instance_policies_changed after insert or update or delete or truncate on instance_policies
    for each statement execute function policies_changed();
create trigger group_policies_changed after insert or update or delete or truncate on group_policies
    for each statement execute function policies_changed();

-- moderation/subscriptions.py: block lists that others keep, fetched by an errand and never acted on by it.
create table policy_lists (
    id bigint primary key,
    url text not null unique check (length(url) <= 2048),
    every_hours int not null check (every_hours between 1 and 720),
    due_at timestamptz not null default clock_now(),
    version int not null default 0,
    etag text not null default '' check (length(etag) <= 300),
    unreadable int not null default 0,
    error text not null default '' check (length(error) <= 300),
    fetched_at timestamptz,
    added_by bigint references actors,
    created_at timestamptz not null default clock_now()
);
alter table instance_policies add foreign key (list_id) references policy_lists on delete set null;

-- moderation/subscriptions.py: what a list says now (`offered`) and what it said when a person last decided (`decided`);
-- null: it does not name the host. Where the two differ, a change waits. `taken`: the decision was to follow the list.
create table policy_list_entries (
    list_id bigint not null references policy_lists on delete cascade,
    host text not null check (length(host) <= 260),
    offered text check (offered in ('limited', 'blocked')),
    decided text check (decided in ('limited', 'blocked')),
    taken boolean not null default false,
    reason text not null default '' check (length(reason) <= 2000),
    primary key (list_id, host)
);
create index policy_list_entries_waiting on policy_list_entries (list_id, host) where offered is distinct from decided;
create index policy_list_entries_host on policy_list_entries (host);

-- server/community/memberships.py: a membership with a blocked server is suspended, not ended; `resumes_as` is what it
-- becomes again when the block is lifted.
alter table memberships drop constraint memberships_state_check;
alter table memberships add constraint memberships_state_check check (state in ('asked', 'joined', 'refused', 'suspended'));
alter table memberships add column resumes_as text check (resumes_as in ('asked', 'joined'));
create index memberships_suspended on memberships (target_id) where state = 'suspended';

-- A community enforces its own rules. Owners: the modules of moderation/ named above each table.

-- moderation/rules.py: group_id null = a rule of the whole instance.
create table rules (
    id bigint primary key,
    group_id bigint references actors,
    number int not null check (number between 1 and 99),
    title text not null check (length(title) between 1 and 120),
    body text not null default '' check (length(body) <= 4000),
    html text not null default '' check (length(html) <= 16384),
    version int not null default 1,
    created_at timestamptz not null default clock_now(),
    changed_at timestamptz not null default clock_now(),
    retired_at timestamptz
);
create unique index rules_number on rules (coalesce(group_id, 0), number) where retired_at is null;

create table rule_versions (
    rule_id bigint not null references rules,
    version int not null,
    number int not null,
    title text not null check (length(title) <= 120),
    body text not null check (length(body) <= 4000),
    changed_by bigint references actors,
    created_at timestamptz not null default clock_now(),
    primary key (rule_id, version)
);

-- moderation/checks.py: what the machine looks for on behalf of a rule.
create table checks (
    id bigint primary key,
    group_id bigint references actors,
    rule_id bigint not null references rules,
    kind text not null check (kind in ('words', 'domains', 'newcomer', 'links', 'repeated', 'score')),
    settings jsonb not null,
    action text not null check (action in ('flag', 'hold')),
    enabled boolean not null default true,
    created_by bigint references actors,
    created_at timestamptz not null default clock_now(),
    -- A score may flag, never hold, until its measured precision has earned more.
    check (kind <> 'score' or action = 'flag')
);
create index checks_group on checks (group_id) where enabled;

-- moderation/screening.py: what was screened, and whether the scorer could read it.
create table screenings (
    post_id bigint not null references posts,
    revision int not null,
    outcome text not null check (outcome in ('publish', 'flag', 'hold')),
    scorer text not null default '' check (length(scorer) <= 60),
    not_scored text check (length(not_scored) <= 200),
    scores jsonb not null default '{}',
    screened_at timestamptz not null default clock_now(),
    primary key (post_id, revision)
);

-- moderation/cases.py: what waits for a person's decision; one open case a post.
create table cases (
    id bigint primary key,
    post_id bigint not null references posts,
    revision int not null,
    group_id bigint not null references actors,
    opened_for text not null check (opened_for in ('hold', 'flag', 'report')),
    state text not null default 'open' check (state in ('open', 'closed')),
    version int not null default 1,
    claimed_by bigint references actors,
    claimed_until timestamptz,
    opened_at timestamptz not null default clock_now(),
    closed_at timestamptz
);
create unique index cases_open on cases (post_id) where state = 'open';
create index cases_queue on cases (group_id, opened_at) where state = 'open';

create table findings (
    id bigint primary key,
    case_id bigint not null references cases,
    rule_id bigint not null references rules,
    rule_version int not null,
    check_id bigint references checks,
    kind text not null check (length(kind) <= 40),
    matched text[] not null default '{}',
    score real,
    label text check (length(label) <= 60),
    created_at timestamptz not null default clock_now()
);
create index findings_case on findings (case_id);

-- moderation/reports.py
create table reports (
    id bigint primary key,
    case_id bigint not null references cases,
    post_id bigint not null references posts,
    reporter_id bigint not null references actors,
    rule_id bigint references rules,
    comment text not null default '' check (length(comment) <= 4000),
    uri text unique check (length(uri) <= 2048),
    created_at timestamptz not null default clock_now(),
    unique (case_id, reporter_id)
);

-- moderation/decisions.py: every decision of a person, for ever; the public record reads them.
create table decisions (
    id bigint primary key,
    case_id bigint references cases,
    post_id bigint not null references posts,
    revision int not null,
    group_id bigint not null references actors,
    moderator_id bigint not null references actors,
    verb text not null check (verb in ('release', 'refuse', 'keep', 'remove', 'restore')),
    rule_id bigint references rules,
    rule_version int,
    reason text not null default '' check (length(reason) <= 4000),
    reversed_by bigint references decisions,
    created_at timestamptz not null default clock_now()
);
create index decisions_group on decisions (group_id, id desc);
create index decisions_post on decisions (post_id, id desc);

-- moderation/instances.py: what we let another instance do here.
create table instance_policies (
    host text primary key check (length(host) <= 260),
    policy text not null check (policy in ('open', 'limited', 'blocked')),
    reason text not null default '' check (length(reason) <= 2000),
    changed_by bigint references actors,
    changed_at timestamptz not null default clock_now()
);

-- moderation/rules.py: renumbering passes through states in which two rules share a number, within one statement.
drop index rules_number;
alter table rules add constraint rules_number
    exclude using btree (coalesce(group_id, 0) with =, number with =) where (retired_at is null) deferrable;

-- moderation/cases.py: what holds a post without anybody's rule (the first post of somebody from elsewhere, a limited
-- instance) is a finding too. A check may change later, so a finding keeps what was done and to which text.
alter table findings alter column rule_id drop not null;
alter table findings alter column rule_version drop not null;
alter table findings add column revision int not null default 1;
alter table findings add column action text not null default 'flag' check (action in ('flag', 'hold'));
create index findings_check on findings (check_id) where check_id is not null;
create index cases_post on cases (post_id);

-- moderation/screening.py: `scorer` is empty where no check asked for a score; `failed` tells a broken scorer from a
-- language that it does not read.
alter table screenings add column failed boolean not null default false;
create index screenings_scored on screenings (screened_at desc) where scorer <> '';

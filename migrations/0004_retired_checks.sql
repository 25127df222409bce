-- moderation/checks.py: a removed check stays for the findings that name it, and strikes no more.
alter table checks add column retired_at timestamptz;
alter table checks add check (retired_at is null or not enabled);

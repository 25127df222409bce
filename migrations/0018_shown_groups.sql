-- server/community/accounts.py: whether a resident's page, and the public groups themselves to other servers, say who
-- belongs to whom. Nobody has said so yet.
alter table accounts add column shows_groups boolean not null default false;

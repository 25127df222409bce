-- federation/senders.py: the key of somebody who has done nothing here is forgotten then; null: its owner is known.
alter table remote_keys add column forget_at timestamptz;
update remote_keys k set forget_at = clock_now() + interval '1 day'
 where not exists (select 1 from actors a where a.uri = k.owner_uri);
create index remote_keys_forget on remote_keys (forget_at) where forget_at is not null;

-- federation/tombstones.py forgets them by age.
create index tombstones_at on tombstones (created_at);

-- server/community/votes.py looks for thanks that a ban suspended which has run out: few among all votes.
create index votes_suspended on votes (actor_id, post_id) where value = 0;

-- moderation/deeds.py: what admins do for the whole place, to a person or to all that a blocked `host` sent, belongs to no
-- group.
alter table deeds add column host text check (length(host) <= 260);
alter table deeds alter column group_id drop not null;
alter table deeds drop constraint deeds_verb_check;
alter table deeds add constraint deeds_verb_check check (verb in
    ('ban', 'unban', 'lock', 'unlock', 'pin', 'unpin', 'promote', 'demote', 'suspend', 'unsuspend',
     'clear'));
alter table deeds add check ((group_id is null) = (verb in ('suspend', 'unsuspend', 'clear')));
alter table deeds drop constraint deeds_check;
alter table deeds add constraint deeds_check check (num_nonnulls(person_id, post_id, host) = 1);
create index deeds_suspensions on deeds (id desc) where verb = 'suspend' and reversed_by is null;
create index actors_host on actors (host) where host is not null;

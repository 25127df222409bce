-- server/community/access.py: whether what is written in a group is for this reader. Lists ask it in SQL, single things
-- in Python (`access.may_read`); a test compares the two. Immutable and not strict, so that the planner inlines it.
create function may_read(visibility text, membership text, account_id bigint, admin boolean) returns boolean
language sql immutable parallel safe as
$$ select visibility = 'public' or coalesce(admin, false)
       or (visibility = 'local' and account_id is not null)
       or (visibility = 'private' and coalesce(membership, '') = 'joined') $$;

-- server/community/memberships.py: whom moderators invite joins by one click, also where nobody can ask.
alter table memberships drop constraint memberships_state_check;
alter table memberships add constraint memberships_state_check
    check (state in ('asked', 'invited', 'joined', 'refused', 'suspended'));

-- federation/remote.py: an actor that has moved, or to which one has moved, does not move again for a month (B19).
alter table remote_actors add column moved_to text check (length(moved_to) <= 2048);
alter table remote_actors add column moved_at timestamptz;

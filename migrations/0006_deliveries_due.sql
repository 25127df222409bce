-- federation/lanes.py asks, for each lane, whether any of its deliveries is due: one probe each.
create index deliveries_due on deliveries (host, due_at);

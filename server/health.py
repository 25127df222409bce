"""How this instance is, for /readyz, /metrics and `folkmoot check`: is anybody working, and what waits."""

from server.db import Conn, Query, Row

# Three heartbeats missed (server/worker.py): nobody works.
WORKER_SECONDS = 16.0


class Health(Row, frozen=True):
    """`worker_age` is the number of seconds since any worker's last heartbeat, None where there never was one."""

    workers: int
    worker_age: float | None
    jobs_waiting: int
    jobs_parked: int
    oldest_due: float

    @property
    def worker_alive(self) -> bool:
        return self.worker_age is not None and self.worker_age < WORKER_SECONDS


STATE = Query(
    Health,
    """
    select (select count(*) from workers where seen_at > clock_now() - make_interval(secs => $1))::int4 as workers,
           (select extract(epoch from clock_now() - max(seen_at)) from workers)::float8 as worker_age,
           (select count(*) from jobs where parked_at is null)::int4 as jobs_waiting,
           (select count(*) from jobs where parked_at is not null)::int4 as jobs_parked,
           (select coalesce(greatest(extract(epoch from clock_now() - min(due_at)), 0), 0)
              from jobs where parked_at is null)::float8 as oldest_due""",
)


async def state(conn: Conn) -> Health:
    """One statement; raises what the driver raises where the database is away."""
    health = await STATE.one(conn, WORKER_SECONDS)
    assert health is not None
    return health

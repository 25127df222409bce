"""Starts a real process of the product in a hurry: `launch web|worker --supervised`.

Other servers' patience is turned down and ours up, so that what takes an afternoon takes a minute. Of all this the
product knows nothing.
"""

import datetime as dt

from federation import announced, backfill, inbox, lanes
from server import __main__, jobs
from server.limits import Limit

PLENTY = Limit(1_000_000, 60)


def hurry() -> None:
    # What a killed process had taken comes back in seconds.
    jobs.LEASE = lanes.LEASE = dt.timedelta(seconds=8)
    # Who is away comes back in seconds too.
    lanes.FIRST_WAIT, lanes.LONGEST_WAIT = 0.5, 2.0
    jobs.backoff = lambda tries: dt.timedelta(seconds=min(0.5 * 2**tries, 3))
    jobs.MAX_TRIES = 100
    # Two servers that do in a minute what neighbours do in a month.
    backfill.REQUESTS = announced.FETCHES_PER_HOST = inbox.PER_HOST = PLENTY


# Done on import, since the web server may start its own worker processes by importing this file again.
hurry()

if __name__ == "__main__":
    __main__.main()

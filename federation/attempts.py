"""One attempt to deliver one activity to one inbox, and what the answer means."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from federation.egress import FetchFailed, RefusedAddress, RefusedUrl
from federation.http import Client, Posted, Unreachable
from federation.signing import NO_MORE, Signer

# Refusals for good: the same bytes will be refused again.
_FINAL = {403, 404, 410, 413, 422}
# The whole instance asks for rest.
_REST = {429, 503}
# PieFed answers 400 where others answer 401 to a signature that they cannot read.
_UNREADABLE = {400, 401}
_OTHER = {"cavage": "rfc9421", "rfc9421": "cavage"}


class Verdict(Enum):
    """DONE and DROP end the row; PARK sets this row alone aside for a while; REST its whole lane."""

    DONE = "done"
    DROP = "dropped"
    PARK = "parked"
    REST = "rested"


@dataclass(frozen=True)
class Attempt:
    """`scheme`: the one that was understood. `gone`: the inbox says that it is no more. `retry_after` in seconds."""

    verdict: Verdict
    reason: str
    scheme: str
    gone: bool = False
    retry_after: float | None = None


async def attempt(
    client: Client, signer: Signer, scheme: str, inbox: str, body: bytes, more: Mapping[str, str] = NO_MORE
) -> Attempt:
    """Post `body` and the headers in `more`, signed now (yesterday's date is refused, A20).

    Once more in the other scheme where that may help.
    """

    async def post(scheme: str) -> Posted:
        sign = signer.sign_cavage if scheme == "cavage" else signer.sign_rfc9421
        return await client.post(inbox, body, functools.partial(sign, more=more))

    try:
        answer = await post(scheme)
        if answer.status in _UNREADABLE:
            second = await post(_OTHER[scheme])
            if second.status not in _UNREADABLE:
                return _judge(second, _OTHER[scheme])
            return Attempt(Verdict.DROP, f"status_{answer.status}", scheme)
        return _judge(answer, scheme)
    except Unreachable as failed:
        return Attempt(Verdict.REST, failed.reason, scheme)
    except RefusedAddress as refused:
        # A name may point to a wrong address today and to the right one tomorrow.
        return Attempt(Verdict.PARK, refused.reason, scheme)
    except RefusedUrl as refused:
        # One inbox that is no address must not keep the others from getting theirs (C17).
        return Attempt(Verdict.DROP, refused.reason, scheme)
    except FetchFailed as failed:
        return Attempt(Verdict.PARK, failed.reason, scheme)


def _judge(answer: Posted, scheme: str) -> Attempt:
    reason = f"status_{answer.status}"
    if 200 <= answer.status < 300:
        return Attempt(Verdict.DONE, reason, scheme)
    if answer.status in _FINAL:
        return Attempt(Verdict.DROP, reason, scheme, gone=answer.status == 410)
    if answer.status in _REST:
        return Attempt(Verdict.REST, reason, scheme, retry_after=answer.retry_after)
    return Attempt(Verdict.PARK, reason, scheme)

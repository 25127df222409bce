"""What another instance may do here, however its name is spelled."""

import pytest

from moderation import instances
from moderation.instances import PolicySnapshot, policy_of, set_policy
from server.errors import Invalid
from tests.moderation.conftest import Neighbourhood


async def test_a_policy_covers_subdomains_ports_and_every_spelling(town: Neighbourhood) -> None:
    async with town.runtime.db.transaction() as conn:
        await set_policy(conn, town.urls, " https://Bücher.Example/about ", "blocked", "Spam", town.people["ada"])
        for host in ("bücher.example", "XN--BCHER-KVA.example.", "a.b.bücher.example", "bücher.example:8443"):
            assert await instances.is_blocked(conn, host), host
        for host in ("example", "notbücher.example", "bücher.example.org"):
            assert await policy_of(conn, host) == "open", host
        assert [(row.host, row.reason) for row in await instances.policies(conn)] == [("xn--bcher-kva.example", "Spam")]


async def test_the_most_exact_policy_counts(town: Neighbourhood) -> None:
    async with town.runtime.db.transaction() as conn:
        await set_policy(conn, town.urls, "bad.example", "blocked", "", None)
        await set_policy(conn, town.urls, "good.bad.example", "open", "", None)
        await set_policy(conn, town.urls, "bad.example", "limited", "", None)
        assert await policy_of(conn, "bad.example") == "limited"
        assert await policy_of(conn, "x.good.bad.example") == "open"


async def test_what_is_no_host_is_let_in_nowhere(town: Neighbourhood) -> None:
    async with town.runtime.db.read() as conn:
        assert await policy_of(conn, "") == "blocked"
        assert await policy_of(conn, "user@host.example") == "blocked"
        assert await policy_of(conn, "not a host") == "blocked"
        assert await policy_of(conn, "[::1]:8080") == "open"


@pytest.mark.parametrize(
    ("host", "policy", "field"),
    [
        ("", "blocked", "host"),
        ("moot.test", "blocked", "host"),
        ("test", "blocked", "host"),
        ("com", "blocked", "host"),
        ("co.uk", "blocked", "host"),
        ("github.io", "limited", "host"),
        ("bad.example", "shun", "policy"),
    ],
)
async def test_a_policy_that_would_reach_too_far_is_refused(
    town: Neighbourhood, host: str, policy: str, field: str
) -> None:
    async with town.runtime.db.transaction() as conn:
        with pytest.raises(Invalid) as wrong:
            await set_policy(conn, town.urls, host, policy, "", None)
    assert list(wrong.value.fields) == [field]


async def test_the_snapshot_answers_alike_and_is_read_again(
    town: Neighbourhood, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot = PolicySnapshot(town.runtime)
    monkeypatch.setattr(instances, "SNAPSHOT_SECONDS", 3600.0)
    assert not await snapshot.is_blocked("bad.example")
    async with town.runtime.db.transaction() as conn:
        await set_policy(conn, town.urls, "bad.example", "blocked", "", None)
    assert not await snapshot.is_blocked("bad.example")
    monkeypatch.setattr(instances, "SNAPSHOT_SECONDS", 0.0)
    assert await snapshot.is_blocked("sub.BAD.example")
    assert await snapshot.is_blocked("not a host")

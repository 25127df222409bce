"""What an instance runs, from its NodeInfo, and the families that follow from it."""

# ruff: noqa: N802  (tests carry the row of the threat table that they stand for)

import json

import pytest

from federation import housekeeping, lanes, software
from server.runtime import Runtime
from server.worker import run_until_idle
from tests.conftest import MovedClock
from tests.federation.loopback import Server, redirect, reply


def host_of(server: Server) -> str:
    return server.url.removeprefix("http://")


def serve_nodeinfo(server: Server, name: object = "Lemmy", *, href: str | None = None, version: str = "2.0") -> None:
    schema = f"http://nodeinfo.diaspora.software/ns/schema/{version}"
    links = {"links": [{"rel": schema, "href": href or f"{server.url}/nodeinfo/{version}"}]}
    server.answers["/.well-known/nodeinfo"] = reply(json.dumps(links).encode())
    info = {"version": version, "software": {"name": name, "version": "1.0.0"}, "usage": {"users": {"total": 3}}}
    server.answers[f"/nodeinfo/{version}"] = reply(json.dumps(info).encode())


async def name_of(runtime: Runtime, server: Server) -> str | None:
    async with runtime.db.read() as conn:
        return await software.software_of(conn, host_of(server))


@pytest.mark.parametrize("version", ["2.0", "2.1"])
async def test_the_name_is_looked_up_and_kept(runtime: Runtime, victim: Server, version: str) -> None:
    serve_nodeinfo(victim, version=version)
    await software.refresh_software(runtime, host=host_of(victim))
    assert await name_of(runtime, victim) == "lemmy"
    async with runtime.db.read() as conn:
        known = await lanes.software(conn, host_of(victim))
        assert known is not None
        assert known.version == "1.0.0"


async def test_it_is_asked_again_after_a_week(runtime: Runtime, victim: Server, moved_clock: MovedClock) -> None:
    serve_nodeinfo(victim)
    for _ in range(3):
        await software.refresh_software(runtime, host=host_of(victim))
    assert len(victim.requests) == 2
    await moved_clock.advance(days=8)
    serve_nodeinfo(victim, "PieFed")
    # A younger lane than that, or it would be forgotten: nobody here has to do with this instance.
    await runtime.db.pool.execute("update lanes set created_at = clock_now()")
    await housekeeping.tidy(runtime)
    await runtime.db.pool.execute("delete from jobs where name <> 'refresh_software'")
    await run_until_idle(runtime)
    assert await name_of(runtime, victim) == "piefed"


async def test_no_answer_leaves_what_we_knew(runtime: Runtime, victim: Server, moved_clock: MovedClock) -> None:
    serve_nodeinfo(victim)
    await software.refresh_software(runtime, host=host_of(victim))
    await moved_clock.advance(days=8)
    victim.answers.clear()
    await software.refresh_software(runtime, host=host_of(victim))
    assert await name_of(runtime, victim) == "lemmy"


async def test_an_unknown_one_is_asked_again_after_an_hour(
    runtime: Runtime, victim: Server, moved_clock: MovedClock
) -> None:
    for _ in range(2):
        await software.refresh_software(runtime, host=host_of(victim))
    assert (await name_of(runtime, victim), len(victim.requests)) == (None, 1)
    await moved_clock.advance(minutes=61)
    serve_nodeinfo(victim)
    await software.refresh_software(runtime, host=host_of(victim))
    assert await name_of(runtime, victim) == "lemmy"


async def test_C6_nobody_says_what_another_host_runs(runtime: Runtime, victim: Server, evil: Server) -> None:
    serve_nodeinfo(evil)
    serve_nodeinfo(victim, href=f"{evil.url}/nodeinfo/2.0")
    await software.refresh_software(runtime, host=host_of(victim))
    assert (await name_of(runtime, victim), evil.requests) == (None, [])


async def test_C6_a_redirect_to_another_host_says_nothing(runtime: Runtime, victim: Server, evil: Server) -> None:
    serve_nodeinfo(evil)
    serve_nodeinfo(victim)
    victim.answers["/nodeinfo/2.0"] = redirect(f"{evil.url}/nodeinfo/2.0")
    await software.refresh_software(runtime, host=host_of(victim))
    assert await name_of(runtime, victim) is None


@pytest.mark.parametrize("name", [7, None, [], "", "x" * 300_000])
async def test_nonsense_is_no_software(runtime: Runtime, victim: Server, name: object) -> None:
    serve_nodeinfo(victim, name)
    await software.refresh_software(runtime, host=host_of(victim))
    assert await name_of(runtime, victim) is None


async def test_a_long_or_odd_name_is_cut_and_cleaned(runtime: Runtime, victim: Server) -> None:
    serve_nodeinfo(victim, "Lem\u202emy\n" + "x" * 100)
    await software.refresh_software(runtime, host=host_of(victim))
    assert await name_of(runtime, victim) == "lemmy" + "x" * 53


@pytest.mark.parametrize(
    "signature",
    [
        'keyId="{url}/users/ana#main-key",algorithm="rsa-sha256",headers="date",signature="x"',
        'sig1=("@method");created=1;keyid="{url}/actor#main-key"',
    ],
)
async def test_the_reader_is_known_by_its_key(runtime: Runtime, victim: Server, signature: str) -> None:
    serve_nodeinfo(victim, "misskey")
    await software.refresh_software(runtime, host=host_of(victim))
    async with runtime.db.read() as conn:
        assert await software.reader_software(conn, signature.format(url=victim.url)) == "misskey"


@pytest.mark.parametrize("signature", ["", "keyId=", 'keyId="nonsense"', 'keyId="https://unknown.example/a"'])
async def test_an_unknown_reader_has_no_software(runtime: Runtime, signature: str) -> None:
    async with runtime.db.read() as conn:
        assert await software.reader_software(conn, signature) is None


@pytest.mark.parametrize(
    ("name", "forum", "microblog", "warns"),
    [
        ("lemmy", True, False, False),
        ("folkmoot", True, False, False),
        ("mastodon", False, True, False),
        ("misskey", False, True, True),
        ("gotosocial", False, True, True),
        ("never-heard-of", False, False, False),
        (None, False, False, False),
    ],
)
def test_families(name: str | None, forum: bool, microblog: bool, warns: bool) -> None:
    assert software.is_forum(name) is forum
    assert software.is_microblog(name) is microblog
    assert software.turns_summary_into_warning(name) is warns


def test_whoever_warns_is_a_microblog() -> None:
    assert software.WARNERS <= software.MICROBLOGS
    assert not software.FORUMS & software.MICROBLOGS

"""Secure mode: nothing is read here by anybody who does not say who they are."""

import msgspec
import pytest
from starlette.routing import Route

from federation.endpoints import routes
from moderation import instances
from server.runtime import Runtime
from tests.federation.peer import ACTIVITY, Peer
from tests.hostile.private_street import Private


@pytest.fixture
async def secure(private: Private) -> Private:
    runtime: Runtime = private.street.runtime
    runtime.settings = msgspec.structs.replace(runtime.settings, secure_mode=True)
    return private


ALWAYS = {
    "/ap/instance", "/.well-known/webfinger", "/.well-known/host-meta", "/.well-known/nodeinfo", "/nodeinfo/{version}",
}  # fmt: skip


async def test_in_secure_mode_every_reader_says_who_they_are(secure: Private, outside: Peer) -> None:
    """Only what others need in order to verify us is served to everybody."""
    street, moot = secure.street, secure.street.moot
    post = await street.write("The crossing", "Where?")
    activity = await street.runtime.db.pool.fetchval("select max(id) from activities where public")
    values = {"folder": "groups", "name": "elm_street", "id": str(post.id), "version": "2.1"}
    guarded = set()
    for route in routes():
        assert isinstance(route, Route)
        if "GET" not in (route.methods or ()):
            continue
        pattern = route.path.replace(":str", "")
        path = pattern.format(**values | ({"id": activity} if "activities" in pattern else {}))
        unsigned = await moot.get(path + ("?resource=acct:ana@moot.test" if "webfinger" in path else ""))
        if route.path in ALWAYS:
            assert unsigned.status == 200, path
            continue
        guarded.add(route.path)
        assert (unsigned.status, unsigned.body) == (401, b'{"error":"unsigned"}'), path
        known = await moot.read_as(secure.max, path)
        assert known.status == 200, path
        assert known.header("cache-control") == "private, no-store"
        forged = await moot.browser.send("GET", path, headers={"accept": ACTIVITY, "signature": 'keyId="x"'})
        assert forged.status in (400, 401), path
    assert guarded > {"/ap/posts/{id}", "/ap/activities/{id}", "/ap/{folder:str}/{name:str}"}
    page = await moot.browser.send("GET", f"/ap/posts/{post.id}", headers={"accept": "text/html"})
    assert page.status == 303
    async with street.runtime.db.transaction() as conn:
        await instances.set_policy(conn, street.urls, outside.host, "blocked", "", None)
    assert (await moot.read_as(secure.max, post.uri)).status == 403

"""How others find us: WebFinger in every direction, and what each of our actors says of itself."""

import json
import typing
from urllib.parse import quote, unquote, urlsplit

import pytest

from server.community import accounts, actors, sessions
from tests.browser_like import Browser
from tests.federation.peer import Document
from tests.federation.street import GROUP, Street
from web.app import create_app

ANA = "http://moot.test/ap/people/ana"
INSTANCE = "http://moot.test/ap/instance"
SELF = "self"
SERVICE = "https://www.w3.org/ns/activitystreams#Service"
INTENT = "https://w3id.org/fep/3b86/"


async def webfinger(street: Street, resource: str, more: str = "") -> Document:
    answer = await street.moot.get(f"/.well-known/webfinger?resource={quote(resource, safe='')}{more}")
    assert answer.status == 200, resource
    return typing.cast(Document, json.loads(answer.body))


def link(found: Document, rel: str) -> Document:
    return typing.cast(Document, next(one for one in found["links"] if one["rel"] == rel))


@pytest.mark.parametrize(
    ("resource", "actor"),
    [
        ("acct:ana@moot.test", ANA), ("ana@moot.test", ANA), ("@ana@moot.test", ANA), (ANA, ANA),
        ("http://moot.test/@ana", ANA), ("acct:elm_street@moot.test", GROUP), ("!elm_street@moot.test", GROUP),
        (GROUP, GROUP), ("http://moot.test/g/elm_street", GROUP), ("acct:moot.test@moot.test", INSTANCE),
        (INSTANCE, INSTANCE), ("http://moot.test/", INSTANCE), ("http://moot.test", INSTANCE),
    ],
)  # fmt: skip
async def test_each_name_leads_to_its_actor_and_back(street: Street, resource: str, actor: str) -> None:
    found = await webfinger(street, resource)
    assert link(found, SELF)["href"] == actor
    document = json.loads((await street.moot.get(actor)).body)
    # FEP-2c59: the actor names its handle, and that handle leads straight to the actor.
    assert found["subject"] == f"acct:{document['webfinger']}"
    again = await webfinger(street, f"acct:{document['webfinger']}")
    assert link(again, SELF)["href"] == document["id"] == actor


@pytest.mark.parametrize(
    "resource",
    [
        "http://moot.test/g/ana", "http://moot.test/@elm_street", "http://moot.test/@nobody", "http://moot.test/t/1",
        "http://moot.test.evil.test/@ana", "http://moot.test@evil.test/@ana", "acct:ana@evil.test", "https://moot.test/@ana",
        "http://moot.test/@ana/x", "http://moot.test//",
    ],
)  # fmt: skip
async def test_what_is_not_ours_is_not_found(street: Street, resource: str) -> None:
    answer = await street.moot.get(f"/.well-known/webfinger?resource={quote(resource, safe='')}")
    assert answer.status == 404


async def test_whom_we_suspended_has_no_page_to_be_found_by(street: Street) -> None:
    async with street.runtime.db.transaction() as conn:
        await actors.SUSPEND.run(conn, street.ana_id)
    for resource in ("acct:ana@moot.test", ANA, "http://moot.test/@ana"):
        answer = await street.moot.get(f"/.well-known/webfinger?resource={quote(resource, safe='')}")
        assert answer.status == 404


async def test_the_server_has_an_actor_of_its_own(street: Street) -> None:
    """FEP-d556 by WebFinger, FEP-2677 by NodeInfo: the same one."""
    assert link(await webfinger(street, "http://moot.test/"), SERVICE)["href"] == INSTANCE
    links = json.loads((await street.moot.get("/.well-known/nodeinfo")).body)["links"]
    application = [one["href"] for one in links if one["rel"].endswith("#Application")]
    assert application == [INSTANCE]
    assert json.loads((await street.moot.get(INSTANCE)).body)["type"] == "Application"


async def test_rel_chooses_links(street: Street) -> None:
    only = await webfinger(street, "acct:ana@moot.test", f"&rel={SELF}&rel={quote(INTENT + 'Follow', safe='')}")
    assert [one["rel"] for one in only["links"]] == [SELF, f"{INTENT}Follow"]
    assert (await webfinger(street, "acct:ana@moot.test", "&rel=nothing"))["links"] == []


@pytest.mark.parametrize("rel", [f"{INTENT}Follow", f"{INTENT}Object", "http://ostatus.org/schema/1.0/subscribe"])
async def test_an_intent_leads_to_a_page_that_only_asks(street: Street, rel: str) -> None:
    """FEP-3b86: whoever follows the link has done nothing yet, and no server was asked."""
    template = link(await webfinger(street, "acct:ana@moot.test"), rel)["template"]
    address = f"{street.lemmy.base}/u/garden"
    target = template.replace("{object}", quote(address, safe="")).replace("{uri}", quote(address, safe=""))
    assert "{" not in unquote(target)
    async with street.runtime.db.transaction() as conn:
        account = await accounts.by_id(conn, street.ana_id)
        secret = await sessions.open_session(conn, account, "Firefox")
    browser = Browser(create_app(street.runtime))
    browser.cookies["session"] = secret
    street.lemmy.fetched.clear()
    parts = urlsplit(target)
    page = await browser.get(f"{parts.path}?{parts.query}")
    assert page.status == 200
    assert f'value="{address}"' in page.text
    assert street.lemmy.fetched == []


async def test_groups_follow_nobody(street: Street) -> None:
    found = await webfinger(street, "acct:elm_street@moot.test")
    assert {one["rel"] for one in found["links"]} == {SELF, "http://webfinger.net/rel/profile-page"}


async def test_each_actor_lists_its_keys_and_what_may_be_done_with_its_words(street: Street) -> None:
    """FEP-521a and FEP-5feb."""
    for uri in (ANA, GROUP, INSTANCE):
        document = json.loads((await street.moot.get(uri)).body)
        (method,) = document["assertionMethod"]
        assert (method["type"], method["controller"]) == ("Multikey", uri)
        assert method["publicKeyMultibase"].startswith("z6Mk")
    for uri in (ANA, GROUP):
        document = json.loads((await street.moot.get(uri)).body)
        assert (document["indexable"], document["discoverable"]) == (True, True)
    async with street.runtime.db.transaction() as conn:
        await conn.execute("update groups set discoverable = false where actor_id = $1", street.group_id)
    document = json.loads((await street.moot.get(GROUP)).body)
    assert (document["indexable"], document["discoverable"]) == (False, False)

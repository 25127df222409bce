"""What others read page by page: collections with an ETag each, and every id that we give away leads somewhere."""

import json
import typing

import pytest

from federation import collections
from server.community import accounts, actors, groups, memberships
from tests.federation.peer import ACTIVITY, Document
from tests.federation.street import GROUP, Street, addressed
from tests.web.counting import counted

ANA = "http://moot.test/ap/people/ana"


async def read(street: Street, uri: str) -> Document:
    answer = await street.moot.get(uri)
    assert answer.status == 200, uri
    return typing.cast(Document, json.loads(answer.body))


async def items(street: Street, uri: str) -> list[typing.Any]:
    """All items of a paged collection, by following it to its end."""
    head = await read(street, uri)
    assert head["id"] == uri
    found: list[typing.Any] = []
    following = head["first"]
    while following:
        page = await read(street, following)
        assert (page["id"], page["partOf"]) == (following, uri)
        found += page["orderedItems"]
        following = page.get("next")
    assert len(found) == head["totalItems"]
    return found


async def _thread_with_replies(street: Street) -> tuple[str, list[str]]:
    thread = await street.write("The crossing", "Where?")
    first = await street.write(None, "At the bridge", parent=thread)
    second = await street.write(None, "No, at the school", parent=first)
    return thread.uri, [first.uri, second.uri]


async def test_each_has_an_etag_and_answers_304_to_whoever_knows_it(street: Street) -> None:
    thread, replies = await _thread_with_replies(street)
    activity = street.lemmy.of_type("Announce(Create)")[0]
    for uri in (
        GROUP, ANA, "http://moot.test/ap/instance", thread, replies[0], activity["id"], activity["object"]["id"],
        f"{GROUP}/outbox", f"{GROUP}/outbox?page=start", f"{GROUP}/followers", f"{GROUP}/followers?page=start",
        f"{GROUP}/featured",
        f"{GROUP}/moderators", f"{thread}/replies", f"{thread}/replies?page=start", f"{thread}/context",
        f"{thread}/context?page=start", f"{replies[0]}/replies",
    ):  # fmt: skip
        answer = await street.moot.get(uri)
        assert answer.status == 200, uri
        etag = dict(answer.headers)["etag"]
        for known in (etag, f"W/{etag}", f'"other", {etag}', "*"):
            again = await street.moot.ask(uri, {"accept": ACTIVITY, "if-none-match": known})
            assert (again.status, again.body) == (304, b""), (uri, known)
            assert dict(again.headers)["etag"] == etag
        changed = await street.moot.ask(uri, {"accept": ACTIVITY, "if-none-match": '"other"'})
        assert changed.status == 200


async def test_what_changes_has_another_etag(street: Street) -> None:
    thread, _ = await _thread_with_replies(street)
    etag = dict((await street.moot.get(f"{thread}/context?page=start")).headers)["etag"]
    await street.write(None, "At both", parent=await street.post(thread))
    again = await street.moot.ask(f"{thread}/context?page=start", {"accept": ACTIVITY, "if-none-match": etag})
    assert again.status == 200


async def test_a_tombstone_is_410_however_it_is_asked(street: Street) -> None:
    create = addressed(street, street.lemmy, street.lena, "<p>Text</p>")
    assert (await street.moot.deliver(create)).status == 202
    await street.settle()
    thread, _ = await _thread_with_replies(street)
    async with street.runtime.db.transaction() as conn:
        await conn.execute("update posts set state = 'removed' where uri = $1", thread)
    for known in ("*", '"x"'):
        assert (await street.moot.ask(thread, {"accept": ACTIVITY, "if-none-match": known})).status == 410


async def test_replies_are_the_direct_ones_and_the_context_is_the_whole_thread(
    street: Street, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collections, "PAGE", 2)
    thread, replies = await _thread_with_replies(street)
    assert await items(street, f"{thread}/replies") == replies[:1]
    assert await items(street, f"{replies[0]}/replies") == replies[1:]
    whole = await items(street, f"{thread}/context")
    assert [one["id"] for one in whole] == [thread, *replies]
    # Written out, so that whoever reads a whole thread need not ask for each post (FEP-f228).
    assert [one["content"] for one in whole][1] == "<p>At the bridge</p>\n"
    head = await read(street, f"{thread}/context")
    assert (head["type"], head["attributedTo"]) == ("OrderedCollection", GROUP)
    for uri in (thread, *replies):
        document = await read(street, uri)
        assert document["context"] == f"{thread}/context"
        assert document["replies"] == f"{uri}/replies"


async def test_a_thread_from_elsewhere_in_our_group_has_its_context_here(street: Street) -> None:
    create = addressed(street, street.mastodon, street.max, "<p>Who has a ladder?</p>")
    assert (await street.moot.deliver(create)).status == 202
    await street.settle()
    root = await street.post(create["object"]["id"])
    reply = await street.write(None, "I have", parent=root)
    context = (await read(street, reply.uri))["context"]
    assert context == f"http://moot.test/ap/posts/{root.id}/context"
    first, second = await items(street, context)
    # What another server wrote is its own to tell.
    assert (first, second["id"]) == (root.uri, reply.uri)
    # The post itself, and its direct replies, are its own server's to serve.
    for path in ("", "/replies"):
        assert (await street.moot.get(f"/ap/posts/{root.id}{path}")).status == 404


async def test_the_context_of_what_nobody_may_see_does_not_exist(street: Street) -> None:
    held = addressed(street, street.mastodon, street.max, "<p>Visit my casino</p>")
    assert (await street.moot.deliver(held)).status == 202
    await street.settle()
    post = await street.post(held["object"]["id"])
    assert post.state == "held"
    assert (await street.moot.get(f"/ap/posts/{post.id}/context")).status == 404


async def test_the_outbox_goes_on_to_its_end(street: Street, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collections, "PAGE", 2)
    await _thread_with_replies(street)
    found = await items(street, f"{GROUP}/outbox")
    assert {activity["type"] for activity in found} == {"Announce"}
    assert [activity["type"] for activity in await items(street, f"{ANA}/outbox")] == ["Create"] * 3


async def _shown(street: Street) -> list[list[str]]:
    """The pages of those who say that they belong to Elm Street."""
    head = await read(street, f"{GROUP}/followers")
    # Everybody counts: Mia, five newcomers, and of those elsewhere Lena and Max.
    assert head["totalItems"] == 8
    found: list[list[str]] = []
    following = head["first"]
    while following:
        page = await read(street, following)
        found.append([uri.rpartition("/")[2] for uri in page["orderedItems"]])
        following = page.get("next")
    return found


async def _newcomers(street: Street, *names: str) -> None:
    """Neighbours who have joined Elm Street, the first of them last."""
    async with street.runtime.db.transaction() as conn:
        for name in names:
            await accounts.create(conn, street.urls, name, f"{name}@post.example", "a long sentence")
        for name in reversed(names):
            person = await actors.by_handle(conn, name, None)
            group = await groups.BY_ID.one(conn, street.group_id, None)
            assert person is not None
            assert group is not None
            await memberships.join(conn, person, group)


async def _say(street: Street, shows: bool, *names: str) -> None:
    async with street.runtime.db.transaction() as conn:
        for name in names:
            account = await accounts.by_login(conn, name)
            assert account is not None
            await accounts.show_groups(conn, account.actor_id, shows)


async def test_who_belongs_to_a_public_group_is_listed_if_they_say_so(
    street: Street, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who is in a street's group says where they live. Of those elsewhere we do not know what they want."""
    monkeypatch.setattr(collections, "PAGE", 2)
    await _newcomers(street, "bert", "cleo", "dora", "emil", "finn")
    assert await _shown(street) == [[]]
    # Ana wants it too, and does not belong to it; Mia moderates it, and does not want it.
    await _say(street, True, "ana", "bert", "cleo", "emil", "finn")
    assert await _shown(street) == [["bert", "cleo"], ["emil", "finn"], []]
    await street.runtime.db.pool.execute("update actors set suspended_at = now() where name = 'cleo'")
    await street.runtime.db.pool.execute(
        "update memberships set state = 'asked' where person_id = (select id from actors where name = 'emil')"
    )
    head = await read(street, f"{GROUP}/followers")
    assert head["totalItems"] == 7
    page = await read(street, head["first"])
    assert page["orderedItems"] == [f"http://moot.test/ap/people/{name}" for name in ("bert", "finn")]
    assert (await street.moot.get(f"{GROUP}/followers?page=last")).status == 404


async def test_a_group_that_stands_in_no_list_names_nobody(street: Street) -> None:
    """Their own pages do not name it, so that they have agreed to nothing else (H11)."""
    await _newcomers(street, "bert")
    await _say(street, True, "bert")
    assert (await read(street, f"{GROUP}/followers?page=start"))["orderedItems"]
    await street.runtime.db.pool.execute("update groups set discoverable = false")
    counted = await read(street, f"{GROUP}/followers")
    assert counted["totalItems"] == 4
    assert not {"first", "items", "orderedItems"} & set(counted)
    assert await read(street, f"{GROUP}/followers?page=start") == counted


async def test_a_page_of_members_changes_its_etag_with_what_they_say(street: Street) -> None:
    await _newcomers(street, "bert")
    page = f"{GROUP}/followers?page=start"
    await _say(street, True, "bert")
    before = await street.moot.get(page)
    known = {"accept": ACTIVITY, "if-none-match": dict(before.headers)["etag"]}
    assert (await street.moot.ask(page, known)).status == 304
    await _say(street, False, "bert")
    after = await street.moot.ask(page, known)
    assert (after.status, json.loads(after.body)["orderedItems"]) == (200, [])


async def test_members_are_counted_and_listed_in_three_statements(street: Street) -> None:
    for page in ("", "?page=start"):
        async with counted(street.runtime) as statements:
            assert (await street.moot.get(f"{GROUP}/followers{page}")).status == 200
        assert len(statements) <= 3, statements


async def test_who_follows_a_person_is_nobodys_business(street: Street) -> None:
    assert (await street.moot.deliver(street.mastodon.activity("Follow", street.max, ANA))).status == 202
    await _say(street, True, "ana", "mia")
    followers = await read(street, f"{ANA}/followers")
    assert followers["totalItems"] == 1
    assert not {"first", "items", "orderedItems"} & set(followers)
    assert json.loads((await street.moot.get(f"{ANA}/followers?page=start")).body) == followers


async def test_every_id_that_we_give_away_leads_somewhere(street: Street) -> None:
    """Lemmy, PieFed and Mastodon fetch the Announce, and the Create in it."""
    await _thread_with_replies(street)
    sent = [*street.lemmy.of_type("Announce(Create)"), *street.mastodon.of_type("Announce(id)")]
    assert len(sent) == 4
    for activity in sent:
        assert await read(street, activity["id"]) == activity
        what = activity["object"]
        if isinstance(what, dict):
            create = await read(street, what["id"])
            assert {name: create[name] for name in what} == what
            assert (await read(street, what["object"]["id"]))["content"] == what["object"]["content"]
        else:
            assert (await read(street, what))["type"] == "Article"

"""What a group elsewhere may claim to have as its past: endless, circular, forged, or somebody else's."""

# ruff: noqa: N802  (tests carry the row of the threat table that they stand for)

import itertools
from collections.abc import AsyncIterator

import pytest

from federation import alternates, backfill, lookup, paging
from server import worker
from server.errors import Invalid
from tests.federation.peer import Document, Peer, peer
from tests.federation.street import Street
from tests.federation.village import Village, village_at

OUTBOX = "/u/village/outbox"


@pytest.fixture
async def village(street: Street) -> AsyncIterator[Village]:
    async with village_at(street) as made:
        yield made


@pytest.fixture
async def victim() -> AsyncIterator[Peer]:
    async with peer("127.0.0.9", "mastodon") as made:
        yield made


def asked(village: Village) -> int:
    return sum(path.startswith(OUTBOX) for path in village.there.fetched)


def page(village: Village, path: str, following: str, items: list[object]) -> Document:
    return {
        "id": village.there.base + path,
        "type": "OrderedCollectionPage",
        "orderedItems": items,
        "next": following,
    }


def endless(village: Village) -> None:
    """Each page has a post of its own, and one more page."""
    numbers = itertools.count(1)

    def invent(path: str) -> Document | None:
        if not path.startswith(f"{OUTBOX}/more"):
            return None
        number = next(numbers)
        thread = village.thread(f"Thread {number}", days_ago=number, listed=False)
        return page(village, path, f"{village.there.base}{OUTBOX}/more{number}", [thread])

    village.there.invent = invent
    village.there.documents[OUTBOX]["first"] = f"{village.there.base}{OUTBOX}/more"


async def ask(village: Village) -> None:
    """Join; the errand that reads the past is left to do."""
    await village.ask()
    while await worker.run_effect(village.street.runtime):
        pass
    village.there.fetched.clear()


async def test_C12_one_errand_reads_ten_documents(street: Street, village: Village) -> None:
    await ask(village)
    endless(village)
    assert await worker.run_errand(street.runtime)
    assert len(village.there.fetched) <= backfill.STEPS == 10


async def test_C12_an_endless_outbox_ends(street: Street, village: Village, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backfill, "MOST_PAGES", 12)
    await ask(village)
    endless(village)
    await street.settle()
    assert asked(village) == 12
    async with street.runtime.db.read() as conn:
        assert await conn.fetchval("select ended_at is not null from backfills")


async def test_C12_so_does_one_of_endless_posts(
    street: Street, village: Village, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backfill, "MOST_FOUND", 7)
    await ask(village)
    endless(village)
    await street.settle()
    assert await street.count_posts() <= 8


@pytest.mark.parametrize("circle", ["itself", "the page before"])
async def test_C12_no_page_of_an_outbox_is_read_twice(street: Street, village: Village, circle: str) -> None:
    await ask(village)
    base = village.there.base + OUTBOX
    again = f"{base}/b" if circle == "itself" else f"{base}/a"
    village.there.documents |= {
        OUTBOX: {"id": base, "type": "OrderedCollection", "first": f"{base}/a"},
        f"{OUTBOX}/a": page(village, f"{OUTBOX}/a", f"{base}/b", []),
        f"{OUTBOX}/b": page(village, f"{OUTBOX}/b", again, []),
    }
    await street.settle()
    assert asked(village) == 3


async def test_C12_a_page_on_another_host_is_not_read(street: Street, village: Village, victim: Peer) -> None:
    await ask(village)
    village.there.documents[OUTBOX]["first"] = f"{victim.base}{OUTBOX}/0"
    await street.settle()
    assert victim.fetched == []


async def test_C12_a_million_items_are_cut(street: Street, village: Village, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "MAX_ITEMS", 5)
    monkeypatch.setattr(backfill, "TRIES", 1)
    await ask(village)
    village.there.documents[OUTBOX] |= {
        "orderedItems": [f"{village.there.base}/notes/n{number}" for number in range(300)],
    }
    await street.settle()
    assert sum("/notes/" in path for path in village.there.fetched) == 5


async def test_C12_a_circle_of_replies_ends_after_ten_pages(street: Street, village: Village) -> None:
    thread = village.thread("Seeds", days_ago=3)
    path = thread["context"].removeprefix(village.there.base)
    village.there.documents |= {
        path: page(village, path, f"{thread['context']}/b", [thread]),
        f"{path}/b": page(village, f"{path}/b", thread["context"], [thread]),
    }
    await ask(village)
    await street.settle()
    assert sum(asked_for.startswith(path) for asked_for in village.there.fetched) <= paging.MAX_PAGES


async def test_C11_replies_are_followed_eight_deep(street: Street, village: Village) -> None:
    parent = village.thread("Seeds", days_ago=30, context=False)
    for number in range(20):
        parent = village.reply(parent, f"{number}", days_ago=20 - number, walked=True)
    await ask(village)
    await street.settle()
    assert await street.count_posts() <= 10


async def test_C11_parents_are_followed_eight_high(street: Street, village: Village) -> None:
    parent = village.thread("Seeds", days_ago=30, listed=False)
    for number in range(20):
        parent = village.reply(parent, f"{number}", days_ago=20 - number, listed=False)
    village.enlist(parent)
    await ask(village)
    await street.settle()
    assert await street.count_posts() <= 10


async def test_B4_what_a_group_writes_in_anothers_name_is_read_from_its_author(
    street: Street, village: Village, victim: Peer
) -> None:
    vera = victim.actor("vera")
    true = victim.note(vera, "<p>True</p>", cc=[village.uri])
    village.enlist(true | {"content": "<p>Forged</p>"})
    village.enlist(true | {"id": f"{victim.base}/notes/never", "content": "<p>Never said</p>"})
    village.enlist(true | {"id": f"{village.there.base}/notes/77", "content": "<p>Put into her mouth</p>"})
    await village.join()
    assert await street.count_posts() == 1
    assert (await street.post(true["id"])).html == "<p>True</p>"


async def test_B9_an_address_that_answers_with_anothers_id_brings_that_one_or_nothing(
    street: Street, village: Village, victim: Peer
) -> None:
    vera = victim.actor("vera")
    true = victim.note(vera, "<p>True</p>", cc=[village.uri])
    village.there.documents["/notes/fake"] = true | {"content": "<p>Forged</p>"}
    village.there.documents["/notes/none"] = true | {"id": f"{victim.base}/notes/none", "content": "<p>Forged</p>"}
    village.enlist(f"{village.there.base}/notes/fake")
    village.enlist(f"{village.there.base}/notes/none")
    await village.join()
    async with street.runtime.db.read() as conn:
        assert await conn.fetchval("select count(*) from posts where html like '%Forged%'") == 0


async def test_B7_the_past_changes_nothing_that_is_here(street: Street, village: Village) -> None:
    thread = await street.write("The crossing", "Where?")
    await ask(village)
    village.enlist(village.there.note(village.lena, "<p>Mine</p>") | {"id": thread.uri, "attributedTo": village.lena})
    await street.settle()
    after = await street.post(thread.uri)
    assert (after.html, after.group_id, after.author_id) == (thread.html, street.group_id, street.ana_id)


async def test_B25_whom_we_block_is_not_asked_for_the_past(street: Street, village: Village, victim: Peer) -> None:
    vera = victim.actor("vera")
    village.enlist(victim.note(vera, "<p>Hello</p>", cc=[village.uri])["id"])
    async with street.runtime.db.transaction() as conn:
        await conn.execute("insert into instance_policies (host, policy) values ('127.0.0.9', 'blocked')")
    await village.join()
    assert victim.fetched == []
    assert await street.count_posts() == 0


async def test_B25_a_group_that_is_blocked_meanwhile_is_read_no_further(street: Street, village: Village) -> None:
    village.thread("Seeds", days_ago=3)
    await ask(village)
    async with street.runtime.db.transaction() as conn:
        await conn.execute("insert into instance_policies (host, policy) values ('127.0.0.8', 'blocked')")
    await street.settle()
    assert village.there.fetched == []
    assert await street.count_posts() == 0


async def test_B27_somebody_elses_list_brings_no_threads_and_nothing_that_was_not_meant_for_the_group(
    street: Street, village: Village, victim: Peer
) -> None:
    vera = victim.actor("vera")
    thread = victim.note(vera, "<p>Who?</p>", type="Page", name="Seeds", cc=[village.uri])
    thread["context"] = f"{thread['id']}/context"
    other = victim.note(vera, "<p>Spam</p>", type="Page", name="Spam", cc=[village.uri])
    private = victim.note(vera, "<p>For friends of mine.</p>", inReplyTo=thread["id"])
    meant = victim.note(vera, "<p>For you.</p>", inReplyTo=thread["id"], cc=[village.uri])
    victim.documents[f"{thread['id']}/context".removeprefix(victim.base)] = {
        "id": thread["context"],
        "type": "OrderedCollection",
        "orderedItems": [thread, other, private, meant["id"]],
    }
    village.enlist(thread["id"])
    await village.join()
    assert await village.titles() == ["Seeds"]
    assert await village.texts(thread) == ["For you."]


LINK = '<link rel="alternate" type="application/activity+json" href="{}">'


async def test_B11_a_page_names_nothing_on_another_host(street: Street, village: Village, victim: Peer) -> None:
    vera = victim.actor("vera")
    note = victim.note(vera, "<p>Hello</p>", cc=[village.uri])
    village.there.pages["/page"] = LINK.format(note["id"])
    with pytest.raises(Invalid):
        await lookup.look_up(street.runtime, f"{village.there.base}/page")
    assert victim.fetched == []
    assert await street.count_posts() == 0


async def test_B11_one_hop_and_no_more(street: Street, village: Village) -> None:
    base = village.there.base
    village.there.pages |= {"/one": LINK.format(f"{base}/two"), "/two": LINK.format(village.uri)}
    with pytest.raises(Invalid):
        await lookup.look_up(street.runtime, f"{base}/one")
    found = await lookup.look_up(street.runtime, f"{base}/two")
    assert found.actor is not None


@pytest.mark.parametrize(
    "href",
    ["//evil.example/x", "https://evil.example/x", "http://good.example/x", "https://good.example:444/x", "data:,x",
     "javascript:alert(1)", "https://good.example@evil.example/x", "https://good.example\\@evil.example/"],
)  # fmt: skip
def test_B11_spellings_of_another_host(href: str) -> None:
    assert alternates.alternate_of(LINK.format(href).encode(), "https://good.example/page") is None


@pytest.mark.parametrize("page", [b"", b"\xff\xfe<link", b"<link rel=alternate>" * 9, b"<" * 99_999, b"<!--" * 9_999])
def test_B11_a_page_without_a_link_names_nothing(page: bytes) -> None:
    assert alternates.alternate_of(page, "https://good.example/page") is None


async def test_B3_a_lookup_changes_no_other_actor(street: Street, village: Village, victim: Peer) -> None:
    vera = victim.actor("vera")
    village.there.documents["/u/fake"] = victim.documents["/u/vera"] | {"name": "Forged"}
    await lookup.look_up(street.runtime, vera)
    await lookup.look_up(street.runtime, f"{village.there.base}/u/fake")
    async with street.runtime.db.read() as conn:
        assert await conn.fetchval("select title from actors where uri = $1", vera) == "Vera"

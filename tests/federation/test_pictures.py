"""Pictures between servers: attached or in the text, as each shows them best; those of others are only named."""

import typing

import pytest

from federation.parse import parse_post
from server.community import media, posts, revisions
from server.community.media import Picture
from server.community.polls import NewPoll
from server.community.posts import Draft, Post
from tests.federation.peer import Document, Peer
from tests.federation.polling import read_by
from tests.federation.street import Street, addressed
from tests.federation.test_federation_md import decide

WORDS = "The plan [draft]"


def attached(document: Document) -> list[Document]:
    return typing.cast(list[Document], document.get("attachment", []))


def image_of(street: Street, picture: Picture) -> Document:
    return {
        "type": "Image", "mediaType": "image/webp", "url": f"http://moot.test/media/{picture.id}/whole.webp",
        "width": 40, "height": 30, "name": picture.words,
    }  # fmt: skip


async def test_pictures_are_attached_behind_the_link(street: Street) -> None:
    one, two = await street.picture(WORDS), await street.picture("The bridge")
    thread = await street.write("A crossing", "Where?", link="https://council.example/plan", pictures=(one, two))
    document, kept = await read_by(street, thread, None)
    assert [part["type"] for part in attached(document)] == ["Link", "Image", "Image"]
    assert attached(document)[1:] == [image_of(street, one), image_of(street, two)]
    assert kept.startswith("public")
    assert (await read_by(street, thread, street.max))[0]["attachment"] == document["attachment"]


async def test_a_reply_has_its_pictures_too(street: Street) -> None:
    thread = await street.write("A crossing", "Where?")
    picture = await street.picture("The bridge")
    reply = await street.write(None, "Here.", thread, pictures=(picture,))
    document, _ = await read_by(street, reply, None)
    assert (document["type"], attached(document)) == ("Note", [image_of(street, picture)])


async def test_lemmy_reads_them_in_the_text(street: Street) -> None:
    """It would make the thread's link of an attached one, and shows none of a comment's."""
    picture = await street.picture(WORDS)
    thread = await street.write("A crossing", "Where?", pictures=(picture,))
    sent = street.lemmy.of_type("Announce(Create)")[0]["object"]["object"]
    address = f"http://moot.test/media/{picture.id}/whole.webp"
    assert sent["source"]["content"] == f"Where?\n\n![The plan \\[draft\\]]({address})"
    assert sent["image"] == {"type": "Image", "url": address}
    assert attached(sent) == []
    street.clear()
    reply = await street.write(None, "Here.", thread, pictures=(await street.picture(),))
    sent = street.lemmy.of_type("Announce(Create)")[0]["object"]["object"]
    assert sent["source"]["content"].startswith("Here.\n\n![](http://moot.test/media/")
    assert "image" not in sent
    document, kept = await read_by(street, reply, street.lena)
    assert document["source"] == sent["source"]
    assert kept.startswith("private")


async def test_a_poll_with_pictures_is_read_everywhere(street: Street) -> None:
    ana, group = await street.actor(street.ana_id), await street.group(street.ana_id)
    picture = await street.picture("Both dresses")
    async with street.runtime.db.transaction() as conn:
        draft = Draft(author=ana, group=group, title="Which?", poll=NewPoll(("Red", "Blue")), pictures=(picture,))
        asked = await posts.submit_post(conn, street.urls, draft)
    await street.settle()
    post = await street.post(asked.uri)
    there, _ = await read_by(street, post, street.lena)
    assert there["type"] == "Article"
    assert [part in there["source"]["content"] for part in ("- Red", "![Both dresses](")] == [True, True]
    assert attached((await read_by(street, post, street.max))[0]) == [image_of(street, picture)]


async def test_an_edit_tells_of_its_pictures(street: Street) -> None:
    one, two = await street.picture("Before"), await street.picture("After")
    thread = await street.write("A crossing", "Where?", pictures=(one,))
    street.clear()
    async with street.runtime.db.transaction() as conn:
        await revisions.submit_edit(conn, thread.id, title="A crossing", link=None, source="Where?", pictures=(two,))
    await street.settle()
    (update,) = street.mastodon.of_type("Update")
    assert attached(update["object"]) == [image_of(street, two)]


async def test_a_removed_post_takes_its_pictures_back(street: Street) -> None:
    thread = await street.write("A crossing", "Where?", pictures=(await street.picture(),))
    await decide(street, thread, "remove", "An advert.")
    assert (await street.moot.get(thread.uri)).status == 410


def picture(url: object = "https://media.lemmy.example/1.png", **more: object) -> Document:
    return {"type": "Image", "url": url, "name": "A cat"} | more


async def taken(street: Street, there: Peer, *attachments: object, content: str = "<p>Look!</p>") -> Post:
    activity = addressed(street, there, there.actor("max"), content, attachment=list(attachments))
    assert (await street.moot.deliver(activity)).status == 202
    await street.settle()
    return await street.post(activity["object"]["id"])


async def pictures_of(street: Street, post: Post) -> list[Picture]:
    async with street.runtime.db.read() as conn:
        return media.read((await revisions.latest(conn, post.id)).pictures)


async def test_pictures_elsewhere_are_named_and_never_loaded(street: Street) -> None:
    """F6, F8: their server would see who reads here, and we would keep what nobody here has seen."""
    there = street.mastodon
    address = f"{there.base}/media/1.png"
    post = await taken(street, there, {"type": "Document", "mediaType": "image/png", "url": address, "name": "A cat"})
    assert await pictures_of(street, post) == [Picture(words="A cat", url=address)]
    assert "/media/1.png" not in there.fetched


async def test_a_photograph_alone_is_a_thread(street: Street) -> None:
    post = await taken(street, street.mastodon, picture(), content="")
    assert (post.title, post.excerpt) == ("A cat", "A cat")


async def test_an_edit_elsewhere_changes_its_pictures(street: Street) -> None:
    there = street.mastodon
    post = await taken(street, there, picture())
    note = there.note(there.actor("max"), "<p>Look!</p>", attachment=[picture(name="Two cats")])
    update = there.activity("Update", there.actor("max"), note | {"id": post.uri})
    assert (await street.moot.deliver(update)).status == 202
    await street.settle()
    assert [one.words for one in await pictures_of(street, post)] == ["Two cats"]


@pytest.mark.parametrize(
    ("attachment", "kept"),
    [
        (picture(), 1),
        ([picture(), picture(), picture(), picture(), picture()], 4),
        ([picture() for _ in range(100_000)], 4),
        (picture("javascript:alert(1)"), 0),
        (picture("data:image/png;base64,AAAA"), 0),
        (picture("https://" + "a" * 3000 + ".example/"), 0),
        (picture("https://evil.example@bank.example/1.png"), 0),
        (picture(["https://media.lemmy.example/1.png"]), 1),
        (picture([{"type": "Link", "href": "https://media.pleroma.example/1.png"}]), 1),
        (picture([[]]), 0),
        (picture({"href": {}}), 0),
        (picture(None), 0),
        (picture(type="Document", mediaType="video/mp4"), 0),
        (picture(type="Document"), 0),
        (picture(type=["Image"]), 0),
        ("https://media.lemmy.example/1.png", 0),
        ({"type": {}}, 0),
        (7, 0),
        (None, 0),
    ],
)
def test_no_attachment_makes_us_fail(attachment: object, kept: int) -> None:
    """D4, D8, E4: whatever hangs on a post, it is read to a limit, and only what leads to the web is kept."""
    document = {
        "id": "https://lemmy.example/1", "type": "Note", "attributedTo": "https://lemmy.example/u/max",
        "content": "<p>Look!</p>", "attachment": attachment,
    }  # fmt: skip
    assert len(parse_post(document).pictures) == kept


@pytest.mark.parametrize(
    ("name", "words"),
    [("x" * 5000, "x" * 1500), ("A\u202ecat\n here", "Acat here"), (7, ""), (None, ""), (["A cat"], "")],
)
def test_what_is_said_of_a_picture_is_one_line(name: object, words: str) -> None:
    document: Document = {
        "id": "https://lemmy.example/1", "type": "Note", "attributedTo": "https://lemmy.example/u/max",
        "content": "<p>Look!</p>", "attachment": [picture(name=name)],
    }  # fmt: skip
    assert [one.words for one in parse_post(document).pictures] == [words]

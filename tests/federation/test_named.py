"""What a text of ours names: people become mentions and get it, words become hashtags, and thanks are a number."""

import json
import typing

import pytest

from federation.named import hashtags
from server.community import actors, memberships, revisions, votes
from server.community.posts import Post
from tests.federation.peer import Document
from tests.federation.street import GROUP, Street

ANA = "http://moot.test/ap/people/ana"
MIA = "http://moot.test/ap/people/mia"


async def document(street: Street, post: Post) -> Document:
    return typing.cast(Document, json.loads((await street.moot.get(post.uri)).body))


def mentions(post: Document) -> dict[str, str]:
    return {tag["href"]: tag["name"] for tag in post["tag"] if tag["type"] == "Mention"}


async def test_people_near_and_far_are_mentioned_and_addressed(street: Street) -> None:
    text = f"Ask @mia, or @max@{street.mastodon.host}. Perhaps (@Lena@{street.lemmy.host})!"
    found = await document(street, await street.write("Seeds", text))
    assert mentions(found) == {
        GROUP: "@elm_street@moot.test",
        MIA: "@mia@moot.test",
        street.max: f"@max@{street.mastodon.host}",
        street.lena: f"@lena@{street.lemmy.host}",
    }
    assert found["cc"] == [f"{ANA}/followers", *sorted([MIA, street.max, street.lena], key=found["cc"].index)]
    assert {MIA, street.max, street.lena} <= set(found["cc"])


async def test_who_is_named_gets_the_post_directly_and_hears_of_its_end(street: Street) -> None:
    """Also where nobody reads the group: a microblog gets no announced replies."""
    thread = await street.write("Seeds", "Who has some?")
    street.clear()
    reply = await street.write(None, f"Let us ask @max@{street.mastodon.host}", parent=thread)
    (create,) = street.mastodon.of_type("Create")
    assert create["object"]["id"] == reply.uri
    assert street.max in create["cc"]
    async with street.runtime.db.transaction() as conn:
        await revisions.submit_edit(
            conn, reply.id, title=None, link=None, source=f"We might ask @max@{street.mastodon.host}"
        )
    await street.settle()
    assert len(street.mastodon.of_type("Update")) == 1


@pytest.mark.parametrize(
    "text",
    [
        "mail mia@moot.test",
        "@nobody@{host}",
        "@max@elsewhere.test",
        "https://{host}/@max",
        "@elm_street",
        "a@mia b/@mia",
    ],
)
async def test_what_only_looks_like_a_handle_names_nobody(street: Street, text: str) -> None:
    found = await document(street, await street.write("Seeds", text.format(host=street.mastodon.host)))
    assert set(mentions(found)) == {GROUP}
    assert found["cc"] == [f"{ANA}/followers"]


async def test_our_own_host_may_be_named_too(street: Street) -> None:
    found = await document(street, await street.write("Seeds", "Ask @mia@moot.test or @MIA."))
    assert set(mentions(found)) == {GROUP, MIA}


async def test_whom_we_suspended_is_not_named_to_others(street: Street) -> None:
    async with street.runtime.db.transaction() as conn:
        await actors.SUSPEND.run(conn, street.mia_id)
    found = await document(street, await street.write("Seeds", "Ask @mia"))
    assert set(mentions(found)) == {GROUP}


async def test_no_more_than_ten_are_named(street: Street) -> None:
    handles = []
    for number in range(14):
        uri = street.mastodon.actor(f"neighbour{number}")
        follow = street.mastodon.activity("Follow", uri, ANA)
        assert (await street.moot.deliver(follow)).status == 202
        handles.append(f"@neighbour{number}@{street.mastodon.host}")
    found = await document(street, await street.write("Seeds", " ".join(handles)))
    assert len(mentions(found)) == 11


async def test_a_reply_that_names_whom_it_answers_mentions_them_once(street: Street) -> None:
    thread = await street.write("Seeds", "Who has some?")
    found = await document(street, await street.write(None, "@ana you have", parent=thread))
    assert [tag["href"] for tag in found["tag"]] == [GROUP, ANA]


async def test_words_become_hashtags(street: Street) -> None:
    found = await document(
        street, await street.write("Seeds", "For #Garden and #garden, in the #Köln-area #2026 #elm_street")
    )
    tags = [tag["name"] for tag in found["tag"] if tag["type"] == "Hashtag"]
    assert tags == ["#Garden", "#Köln", "#elm_street"]
    assert {tag["href"] for tag in found["tag"] if tag["type"] == "Hashtag"} == {"http://moot.test/g/elm_street"}
    plain = await document(street, await street.write("Seeds", "No word"))
    assert [tag["name"] for tag in plain["tag"] if tag["type"] == "Hashtag"] == ["#elm_street"]


@pytest.mark.parametrize(
    ("html", "words"),
    [
        ("<p>#one #two_2 #3 #4th</p>", ["one", "two_2", "4th"]),
        ('<p><a href="https://a.test/#no">https://a.test/#no</a> a#no ##no &amp;#no</p>', []),
        ("<h3>Heading</h3><p># no, a heading</p>", []),
        ("<p>" + " ".join(f"#w{number}" for number in range(30)) + "</p>", [f"w{number}" for number in range(20)]),
        (f"<p>#{'x' * 101} #{'y' * 100}</p>", ["y" * 100]),
        ("<p>(#in), #comma; #tor's</p>", ["in", "comma", "tor"]),
    ],
)  # fmt: skip
def test_what_is_a_hashtag(html: str, words: list[str]) -> None:
    assert hashtags(html) == words


async def test_thanks_are_a_number_without_names(street: Street) -> None:
    thread = await street.write("Seeds", "Who has some?")
    async with street.runtime.db.transaction() as conn:
        await votes.thank(conn, await actors.by_id(conn, street.mia_id), thread)
    await street.settle()
    found = await document(street, thread)
    assert found["likes"]["totalItems"] == 1
    likes = json.loads((await street.moot.get(found["likes"]["id"])).body)
    assert (likes["type"], likes["totalItems"]) == ("Collection", 1)
    assert "mia" not in json.dumps([found["likes"], likes])


async def test_what_others_wrote_names_nobody_for_us(street: Street) -> None:
    """Their tags are their own; we only pass them on."""
    create = street.mastodon.activity(
        "Create", street.max, street.mastodon.note(street.max, "<p>@mia look</p>", cc=[GROUP])
    )
    assert (await street.moot.deliver(create)).status == 202
    await street.settle()
    assert "Mention" not in json.dumps(street.lemmy.of_type("Announce(Create)")[-1]["object"])
    async with street.runtime.db.read() as conn:
        assert await memberships.one(conn, street.mia_id, street.group_id) is not None

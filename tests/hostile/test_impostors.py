"""B4-B8, B21: nobody takes an address of ours, or of somebody else, however it is spelled."""

# ruff: noqa: N802  (tests carry the row of the threat table that they stand for)

import pytest

from tests.federation.street import GROUP, Street, addressed

OURS = (
    "http://moot.test/ap/posts/1", "http://MOOT.test/ap/posts/1", "http://moot.test:80/ap/posts/1",
    "http://moot.test./ap/posts/1", "http://moot%2etest/ap/posts/1", "http://ana@moot.test/ap/posts/1",
    "http://\uff4doot.test/ap/posts/1", "http://moot\u3002test/ap/posts/1", "https://moot.test/ap/posts/1",
    "HTTP://Moot.Test/ap/posts/1", "http://moot.test:00080/ap/posts/1", "http://mo\u00adot.test/ap/posts/1",
    "http://moot.\uff54\uff45\uff53\uff54/ap/posts/1", "http://moot\uff0etest./ap/posts/1", "http://moot.test\t/ap/posts/1",
)  # fmt: skip


@pytest.mark.parametrize("uri", OURS)
@pytest.mark.parametrize("kind", ["Create", "Update"])
async def test_B21_no_post_of_others_has_an_address_of_ours(street: Street, uri: str, kind: str) -> None:
    create = addressed(street, street.mastodon, street.max, "<p>Hello.</p>")
    create["type"] = kind
    create["object"]["id"] = uri
    assert (await street.moot.deliver(create)).status in (202, 400)
    await street.settle()
    assert await street.count_posts() == 0


ANA = "http://moot.test/ap/people/ana"


@pytest.mark.parametrize("author", [ANA, [ANA], {"id": ANA}, "ana", "@ana", 1, "1", None])
@pytest.mark.parametrize("same_host", [True, False])
async def test_B4_B6_nobody_writes_as_one_of_ours(street: Street, author: object, same_host: bool) -> None:
    create = addressed(street, street.mastodon, street.max, "<p>Hello.</p>", attributedTo=author)
    if not same_host:
        create["object"]["id"] = street.lemmy.id("notes")
    assert (await street.moot.deliver(create)).status == 400
    await street.settle()
    assert await street.count_posts() == 0


async def test_B5_two_authors_are_none(street: Street) -> None:
    """B5: each reader would take another of the two."""
    create = addressed(street, street.mastodon, street.max, "<p>Hello.</p>", attributedTo=[street.max, street.lena])
    assert (await street.moot.deliver(create)).status == 400
    assert await street.count_posts() == 0


@pytest.mark.parametrize("same_host", [True, False])
@pytest.mark.parametrize("kind", ["Create", "Update", "Delete", "Undo"])
async def test_B1_B2_B7_whoever_had_an_address_first_keeps_it(street: Street, kind: str, same_host: bool) -> None:
    """B1, B2, B7: neither a neighbour on the same server nor somebody elsewhere changes it."""
    create = addressed(street, street.lemmy, street.lena, "<p>The crossing is dark.</p>")
    assert (await street.moot.deliver(create)).status == 202
    await street.settle()
    there = street.lemmy if same_host else street.mastodon
    mallory = there.actor("mallory")
    theirs = create["object"] | {"attributedTo": mallory, "content": "<p>Forged.</p>"}
    forged = {"Delete": theirs["id"], "Undo": create}.get(kind, theirs)
    answer = await street.moot.deliver(there.activity(kind, mallory, forged, to=create["to"], cc=create["cc"]))
    assert answer.status in (400, 403)
    await street.settle()
    post = await street.post(create["object"]["id"])
    assert (post.state, post.html) == ("published", "<p>The crossing is dark.</p>")
    assert await street.count_posts() == 1


@pytest.mark.parametrize("kind", ["Accept", "Reject", "Undo"])
async def test_B16_nobody_answers_or_undoes_for_another(street: Street, kind: str) -> None:
    """B16."""
    mallory = street.lemmy.actor("mallory")
    follow = {"type": "Follow", "id": street.lemmy.id(), "actor": street.lena, "object": GROUP}
    await street.moot.deliver(street.lemmy.activity(kind, mallory, follow))
    await street.settle()
    assert (await street.group()).member_count == 3

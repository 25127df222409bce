"""What breaks a rule leaves nowhere before somebody decides; what was decided reaches each server in its own form."""

# ruff: noqa: N802  (tests carry the row of the threat table that they stand for)

import json

from moderation import cases, decisions
from moderation.decisions import Judgement
from server.community.posts import Post
from tests.federation.street import Street, addressed


async def decide(street: Street, post: Post, verb: str, reason: str = "") -> None:
    async with street.runtime.db.transaction() as conn:
        case = await cases.open_of_post(conn, post.id)
        assert case is not None
        rule = street.rule_id if verb in ("refuse", "remove") else None
        await decisions.decide(conn, street.mia, case.id, Judgement(verb, rule, reason), version=case.version)
    await street.settle()


async def remove(street: Street, post: Post) -> None:
    async with street.runtime.db.transaction() as conn:
        await decisions.remove_directly(conn, street.mia, post.id, street.rule_id, "This is an advertisement.")
    await street.settle()


async def exits(street: Street, post: Post) -> list[int]:
    """How each address that could show the post answers."""
    paths = [f"/ap/posts/{post.id}", f"/ap/posts/{post.id}/replies", f"/ap/posts/{post.id}/context"]
    return [(await street.moot.get(path)).status for path in paths]


async def outbox_items(street: Street, actor: str) -> list[object]:
    page = await street.moot.get(f"/ap/{actor}/outbox?page=start")
    return list(json.loads(page.body)["orderedItems"])


async def test_H6_a_held_post_of_ours_leaves_by_no_exit_until_it_is_released(street: Street) -> None:
    street.clear()
    post = await street.write("Nice evening", "Come to the casino with me")
    assert post.state == "held"
    assert (street.lemmy.inbox, street.mastodon.inbox) == ([], [])
    assert await exits(street, post) == [404, 404, 404]
    assert await outbox_items(street, "groups/elm_street") == []
    assert await outbox_items(street, "people/ana") == []
    await decide(street, post, "release")
    assert street.lemmy.types() == ["Announce(Create)"]
    assert street.mastodon.types() == ["Announce(id)"]
    assert await exits(street, post) == [200, 200, 200]
    assert len(await outbox_items(street, "groups/elm_street")) == 2


async def test_a_held_post_from_elsewhere_is_announced_only_after_its_release(street: Street) -> None:
    street.clear()
    activity = addressed(street, street.mastodon, street.max, "<p>Visit my casino</p>")
    assert (await street.moot.deliver(activity)).status == 202
    await street.settle()
    post = await street.post(activity["object"]["id"])
    assert post.state == "held"
    assert (street.lemmy.inbox, street.mastodon.inbox) == ([], [])
    await decide(street, post, "release")
    assert street.lemmy.of_type("Announce(Create)")[0]["object"]["id"] == activity["id"]
    assert street.mastodon.types() == ["Announce(id)"]


async def test_the_author_elsewhere_is_told_what_was_refused_and_why(street: Street) -> None:
    activity = addressed(street, street.mastodon, street.max, "<p>Visit my casino</p>")
    await street.moot.deliver(activity)
    await street.settle()
    street.clear()
    post = await street.post(activity["object"]["id"])
    await decide(street, post, "refuse", "Advertising is not for this group.")
    assert street.lemmy.inbox == []
    notice = street.mastodon.of_type("Create")[0]
    assert notice["to"] == [street.max]
    assert "Rule 1, No advertising. Advertising is not for this group." in notice["object"]["content"]


async def test_a_removal_reaches_forums_and_microblogs_in_their_own_forms(street: Street) -> None:
    post = await street.write("The crossing", "Buy my bicycle")
    boost = street.mastodon.of_type("Announce(id)")[0]["id"]
    street.clear()
    await remove(street, post)
    removal = street.lemmy.of_type("Announce(Delete)")[0]["object"]
    assert removal["actor"] == "http://moot.test/ap/people/mia"
    assert (removal["object"], removal["summary"]) == (post.uri, "Rule 1, No advertising. This is an advertisement.")
    assert street.mastodon.types() == ["Undo(Announce)"]
    assert street.mastodon.inbox[0]["object"]["id"] == boost
    assert (await street.moot.get(post.uri)).status == 410
    assert await outbox_items(street, "groups/elm_street") == []


async def test_a_removed_post_cannot_be_read_from_the_activities_that_brought_it(street: Street) -> None:
    post = await street.write("The crossing", "Buy my bicycle")
    announce = street.lemmy.of_type("Announce(Create)")[0]
    await remove(street, post)
    for activity in (announce["id"], announce["object"]["id"]):
        assert (await street.moot.get(activity)).status == 410


async def test_a_restore_boosts_anew_and_undoes_the_delete(street: Street) -> None:
    post = await street.write("The crossing", "Buy my bicycle")
    first = street.mastodon.of_type("Announce(id)")[0]["id"]
    await remove(street, post)
    removal = street.lemmy.of_type("Announce(Delete)")[0]["object"]
    street.clear()
    async with street.runtime.db.transaction() as conn:
        await decisions.restore(conn, street.mia, post.id, "We were too strict.")
    await street.settle()
    undo = street.lemmy.of_type("Announce(Undo)")[0]["object"]
    assert undo["object"]["id"] == removal["id"]
    assert street.mastodon.types() == ["Announce(id)"]
    assert street.mastodon.inbox[0]["id"] != first
    assert (await street.moot.get(post.uri)).status == 200


async def test_a_removed_reply_is_told_to_forums_alone(street: Street) -> None:
    thread = await street.write("The crossing", "Where?")
    reply = await street.write(None, "Buy my bicycle", parent=thread)
    street.clear()
    await remove(street, reply)
    assert street.lemmy.types() == ["Announce(Delete)"]
    assert street.mastodon.types() == []


async def test_a_report_from_elsewhere_opens_a_case_and_changes_nothing(street: Street) -> None:
    post = await street.write("The crossing", "Buy my bicycle")
    flag = street.lemmy.activity("Flag", street.lena, [street.lena, post.uri], content="This is an advertisement")
    assert (await street.moot.deliver(flag)).status == 202
    assert (await street.moot.deliver(flag)).status == 202
    await street.settle()
    async with street.runtime.db.read() as conn:
        assert await cases.open_of_post(conn, post.id) is not None
        assert await conn.fetchval("select count(*) from reports") == 1
    assert (await street.post(post.uri)).state == "published"


async def test_H8_a_report_cannot_point_at_what_its_sender_may_not_see(street: Street) -> None:
    post = await street.write("Nice evening", "Come to the casino with me")
    flag = street.lemmy.activity("Flag", street.lena, post.uri, content="x")
    assert (await street.moot.deliver(flag)).status == 202
    async with street.runtime.db.read() as conn:
        assert await conn.fetchval("select count(*) from reports") == 0


async def test_an_edit_that_breaks_a_rule_waits_while_the_old_text_stays(street: Street) -> None:
    activity = addressed(street, street.mastodon, street.max, "<p>Who has a ladder?</p>")
    await street.moot.deliver(activity)
    await street.settle()
    street.clear()
    edited = activity["object"] | {"content": "<p>Visit my casino</p>"}
    await street.moot.deliver(street.mastodon.activity("Update", street.max, edited))
    await street.settle()
    assert (await street.post(edited["id"])).html == "<p>Who has a ladder?</p>"
    assert street.lemmy.inbox == []


async def test_a_server_that_was_away_never_gets_a_text_that_was_removed_meanwhile(street: Street) -> None:
    async with street.runtime.db.transaction() as conn:
        await conn.execute(
            "update lanes set due_at = clock_now() + interval '1 day' where host = $1", street.lemmy.host
        )
    street.clear()
    post = await street.write("The crossing", "Buy my bicycle")
    assert street.lemmy.inbox == []
    await remove(street, post)
    async with street.runtime.db.transaction() as conn:
        await conn.execute("update lanes set due_at = null")
    await street.settle()
    assert street.lemmy.types() == ["Announce(Delete)"]

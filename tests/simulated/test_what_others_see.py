"""What readers elsewhere see of what happens here: the table of FEDERATION.md is played and compared."""

import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from server.community.posts import Post
from tests.simulated.conftest import ANA, Crowd
from tests.simulated.reader import Shown

PAGE = (Path(__file__).resolve().parents[2] / "FEDERATION.md").read_text()
TITLE = "A crossing for Oak Road"
TEXT = "The council asks us. " + "Tell them where it should be. " * 40 + "Yours, Ana"
NEW_TITLE = "Two crossings for Oak Road"
NEW_TEXT = "On second thoughts. " + "Let us have two of them. " * 40 + "Sincerely, Ana"
OPTIONS = ("By the mill", "By the school")
LINK = "https://council.example/plan"
REASON = "This is an advertisement."

Scenario = Callable[[Crowd], Awaitable[Post]]
SCENARIOS: dict[str, Scenario] = {}


def event(words: str) -> Callable[[Scenario], Scenario]:
    """What happens in a row of the table; it returns the post that is looked at."""

    def keep(scenario: Scenario) -> Scenario:
        SCENARIOS[words] = scenario
        return scenario

    return keep


@event("a thread")
async def _thread(crowd: Crowd) -> Post:
    return await crowd.write(TITLE, TEXT)


@event("a thread with a link")
async def _link(crowd: Crowd) -> Post:
    return await crowd.write(TITLE, TEXT, link=LINK)


@event("a thread with two pictures")
async def _pictures(crowd: Crowd) -> Post:
    return await crowd.show(TITLE, TEXT)


@event("a thread with a link and two pictures")
async def _link_and_pictures(crowd: Crowd) -> Post:
    return await crowd.show(TITLE, TEXT, link=LINK)


@event("a thread, to those who follow its author too")
async def _thread_of_somebody_followed(crowd: Crowd) -> Post:
    await crowd.follow_the_author()
    return await crowd.write(TITLE, TEXT, link=LINK)


@event("a poll")
async def _poll(crowd: Crowd) -> Post:
    return await crowd.ask(TITLE, TEXT, OPTIONS)


@event("a vote in a poll")
async def _vote(crowd: Crowd) -> Post:
    poll = await crowd.ask(TITLE, TEXT, OPTIONS)
    await crowd.choose(poll)
    return poll


@event("a thread that came from Mastodon")
async def _thread_from_mastodon(crowd: Crowd) -> Post:
    return await crowd.written_on_mastodon(f'<p><a href="x">@elm_street</a> {TITLE}</p><p>{TEXT}</p>')


@event("an edit of a thread")
async def _edit(crowd: Crowd) -> Post:
    thread = await crowd.write(TITLE, TEXT)
    await crowd.edit(thread, NEW_TITLE, NEW_TEXT)
    return thread


@event("an edit of a thread, to those who follow its author too")
async def _edit_of_somebody_followed(crowd: Crowd) -> Post:
    await crowd.follow_the_author()
    return await _edit(crowd)


@event("the author deletes a thread")
async def _delete(crowd: Crowd) -> Post:
    thread = await crowd.write(TITLE, TEXT)
    await crowd.delete(thread)
    return thread


@event("a moderator removes a thread")
async def _remove(crowd: Crowd) -> Post:
    thread = await crowd.write(TITLE, TEXT)
    await crowd.remove(thread, REASON)
    return thread


@event("a moderator puts a thread back")
async def _restore(crowd: Crowd) -> Post:
    thread = await _remove(crowd)
    await crowd.restore(thread)
    return thread


@event("somebody thanks for a thread")
async def _thank(crowd: Crowd) -> Post:
    thread = await crowd.write(TITLE, TEXT)
    await crowd.thank(thread)
    return thread


@event("a moderator closes a thread")
async def _close(crowd: Crowd) -> Post:
    thread = await crowd.write(TITLE, TEXT)
    await crowd.close(thread)
    return thread


@event("a moderator opens a closed thread")
async def _open(crowd: Crowd) -> Post:
    thread = await _close(crowd)
    await crowd.open(thread)
    return thread


@event("a moderator pins a thread")
async def _pin(crowd: Crowd) -> Post:
    thread = await crowd.write(TITLE, TEXT)
    await crowd.pin(thread, pinned=True)
    return thread


@event("a pinned thread, edited and no longer pinned")
async def _unpin(crowd: Crowd) -> Post:
    thread = await _pin(crowd)
    await crowd.edit(thread, NEW_TITLE, NEW_TEXT)
    await crowd.pin(thread, pinned=False)
    return thread


@event("a moderator bans the author for a week")
async def _ban(crowd: Crowd) -> Post:
    thread = await crowd.write(TITLE, TEXT)
    await crowd.ban(ANA, days=7)
    return thread


@event("a moderator bans the author for good, with all posts")
async def _ban_with_posts(crowd: Crowd) -> Post:
    thread = await crowd.write(TITLE, TEXT)
    await crowd.ban(ANA, days=None, remove=True)
    return thread


@event("a moderator lifts a ban")
async def _lift(crowd: Crowd) -> Post:
    thread = await _ban(crowd)
    await crowd.lift_ban(ANA)
    return thread


@event("a reply")
async def _reply(crowd: Crowd) -> Post:
    thread = await crowd.write(TITLE, "Where?")
    return await crowd.write(None, TEXT, parent=thread)


@event("a reply with two pictures, once the thread is opened")
async def _reply_with_pictures(crowd: Crowd) -> Post:
    thread = await crowd.write(TITLE, TEXT)
    reply = await crowd.show(None, TEXT, parent=thread)
    await crowd.open_thread(thread)
    return reply


@event("a reply, once the thread is opened")
async def _reply_read(crowd: Crowd) -> Post:
    thread = await crowd.write(TITLE, "Where?")
    reply = await crowd.write(None, TEXT, parent=thread)
    await crowd.open_thread(thread)
    return reply


@event("an edit of a reply")
async def _edit_of_reply(crowd: Crowd) -> Post:
    reply = await _reply_read(crowd)
    await crowd.edit(reply, None, NEW_TEXT)
    return reply


@event("the author deletes a reply")
async def _delete_reply(crowd: Crowd) -> Post:
    reply = await _reply_read(crowd)
    await crowd.delete(reply)
    return reply


@event("a moderator removes a reply")
async def _remove_reply(crowd: Crowd) -> Post:
    reply = await _reply_read(crowd)
    await crowd.remove(reply, REASON)
    return reply


@event("a moderator puts a reply back")
async def _restore_reply(crowd: Crowd) -> Post:
    reply = await _remove_reply(crowd)
    await crowd.restore(reply)
    return reply


def table() -> dict[str, dict[str, str]]:
    """The page's rows: what happened, and the cell of each software by its name in lower case."""
    section = re.search(r"^### What others see$(.*?)^##", PAGE, re.DOTALL | re.MULTILINE)
    assert section is not None
    lines = [line.strip("| \n") for line in section[1].splitlines() if line.startswith("|")]
    rows = [[cell.strip() for cell in line.split(" | ")] for line in lines]
    names = [name.lower() for name in rows[0][1:]]
    return {row[0]: dict(zip(names, row[1:], strict=True)) for row in rows[2:]}


def cell(shown: Shown | None, post: Post) -> str:
    """In the words of the table."""
    if shown is None:
        return "–"
    if shown.where in ("deleted", "removed"):
        return f"{shown.where}, reason" if "Rule 1, No advertising." in shown.visible else shown.where
    marks = {"title": TITLE, "new title": NEW_TITLE, "link": LINK, "address": f"http://moot.test/t/{post.id}"}
    seen = [name for name, mark in marks.items() if mark in shown.visible]
    for name, begin, end in (("", "The council asks", "Yours, Ana"), ("new ", "On second", "Sincerely, Ana")):
        if begin in shown.visible:
            seen.append(f"{name}{'text' if end in shown.visible else 'excerpt'}")
    seen += ["options"] if all(option in shown.visible for option in OPTIONS) else []
    hidden = ["behind a warning"] if shown.warning else []
    return f"{shown.where}: {', '.join([*seen, *shown.marks, *hidden])}"


@pytest.mark.parametrize("row", sorted(table()))
async def test_what_others_see(crowd: Crowd, row: str) -> None:
    post = await SCENARIOS[row](crowd)
    found = {reader.software: cell(reader.show(post.uri), post) for reader in crowd.readers}
    assert found == table()[row]


def test_every_event_has_a_row() -> None:
    assert set(table()) == set(SCENARIOS)


async def test_nothing_but_threads_is_announced_to_microblogs(crowd: Crowd) -> None:
    """Mastodon would make a boost of whatever is announced, of each reply too (rule 17)."""
    thread = await crowd.write(TITLE, TEXT)
    reply = await crowd.write(None, "At the bridge.", parent=thread)
    await crowd.thank(reply)
    await crowd.edit(reply, None, "At the mill.")
    await crowd.remove(reply, REASON)
    for reader in crowd.readers:
        if reader.software in ("mastodon", "misskey", "gotosocial"):
            assert [one["object"] for one in reader.inbox if one["type"] == "Announce"] == [thread.uri]


async def test_nobody_is_sent_what_they_refuse(crowd: Crowd) -> None:
    thread = await crowd.write(TITLE, TEXT, link=LINK)
    reply = await crowd.write(None, "At the bridge.", parent=thread)
    await crowd.thank(reply)
    await crowd.edit(thread, NEW_TITLE, NEW_TEXT)
    await crowd.remove(reply, REASON)
    await crowd.restore(reply)
    await crowd.delete(thread)
    # Misskey has no edits. That is no reason to send it none: some of its relatives have.
    refused = {reader.software: reader.refused for reader in crowd.readers if reader.refused}
    assert refused == {"misskey": ["Update: posts do not change here"]}

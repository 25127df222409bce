"""H, for groups that are not for everybody: who does not belong to one neither reads it nor learns what it hides."""

import itertools
import json
from collections.abc import Awaitable, Callable

import pytest
from starlette.applications import Starlette

from moderation import deeds, instances
from server.community import access, actors, groups, revisions, votes
from server.community.groups import Group
from server.community.sessions import STRANGER, Viewer
from tests.browser_like import Browser
from tests.federation.peer import PUBLIC, Peer
from tests.federation.street import Street
from tests.hostile.private_street import GARDEN, SECRET, Private, told

Open = Callable[[], Awaitable[Private]]


def every_rule() -> list[tuple[Viewer, str, str | None]]:
    values = {field: getattr(STRANGER, field) for field in STRANGER.__struct_fields__}
    people = [STRANGER, Viewer(**values | {"account_id": 1}), Viewer(**values | {"account_id": 1, "admin": True})]
    states = (None, "asked", "invited", "joined", "refused")
    found = itertools.product(people, groups.VISIBILITIES, states)
    return [(who, what, state) for who, what, state in found if who.signed_in or state is None]


async def test_sql_and_python_know_one_rule(private: Private) -> None:
    group = await private.group(private.garden_id)
    values = {field: getattr(group, field) for field in group.__struct_fields__}
    async with private.street.runtime.db.read() as conn:
        for viewer, visibility, state in every_rule():
            asked = Group(**values | {"visibility": visibility, "membership": state})
            said = await conn.fetchval(
                "select may_read($1, $2, $3, $4)", visibility, state, viewer.account_id, viewer.admin
            )
            assert said == access.may_read(viewer, asked), (viewer, visibility, state)
            expected = (
                viewer.admin
                or visibility == "public"
                or (visibility == "local" and viewer.signed_in)
                or (visibility == "private" and state == "joined")
            )
            assert said == expected


async def test_members_read_it_and_residents_read_the_local_one(private: Private) -> None:
    thread = await private.write(private.garden_id, f"The {SECRET}", f"A {SECRET} is for sale.")
    await private.write(private.garden_id, None, f"Which {SECRET}?", thread)
    ana, bert = await private.browser(private.street.ana_id), await private.browser(private.bert_id)
    for path in ("/", "/g/garden_club", f"/t/{thread.id}", "/@ana"):
        assert SECRET in (await ana.get(path)).text, path
    local = await private.write(private.cellar_id, "Bottles", "Which wine?")
    for path in ("/g/cellar", f"/t/{local.id}", "/@ana"):
        assert "Bottles" in (await bert.get(path)).text, path
        assert "Bottles" not in (await Browser(private.app).get(path)).text, path
    # A member of the other server reads what its people may read.
    read = await private.street.moot.read_as(private.street.lena, thread.uri)
    assert read.status == 200
    document = json.loads(read.body)
    assert document["to"] == [GARDEN, f"{GARDEN}/followers"]
    assert document["cc"] == []
    assert read.header("cache-control") == "private, no-store"
    for part in (f"{thread.uri}/context?page=start", f"{GARDEN}/outbox?page=start"):
        listed = await private.street.moot.read_as(private.street.lena, part)
        assert listed.status == 200
        assert json.loads(listed.body)["orderedItems"]
        assert listed.header("cache-control") == "private, no-store"
        # Old Mastodons and GoToSocial sign the path alone.
        assert (await private.street.moot.read_as(private.street.lena, part, sign_query=False)).status == 200


async def test_strangers_read_it_nowhere(private: Private) -> None:
    """H2, H3, H4, H9: pages, documents, lists, downloads and counts, for whoever does not belong to it."""
    thread = await private.write(private.garden_id, f"The {SECRET}", f"A {SECRET} for @bert and @ana.")
    reply = await private.write(private.garden_id, None, f"Which {SECRET}?", thread)
    local = await private.write(private.cellar_id, f"The {SECRET}", f"A {SECRET} in the cellar.")
    async with private.street.runtime.db.transaction() as conn:
        mia = await actors.by_id(conn, private.street.mia_id)
        await votes.thank(conn, mia, thread)
        await revisions.submit_edit(conn, thread.id, title=f"{SECRET}!", link=None, source=f"Two {SECRET}s.")
        await conn.execute("update posts set pinned = true")
    await private.street.settle()
    await private.remove(reply, f"No {SECRET}.")
    for who in (None, private.max):
        assert told(await private.read_all(who)) == [], who
    assert told(await private.pages(Browser(private.app))) == []
    bert = await private.pages(await private.browser(private.bert_id))
    # He has an account here, and so reads the local group.
    assert told(bert)
    assert [path for path in told(bert) if "cellar" not in path and str(local.id) not in path and path != "/@ana"] == []
    assert told(await private.read_all(private.street.lena))
    usage = json.loads((await private.street.moot.get("/nodeinfo/2.1")).body)["usage"]
    assert (usage["localPosts"], usage["localComments"]) == (0, 0)
    listed = await (await private.browser(private.bert_id)).get("/groups")
    assert "Garden Club" in listed.words
    assert "members only" in listed.words
    assert "threads" not in listed.words.partition("Garden Club")[2].partition("Elm Street")[0]


async def test_whom_admins_suspended_brings_their_server_in_no_more(private: Private) -> None:
    """Lena is the only member of her server."""
    post = await private.write(private.garden_id, f"The {SECRET}", "Which?")
    assert (await private.street.moot.read_as(private.street.lena, post.uri)).status == 200
    async with private.street.runtime.db.transaction() as conn:
        lena = await actors.by_uri(conn, private.street.lena)
        assert lena is not None
        assert await actors.suspend(conn, lena.id)
    refused = await private.street.moot.read_as(private.street.lena, post.uri)
    assert (refused.status, SECRET in refused.text) == (404, False)


async def test_who_left_reads_their_own_words_and_no_others(private: Private) -> None:
    """H4: also not through what they were told of while they belonged to it."""
    await private.let_in(private.bert_id)
    bert = await private.browser(private.bert_id)
    thread = await private.write(private.garden_id, f"The {SECRET}", f"A {SECRET} for @bert.")
    page = await bert.get(f"/t/{thread.id}")
    await page.form("Send reply").submit(text="I take it.")
    await private.street.settle()
    own = await private.street.runtime.db.pool.fetchval("select id from posts where author_id = $1", private.bert_id)
    answered = await private.street.post(private.street.urls.post(own))
    await private.write(private.garden_id, None, f"Not the {SECRET}!", answered)
    written = (await bert.get("/g/garden_club/write")).form("Send")
    thread_of_his = await written.submit(title="Spades", text="Who lends one?")
    await private.street.settle()
    his = await private.street.post(private.street.urls.post(int(thread_of_his.path.rpartition("/")[2])))
    await private.write(private.garden_id, None, f"Take the {SECRET}.", his)
    assert SECRET in (await bert.get(f"/t/{his.id}")).text
    assert told(await private.pages(bert))
    mia = await private.browser(private.street.mia_id)
    await mia.post(f"/g/garden_club/members/{private.bert_id}/out", {})
    assert told(await private.pages(bert)) == []
    assert "Who lends one?" in (await bert.get(f"/t/{his.id}")).text
    assert "I take it." in (await bert.get(f"/t/{own}/edit")).text
    assert (await (await bert.get(f"/t/{own}/delete")).form("Delete").submit()).status == 200
    # Nobody is told of what they may not read.
    await private.write(private.garden_id, f"More {SECRET}", f"Hello @bert, {SECRET}.")
    later = "select count(*) from notifications where account_id = $1 and post_id > $2"
    assert await private.street.runtime.db.pool.fetchval(later, private.bert_id, his.id) == 1


async def test_an_allowed_reader_leaves_nothing_for_the_next(private: Private) -> None:
    """H5: read by a member's instance, then by the same one blocked, then by nobody."""
    post = await private.write(private.garden_id, f"The {SECRET}", "Which?")
    moot, runtime = private.street.moot, private.street.runtime
    allowed = await moot.read_as(private.street.lena, post.uri)
    assert allowed.status == 200
    assert "no-store" in (allowed.header("cache-control") or "")
    public = await private.street.write("The crossing", "Where?")
    async with runtime.db.transaction() as conn:
        await instances.set_policy(conn, private.street.urls, private.forum.host, "blocked", "", None)
    for uri in (post.uri, public.uri, "/ap/groups/elm_street", f"{GARDEN}/outbox"):
        refused = await moot.read_as(private.street.lena, uri)
        assert (refused.status, refused.body) == (403, b'{"error":"blocked"}'), uri
    unsigned = await moot.get(post.uri)
    assert (unsigned.status, SECRET in unsigned.text) == (404, False)
    assert (await moot.get(public.uri)).status == 200


@pytest.mark.parametrize("state", ["held", "removed", "deleted"])
async def test_what_is_gone_or_held_is_silent_for_members_too(private: Private, state: str) -> None:
    """H6."""
    words = f"A {SECRET}" + (" casino" if state == "held" else "")
    post = await private.write(private.garden_id, f"The {SECRET}", words)
    if state != "held":
        await {"removed": private.remove, "deleted": private.delete}[state](post)
    assert (await private.street.post(post.uri)).state == state
    private.street.clear()
    for who in (private.street.lena, private.max, None):
        assert told(await private.read_all(who)) == [], who
    gone = await private.street.moot.read_as(private.street.lena, post.uri)
    assert gone.status == (404 if state == "held" else 410)
    assert (await private.street.moot.read_as(private.max, post.uri)).status == 404
    await private.let_in(private.bert_id)
    assert told(await private.pages(await private.browser(private.bert_id))) == []


async def test_what_names_a_post_does_not_show_it(private: Private) -> None:
    """H7, H12: votes, follows and their answers carry ids alone; so does what takes them back."""
    post = await private.write(private.garden_id, f"The {SECRET}", "Which?")
    private.street.clear()
    async with private.street.runtime.db.transaction() as conn:
        mia = await actors.by_id(conn, private.street.mia_id)
        await votes.thank(conn, mia, post)
    await private.street.settle()
    async with private.street.runtime.db.transaction() as conn:
        await votes.take_back(conn, mia, post)
    await private.street.settle()
    assert private.forum.types() == ["Announce(Like)", "Announce(Undo)"]
    assert SECRET not in json.dumps(private.forum.inbox).lower()
    assert private.microblog.inbox == []
    # H12: and who thanked whom goes to the group's own servers alone, never to the public.
    assert PUBLIC not in json.dumps(private.forum.inbox)


async def test_a_private_group_speaks_to_its_members_alone(private: Private, outside: Peer) -> None:
    """The wire: Lemmy's form, and not one word to the author's followers, to microblogs or to the public."""
    outside.inbox.clear()
    private.street.clear()
    thread = await private.write(private.garden_id, f"The {SECRET}", f"A {SECRET}, @max@{outside.host}")
    reply = await private.write(private.garden_id, None, f"Which {SECRET}?", thread)
    async with private.street.runtime.db.transaction() as conn:
        await revisions.submit_edit(conn, thread.id, title="Bulbs", link=None, source=f"Two {SECRET}s.")
    await private.street.settle()
    async with private.street.runtime.db.transaction() as conn:
        await deeds.pin_thread(conn, private.street.mia, thread.id, pinned=True)
        await deeds.close_thread(conn, private.street.mia, thread.id, None, "All is said.")
        await deeds.open_thread(conn, private.street.mia, thread.id)
    await private.street.settle()
    await private.remove(reply)
    await private.delete(thread)
    assert private.forum.types() == [
        "Announce(Create)", "Announce(Create)", "Announce(Update)", "Announce(Add)", "Announce(Lock)", "Announce(Undo)",
        "Announce(Delete)", "Delete", "Announce(Delete)",
    ]  # fmt: skip
    members = [GARDEN, f"{GARDEN}/followers"]
    for activity in private.forum.inbox:
        assert activity["to"] == members
        if activity["type"] == "Announce":
            assert activity["object"]["to"] == members
    assert PUBLIC not in json.dumps(private.forum.inbox)
    assert private.microblog.inbox == []
    assert outside.inbox == []


async def test_nothing_of_a_local_group_leaves(private: Private, outside: Peer) -> None:
    """The wire: no activity is even written."""
    outside.inbox.clear()
    private.street.clear()
    async with private.street.runtime.db.read() as conn:
        before = await conn.fetchval("select count(*) from activities")
    thread = await private.write(private.cellar_id, f"The {SECRET}", f"For @lena@{private.forum.host}")
    reply = await private.write(private.cellar_id, None, "Mine.", thread)
    async with private.street.runtime.db.transaction() as conn:
        mia = await actors.by_id(conn, private.street.mia_id)
        await votes.thank(conn, mia, thread)
        await revisions.submit_edit(conn, thread.id, title="Bottles", link=None, source="Two.")
        await groups.announce_change(conn, private.cellar_id)
        await deeds.pin_thread(conn, private.street.mia, thread.id, pinned=True)
    await private.street.settle()
    await private.remove(reply)
    await private.delete(thread)
    async with private.street.runtime.db.read() as conn:
        assert await conn.fetchval("select count(*) from activities") == before
    assert [*private.forum.inbox, *private.microblog.inbox, *outside.inbox] == []


async def test_members_elsewhere_write_and_others_do_not(private: Private, outside: Peer) -> None:
    create = private.written_by(private.forum, private.street.lena, f"<p>A {SECRET}.</p>", type="Page", name="Bulbs")
    private.street.clear()
    assert await private.said(create) == (202, b"", "done")
    thread = await private.street.post(create["object"]["id"])
    assert (thread.state, thread.group_id) == ("published", private.garden_id)
    ana = await private.browser(private.street.ana_id)
    assert SECRET in (await ana.get(f"/t/{thread.id}")).text
    assert told(await private.pages(Browser(private.app))) == []
    announced = private.forum.of_type("Announce(Create)")
    assert [one["object"]["id"] for one in announced] == [create["id"]]
    second = await private.write(private.garden_id, "Two", "Two.")
    like = private.forum.activity("Like", private.street.lena, second.uri)
    assert (await private.said(like))[2] == "done"
    wrong = (
        (private.written_by(outside, private.max, "<p>Hello.</p>"), "not_public"),
        (private.written_by(private.forum, private.street.lena, "<p>Hello.</p>", to=[PUBLIC, GARDEN]),
         "public_in_private_group"),
        (private.written_by(private.forum, private.street.lena, "<p>Psst.</p>", inReplyTo=thread.uri, audience=None,
                            to=[private.forum.actor("otto")]), "not_for_the_group"),
    )  # fmt: skip
    for activity, reason in wrong:
        assert (await private.said(activity))[2] == reason


async def test_who_belongs_to_it_is_told_in_numbers(private: Private) -> None:
    """H11: to strangers; a member's server learns who moderates, and may ask about another server.

    All of them have said that others may know their groups, and mean the public ones.
    """
    await private.street.runtime.db.pool.execute("update accounts set shows_groups = true")
    moot = private.street.moot
    for path, named in (("/@ana", []), ("/@mia", ["/g/elm_street"])):
        page = await Browser(private.app).get(path)
        assert [link["href"] for link in page.soup.select("aside a[href^='/g/']")] == named
    for ask in (moot.get, lambda path: moot.read_as(private.max, path)):
        followers = json.loads((await ask(f"{GARDEN}/followers")).body)
        moderators = json.loads((await ask(f"{GARDEN}/moderators")).body)
        assert (followers["totalItems"], moderators["totalItems"]) == (4, 1)
        assert not {"orderedItems", "items", "first"} & {*followers, *moderators}
        assert (await ask(f"{GARDEN}/followers?is_follower={private.forum.base}/")).status == 404
    for reader in (private.max, private.street.lena):
        page = json.loads((await moot.read_as(reader, f"{GARDEN}/followers?page=start")).body)
        assert (page["totalItems"], {"orderedItems", "items", "first"} & {*page}) == (4, set())
    inside = await moot.read_as(private.street.lena, f"{GARDEN}/moderators")
    assert json.loads(inside.body)["orderedItems"] == [private.street.urls.actor("person", "mia")]
    for asker, own in ((private.street.lena, [private.street.lena]), (private.max, [])):
        answer = await moot.read_as(asker, f"{GARDEN}/followers_synchronization")
        assert json.loads(answer.body)["orderedItems"] == own
    for host, status in ((private.microblog.base, 200), (private.outside.base, 404), ("nonsense", 404)):
        answer = await moot.read_as(private.street.lena, f"{GARDEN}/followers?is_follower={host}/")
        assert answer.status == status
    actor = json.loads((await moot.get(GARDEN)).body)
    assert (actor["manuallyApprovesFollowers"], actor["indexable"]) == (True, False)


async def test_moderators_are_told_whom_they_trust(private: Private, outside: Peer) -> None:
    """H10: a server with a member gets a copy, so that the form that lets somebody in says so."""
    for there, who in ((outside, private.max), (private.microblog, private.street.max)):
        assert (await private.street.moot.deliver(there.activity("Follow", who, GARDEN))).status == 202
    await private.street.settle()
    mia = await private.browser(private.street.mia_id)
    page = await mia.get("/g/garden_club/members")
    assert f"Whoever runs {outside.host} will get a copy of everything" in page.words
    assert f"The software of {private.microblog.host} shows nothing of a private group" in page.words
    assert outside.of_type("Accept")[1:] == []


SETTINGS = {"title": "Garden Club", "language": "en", "join_mode": "ask", "posting": "members", "discoverable": "1"}


async def test_who_may_read_is_settled_by_the_first_post(private: Private) -> None:
    """A private or local group never becomes public under those who wrote in it."""
    mia = await private.browser(private.street.mia_id)
    page = await mia.get("/g/garden_club/settings")
    assert 'name="visibility" value="private" checked' in page.text
    local = await mia.post("/g/garden_club/settings", SETTINGS | {"visibility": "local"})
    assert local.status == 422
    assert "People from other servers belong to this group already." in local.words
    opened = await mia.post("/g/garden_club/settings", SETTINGS | {"join_mode": "open"})
    assert opened.status == 422
    assert "moderators let people in" in opened.words
    await private.write(private.garden_id, "Bulbs", "Which ones?")
    for group, title in (("garden_club", "Garden Club"), ("elm_street", "Elm Street")):
        if group == "elm_street":
            await private.street.write("The crossing", "Where?")
        for visibility in groups.VISIBILITIES:
            was = "private" if group == "garden_club" else "public"
            typed = SETTINGS | {"title": title, "visibility": visibility}
            answer = await mia.post(f"/g/{group}/settings", typed)
            assert (answer.status == 200) == (visibility == was), (group, visibility)
        page = await mia.get(f"/g/{group}/settings")
        assert "It was settled with the first post" in page.words
        assert 'name="visibility"' not in page.text
        assert (await page.form("Save").submit()).status == 200
    assert (await private.group(private.garden_id)).visibility == "private"


async def test_a_private_group_is_founded_and_neighbours_ask(street: Street, app: Starlette, outside: Peer) -> None:
    """The journey: found it, be asked, let in, invite, put out."""
    private = Private(street, app, outside)
    await private.open()
    async with street.runtime.db.transaction() as conn:
        await conn.execute("update accounts set admin = true where actor_id = $1", street.mia_id)
    mia, bert = await private.browser(street.mia_id), await private.browser(private.bert_id)
    form = (await mia.get("/groups/new")).form("Make the group")
    await form.submit(name="choir", title="Choir", visibility="private", join_mode="ask", tagline="We sing.")
    page = await bert.get("/g/choir")
    assert "For members only" in page.words
    asked = await page.form("Ask to join").submit()
    assert "A moderator reads your request" in asked.words
    await (await mia.get("/g/choir/members")).form("Let in").submit()
    page = await bert.get("/g/choir")
    assert "For members only" not in page.words
    await (await mia.get("/g/choir/members")).form("Put out").submit()
    assert "For members only" in (await bert.get("/g/choir")).words
    invite = (await mia.get("/g/choir/members")).form("Invite")
    assert "Nobody of this name is known here." in (await invite.submit(name="nobody")).words
    assert "Invited" in (await invite.submit(name="@bert")).words
    assert "You are invited to join Choir." in (await bert.get("/notifications")).words
    joined = await (await bert.get("/g/choir")).form("Join this group").submit()
    assert "You are a member" in joined.words
    again = await (await mia.get("/g/choir/members")).form("Invite").submit(name="bert")
    assert "They belong to the group already." in again.words

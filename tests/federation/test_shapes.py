"""Every shape of two public collections of edge cases arrives by the front door: taken, or refused by name."""

import json
from collections.abc import Iterator

import fediverse_pasture_inputs
import funfedi_parsing_test_cases as funfedi
from funfedi_parsing_test_cases.types import Environment

from tests.federation.peer import PUBLIC, Document
from tests.federation.street import GROUP, Street

SUITES = (funfedi.activity_suite, funfedi.event_suite, funfedi.notes_suite, funfedi.poll_suite)
AUTHOR = "http://pasture-one-actor/actor"
# What is not taken, and why; a new line is looked at by a person before it stands here.
NOTES_NOT_TAKEN = {
    ("attributed_to", 2): "several_authors",
    ("html_tags", 26): "nothing_said",  # a script alone
    ("html_tags", 27): "nothing_said",  # a picture of another server alone
    ("html_tags_article", 26): "nothing_said",
    ("html_tags_article", 27): "nothing_said",
    ("in_reply_to", 4): "several_parents",
    ("necessary_properties", 1): "no_id",
    ("necessary_properties", 3): "no_author",
    ("necessary_properties", 4): "not_a_post",
    ("object_types", 1): "not_a_post",  # Audio
    ("object_types", 2): "not_a_post",  # Document
    ("object_types", 4): "not_a_post",  # Image
    ("object_types", 7): "not_a_post",  # Place
    ("object_types", 8): "not_a_post",  # Profile
    ("object_types", 9): "not_a_post",  # Relationship
    ("object_types", 10): "not_a_post",  # Tombstone
    ("object_types", 13): "not_a_post",  # no type
}
CASES_NOT_TAKEN = {
    ("create_activity", "null actor"): "no_actor",
    ("create_activity", "null id"): "no_id",
    ("create_activity", "null type"): "no_type",
    ("create_activity", "without actor"): "no_actor",
    ("create_activity", "without id"): "no_id",
    ("create_activity", "without type"): "no_type",
    ("create_activity", "as list actor"): "no_actor",
    ("create_activity", "as list object"): "no_object",
    ("announce_create", "Announce(Create(Note))"): "boost",
    ("necessary_properties", "without attributedTo"): "no_author",
    ("necessary_properties", "without type"): "not_a_post",
    ("necessary_properties_notes", "without attributedTo"): "no_author",
    ("necessary_properties_notes", "without type"): "not_a_post",
    ("necessary_properties_notes", "without content"): "nothing_said",
    ("necessary_properties_polls", "without attributedTo"): "no_author",
    ("necessary_properties_polls", "without type"): "not_a_post",
    ("necessary_properties_polls", "without content"): "nothing_said",
}


def notes(street: Street) -> Iterator[tuple[tuple[str, int], Document]]:
    """Each example as a whole Create of a member's, addressed to Elm Street."""
    for name, data in fediverse_pasture_inputs.available.items():
        for number, example in enumerate(data.examples):
            changed = json.loads(json.dumps(example).replace(AUTHOR, street.max))
            note = street.mastodon.note(street.max, "<p>text</p>", audience=GROUP) | changed
            yield (name, number), street.mastodon.activity("Create", street.max, note, to=[PUBLIC])


def cases(street: Street) -> Iterator[tuple[tuple[str, str], str, Document]]:
    environment = Environment(sending_actor_profile={"id": street.max}, receiving_actor=GROUP)
    for suite in SUITES:
        for sub_suite in suite.sub_suites:
            for case in sub_suite.tests:
                activity = json.loads(json.dumps(case.maker.to_send(environment).activity))
                yield (sub_suite.short_name, case.name), str(case.status), activity


async def verdict(street: Street, activity: Document) -> str:
    """`done`, or the reason why not."""
    answer = await street.moot.deliver(activity, key=f"{street.max}#main-key")
    if answer.status != 202:
        assert answer.status in (400, 403, 404)
        return str(json.loads(answer.body)["error"])
    async with street.runtime.db.read() as conn:
        return str(await conn.fetchval("select outcome from seen_activities where uri = $1", activity["id"]))


async def test_every_note_of_the_pasture_is_taken_or_refused_by_name(street: Street) -> None:
    verdicts = {name: await verdict(street, activity) for name, activity in notes(street)}
    assert len(verdicts) >= 262
    assert {name: said for name, said in verdicts.items() if said != "done"} == NOTES_NOT_TAKEN


async def test_every_case_of_funfedi_is_taken_or_refused_by_name(street: Street) -> None:
    verdicts, recommended = {}, set()
    for name, status, activity in cases(street):
        verdicts[name] = await verdict(street, activity)
        if status == "recommended":
            recommended.add(name)
    assert len(verdicts) >= 70
    assert {name: said for name, said in verdicts.items() if said != "done"} == CASES_NOT_TAKEN
    assert recommended
    assert recommended.isdisjoint(CASES_NOT_TAKEN)
    await street.settle()
    async with street.runtime.db.read() as conn:
        # What was taken stands in the group, on its page and in nobody's way.
        assert await conn.fetchval("select count(*) from posts where state <> 'published'") == 0
        assert await conn.fetchval("select count(*) from jobs where due_at <= clock_now()") == 0


async def taken(street: Street, document: Document) -> Document:
    """What stands here of a post of Max's."""
    activity = street.mastodon.activity("Create", street.max, document, to=[PUBLIC])
    assert await verdict(street, activity) == "done"
    await street.settle()
    async with street.runtime.db.read() as conn:
        row = await conn.fetchrow("select title, html, link, state from posts where uri = $1", document["id"])
    assert row is not None
    return dict(row)


async def test_a_warning_stands_before_its_text(street: Street) -> None:
    story = "<p>Long story</p>"
    note = street.mastodon.note(street.max, story, cc=[GROUP], summary="About <b>food</b>", sensitive=True)
    post = await taken(street, note)
    assert (post["title"], post["html"]) == ("About food", "<p><strong>About food</strong></p><p>Long story</p>")
    article = street.mastodon.note(street.max, story, type="Article", name="A", cc=[GROUP], summary="In short")
    assert "In short" not in (await taken(street, article))["html"]


async def test_an_event_says_when_and_where_it_is(street: Street) -> None:
    """As Mobilizon writes it: the time in UTC, the zone of the place beside it."""
    place = {"type": "Place", "name": "Town hall", "address": {"type": "PostalAddress", "addressLocality": "Lyon"}}
    times = {"startTime": "2026-12-01T18:00:00Z", "endTime": "2026-12-01T20:00:00Z", "timezone": "Europe/Paris"}
    event = street.mastodon.note(
        street.max, "<p>Come!</p>", type="Event", name="Repair café", cc=[GROUP], location=place, **times
    )
    post = await taken(street, event)
    assert post["title"] == "Repair café"
    assert post["html"] == "<p>📅 2026-12-01 19:00 – 21:00 (Europe/Paris) · 📍 Town hall, Lyon</p><p>Come!</p>"


async def test_a_strange_time_or_place_of_an_event_is_left_out(street: Street) -> None:
    for strange in (
        {"startTime": "soon", "location": "here"},
        {"startTime": ["2026-12-01T18:00:00Z"], "location": [{"name": 7}, None]},
        {"startTime": "2026-12-01T18:00:00", "timezone": "../../etc/passwd"},
        {"startTime": "0001-01-01T00:00:00+14:00", "timezone": "Pacific/Apia", "location": {"address": {"a": 1}}},
    ):
        event = street.mastodon.note(street.max, "<p>Come!</p>", type="Event", name="Fair", cc=[GROUP], **strange)
        assert (await taken(street, event))["html"] == "<p>Come!</p>"


async def test_a_video_links_to_the_page_that_plays_it(street: Street) -> None:
    """As PeerTube writes it: the person and the channel, files beside the page, Markdown as text."""
    page = f"{street.mastodon.base}/w/1"
    video = street.mastodon.note(
        street.max, "Our *street* in 1960", type="Video", name="Elm Street", mediaType="text/markdown", cc=[GROUP],
        attributedTo=[{"type": "Person", "id": street.max}, {"type": "Group", "id": f"{street.mastodon.base}/c/1"}],
        url=[
            {"type": "Link", "mediaType": "video/mp4", "href": "http://cdn.test/1.mp4", "height": 720},
            {"type": "Link", "mediaType": "text/html", "href": page},
        ],
    )  # fmt: skip
    post = await taken(street, video)
    assert (post["title"], post["link"]) == ("Elm Street", page)
    assert "<em>street</em>" in post["html"]

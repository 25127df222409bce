"""`kill -9` at each named place: the effect comes exactly once, and nothing that was acknowledged is lost."""

import pytest

from tests.faults.conftest import Neighbourhood

pytestmark = [pytest.mark.faults, pytest.mark.slow]


@pytest.mark.parametrize("place", ["post_inserted", "post_submitted", "about_to_answer"])
async def test_a_post_survives_the_death_of_the_web_process(neighbourhood: Neighbourhood, place: str) -> None:
    neighbourhood.arm(place)
    await neighbourhood.write("ana")
    assert neighbourhood.fired
    await neighbourhood.verify()


@pytest.mark.parametrize("place", ["about_to_publish", "published", "screened", "job_committed"])
async def test_a_post_survives_the_death_of_who_screens_it(neighbourhood: Neighbourhood, place: str) -> None:
    neighbourhood.arm(place)
    await neighbourhood.write("ben")
    await neighbourhood.worker_dies()
    await neighbourhood.verify()


@pytest.mark.parametrize("place", ["activity_written", "post_spread"])
async def test_a_post_survives_the_death_of_who_spreads_it(neighbourhood: Neighbourhood, place: str) -> None:
    neighbourhood.arm(place)
    await neighbourhood.write("cleo")
    await neighbourhood.worker_dies()
    await neighbourhood.verify()


@pytest.mark.parametrize(
    ("place", "copies"),
    [("lanes_leased", 1), ("about_to_send", 1), ("sent", 2), ("delivery_deleted", 2)],
)
async def test_a_delivery_survives_the_death_of_who_sends_it(
    neighbourhood: Neighbourhood, place: str, copies: int
) -> None:
    before = len(neighbourhood.there.inbox)
    neighbourhood.arm(place)
    await neighbourhood.write("dina")
    await neighbourhood.worker_dies()
    await neighbourhood.verify()
    # What was sent already is sent again, under the same id, by which the receiver knows it.
    assert len({activity["id"] for activity in neighbourhood.there.inbox[before:]}) == 1
    assert len(neighbourhood.there.inbox[before:]) == copies


@pytest.mark.parametrize("place", ["sender_verified", "activity_seen", "post_submitted", "activity_committed"])
async def test_an_activity_survives_the_death_of_who_receives_it(neighbourhood: Neighbourhood, place: str) -> None:
    activity = neighbourhood.note()
    neighbourhood.arm(place)
    await neighbourhood.deliver(activity)
    assert neighbourhood.fired
    await neighbourhood.verify()
    stored = "select count(*) from posts where uri = $1 and state = 'published'"
    assert await neighbourhood.moot.value(stored, activity["object"]["id"]) == 1
    announced = [
        one for one in neighbourhood.there.of_type("Announce(Create)") if one["object"]["id"] == activity["id"]
    ]
    assert len({one["id"] for one in announced}) == 1


@pytest.mark.parametrize("place", ["thanked", "about_to_answer"])
async def test_a_thank_survives_the_death_of_the_web_process(neighbourhood: Neighbourhood, place: str) -> None:
    moot, emil = neighbourhood.moot, neighbourhood.browsers["emil"]
    post_id = await neighbourhood.write("flora")
    await moot.at_rest()
    neighbourhood.arm(place)
    answer = await moot.insist(lambda: emil.post(f"/t/{post_id}/thank", {"thank": "1"}))
    assert (answer.status, neighbourhood.fired) == (200, True)
    await neighbourhood.verify()
    assert await moot.value("select thank_count from posts where id = $1", int(post_id)) == 1
    likes = [one for one in neighbourhood.there.of_type("Announce(Like)") if one["object"]["object"].endswith(post_id)]
    assert len({one["id"] for one in likes}) == 1


@pytest.mark.parametrize("place", ["decision_written", "post_decided", "about_to_answer"])
async def test_a_decision_survives_the_death_of_the_web_process(neighbourhood: Neighbourhood, place: str) -> None:
    moot, mia = neighbourhood.moot, neighbourhood.browsers["mia"]
    post_id = await neighbourhood.write("ana", f"Come to the casino, {place}!")
    await moot.at_rest()
    case_id = await moot.value("select id from cases where post_id = $1 and state = 'open'", int(post_id))
    form = (await moot.insist(lambda: mia.get(f"/queue/{case_id}"))).form("Release")
    neighbourhood.arm(place)
    answer = await moot.insist(lambda: mia.post(form.action, form.values, follow=False))
    assert (answer.status, neighbourhood.fired) == (303, True), answer.words
    await neighbourhood.verify()
    assert await moot.value("select count(*) from decisions where post_id = $1", int(post_id)) == 1

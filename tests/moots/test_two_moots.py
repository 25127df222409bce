"""Two Folkmoots: what is done on one is seen on the other, through the pages of both."""

import pytest

from tests.moots.conftest import TwoMoots
from tests.real_moot import gone, seen, shows_button, thread_at, write

pytestmark = pytest.mark.slow


async def test_who_joined_is_counted_at_home_of_the_group(moots: TwoMoots) -> None:
    assert "2 members" in (await moots.ana.get("/g/elm_street")).words


async def test_a_thread_and_its_replies_travel_both_ways(moots: TwoMoots) -> None:
    at_home = await write(moots.ana, "/g/elm_street", "The crossing", "*Where* should it be?")
    away = await thread_at(moots.ben, moots.away, "The crossing")
    page = await moots.ben.get(away)
    assert "Where should it be?" in page.words
    assert "<em>Where</em>" in page.text

    await page.form("Send reply").submit(text="At the bridge, please.")
    answered = await seen(moots.ana, at_home, "At the bridge, please.")
    assert f"ben from {moots.brook.host}" in answered.words
    await answered.form("Send reply").submit(text="At the bridge it is.")
    await seen(moots.ben, away, "At the bridge it is.")


async def test_a_thread_from_away_waits_until_its_group_shows_it(moots: TwoMoots) -> None:
    # With the other server's worker away nothing is announced, so that the wait can be seen.
    await moots.oakham.stop("worker")
    away = await write(moots.ben, moots.away, "A ladder", "Who lends me one?")
    await seen(moots.ben, away, "Its group has not shown it to others yet.")
    stranger = moots.oakham.browser()
    assert "A ladder" not in (await stranger.get("/g/elm_street")).words
    moots.oakham.start("worker")
    at_home = await thread_at(stranger, "/g/elm_street", "A ladder")
    assert "Who lends me one?" in (await stranger.get(at_home)).words
    await gone(moots.ben, away, "Its group has not shown it to others yet.")


async def test_thanks_are_given_and_taken_back_across(moots: TwoMoots) -> None:
    at_home = await write(moots.ana, "/g/elm_street", "Lost glove", "A red one.")
    away = await thread_at(moots.ben, moots.away, "Lost glove")
    await (await moots.ben.get(away)).form("Thank").submit()
    thanked = await seen(moots.ana, at_home, "1 thanks")
    assert "Lost glove" in thanked.words
    page = await shows_button(moots.ben, away, "Thanked 1")
    await page.form("Thanked 1").submit()
    await gone(moots.ana, at_home, "1 thanks")
    await (await moots.ben.get(away)).form("Send reply").submit(text="It hangs on our fence.")
    answered = await seen(moots.ana, at_home, "It hangs on our fence.")
    await answered.form("Thank").submit()
    await seen(moots.ben, away, "1 thanks")


async def test_edits_travel_both_ways(moots: TwoMoots) -> None:
    at_home = await write(moots.ana, "/g/elm_street", "Firewood", "Five euros.")
    away = await thread_at(moots.ben, moots.away, "Firewood")
    page = await moots.ben.get(away)
    replied = await page.form("Send reply").submit(text="I take two bags.")
    await seen(moots.ana, at_home, "I take two bags.")
    form = (await (await moots.ana.get(at_home)).follow("Edit")).form("Save")
    await form.submit(text="Six euros.")
    await seen(moots.ben, away, "Six euros.")
    form = (await (await moots.ben.get(replied.path)).follow("Edit")).form("Save")
    await form.submit(text="I take three bags.")
    await seen(moots.ana, at_home, "I take three bags.")


async def test_deletions_travel_both_ways(moots: TwoMoots) -> None:
    at_home = await write(moots.ana, "/g/elm_street", "Old sofa", "To give away.")
    away = await thread_at(moots.ben, moots.away, "Old sofa")
    page = await moots.ben.get(away)
    await page.form("Send reply").submit(text="I want it, call 0170.")
    await seen(moots.ana, at_home, "call 0170")
    own = await seen(moots.ben, away, "Delete")
    await (await own.follow("Delete")).form("Delete").submit()
    await gone(moots.ana, at_home, "call 0170")
    await (await (await moots.ana.get(at_home)).follow("Delete")).form("Delete").submit()
    await seen(moots.ben, away, "The author deleted this text.")


async def test_a_removal_by_the_groups_moderator_reaches_the_other_server(moots: TwoMoots) -> None:
    at_home = await write(moots.ana, "/g/elm_street", "Miracle pills", "Very cheap.")
    away = await thread_at(moots.ben, moots.away, "Miracle pills")
    page = await (await moots.mia.get(at_home)).follow("Remove (moderator)")
    rule = page.soup.select("select[name=rule] option")[1]["value"]
    await page.form("Remove").submit(rule=str(rule), reason="This is an advertisement.")
    await seen(moots.ben, away, "A moderator removed this text.")
    assert "Very cheap." not in (await moots.ben.get(away)).words


async def test_a_removed_post_from_away_goes_there_too_and_comes_back(moots: TwoMoots) -> None:
    away = await write(moots.ben, moots.away, "My uncle's shop", "Buy there.")
    at_home = await thread_at(moots.mia, "/g/elm_street", "My uncle's shop")
    page = await (await moots.mia.get(at_home)).follow("Remove (moderator)")
    rule = page.soup.select("select[name=rule] option")[1]["value"]
    removed = await page.form("Remove").submit(rule=str(rule), reason="This is an advertisement.")
    stranger = moots.brook.browser()
    await gone(stranger, away, "Buy there.")
    await removed.form("Put it back").submit()
    await seen(stranger, away, "Buy there.")


async def test_what_is_held_at_home_is_not_seen_away_until_it_is_released(moots: TwoMoots) -> None:
    held = await write(moots.ana, "/g/elm_street", "A trip", "We drive to the casino.")
    await seen(moots.ana, held, "a moderator reads it first")
    # What is written later arrives, so what was held would have arrived by now.
    await write(moots.ana, "/g/elm_street", "A walk", "To the mill.")
    later = await seen(moots.ben, moots.away, "A walk")
    assert "A trip" not in later.words
    assert (await moots.oakham.browser().get(held.replace("/t/", "/ap/posts/"))).status == 404
    case = (await moots.mia.get("/queue")).soup.select_one("main a[href^='/queue/']")
    assert case is not None
    await (await moots.mia.get(str(case["href"]))).form("Release").submit()
    away = await thread_at(moots.ben, moots.away, "A trip")
    assert "We drive to the casino." in (await moots.ben.get(away)).words


async def test_who_has_left_is_not_counted_and_hears_nothing_more(moots: TwoMoots) -> None:
    await (await moots.ben.get(moots.away)).form("Leave").submit()
    await seen(moots.ana, "/g/elm_street", "1 member")
    assert "2 members" not in (await moots.ana.get("/g/elm_street")).words
    await write(moots.ana, "/g/elm_street", "Among us", "Nobody there reads this.")
    await moots.oakham.at_rest()
    await moots.brook.at_rest()
    assert "Among us" not in (await moots.ben.get(moots.away)).words

"""The fields of a poll beside those of a new thread: what was typed, checked, and shown again."""

import datetime as dt
from collections.abc import Mapping

from server import text
from server.community.polls import NewPoll, clean_option
from server.errors import Invalid
from server.messages import Message
from web import forms
from web.views.parts import Choice, Field
from web.views.residents import PollFields
from web.visit import Visit

FIELDS = tuple(f"option_{number}" for number in range(1, 9))
MAX_TYPED = 100
LASTS = {
    "1": Message("1 day"), "3": Message("3 days"), "7": Message("1 week"), "14": Message("2 weeks"),
}  # fmt: skip
USUAL = "7"


def check_poll(typed: Mapping[str, str]) -> NewPoll | None:
    """The poll that was asked for, or None where no option was typed; raises Invalid with all that does not fit."""
    wrong: dict[str, str] = {}
    options: list[str] = []
    for name in FIELDS:
        try:
            option = clean_option(text.check_text(name, typed.get(name, ""), at_most=MAX_TYPED))
        except Invalid as invalid:
            wrong |= invalid.fields
            continue
        # Votes name their option by its words, so two of the same could not be told apart.
        if option and option.casefold() in map(str.casefold, options):
            wrong[name] = Message("This option is there already.")
        elif option:
            options.append(option)
    if not wrong and len(options) == 1:
        empty = next(name for name in FIELDS if not typed.get(name, "").strip())
        wrong[empty] = Message("A poll needs at least two options. Leave all of them empty for a thread without one.")
    lasts = typed.get("closes", USUAL)
    if lasts not in LASTS:
        wrong["closes"] = Message("Please choose one of these.")
    if wrong:
        raise Invalid(wrong)
    return NewPoll(tuple(options), typed.get("several") == "1", dt.timedelta(days=int(lasts))) if options else None


def poll_fields(visit: Visit, typed: Mapping[str, str], said: Mapping[str, str]) -> PollFields:
    """The fields as they go to the page."""
    lasts = typed.get("closes", USUAL)
    return PollFields(
        options=[forms.field(typed, name, said) for name in FIELDS],
        several=typed.get("several") == "1",
        closes=[Choice(days, visit.say(words), days == lasts) for days, words in LASTS.items()],
        closing=Field(lasts, said.get("closes", "")),
        begun=any(typed.get(name, "").strip() for name in FIELDS) or bool({*said} & {*FIELDS, "closes"}),
    )

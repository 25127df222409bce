"""One believable value of every page, shared by the tests of templates and by whoever wants to look at them."""
# ruff: noqa: E501 - a sentence is easier to read in one line

import datetime as dt
from typing import get_args

import msgspec
from markupsafe import Markup

from web import present
from web.views import moderators as m
from web.views import parts as p
from web.views import residents as r

NOW = dt.datetime(2026, 11, 20, 18, 0, tzinfo=dt.UTC)


def ago(minutes: int, language: str = "en") -> p.TimeView:
    return present.time_view(NOW - dt.timedelta(minutes=minutes), NOW, language, "Europe/Berlin")


ANA = present.person_view(11, "ana", None, "Ana Brandt")
JOSEPH = present.person_view(27, "joseph", None, "Joseph Okafor")
MIRIAM = present.person_view(34, "miriam", None, "Miriam Wolf")
TOM = present.person_view(40, "tom", "lemmy.example", "Tom")
LEYLA = present.person_view(53, "leyla", None, "Leyla Şahin")
OTTO = present.person_view(61, "otto", None, "Otto Lindgren")

RULES = (
    p.RuleView("1", 1, "Be kind, also when you disagree", Markup("<p>Argue about the matter, not about the person.</p>"), 2, ago(60_000)),
    p.RuleView("2", 2, "No advertising", Markup("<p>One line about your own shop is fine when somebody asks.</p>"), 1, ago(90_000)),
    p.RuleView("3", 3, "Nobody's address or number", Markup("<p>Not your neighbour's, and better not your own.</p>"), 1, ago(90_000)),
    p.RuleView("4", 4, "Stay with Elm Street", Markup(""), 1, ago(90_000)),
)  # fmt: skip
RULE = RULES[1]


def group(name: str, title: str, place: str, tagline: str, number: int) -> p.GroupView:
    return p.GroupView(name, title, place, tagline, f"/g/{name}", present.initials(title), present.tint(number))


ELM = msgspec.structs.replace(
    group("elm_street", "Elm Street", "Between the bridge and the bakery", "What happens on our street: help, lost cats, the party.", 5),
    member_count=48, thread_count=126, active=ago(10), membership="joined", moderator=True,
)  # fmt: skip
REPAIR = msgspec.structs.replace(
    group("repair_cafe", "Repair Café", "Old fire station", "Every second Saturday we mend what others throw away.", 6),
    member_count=73, thread_count=54, active=ago(130), join_mode="ask",
)  # fmt: skip
GARDEN = msgspec.structs.replace(
    group("gardening", "Gardening", "", "Seeds, soil and slugs.", 7),
    url="/g/gardening@lemmy.example", host="lemmy.example", member_count=912, thread_count=2210, active=ago(300), membership="asked",
)  # fmt: skip
ELM_REF = p.GroupRef("Elm Street", ELM.url)

HEAD = Markup(
    "<p>The council wants to cut the crossing time at the corner by eight seconds. Mrs. Adler from number 12 needs longer than "
    "that, and so do the children from the nursery.</p><p>I would like to hand in a <strong>short letter with names</strong> before the "
    'meeting on the 3rd. A draft is <a href="https://pad.example/crossing" rel="nofollow noopener noreferrer ugc">here</a>; please say what is missing.</p>'
    "<ul><li>Is eight seconds the right number? I counted twice.</li><li>Who comes along to the meeting?</li></ul>"
)


def reply(number: int, who: p.PersonView, minutes: int, text: str, **more: object) -> p.PostView:
    fields: dict[str, object] = {
        "thank_url": f"/t/{number}/thank", "reply_url": f"/t/100?reply={number}#p{number}", "report_url": f"/t/{number}/report",
        "from_host": who.host, "language": "en", **more,
    }  # fmt: skip
    return p.PostView(str(number), who, Markup(text), ago(minutes), f"/t/100#p{number}", **fields)  # type: ignore[arg-type]


REPLIES = (
    reply(101, JOSEPH, 88, "<p>Count me in for the letter. I timed it on Tuesday with my mother: she was on the island when it turned red.</p>", thank_count=4, thanked_by_me=True),
    reply(102, TOM, 71, "<p>We had the same two years ago in Lindenau. What worked was a film of thirty seconds, taken at eight in the morning, with nobody's face in it.</p>", thank_count=7, original_url="https://lemmy.example/comment/9"),
    reply(103, ANA, 60, "<p>That is a good idea. Has anybody a tripod?</p>", edited=ago(55), history_url="/t/103/history", edit_url="/t/103/edit", delete_url="/t/103/delete", thank_url=None, thank_count=1, by_moderator=True),
    reply(104, OTTO, 34, "<p>I have one, and time on Thursday morning.</p>", thank_count=2),
    reply(105, LEYLA, 20, "<p>The nursery would sign too. I can ask at the parents' evening.</p>", state="held", thank_url=None, reply_url=None),
    reply(106, MIRIAM, 9, "<p>Eight seconds is right: the notice hangs in the town hall, ground floor, left of the door.</p>", remove_url="/t/106/remove"),
    p.PostView("107", OTTO, Markup(""), ago(5), "/t/100#p107", state="removed", decision_url="/decisions/1"),
)  # fmt: skip
TREE = present.reply_tree(REPLIES, ["100", "100", "102", "103", "100", "100", "106"])
POST = p.PostView(
    "100", ANA, HEAD, ago(95), "/t/100", language="en", edited=ago(80), history_url="/t/100/history", thank_count=12, thank_url="/t/100/thank",
    reply_url="#reply-100", report_url="/t/100/report", edit_url="/t/100/edit", delete_url="/t/100/delete", children=TREE, descendants=7,
)  # fmt: skip

PICTURE = p.PictureView(
    "/media/7/whole.webp", "7", "A plan of the crossing with both places", "/media/7/small.webp", 1600, 1200, 480, 360
)
TALL = p.PictureView("/media/8/whole.webp", "8", "", "/media/8/small.webp", 900, 1600, 270, 480)
ELSEWHERE = (
    p.PictureView("https://media.lemmy.example/1.png", words="A tripod", host="media.lemmy.example"),
    p.PictureView("https://media.lemmy.example/2.png", host="media.lemmy.example"),
)  # fmt: skip
PICTURE_FIELDS = p.PictureFields([p.PictureField(number) for number in range(1, 5)])
PICTURES_WRONG = p.PictureFields((
    p.PictureField(1, PICTURE, p.Field(PICTURE.words)), p.PictureField(2, problem="This picture has too many pixels.", words=p.Field("A cat")),
    p.PictureField(3, TALL, p.Field("x" * 1501, "This is too long: 1501 characters, at most 1500 fit.")), p.PictureField(4),
))  # fmt: skip

THREADS = (
    p.ThreadRow("A letter about the crossing at the corner", "/t/100", ANA, ago(5), ELM_REF, "The council wants to cut the crossing time at the corner by eight seconds. Mrs. Adler from number 12 needs longer than that, and so do the children.", 7, 12, unread=True, pinned=True),
    p.ThreadRow("Found: a grey cat with one white paw", "/t/90", LEYLA, ago(42), ELM_REF, "She sits on our kitchen sill and will not say her name. Very polite, likes cheese.", 3, 5, picture=PICTURE),
    p.ThreadRow("Who lends me a long ladder on Saturday?", "/t/80", OTTO, ago(60 * 5), ELM_REF, "The gutter again. I return it with a jar of plum jam.", 4, 1),
    p.ThreadRow("Which soldering iron for the café?", "/t/70", TOM, ago(60 * 26), p.GroupRef("Repair Café", REPAIR.url), "", 11, 0, link_host="shop.example", waiting_for="lemmy.example", poll=True),
    p.ThreadRow("Summer party: thank you, and what is left over", "/t/60", MIRIAM, ago(60 * 24 * 12), ELM_REF, "Eleven bowls, two jumpers, one very small shoe.", 22, 31, locked=True),
)  # fmt: skip
OPEN_POLL = p.PollView(
    (p.OptionView(0, "Saturday the 5th"), p.OptionView(1, "Saturday the 12th"), p.OptionView(2, "Neither: let us wait for spring")),
    voters=9, closes=ago(-60 * 50), vote_url="/t/100/poll",
)  # fmt: skip
SEEN_POLL = p.PollView(
    (p.OptionView(0, "Saturday the 5th", 5, 56, True), p.OptionView(1, "Saturday the 12th", 3, 33), p.OptionView(2, "Neither: let us wait for spring", 1, 11)),
    totals=True, voters=9, closes=ago(-60 * 50), voted=True, counted_at="lemmy.example",
)  # fmt: skip
POLL_FIELDS = r.PollFields(
    tuple(p.Field("") for _ in range(8)), False, (p.Choice("1", "1 day"), p.Choice("7", "1 week", True)),
)  # fmt: skip
POLL_WRONG = r.PollFields(
    (p.Field("Saturday"), p.Field("Saturday", "This option is there already."), *(p.Field("") for _ in range(6))), True,
    (p.Choice("1", "1 day"), p.Choice("7", "1 week", True)), begun=True,
)  # fmt: skip
OLDER = p.Pager("/?newer=1", "/?older=2")

KINDS: tuple[p.NoteKind, ...] = get_args(p.NoteKind)
NOTES = tuple(
    p.NoteView(
        kind, "/t/100", ago(8 * number + 3), JOSEPH if number % 2 else TOM, ELM_REF, "A letter about the crossing",
        "Count me in for the letter." if number == 0 else "", "lemmy.example", number < 2,
    )
    for number, kind in enumerate(KINDS)
)  # fmt: skip

FINDING = m.Finding(RULE, "Words and phrases", "hold", ("best price", "order now"), right_here=9, judged_here=11)
SCORE = m.Finding(RULES[0], "Score", "flag", (), "insult", 87, 3, 8)
HISTORY = m.AuthorHistory(
    OTTO,
    ago(60 * 24 * 40),
    6,
    1,
    0,
    (
        m.PastPost("The gutter again. I return it with a jar of plum jam.", "/t/80", ago(300), "published"),
        m.PastPost("Cheap firewood, call me", "/decisions/2", ago(9000), "refused", RULE),
    ),
)
SETTINGS_TABS = (
    p.Tab("Group", "/g/elm_street/settings", True),
    p.Tab("Rules", "/g/elm_street/rules/edit"),
    p.Tab("Checks", "/g/elm_street/checks"),
    p.Tab("Members", "/g/elm_street/members"),
)
ENTRIES = (
    m.RecordEntry("remove", ago(700), MIRIAM, RULE, "This sells firewood by the metre; nobody had asked.", group=ELM_REF),
    m.RecordEntry("release", ago(1500), ANA, RULE, "The check met the word “offer” in “I offer help”.", reversed=True),
    m.RecordEntry("refuse", ago(1600), ANA, RULE), m.RecordEntry("keep", ago(1700)), m.RecordEntry("restore", ago(1800)),
    m.RecordEntry("ban", ago(1900), ANA, RULE, "This is the third advertisement.", until=ago(-9000)), m.RecordEntry("ban", ago(1900), ANA, RULE, "Enough."),
    *(m.RecordEntry(verb, ago(2000), ANA, person="Tom Marsh") for verb in get_args(p.DeedVerb)[1:]),
)  # fmt: skip
REPLY_FORM = r.ReplyForm("100", "Ana Brandt", "/t/100/reply", pictures=PICTURE_FIELDS)
CASE = m.CasePage(
    group=ELM, author=OTTO, time=ago(35), held=True, action="/queue/1", version=1, history=HISTORY, rules=RULES, title=Markup("Firewood"), pictures=(PICTURE, TALL),
    html=Markup("<p>Dry beech, the <mark>best price</mark> in town. <mark>Order now</mark> and I bring it to your door.</p>"),
    findings=(FINDING, SCORE), reports=(m.ReportView(TOM, ago(20), RULE, "This is the third time."),), not_scored="its language is not known to the scorer",
    context=(m.ContextPost(ANA, ago(95), "The council wants to cut the crossing time.", "/t/100"),), left=3, skip_url="/queue/2", undo_url="/queue/0/undo",
    claimed_by=MIRIAM, link="https://wood.example/", link_host="wood.example", language="en",
)  # fmt: skip

"""Every page of the product with sample values, by a short name for its screenshot."""
# ruff: noqa: E501 - a sentence is easier to read in one line

import msgspec
from markupsafe import Markup

from tests.web.samples import (
    ANA,
    CASE,
    ELM,
    ELM_REF,
    ELSEWHERE,
    ENTRIES,
    GARDEN,
    HEAD,
    JOSEPH,
    MIRIAM,
    NOTES,
    OLDER,
    OPEN_POLL,
    OTTO,
    PICTURE,
    PICTURE_FIELDS,
    PICTURES_WRONG,
    POLL_FIELDS,
    POLL_WRONG,
    POST,
    REPAIR,
    REPLY_FORM,
    RULE,
    RULES,
    SEEN_POLL,
    SETTINGS_TABS,
    TALL,
    THREADS,
    TOM,
    ago,
)  # fmt: skip
from web import present
from web.views import accounts as a
from web.views import instances as i
from web.views import moderators as m
from web.views import parts as p
from web.views import residents as r

LOSSES = i.LossesView(
    ("garden.example",),
    3,
    ("slow.example",),
    1,
    ("back.example",),
    (i.ResidentLoss(ANA, "Gardening", "garden.example"),),
    4,
    (i.GroupLoss("Elm Street", True, 12, ("garden.example", "town.example")),),
)
A_LIST = i.ListView(
    "1", "https://lists.example/worst.csv", "/admin/instances/lists/1", 24, 240, 120, ago(90), unreadable=2
)
BROKEN_LIST = i.ListView(
    "2",
    "https://lists.example/gone.txt",
    "/admin/instances/lists/2",
    1,
    0,
    0,
    problem="Its server could not be reached.",
)
SUSPENDED = p.SuspendedView(TOM, ago(90), "kofi", "The same to everybody.", "/admin/people/40/unsuspend")
ABOUT = "A place for the people of the Bridge Quarter to talk, help each other and settle things. Run by its residents, on one small machine in the old fire station."
WRONG = p.Field("Firewood", "Please say in the title what it is about.")
SORTS = (
    p.Tab("Newest activity", "/g/elm_street", True),
    p.Tab("Newest", "/g/elm_street?sort=new"),
    p.Tab("Unanswered", "/g/elm_street?sort=unanswered"),
)
LANGUAGES = (p.Choice("en", "English", True), p.Choice("de", "Deutsch"))
DEMO = (("ana", "moderator of Elm Street"), ("otto", "resident"))
OWN_ROWS = tuple(msgspec.structs.replace(row, group=None) for row in THREADS)

PAGES: dict[str, p.Page] = {
    "front": r.FrontPage(ABOUT, (ELM, REPAIR), THREADS[:3], "The Bridge Quarter Association", DEMO),
    "front_empty": r.FrontPage(ABOUT, (), ()),
    "home": r.HomePage(NOTES[:2], (r.Duty(ELM_REF, 3, "/queue?group=elm_street"),), THREADS, (ELM, REPAIR, GARDEN), seen_before=ago(60 * 26)),
    "home_empty": r.HomePage((), (), (), ()),
    "groups": r.GroupsPage((ELM, REPAIR), (GARDEN,), OLDER),
    "group": r.GroupPage(ELM, Markup("<p>For everybody who lives here, or nearly.</p>"), RULES, (ANA, MIRIAM), OWN_ROWS, SORTS, p.Pager(), "a day", "@elm_street@moot.example", "/g/elm_street/write", "", "/g/elm_street/rules", "/g/elm_street/record", "/g/elm_street/members", "/queue?group=elm_street", "/g/elm_street/settings"),
    "group_away": r.GroupPage(GARDEN, Markup("<p>All about beans.</p>"), RULES, (), OWN_ROWS, SORTS, waiting=(msgspec.structs.replace(OWN_ROWS[0], waiting_for="lemmy.example"),), older=p.Older(120, 900), original_url="https://lemmy.example/c/gardening"),
    "group_away_new": r.GroupPage(GARDEN, Markup(""), (), (), (), SORTS, older=p.Older(0, 0), original_url="https://lemmy.example/c/gardening"),
    "group_join": r.GroupPage(REPAIR, Markup(""), (), (OTTO,), (), SORTS, why_not="Only members write here."),
    "group_private": r.GroupPage(msgspec.structs.replace(REPAIR, visibility="private", thread_count=0, active=None), Markup(""), RULES, (OTTO,), (), SORTS, readable=False),
    "thread": r.ThreadPage(ELM, POST, "A letter about the crossing at the corner", RULES, 7, "The council wants to cut the crossing time.", "https://council.example/notice", "council.example", reply=REPLY_FORM, rules_url="/g/elm_street/rules", moderators=(ANA, MIRIAM)),
    "thread_reply": r.ThreadPage(ELM, POST, "A letter about the crossing", RULES, 7, locked=True, reply_in_place=r.ReplyForm("101", "Joseph Okafor", "/t/100/reply", p.Field("x", "Too long."), r.Preview("", Markup("<p>x</p>")), PICTURES_WRONG), why_not="Log in to reply.", pager=OLDER),
    "thread_held": r.ThreadPage(ELM, msgspec.structs.replace(POST, state="held", children=()), "Firewood", RULES),
    "thread_removed": r.ThreadPage(ELM, msgspec.structs.replace(POST, state="removed", html=Markup("")), "Firewood", RULES, 7),
    "write": r.WritePage(ELM, RULES, "/g/elm_street/write", answers_within="a day", poll=POLL_FIELDS, pictures=PICTURE_FIELDS),
    "write_wrong": r.WritePage(GARDEN, RULES, "/g/elm_street/write", WRONG, problem="You have written ten threads within an hour. Please wait a while.", preview=r.Preview("Firewood", HEAD, "https://a.example/", "a.example", ("Saturday", "Sunday")), poll=POLL_WRONG, pictures=PICTURES_WRONG),
    "thread_poll": r.ThreadPage(ELM, POST, "When do we meet?", RULES, 7, poll=OPEN_POLL, why_not="Log in to reply."),
    "thread_poll_several": r.ThreadPage(ELM, POST, "When do we meet?", RULES, 7, poll=msgspec.structs.replace(OPEN_POLL, multiple=True, problem="Please choose one of the options.")),
    "thread_poll_seen": r.ThreadPage(ELM, POST, "When do we meet?", RULES, 7, poll=SEEN_POLL),
    "thread_poll_closed": r.ThreadPage(ELM, POST, "When do we meet?", RULES, 7, poll=msgspec.structs.replace(SEEN_POLL, closed=True, closes=ago(60 * 30), counted_at="")),
    "thread_poll_endless": r.ThreadPage(ELM, POST, "When do we meet?", RULES, 7, poll=msgspec.structs.replace(SEEN_POLL, closes=None)),
    "thread_poll_stranger": r.ThreadPage(ELM, POST, "When do we meet?", RULES, 7, poll=msgspec.structs.replace(OPEN_POLL, vote_url=None, why_not="Log in to vote.")),
    "thread_picture": r.ThreadPage(ELM, msgspec.structs.replace(POST, pictures=(PICTURE,)), "Where shall it be?", RULES, 7, picture_url="https://moot.example/media/7/whole.webp"),
    "thread_pictures": r.ThreadPage(ELM, msgspec.structs.replace(POST, pictures=(PICTURE, TALL, PICTURE)), "Where shall it be?", RULES, 7),
    "thread_elsewhere": r.ThreadPage(ELM, msgspec.structs.replace(POST, pictures=ELSEWHERE), "Where shall it be?", RULES, 7),
    "edit_pictures": r.EditPage(ELM, RULES, "/t/100/edit", "/t/100", p.Field("The text."), pictures=PICTURES_WRONG),
    "edit": r.EditPage(ELM, RULES, "/t/100/edit", "/t/100", p.Field("The text."), p.Field("A title"), p.Field(), sent_back_for="No advertising"),
    "history": r.HistoryPage("A letter about the crossing", "/t/100", ANA, (r.RevisionView(2, ago(80), "published", present.changes("The council wants to cut seven seconds.", "The council wants to cut eight seconds, I counted."), "A letter", present.lines_changed(["Picture: A plan"], ["Picture: A plan of the crossing"])), r.RevisionView(1, ago(95), "published", present.changes("", "The council wants to cut seven seconds.")))),
    "report": r.ReportPage(ELM, RULES, OTTO, "Dry beech, the best price in town.", "/t/100", "/t/100/report", p.Field("", "Please choose a rule."), answers_within="a day", picture=PICTURE),
    "confirm_action": r.ConfirmActionPage("Delete this reply?", "It disappears here at once, and the other servers are asked to delete their copies.", "/t/103/delete", "Delete", "/t/100#p103", "That is a good idea."),
    "profile": r.ProfilePage(TOM, Markup("<p>Two bicycles, one dog.</p>"), (ELM_REF, p.GroupRef("Gardening", GARDEN.url, "lemmy.example")), THREADS[:2], ago(90_000), original_url="https://lemmy.example/u/tom"),
    "profile_moved": r.ProfilePage(TOM, Markup(""), (), THREADS[:1], moved_to=JOSEPH),
    "profile_for_admins": r.ProfilePage(TOM, Markup(""), (), (), suspend_url="/admin/people/40/suspend"),
    "profile_suspended": r.ProfilePage(TOM, Markup(""), (), (), suspended=SUSPENDED),
    "profile_me": r.ProfilePage(ANA, Markup(""), (), (), is_me=True),
    "notifications": r.NotificationsPage(NOTES, OLDER),
    "notifications_empty": r.NotificationsPage(()),
    "lookup": r.LookupPage("/lookup", p.Field("!gardening@lemmy.example"), GARDEN, "Seeds and soil."),
    "lookup_wrong": r.LookupPage("/lookup", p.Field("gardening", "This is not an address of a group.")),
    "lookup_thread": r.LookupPage("/lookup", p.Field("https://lemmy.example/post/7"), found_url="/t/7"),
    "rules": r.RulesPage(RULES, ELM, "/g/elm_street/record", "/g/elm_street/rules/edit"),
    "rules_site": r.RulesPage(()),
    "members": r.MembersPage(ELM, (r.MemberView(ANA, ago(90_000), "moderator", role_url="/m/1"), r.MemberView(TOM, ago(9_000), role_url="/m/2", ban_url="/m/2/ban")), (r.MemberView(JOSEPH, ago(30), accept_url="/m/a", refuse_url="/m/r"), r.MemberView(TOM, ago(40), accept_url="/m/a", refuse_url="/m/r", copy_to="social.example", unseen=True)), (r.BannedView(OTTO, ago(-3000), "/m/3/unban"), r.BannedView(MIRIAM, None, "/m/4/unban")), OLDER, invited=(r.MemberView(OTTO, ago(60), out_url="/m/o"),), invite_action="/m/invite", invite=WRONG),
    "ban": m.BanPage(ELM, OTTO, "/m/3/ban", "/m", RULES, (p.Choice("7", "One week", True), p.Choice("", "For good")), p.Field("", "Please choose for how long."), reason=p.Field("", "Please give a reason."), remove_posts=True),
    "banned": m.BannedPage(ELM, OTTO, ago(12), ago(-9000), "This is the third advertisement.", RULE, True, contact="hello@moot.example", record_url="/g/elm_street/record"),
    "banned_of_another": m.BannedPage(ELM, OTTO, ago(12), None, "Enough.", own=False, over=True, record_url="/g/elm_street/record", lift_url="/m/3/unban"),
    "close": m.ClosePage(ELM, "A letter about the crossing", "/t/1/close", "/t/1", RULES, reason=p.Field("", "Please say why.")),
    "thread_closed": r.ThreadPage(ELM, POST, "A letter about the crossing", RULES, 7, pinned=True, locked=True, lock_reason="All is said.", pin_url="/t/100/unpin", close_url="/t/100/open", why_not="A moderator closed this thread."),
    "thread_moderated": r.ThreadPage(ELM, msgspec.structs.replace(POST, ban_url="/m/3/ban", remove_url="/t/100/remove"), "A letter", RULES, 7, pin_url="/t/100/pin", close_url="/t/100/close"),
    "report_elsewhere": r.ReportPage(GARDEN, RULES, TOM, "Dry beech.", "/t/100", "/t/100/report", author_host="mastodon.example", forward=True),
    "confirm_harmless": r.ConfirmActionPage("Pin this thread to the top?", "It stands first.", "/t/103/pin", "Pin to the top", "/t/103", harmless=True),
    "about": r.AboutPage(ABOUT, "hello@moot.example", (ANA,), RULES),
    "help": r.HelpPage(),
    "privacy": r.PrivacyPage("hello@moot.example"),
    "error": r.ErrorPage(413, "This is too long", "A post may have 65,536 characters. Please shorten it and send it again.", "/g/elm_street/write", "Back to the form", "What I wrote."),
    "settings": r.SettingsPage("/settings", p.Field("Ana Brandt"), p.Field("I bake."), True, LANGUAGES, (p.Choice("Europe/Berlin", "Berlin", True),), (p.Choice("system", "As the device says", True), p.Choice("light", "Light"), p.Choice("dark", "Dark")), email="ana@post.example", password_action="/settings/password", farewell_action="/settings/farewell"),
    "signup": a.SignupPage("application", "/signup", p.Field("Ana!", "Please use small letters, digits and _."), question="Which street do you live in?", rules=RULES),
    "signup_open": a.SignupPage("open", "/signup", invite="abc", invited_by="Ana"),
    "signup_invite": a.SignupPage("invite", "/signup"),
    "signup_closed": a.SignupPage("closed", "/signup", contact="hello@moot.example"),
    "login": a.LoginPage("/login", problem="Name and password do not fit. Please try again.", next="/t/100", demo_logins=DEMO),
    "reset_ask": a.ResetPage("ask", "/reset", p.Field("ana@", "This is not a mail address.")),
    "reset_sent": a.ResetPage("sent"),
    "reset_choose": a.ResetPage("choose", "/reset"),
    "reset_expired": a.ResetPage("expired"),
    "confirm_sent": a.ConfirmPage("sent", "ana@post.example", again_action="/confirm/again", mail_url="/mail"),
    "confirm_ready": a.ConfirmPage("ready", action="/confirm"),
    "confirm_done": a.ConfirmPage("done"),
    "confirm_expired": a.ConfirmPage("expired"),
    "application_waiting": a.ApplicationWaitingPage("waiting", "ana@post.example", "hello@moot.example"),
    "application_refused": a.ApplicationWaitingPage("refused"),
    "application_unconfirmed": a.ApplicationWaitingPage("unconfirmed"),
    "sessions": a.SessionsPage((a.SessionView("Firefox on Android", ago(9000), ago(1), "/s/1", True), a.SessionView("Safari on a Mac", ago(90_000), ago(5000), "/s/2")), "/sessions/end-others"),
    "invites": a.InvitesPage("/invites", (a.InviteView(2, ago(-9000), "/invites/1/end"),), "https://moot.example/signup?invite=abc"),
    "admin_accounts": a.AdminAccountsPage((a.ApplicationView(OTTO, "otto@post.example", ago(60), "/x", "/y", "I moved into number 9 in May.", False),), False),
    "admin_accounts_empty": a.AdminAccountsPage(()),
    "mail_outbox": a.MailOutboxPage((a.MailView("ana@post.example", "Confirm your address", "Hello Ana,\n\nopen this link.", ago(3), ("https://moot.example/confirm?token=abc",)),)),
    "mail_outbox_empty": a.MailOutboxPage(()),
    "queue": m.QueuePage((m.CaseRow("/queue/1", "Firewood", "Dry beech, the best price in town. Order now and I bring it to your door.", OTTO, ELM_REF, "hold", ago(35), RULE), m.CaseRow("/queue/2", "A letter about the crossing", "You people never read what is on the notice.", TOM, ELM_REF, "report", ago(60), RULES[0], 2, MIRIAM, True), m.CaseRow("/queue/3", "Which soldering iron?", "Only a fool would buy that one.", JOSEPH, ELM_REF, "flag", ago(80), RULES[0])), 3, (p.Tab("All", "/queue", True), p.Tab("Elm Street", "/queue?group=elm_street")), "The scorer does not answer. Posts are checked by the group's plain rules alone.", OLDER),
    "queue_empty": m.QueuePage((), 0),
    "case": CASE,
    "case_published": msgspec.structs.replace(CASE, held=False, reply=True, edited=True, post_url="/t/1", problem="Somebody else has just decided this.", context=(), findings=(), claimed_by=None, reason=p.Field("x", "Please give a reason.")),
    "remove": m.RemovePage(ELM, OTTO, "Dry beech, the best price in town.", "/t/1/remove", "/t/1", RULES, reason=p.Field("", "Please give a reason."), picture=TALL),
    "record": m.RecordPage((m.RecordMonth("November 2026", (m.RuleCount(2, "No advertising", 1, 2, 4),), ENTRIES),), ELM, "/g/elm_street/record.csv", OLDER),
    "record_empty": m.RecordPage(()),
    "decision_refuse": m.DecisionPage("refuse", ELM, ago(12), "Dry beech, the best price in town.", None, RULE, "Nobody had asked for firewood. A line in the ladder thread would be fine.", True, False, "/t/5/edit", "/g/elm_street/record", "hello@moot.example"),
    "decision_remove": m.DecisionPage("remove", ELM, ago(12), "Dry beech.", "/t/5", RULE, "See above.", picture=PICTURE),
    "decision_release": m.DecisionPage("release", ELM, ago(12), "Dry beech.", "/t/5"),
    "decision_keep": m.DecisionPage("keep", ELM, ago(12), "Dry beech.", "/t/5"),
    "decision_restore": m.DecisionPage("restore", ELM, ago(12), "Dry beech.", "/t/5"),
    "group_settings": m.GroupSettingsPage(ELM, "/g/elm_street/settings", p.Field("Elm Street"), p.Field("Bridge"), p.Field("Our street."), p.Field(""), p.Field("a day"), LANGUAGES, "open", "anyone", True, True, SETTINGS_TABS, visibility="private", may_choose=False),
    "rules_edit": m.RulesEditPage(ELM, tuple(m.EditableRule(rule, "/e", "/r", 1) for rule in RULES), "/g/elm_street/rules/edit", number=p.Field("5"), tabs=SETTINGS_TABS),
    "instances": i.InstancesPage((i.PolicyView("bad.example", "blocked", "Nothing but adverts.", ago(90), "/e", "Kofi"), i.PolicyView("new.example", "limited", "", ago(9000), "/e", from_list=True), i.PolicyView("good.bad.example", "open", "", ago(9), "/e")), "/admin/instances", p.Field("co.uk", "This would reach every server under it."), total=120, next_url="/n", first_url="/f"),
    "people_empty": i.PeoplePage((), ()),
    "people": i.PeoplePage((SUSPENDED,), (i.FarewellView(ago(90), 43, 40, 1, 2), i.FarewellView(ago(90), 2, 2, 0, 0))),
    "instances_blocked": i.InstancesPage((i.PolicyView("bad.example", "blocked", "Spam", ago(90), "/e", clear_url="/admin/instances/clear?host=bad.example"),), "/admin/instances", total=1),
    "clear": i.ClearPage("bad.example", 137, "/admin/instances/clear", "/admin/instances", RULES, p.Field("", "Please choose the rule that this is about."), p.Field("", "Please say why, in a sentence: it stands in the record.")),
    "clear_nothing": i.ClearPage("bad.example", 0, "/admin/instances/clear", "/admin/instances", ()),
    "suspend": i.SuspendPage(TOM, "/admin/people/40/suspend", RULES, p.Field("", "Please choose the rule that this is about."), p.Field("", "Please say why, in a sentence: it stands in the record."), remove_posts=True),
    "suspend_without_rules": i.SuspendPage(TOM, "/admin/people/40/suspend", ()),
    "instances_empty": i.InstancesPage((), "/admin/instances"),
    "instances_group": i.InstancesPage((), "/g/elm_street/settings/servers", others="limited", group=ELM, tabs=SETTINGS_TABS),
    "instances_preview": i.InstancesPreviewPage("/a", "/c", LOSSES, (("words", "a.example"), ("seen", "x")), (i.Change("bad.example", None, "blocked", "Harassment"), i.Change("soft.example", "limited", "blocked")), 120, (i.Change("kept.example", "blocked", "limited"),), 1, (i.Problem(3, "b*d.example", "Hidden."),), 1, 4, 1, again=True, whole_list=True),
    "instances_preview_others": i.InstancesPreviewPage("/a", "/c", i.LossesView(), (), others="blocked", group=ELM),
    "instances_preview_nothing": i.InstancesPreviewPage("/a", "/c", i.LossesView(), ()),
    "instances_import": i.InstancesImportPage("/admin/instances/import", p.Field("x", "Please paste a list, or choose a file.")),
    "instances_lists": i.InstancesListsPage((A_LIST, BROKEN_LIST), "/admin/instances/lists"),
    "instances_lists_empty": i.InstancesListsPage((), "/admin/instances/lists"),
    "instances_list": i.InstancesListPage(A_LIST, (i.Change("new.example", None, "blocked", "Spam"), i.Change("harder.example", "limited", "blocked"), i.Change("gone.example", "blocked", None, effect=False)), LOSSES, "/d", 3),
    "instances_list_quiet": i.InstancesListPage(BROKEN_LIST, (), i.LossesView(), "/d", 3, "The list has changed meanwhile. Please look at it again."),
    "group_new": m.GroupSettingsPage(None, "/groups/new", p.Field(""), p.Field(""), p.Field(""), p.Field(""), p.Field(""), LANGUAGES, "open", "anyone", True, True, name=WRONG, problem="Please choose a language."),
    "rules_edit_site": m.RulesEditPage(None, (), "/admin/rules", editing="1", title=WRONG),
}  # fmt: skip
for _kind in ("words", "domains", "newcomer", "links", "repeated", "score"):
    PAGES[f"checks_{_kind}"] = m.ChecksEditPage(
        ELM,
        (m.CheckView(RULE, "words", "hold", ("best price", "order now"), True, "/e", "/t", 9, 11), m.CheckView(RULES[0], "score", "flag", (), False, "/e", "/t")),
        RULES, (p.Tab("Words", "?kind=words", True), p.Tab("Links to sites", "?kind=domains"), p.Tab("New people", "?kind=newcomer")), _kind, "/g/elm_street/checks", tabs=SETTINGS_TABS, labels=(p.Choice("insult", "insult", True),),
    )  # fmt: skip

# These are shown to people who have not logged in.
STRANGER = {
    name for name in PAGES if name.startswith(("front", "signup", "login", "reset", "confirm_", "application", "help"))
} - {"confirm_action"}


def chrome(name: str, theme: p.Theme = "system", **more: object) -> p.Chrome:
    base: dict[str, object] = {
        "site_title": "Bridge Quarter", "path": "/t/100?page=2", "form_key": "0192f5d1a7c3", "theme": theme, "languages": LANGUAGES, "demo_mail": True,
    }  # fmt: skip
    if name not in STRANGER:
        base |= {"viewer": ANA, "unread": 2, "waiting_cases": 3, "admin": True, "applications": 1}
    return p.Chrome(**{**base, **more})  # type: ignore[arg-type]

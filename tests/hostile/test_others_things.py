"""B28, G8, G13, G16: by no address can anybody change what is not theirs."""

# ruff: noqa: N802  (tests carry the row of the threat table that they stand for)

import asyncpg
import pytest
from starlette.applications import Starlette

from moderation import rules
from moderation.rules import RuleForm
from server.community import accounts, groups, memberships, sessions
from server.community.groups import GroupForm
from tests.browser_like import Browser
from tests.federation.street import Street
from tests.hostile.test_visibility import resident
from tests.journeys.test_every_route import routes

# What a try may leave behind: counted tries, and that somebody was seen.
OWN_TRACES = {"rate_limits", "sessions", "jobs", "deliveries", "lanes"}


async def snapshot(conn: "asyncpg.Connection[asyncpg.Record]") -> dict[str, str]:
    """The rows of each table."""
    tables = await conn.fetch("select tablename from pg_tables where schemaname = 'public' order by 1")
    found = {}
    for (table,) in tables:
        if table not in OWN_TRACES:
            rows = await conn.fetch(f"select t::text from {table} t order by 1")
            found[table] = "\n".join(row[0] for row in rows)
    return found


async def _filled(street: Street) -> dict[str, list[str]]:
    """Ana's and Mia's things, by the parameter of the address that names them."""
    thread = await street.write("The crossing", "Where?")
    held = await street.write("Evening", "Come to the casino")
    async with street.runtime.db.transaction() as conn:
        nina = await accounts.create(conn, street.urls, "nina", "nina@post.example", "a long sentence")
        await conn.execute("update accounts set state = 'waiting' where actor_id = $1", nina)
        await memberships.ASK.one(conn, street.ana_id, street.group_id, "asked", None)
        secret = await sessions.open_session(conn, await accounts.by_id(conn, street.ana_id), "")
        session_id = await conn.fetchval("select id from sessions")
        case_id = await conn.fetchval("select id from cases where post_id = $1", held.id)
        check_id = await conn.fetchval("select id from checks")
    assert secret
    return {
        "handle": ["elm_street", "ana"], "post_id": [str(thread.id), str(held.id)], "case_id": [str(case_id)],
        "session_id": [str(session_id)], "account_id": [str(nina)],
        "person_id": [str(street.ana_id), str(street.mia_id)],
        "rule_id": [str(street.rule_id)], "check_id": [str(check_id)],
    }  # fmt: skip


def addresses(pattern: str, things: dict[str, list[str]]) -> list[str]:
    found = [pattern]
    for name, values in things.items():
        found = [one.replace(f"{{{name}}}", value) for one in found for value in values]
    return sorted(set(found))


# Where a resident may do something about others' things: join, leave, write, thank, reply, report; and their own pages.
OPEN_TO_RESIDENTS = (
    "/join", "/leave", "/write", "/thank", "/reply", "/report", "/settings", "/settings/password", "/signup",
    "/login", "/logout", "/reset", "/reset/new", "/confirm", "/confirm/again", "/language", "/lookup",
    "/notifications/read", "/sessions/end-others", "/invites",
)  # fmt: skip


@pytest.mark.parametrize("who", ["stranger", "resident", "moderator elsewhere", "waiting", "suspended moderator"])
async def test_B28_nobody_changes_what_is_not_theirs(street: Street, app: Starlette, who: str) -> None:
    things = await _filled(street)
    browser = Browser(app)
    if who == "waiting":
        async with street.runtime.db.transaction() as conn:
            browser.cookies["session"] = await sessions.open_session(
                conn, await accounts.by_id(conn, street.mia_id), ""
            )
            await conn.execute("update accounts set state = 'waiting' where actor_id = $1", street.mia_id)
    elif who == "suspended moderator":
        browser = await resident(street, app, "mia", street.mia_id)
        async with street.runtime.db.transaction() as conn:
            await conn.execute("update actors set suspended_at = clock_now() where id = $1", street.mia_id)
    elif who != "stranger":
        browser = await resident(street, app, "bert")
    if who == "moderator elsewhere":
        async with street.runtime.db.transaction() as conn:
            bert = await accounts.by_login(conn, "bert")
            assert bert is not None
            other = await groups.create(conn, street.urls, "oak_street", GroupForm(title="Oak Street"))
            await memberships.add_moderator(conn, bert.actor_id, other)
            # Their own group's address before somebody else's things.
            things["rule_id"].append(str(await rules.add(conn, other, RuleForm("Theirs"), bert.actor_id)))
        await street.settle()
    typed = {
        "version": "1", "verb": "release", "rule": str(street.rule_id), "reason": "Mine now.", "title": "Mine",
        "text": "Mine now.", "body": "Mine", "about": "Mine",
        "role": "member", "host": "friend.example", "policy": "blocked", "kind": "words",
        "action": "hold", "words": "a", "name": "mine_now", "enabled": "0", "direction": "up",
        "join_mode": "open", "posting": "anyone", "language": "en", "uses": "1", "days": "7", "remove_posts": "1",
    }  # fmt: skip
    handles = ["elm_street", "oak_street"] if who == "moderator elsewhere" else ["elm_street"]
    foreign = [str(street.rule_id), *things["check_id"], "/members/"]
    tried = 0
    async with street.runtime.db.read() as conn:
        before = await snapshot(conn)  # type: ignore[arg-type]
    for method, pattern in routes(list(app.routes)):
        of_group = pattern.startswith("/g/{handle}/settings")
        if method != "POST" or pattern.startswith("/ap/") or (pattern.endswith(OPEN_TO_RESIDENTS) and not of_group):
            continue
        for path in addresses(pattern, things | {"handle": handles}):
            if "oak_street" in path and not any(one in path for one in foreign):
                continue
            answer = await browser.post(path, typed, follow=False)
            assert answer.status < 500, path
            tried += 1
            async with street.runtime.db.read() as conn:
                after = await snapshot(conn)  # type: ignore[arg-type]
                await conn.execute("delete from rate_limits")
            assert [table for table in before if before[table] != after[table]] == [], (path, answer.status)
    assert tried > 15

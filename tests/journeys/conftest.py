"""What journeys share: the application over a test's database, and neighbours who are signed in."""

import pytest
from starlette.applications import Starlette

from moderation import rules
from moderation.rules import RuleForm
from server import worker
from server.community import accounts, groups, memberships, sessions
from server.community.groups import GroupForm
from server.runtime import Runtime
from server.urls import Urls
from tests.browser_like import Browser
from web.app import create_app

PASSWORD = "a long sentence"


@pytest.fixture
def app(runtime: Runtime) -> Starlette:
    return create_app(runtime)


@pytest.fixture
def stranger(app: Starlette) -> Browser:
    return Browser(app)


async def add_account(runtime: Runtime, name: str, *, admin: bool = False) -> int:
    async with runtime.db.transaction() as conn:
        return await accounts.create(
            conn, Urls(runtime.settings.base_url), name, f"{name}@post.example", PASSWORD, admin=admin
        )


async def signed_in(app: Starlette, name: str, *, admin: bool = False) -> Browser:
    """A new resident with a session; without the log-in page, which has a journey of its own."""
    runtime: Runtime = app.state.runtime
    account_id = await add_account(runtime, name, admin=admin)
    async with runtime.db.transaction() as conn:
        account = await accounts.by_id(conn, account_id)
        secret = await sessions.open_session(conn, account, "Firefox/140 (Linux)")
    browser = Browser(app)
    browser.cookies["session"] = secret
    return browser


async def add_group(runtime: Runtime, name: str = "elm_street", *, moderator: str, **form: object) -> int:
    """A group of ours with its first moderator."""
    async with runtime.db.transaction() as conn:
        account = await accounts.by_login(conn, moderator)
        assert account is not None
        values = {"title": "Elm Street", "place": "By the bridge", **form}
        group_id = await groups.create(conn, Urls(runtime.settings.base_url), name, GroupForm(**values))  # type: ignore[arg-type]
        await memberships.add_moderator(conn, account.actor_id, group_id)
    return group_id


async def work(runtime: Runtime) -> None:
    """Let the workers do all that is due."""
    await worker.run_until_idle(runtime)


async def add_rule(runtime: Runtime, group_id: int | None, title: str) -> int:
    async with runtime.db.transaction() as conn:
        return await rules.add(conn, group_id, RuleForm(title), None)

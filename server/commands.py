"""The commands that end: each opens the database, does one thing through the functions that pages use, and says so."""

import asyncio
import importlib
import sys
import typing
from collections.abc import Awaitable, Callable
from pathlib import Path

import asyncpg
import typer
from typer import _click as click

from server import logs, setup
from server.community import accounts, actors, groups, memberships
from server.errors import Invalid, NotFound, Refused
from server.process import database_for
from server.runtime import Runtime
from server.settings import load
from server.urls import Urls

T = typing.TypeVar("T")
DEMO = "web.demo:fill"
CHECK = "server.checkup:check"
SUPERVISED = typer.Option(False, "--supervised", help="End when standard input does; `run` starts it so.")

app = typer.Typer(
    name="folkmoot",
    help="A federated forum server for neighbourhoods.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
account = typer.Typer(help="Residents' accounts.", no_args_is_help=True, rich_markup_mode=None)
group = typer.Typer(help="Groups of this instance.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(account, name="account")
app.add_typer(group, name="group")


def run(words: list[str]) -> int:
    """Run the command that `words` name; returns its exit code. Raises MootError and OSError."""
    logs.configure()
    try:
        return app(words, prog_name="folkmoot", standalone_mode=False) or 0
    except click.exceptions.NoArgsIsHelpError as error:
        print(error.format_message())
        return 2
    except click.exceptions.UsageError as error:
        where = error.ctx.command_path if error.ctx else "folkmoot"
        print(f"folkmoot: {error.format_message()} Try `{where} --help`.", file=sys.stderr)
        return 2
    except (Invalid, NotFound, Refused) as error:
        print("folkmoot:", _explain(error), file=sys.stderr)
        return 1
    except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        print("folkmoot: the database refuses:", " ".join(str(error).split()), file=sys.stderr)
        return 1


def _explain(error: Invalid | NotFound | Refused) -> str:
    if isinstance(error, Invalid):
        return " ".join(f"{field}: {problem}" for field, problem in error.fields.items())
    return f"there is no such {error.what}" if isinstance(error, NotFound) else error.message


def _with_runtime(action: Callable[[Runtime], Awaitable[T]]) -> T:
    """Run `action` over a database that is up to date."""
    settings = load()

    async def go(dsn: str) -> T:
        await setup.prepare_database(settings, dsn)
        runtime = await Runtime.open(settings, dsn, pool_size=4)
        try:
            return await action(runtime)
        finally:
            await runtime.close()

    with database_for(settings) as dsn:
        return asyncio.run(go(dsn))


@app.command("run")
def run_all() -> None:
    """Start everything: the database, the web server and the workers; the demo the first time on a loopback address."""
    raise typer.Exit(importlib.import_module("server.supervisor").run())


@app.command()
def web(supervised: bool = SUPERVISED) -> None:
    """Serve pages and the federation endpoints at FOLKMOOT_BIND, in FOLKMOOT_PROCESSES processes."""
    importlib.import_module("server.serving").run(supervised=supervised)


@app.command()
def worker(supervised: bool = SUPERVISED) -> None:
    """Run background work: screening, mail, delivery to other servers."""
    importlib.import_module("server.working").run(supervised=supervised)


@app.command()
def migrate(quiet: bool = typer.Option(False, "--quiet", help="Say only what was changed.")) -> None:
    """Bring the database's schema up to date."""
    settings = load()
    with database_for(settings) as dsn:
        applied = asyncio.run(setup.prepare_database(settings, dsn))
    for name in applied:
        print(f"applied {name}", file=sys.stderr if quiet else sys.stdout)
    if not applied and not quiet:
        print("the schema is up to date")


@app.command()
def check() -> None:
    """Try everything for real: database, queue, our own WebFinger answer, mail server, scorer."""
    settings = load()
    with database_for(settings) as dsn:
        failed = asyncio.run(_resolve(CHECK)(settings, dsn, print))
    raise typer.Exit(1 if failed else 0)


@app.command()
def demo(if_new: bool = typer.Option(False, "--if-new", help="Do nothing where somebody lives here already.")) -> None:
    """Fill an empty instance on a loopback address with a small neighbourhood to try out."""

    async def go(runtime: Runtime) -> Path | None:
        async with runtime.db.read() as conn:
            if if_new and await actors.anybody(conn):
                return None
        # Named as text, since it lives on the top floor; loaded only now, since most starts need it no more.
        fill: Callable[[Runtime], Awaitable[Path]] = _resolve(DEMO)
        return await fill(runtime)

    logins = _with_runtime(go)
    if logins is not None and not if_new:
        print(logins.read_text().rstrip())


@account.command("create")
def account_create(
    name: str = typer.Argument(help="3 to 30 letters a to z, digits or _."),
    email: str = typer.Option(help="Where mail for this person goes."),
    password_stdin: bool = typer.Option(False, "--password-stdin", help="Read the password from standard input."),
    admin: bool = typer.Option(False, "--admin", help="Make this person an admin of the instance."),
) -> None:
    """Add an account that can log in at once."""
    if not password_stdin:
        # As an argument it would stand in the shell's history and in everybody's list of processes.
        raise Refused("password", "please pass --password-stdin and write the password to standard input")
    password = sys.stdin.readline().rstrip("\r\n")

    async def go(runtime: Runtime) -> None:
        async with runtime.db.transaction() as conn:
            await accounts.create(conn, Urls(runtime.settings.base_url), name, email, password, admin=admin)
        runtime.waker.wake()

    _with_runtime(go)
    print(f"created {name.strip().lower()}" + (" (admin)" if admin else ""))


@group.command("create")
def group_create(
    name: str = typer.Argument(help="3 to 30 letters a to z, digits or _; it is part of the group's address."),
    title: str = typer.Option(help="What people read, such as “Oak Street”."),
    moderator: str = typer.Option(help="The account name of the first moderator."),
) -> None:
    """Add a group with its first moderator."""

    async def go(runtime: Runtime) -> None:
        async with runtime.db.transaction() as conn:
            person = await actors.by_handle(conn, moderator, None)
            if person is None or person.kind != "person":
                raise NotFound(f"account: {moderator}")
            group_id = await groups.create(conn, Urls(runtime.settings.base_url), name, groups.GroupForm(title=title))
            await memberships.add_moderator(conn, person.id, group_id)
        runtime.waker.wake()

    _with_runtime(go)
    print(f"created {load().base_url}/g/{name.strip().lower()}")


def _resolve(target: str) -> typing.Any:
    module, _, name = target.partition(":")
    return getattr(importlib.import_module(module), name)

"""Every SQL text prepares on the migrated schema, and every row has the fields that its query returns."""

import datetime as dt
import importlib
import pkgutil
import types
import typing

import asyncpg
import msgspec
import pytest

import federation
import moderation
import server
import web
from server.db import QUERIES, Command, Conn, Query, Row
from server.runtime import Runtime

TYPES: dict[str, object] = {
    "int8": int, "int4": int, "int2": int, "text": str, "bool": bool, "timestamptz": dt.datetime, "bytea": bytes,
    "text[]": list[str], "jsonb": dict, "float8": float, "float4": float, "interval": dt.timedelta, "int8[]": list[int],
}  # fmt: skip


def import_all() -> None:
    for package in (server, moderation, federation, web):
        for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)


def plain(kind: typing.Any) -> object:
    """`int` for `int | None`, `dict` for `dict[str, object]` and for a list of those, which is JSON too."""
    if isinstance(kind, types.UnionType):
        kind = next(part for part in typing.get_args(kind) if part is not type(None))
    if typing.get_origin(kind) is list and typing.get_origin(typing.get_args(kind)[0]) is dict:
        return dict
    return dict if typing.get_origin(kind) is dict else kind


async def problems(conn: Conn, query: Query[Row] | Command) -> list[str]:
    try:
        columns = (await conn.prepare(query.sql)).get_attributes()
    except asyncpg.PostgresError as error:
        return [f"{error}: {query.sql[:200]}"]
    if isinstance(query, Command):
        return []
    fields = [(field.name, plain(field.type)) for field in msgspec.structs.fields(query.row)]
    if [column.name for column in columns] != [name for name, _ in fields]:
        return [f"{query.row.__name__}: {[c.name for c in columns]} are not {[name for name, _ in fields]}"]
    return [
        f"{query.row.__name__}.{name}: {column.type.name} is not {kind}"
        for column, (name, kind) in zip(columns, fields, strict=True)
        if TYPES.get(column.type.name, object()) != kind
    ]


async def test_every_query_fits_the_schema(runtime: Runtime) -> None:
    import_all()
    async with runtime.db.read() as conn:
        found = [problem for query in QUERIES for problem in await problems(conn, query)]
    assert found == []


@pytest.mark.parametrize("sql", ["select 1 as id, 'x' as wrong", "select 'a'::text as id"])
async def test_a_query_that_does_not_fit_is_found(runtime: Runtime, sql: str) -> None:
    class OneId(Row, frozen=True):
        id: int

    query = Query(OneId, sql)
    QUERIES.remove(query)
    async with runtime.db.read() as conn:
        assert await problems(conn, typing.cast("Query[Row]", query))

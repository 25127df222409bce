"""Pictures of our residents: taken in, put on a post, shown and forgotten with it. Owns the table `media`.

A picture's row is written before its files, and deleted together with the order to delete them (`delete_files`), so
that no file is left of which nobody knows. Its words stand with the post's text (`Picture`): they change and are
screened with it. A picture that a newer text has left out is kept as long as a deleted text, for whoever decides.
"""

from collections.abc import Collection, Iterable, Sequence

import msgspec

from server import jobs, text
from server.community.shrinking import SMALL_SIDE, Shrinking, Shrunk
from server.db import Command, Conn, Query, Row
from server.errors import Refused
from server.ids import new_id, token
from server.messages import Message
from server.runtime import Runtime
from server.storage import Storage

MOST = 4
MAX_BYTES = 8 << 20
MAX_WORDS = 1500
TYPE = "image/webp"
WHOLE, SMALL = "whole", "small"
GONE = Message("This picture is no longer here. Please choose it again.")


class Picture(msgspec.Struct, frozen=True, omit_defaults=True):
    """A picture of a text; `words` say what can be seen. Ours has its id and size, one from elsewhere its address."""

    words: str = ""
    id: int = 0
    width: int = 0
    height: int = 0
    url: str = ""


# As they stand in the column `pictures` of a post and of a revision.
Stored = list[dict[str, object]]


class Media(Row, frozen=True):
    """A picture with what decides who sees it. `current`: readers of its post see it. `public`: that is everybody."""

    id: int
    owner_id: int
    post_id: int | None
    group_id: int | None
    key: str
    width: int
    height: int
    current: bool
    public: bool


class _Forgotten(Row, frozen=True):
    key: str


ADD = Command("insert into media (id, owner_id, key, width, height, bytes) values ($1, $2, $3, $4, $5, $6)")
# A post of ours for a group elsewhere is read by that group's server before it is announced.
BY_ID = Query(
    Media,
    """
    select m.id, m.owner_id, m.post_id, p.group_id, m.key, m.width, m.height, coalesce(seen.current, false) as current,
           coalesce(seen.current and gr.visibility = 'public', false) as public
      from media m left join posts p on p.id = m.post_id left join groups gr on gr.actor_id = p.group_id
      left join actors g on g.id = p.group_id
     cross join lateral (
            select p.state = 'published' and (p.announced_at is not null or g.host is not null)
                   and p.pictures @> jsonb_build_array(jsonb_build_object('id', m.id)) as current) seen
     where m.id = $1""",
)
# What an author may put on a post: what is theirs and stands on no other ($3 is the post that is being edited).
USABLE = Query(
    Media,
    """
    select id, owner_id, post_id, null::int8 as group_id, key, width, height, false as current, false as public
      from media where id = any($1) and owner_id = $2 and (post_id is null or post_id = $3)""",
)
CLAIM = Command(
    """update media m set post_id = p.id from posts p
        where p.id = $1 and m.id = any($2) and m.owner_id = p.author_id and (m.post_id is null or m.post_id = p.id)"""
)
# The form in which it stood was never sent through.
FORGET_UNUSED = Query(
    _Forgotten,
    "delete from media where post_id is null and created_at < clock_now() - interval '1 day' returning key",
)
FORGET_WIPED = Query(
    _Forgotten,
    "delete from media m using posts p where p.id = m.post_id and p.wiped_at is not null returning m.key",
)
# Left out by a newer text that has been public for 30 days, and in no text that waits for its turn.
FORGET_LEFT_OUT = Query(
    _Forgotten,
    """
    delete from media m using posts p
     where p.id = m.post_id and p.edited_at < clock_now() - interval '30 days' and p.state = 'published'
       and not p.pictures @> jsonb_build_array(jsonb_build_object('id', m.id))
       and not exists (
            select 1 from revisions r
             where r.post_id = p.id and r.number > p.revision
               and r.pictures @> jsonb_build_array(jsonb_build_object('id', m.id)))
    returning m.key""",
)


def stored(pictures: Iterable[Picture]) -> Stored:
    built: Stored = msgspec.to_builtins(list(pictures))
    return built


def read(pictures: Stored) -> list[Picture]:
    return msgspec.convert(pictures, list[Picture])


def words_of(pictures: Stored) -> tuple[str, ...]:
    """What their author says of them, as far as they say anything."""
    return tuple(picture.words for picture in read(pictures) if picture.words)


def addresses_of(pictures: Stored) -> tuple[str, ...]:
    """Where those lie that are elsewhere."""
    return tuple(picture.url for picture in read(pictures) if picture.url)


def excerpt(html: str, pictures: Sequence[Picture]) -> str:
    """The first words of a post; one of pictures alone is told by what they show."""
    return text.excerpt(html) or text.excerpt(text.escape(" ".join(picture.words for picture in pictures)))


def file_of(key: str, size: str) -> str:
    """The name of one of a picture's two files. It is made of a secret of ours, and of nothing that came with it."""
    return f"{key[:2]}/{key}-{size}.webp"


def path_of(media_id: int, size: str = WHOLE) -> str:
    """The address of a picture below our base address."""
    return f"/media/{media_id}/{size}.webp"


def check_size(size: int) -> None:
    if size > MAX_BYTES:
        values = {"size": -(-size >> 20), "most": MAX_BYTES >> 20}
        raise Refused(
            "picture_too_large",
            Message("This file has %(size)d MB, and at most %(most)d fit. Please make it smaller.", values),
        )


def small_size(width: int, height: int) -> tuple[int, int]:
    """Of the small one, which has the same shape."""
    longer = max(width, height, SMALL_SIDE)
    return max(1, round(width * SMALL_SIDE / longer)), max(1, round(height * SMALL_SIDE / longer))


async def take_in(runtime: Runtime, owner_id: int, data: bytes) -> Picture:
    """A new picture of somebody, on no post yet; Refused with what is wrong with it."""
    check_size(len(data))
    shrunk = await (await runtime.use(Shrinking)).shrink(data)
    media_id, key = new_id(), token()
    async with runtime.db.statement() as conn:
        await add(conn, media_id, owner_id, key, shrunk)
    await write_files(runtime, key, shrunk)
    return Picture(id=media_id, width=shrunk.width, height=shrunk.height)


async def add(conn: Conn, media_id: int, owner_id: int, key: str, shrunk: Shrunk) -> None:
    size = len(shrunk.whole) + len(shrunk.small)
    await ADD.run(conn, media_id, owner_id, key, shrunk.width, shrunk.height, size)


async def write_files(runtime: Runtime, key: str, shrunk: Shrunk) -> None:
    storage = await runtime.use(Storage)
    await storage.put(file_of(key, WHOLE), shrunk.whole)
    await storage.put(file_of(key, SMALL), shrunk.small)


async def usable(conn: Conn, owner_id: int, ids: Collection[int], post_id: int | None = None) -> dict[int, Picture]:
    """Those of `ids` that their owner may put on a new post, or leave on the one that they edit."""
    found = await USABLE.all(conn, list(ids), owner_id, post_id)
    return {one.id: Picture(id=one.id, width=one.width, height=one.height) for one in found}


async def claim(conn: Conn, post_id: int, pictures: Sequence[Picture]) -> None:
    """From now on these belong to this post; Refused where one of them has gone, or to another post, meanwhile."""
    ids = [picture.id for picture in pictures if picture.id]
    if ids and await CLAIM.run(conn, post_id, ids) != len(ids):
        raise Refused("picture_gone", GONE)


async def forget(conn: Conn) -> None:
    """What belongs to nothing any more goes, and with it its files."""
    for query in (FORGET_UNUSED, FORGET_WIPED, FORGET_LEFT_OUT):
        keys = [one.key for one in await query.all(conn)]
        if keys:
            await jobs.enqueue(conn, "delete_files", {"keys": keys})


async def delete_files(runtime: Runtime, *, keys: list[str]) -> None:
    """Errand: the files of pictures whose rows are gone."""
    storage = await runtime.use(Storage)
    for key in keys:
        for size in (WHOLE, SMALL):
            await storage.delete(file_of(key, size))

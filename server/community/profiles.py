"""What a person's page says of them: who they are, and the public groups of those who wish that to be known."""

import datetime as dt

import msgspec

from server.db import Conn, Query, Row
from server.errors import NotFound


class ShownGroup(msgspec.Struct, frozen=True):
    name: str
    host: str | None
    title: str


class _Shown(msgspec.Struct, frozen=True):
    groups: list[ShownGroup]


class Profile(Row, frozen=True):
    id: int
    name: str
    host: str | None
    url: str | None
    title: str
    about_html: str
    created_at: dt.datetime
    suspended_at: dt.datetime | None
    shown: dict[str, object]

    @property
    def groups(self) -> list[ShownGroup]:
        return msgspec.convert(self.shown, _Shown).groups


# The groups are the same for every reader, so that they are those alone of which everybody may know: what is private or
# local, or stands in no list, is named to nobody.
BY_HANDLE = Query(
    Profile,
    """
    select p.id, p.name, p.host, p.url, p.title, p.about_html, p.created_at, p.suspended_at,
           jsonb_build_object('groups', (
            select coalesce(jsonb_agg(jsonb_build_object('name', a.name, 'host', a.host, 'title', a.title)
                       order by a.title, a.id), '[]')
              from accounts c join memberships m on m.person_id = c.actor_id and m.state = 'joined'
              join groups g on g.actor_id = m.target_id join actors a on a.id = g.actor_id
             where c.actor_id = p.id and c.shows_groups and g.visibility = 'public' and g.discoverable
               and a.suspended_at is null and a.deleted_at is null)) as shown
      from actors p
     where lower(p.name) = lower($1) and coalesce(p.host, '') = coalesce($2, '') and p.kind = 'person'
       and p.deleted_at is null""",
)


async def by_handle(conn: Conn, name: str, host: str | None) -> Profile:
    """NotFound for whoever is gone, as for whoever never was. The suspended are shown to admins alone."""
    profile = await BY_HANDLE.one(conn, name, host)
    if profile is None:
        raise NotFound("person")
    return profile

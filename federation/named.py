"""Whom and what a text of ours names: people as mentions, words as hashtags."""

import re
import typing

from server import text

MAX_MENTIONS = 10
MAX_HASHTAGS = 20
MAX_HASHTAG = 100
# As Mastodon takes them: with at least one letter, and not the end of an address.
_HASHTAG = re.compile(r"(?<![\w/&#])#(\w*[^\W\d_]\w*)")

# For a query over posts `p` with their authors `a`: people known here whose handle stands in the text of one of ours.
# Without a host, or with our own, it is one of ours.
LATERAL = r"""
      left join lateral (
        select array_agg(distinct m.id || ' ' || m.uri || ' ' || m.name || ' ' || coalesce(m.host, '')) as said
          from regexp_matches(case when a.host is null then p.source else '' end,
                 '(?:^|[^[:alnum:]_@/.])@([a-z0-9_]+(?:[.-]+[a-z0-9_]+)*)'
                 '(?:@([a-z0-9-]+(?:\.[a-z0-9-]+)*(?::[0-9]+)?))?', 'gi') as handle (part)
          join actors m on lower(m.name) = lower(part[1])
           and coalesce(m.host, '')
               = coalesce(nullif(lower(part[2]), (select split_part(base_url, '/', 3) from site)), '')
         where m.kind = 'person' and m.suspended_at is null and m.deleted_at is null) named on true"""


class Mentioned(typing.NamedTuple):
    """A person whom a text names; `host` is empty for one of ours."""

    id: int
    uri: str
    name: str
    host: str


def mentions(said: list[str] | None) -> list[Mentioned]:
    """What LATERAL found."""
    found = (one.split(" ") for one in (said or ())[:MAX_MENTIONS])
    return [Mentioned(int(actor_id), uri, name, host) for actor_id, uri, name, host in found]


def hashtags(html: str) -> list[str]:
    """The words that a text marks with `#`, as they are written there; each once."""
    if "#" not in html:
        return []
    found = {word.lower(): word for word in reversed(_HASHTAG.findall(text.plain(html))) if len(word) <= MAX_HASHTAG}
    return list(reversed(found.values()))[:MAX_HASHTAGS]

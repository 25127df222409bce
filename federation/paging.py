"""Reads a collection of somebody else's, which may be endless, circular or spread over strange hosts."""

import typing

from federation.budget import FetchBudget
from federation.egress import FetchFailed, RefusedUrl, parse_url
from federation.http import Client, SignRequest

MAX_PAGES = 10
MAX_ITEMS = 200


class Page(typing.NamedTuple):
    """One document of a collection. `following` is the address of the next one; `total` is what the collection says."""

    items: list[object]
    following: str | None
    total: int | None


async def read_page(
    client: Client, url: str, sign: SignRequest | None = None, *, budget: FetchBudget | None = None
) -> Page:
    """Read one document of a collection, its head or a page; raises FetchFailed.

    For those who go on some other day: they keep `following`, and which pages they have read.
    """
    home = parse_url(url).origin()
    answer = await client.fetch_activity_json(url, sign, budget)
    if any(parse_url(hop).origin() != home for hop in answer.fetched.hops):
        raise RefusedUrl("page_elsewhere", url[:200])
    return _page(url, answer.document, MAX_ITEMS)


async def read_collection(
    client: Client,
    url: str,
    sign: SignRequest | None = None,
    *,
    budget: FetchBudget | None = None,
    pages: int = MAX_PAGES,
    items: int = MAX_ITEMS,
) -> list[object]:
    """The first items of a collection as they stand there (ids or embedded objects), in its order.

    Fetches at most `pages` documents, the collection itself included. What cannot be read ends the list; only if the
    collection itself cannot be read is its FetchFailed raised.
    """
    page, seen = _page(url, (await client.fetch_object(url, sign, budget)).document, items), {url}
    found = page.items
    while page.following and page.following not in seen and len(found) < items and len(seen) < pages:
        seen.add(page.following)
        try:
            page = await read_page(client, page.following, sign, budget=budget)
        except FetchFailed:
            break
        found += page.items
    return found[:items]


def _page(url: str, document: dict[str, object], at_most: int) -> Page:
    found = _items(document)
    following = document.get("first", document.get("next"))
    if isinstance(following, dict):  # Mastodon embeds the first page
        found += _items(following)
        following = following.get("next")
    total = document.get("totalItems")
    return Page(
        found[:at_most],
        following if isinstance(following, str) and _may_follow(following, url) else None,
        min(total, 1 << 30) if isinstance(total, int) and total >= 0 else None,
    )


def _may_follow(url: str, page: str) -> bool:
    """A page lies where the one before it lies, and is another: else a document drives us in circles or at others."""
    try:
        return url != page and parse_url(url).origin() == parse_url(page).origin()
    except RefusedUrl:
        return False


def _items(page: dict[str, object]) -> list[object]:
    listed = page.get("orderedItems", page.get("items", []))
    return list(listed) if isinstance(listed, list) else [listed]

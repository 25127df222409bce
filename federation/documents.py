"""Builds the documents that we serve and send: actors, threads, replies. One thread must look right everywhere.

What each receiver does with each field stands in FEDERATION.md; the reasons are at the places concerned.
"""

import datetime as dt

from federation import attachments, named
from federation.attachments import escape_markdown
from federation.keys import PublicKeys
from server import text
from server.community import media
from server.community.actors import Actor
from server.community.groups import Group
from server.community.polls import is_closed
from server.db import Query, Row
from server.urls import Urls, group_page, person_page, thread_page

ACTIVITY = "application/activity+json"
PUBLIC = "https://www.w3.org/ns/activitystreams#Public"
CONTEXT: list[object] = [
    "https://www.w3.org/ns/activitystreams",
    "https://w3id.org/security/v1",
    "https://w3id.org/security/data-integrity/v1",
    "https://w3id.org/security/multikey/v1",
    {
        "Hashtag": "as:Hashtag",
        "sensitive": "as:sensitive",
        "manuallyApprovesFollowers": "as:manuallyApprovesFollowers",
        "toot": "http://joinmastodon.org/ns#",
        "discoverable": "toot:discoverable",
        "indexable": "toot:indexable",
        "featured": {"@id": "toot:featured", "@type": "@id"},
        "lemmy": "https://join-lemmy.org/ns#",
        "postingRestrictedToMods": "lemmy:postingRestrictedToMods",
        "stickied": "lemmy:stickied",
        "pt": "https://joinpeertube.org/ns#",
        "commentsEnabled": "pt:commentsEnabled",
        "votersCount": "toot:votersCount",
        "webfinger": "https://purl.archive.org/socialweb/webfinger#webfinger",
        # None of the contexts above says what this is: a server that reads JSON-LD would not find our keys.
        "assertionMethod": {"@id": "https://w3id.org/security#assertionMethod", "@type": "@id", "@container": "@set"},
    },
]

Document = dict[str, object]


class PostRow(Row, frozen=True):
    """A post with all that its document names: author, group, parent, thread; `received` is what brought it here."""

    id: int
    uri: str
    url: str | None
    state: str
    title: str | None
    link: str | None
    source: str
    html: str
    pictures: media.Stored
    excerpt: str
    language: str
    revision: int
    locked: bool
    pinned: bool
    thank_count: int
    position: int | None
    announced_at: dt.datetime | None
    submitted_at: dt.datetime
    edited_at: dt.datetime | None
    ended_at: dt.datetime | None
    received: str | None
    author_id: int
    author_uri: str
    author_host: str | None
    group_id: int
    group_uri: str
    group_name: str
    group_host: str | None
    visibility: str
    group_followers: str | None
    root_id: int | None
    root_uri: str | None
    parent_id: int | None
    parent_uri: str | None
    parent_author_id: int | None
    parent_author_uri: str | None
    parent_author_name: str | None
    parent_author_host: str | None
    said: list[str] | None
    options: list[str] | None
    counts: list[int] | None
    multiple: bool | None
    voter_count: int | None
    closes_at: dt.datetime | None

    @property
    def local(self) -> bool:
        return self.author_host is None

    @property
    def is_thread(self) -> bool:
        return self.parent_id is None and self.parent_uri is None

    @property
    def mentions(self) -> list[named.Mentioned]:
        """People whom its author names in the text, and whom we know."""
        return named.mentions(self.said)

    @property
    def mentioned_ids(self) -> list[int]:
        return [one.id for one in self.mentions]

    @property
    def public(self) -> bool:
        """Whether other servers may see it: as a stranger would."""
        return self.shown and self.visibility == "public"

    @property
    def shown(self) -> bool:
        """Whether those see it for whom its group is."""
        return self.state == "published" and self.announced_at is not None

    @property
    def readers(self) -> list[str]:
        """Whom it is for: everybody, or of a private group its members, never the public (as Lemmy 1.0 says it)."""
        return [PUBLIC] if self.visibility == "public" else [self.group_uri, self.group_followers or self.group_uri]


_SELECT = (
    """
    select p.id, p.uri, p.url, p.state, p.title, p.link, p.source, p.html, p.pictures, p.excerpt, p.language,
           p.revision, p.locked, p.pinned, p.thank_count, p.position, p.announced_at, p.submitted_at, p.edited_at,
           p.ended_at, x.body as received, a.id as author_id, a.uri as author_uri, a.host as author_host,
           g.id as group_id, g.uri as group_uri, g.name as group_name,
           g.host as group_host, gr.visibility,
           case when gr.visibility = 'private' and g.host is not null
                then (select followers from remote_actors where actor_id = g.id)
                else g.uri || '/followers' end as group_followers, p.root_id, root.uri as root_uri, p.parent_id,
           coalesce(parent.uri, p.parent_uri) as parent_uri, pa.id as parent_author_id, pa.uri as parent_author_uri,
           pa.name as parent_author_name, pa.host as parent_author_host, named.said, q.options, q.counts, q.multiple,
           q.voter_count, q.closes_at
      from posts p join actors a on a.id = p.author_id join actors g on g.id = p.group_id
      join groups gr on gr.actor_id = p.group_id
      left join received_activities x on x.post_id = p.id and x.revision = p.revision
      left join posts root on root.id = p.root_id
      left join posts parent on parent.id = p.parent_id
      left join actors pa on pa.id = parent.author_id"""
    + named.LATERAL
    + """
      left join polls q on q.post_id = p.id """
)

BY_ID = Query(PostRow, _SELECT + "where p.id = $1")
FEATURED = Query(
    PostRow,
    _SELECT
    + """where p.group_id = $1 and p.pinned and p.state = 'published' and p.parent_id is null
         and p.active_position is not null
       order by p.position desc limit 20""",
)

OF_THREAD = Query(
    PostRow, _SELECT + "where p.root_id = $1 and p.uri = any($2::text[]) and p.state = 'published' order by p.position"
)


def actor_document(urls: Urls, actor: Actor, keys: PublicKeys, group: Group | None = None) -> Document:
    """One of our actors, as other servers read it; for a group with what it says of joining and writing."""
    handle = urls.host if actor.kind == "application" else actor.name
    document: Document = {
        "@context": CONTEXT,
        "id": actor.uri,
        "type": {"person": "Person", "group": "Group", "application": "Application"}[actor.kind],
        "preferredUsername": handle,
        "webfinger": f"{handle}@{urls.host}",
        "name": actor.title,
        "inbox": f"{actor.uri}/inbox",
        "outbox": f"{actor.uri}/outbox",
        "endpoints": {"sharedInbox": urls.shared_inbox},
        "publicKey": {"id": f"{actor.uri}#main-key", "owner": actor.uri, "publicKeyPem": keys.rsa},
        "assertionMethod": [
            {
                "id": f"{actor.uri}#ed25519-key",
                "type": "Multikey",
                "controller": actor.uri,
                "publicKeyMultibase": keys.ed25519,
            }
        ],
        "published": instant(actor.created_at),
    }
    if actor.kind == "application":
        return document | {"url": urls.base + "/about", "manuallyApprovesFollowers": True}
    page = group_page(actor.name) if actor.kind == "group" else person_page(actor.name)
    document |= {
        "url": urls.absolute(page),
        "followers": f"{actor.uri}/followers",
        "summary": actor.about_html,
        # Lemmy takes it for "private", and then refuses what is addressed to the public.
        "manuallyApprovesFollowers": group is not None and group.visibility == "private",
        "discoverable": group is None or group.discoverable,
        "indexable": group is None or (group.discoverable and group.visibility == "public"),
    }
    if actor.about_source:
        document["source"] = {"content": actor.about_source, "mediaType": "text/markdown"}
    if group is not None:
        # Lemmy takes `attributedTo` for the collection of moderators.
        document |= {
            "featured": f"{actor.uri}/featured",
            "attributedTo": f"{actor.uri}/moderators",
            "postingRestrictedToMods": group.posting == "moderators",
        }
    return document


def post_document(
    urls: Urls, post: PostRow, *, summary_is_warning: bool = False, poll_in_words: bool = False,
    pictures_in_text: bool = False,
) -> Document:  # fmt: skip
    """A thread as `Article`, a reply as `Note`, a poll as `Question`, or as `Article` with its options in words.

    `summary_is_warning`: the reader's software hides text behind it. Then the title stands in the text itself.
    """
    document = _post_document(urls, post, summary_is_warning=summary_is_warning, poll_in_words=poll_in_words)
    pictures = media.read(post.pictures)
    attached = attachments.attached(urls, post.link, () if pictures_in_text else pictures)
    if attached:
        document["attachment"] = attached
    return document | attachments.in_text(urls, document, pictures) if pictures_in_text else document


def _post_document(urls: Urls, post: PostRow, *, summary_is_warning: bool, poll_in_words: bool) -> Document:
    public = post.visibility == "public"
    document: Document = {
        "id": post.uri,
        "attributedTo": post.author_uri,
        "to": [post.group_uri, PUBLIC] if public and post.is_thread else post.readers,
        "cc": [f"{post.author_uri}/followers"] if public else [],
        "audience": post.group_uri,
        "content": post.html,
        "mediaType": "text/html",
        "url": urls.absolute(thread_page(post.id)),
        "published": instant(post.submitted_at),
        "sensitive": False,
        "tag": _tags(urls, post),
        "replies": f"{urls.post(post.id)}/replies",
    }
    if post.source:
        # Lemmy and PieFed prefer the Markdown.
        document["source"] = {"content": post.source, "mediaType": "text/markdown"}
    if post.language:
        document["contentMap"] = {post.language: post.html}
    if post.edited_at is not None:
        document["updated"] = instant(post.edited_at)
    if post.root_id is not None and (post.group_host is None or post.root_uri == urls.post(post.root_id)):
        # A thread in a group of ours is that group's conversation, wherever its first post was written.
        document["context"] = f"{urls.post(post.root_id)}/context"
    if not post.is_thread:
        document |= _reply_part(post)
    if public:
        named_too = (one.uri for one in post.mentions)
        document["cc"] = list(dict.fromkeys([*document["cc"], *named_too]))  # type: ignore[misc]
    if not post.is_thread:
        return document
    document |= _thread_part(post, summary_is_warning)
    if post.options is None:
        return document
    return document | (_words_of_poll(urls, post) if poll_in_words else _question_part(post))


def _thread_part(post: PostRow, summary_is_warning: bool) -> Document:
    title = post.title or ""
    part: Document = {"type": "Article", "commentsEnabled": not post.locked, "stickied": post.pinned}
    if summary_is_warning:
        # Misskey's family drops `name`; GoToSocial and Takahe make the warning of it where there is no `summary`.
        part["content"] = _titled(title, post)
        if post.language:
            part["contentMap"] = {post.language: part["content"]}
    else:
        part["name"] = title
        if post.excerpt and post.options is None:
            # Mastodon shows name, summary and link of an Article, never its content.
            part["summary"] = f"<p>{text.escape(post.excerpt)}</p>"
    return part


def _titled(title: str, post: PostRow) -> str:
    """The text under its title, with the link that such software does not read from `attachment`."""
    head = f"<p><strong>{text.escape(title)}</strong></p>"
    if post.link:
        link = text.escape(post.link)
        head += f'<p><a href="{link}">{link}</a></p>'
    return head + post.html


def _question_part(post: PostRow) -> Document:
    """The poll. It has no `summary`: everybody hides a Question's text behind that, Mastodon too."""
    notes = [
        {"type": "Note", "name": option, "replies": {"type": "Collection", "totalItems": count}}
        for option, count in zip(post.options or (), post.counts or (), strict=True)
    ]
    part: Document = {
        "type": "Question",
        "anyOf" if post.multiple else "oneOf": notes,
        "votersCount": post.voter_count,
    }
    if post.closes_at is not None:
        part["endTime"] = instant(post.closes_at)
        if is_closed(post.closes_at):
            part["closed"] = instant(post.closes_at)
    return part


def _words_of_poll(urls: Urls, post: PostRow) -> Document:
    """The options as a list, and where to vote, for software that refuses a Question or shows nothing to vote with."""
    page = urls.absolute(thread_page(post.id))
    items = "".join(f"<li>{text.escape(option)}</li>" for option in post.options or ())
    listed = "\n".join("- " + escape_markdown(option) for option in post.options or ())
    source = f"{post.source}\n\n{listed}\n\nVote here: {page}".strip()
    part: Document = {
        "content": f'{post.html}<ul>{items}</ul>\n<p><a href="{page}">Vote here: {page}</a></p>',
        "source": {"content": source, "mediaType": "text/markdown"},
    }
    if post.language:
        part["contentMap"] = {post.language: part["content"]}
    return part


def _reply_part(post: PostRow) -> Document:
    part: Document = {"type": "Note", "inReplyTo": post.parent_uri}
    if post.visibility != "public":
        return part
    part["cc"] = [post.group_uri, f"{post.author_uri}/followers"]
    if post.parent_author_uri:
        part["to"] = [PUBLIC, post.parent_author_uri]
    return part


def _tags(urls: Urls, post: PostRow) -> list[Document]:
    """A mention of the group makes Mastodon's reply box copy it, so that the reply reaches the group."""
    people = {post.group_uri: f"@{post.group_name}@{post.group_host or urls.host}"}
    if not post.is_thread and post.parent_author_uri and post.parent_author_name:
        people[post.parent_author_uri] = f"@{post.parent_author_name}@{post.parent_author_host or urls.host}"
    people |= {one.uri: f"@{one.name}@{one.host or urls.host}" for one in post.mentions}
    words = named.hashtags(post.html)
    page = post.group_uri if post.group_host is not None else urls.absolute(group_page(post.group_name))
    if post.is_thread and post.group_host is None and post.group_name not in {word.lower() for word in words}:
        # A tag that is not in the text feeds Mastodon's tag timelines.
        words = [post.group_name, *words]
    tags: list[Document] = [{"type": "Mention", "href": uri, "name": handle} for uri, handle in people.items()]
    tags += [{"type": "Hashtag", "href": page, "name": f"#{word}"} for word in words]
    return tags


def tombstone(post: PostRow) -> Document:
    """What is left at the address of a post that is gone."""
    document: Document = {"@context": CONTEXT[0], "id": post.uri, "type": "Tombstone"}
    if post.ended_at is not None:
        document["deleted"] = instant(post.ended_at)
    return document


def instant(moment: dt.datetime) -> str:
    """A time as everybody reads it: UTC, whole seconds, Z."""
    return moment.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

"""In which words a post of ours goes to whom: under no warning, a poll as no poll, pictures where they are seen."""

import enum
from collections.abc import Sequence

from federation import documents, software
from federation.documents import Document, PostRow
from federation.outbox import Reader
from server.urls import Urls


class Spelling(enum.Enum):
    """The value ends the event of each activity that is written in another spelling than the plain one."""

    PLAIN = ""
    # The title at the head of the text: for who hides text behind a `summary`, and of a Question for all who do not
    # show its `name`, as Mastodon and its like.
    TITLED = ":spelled_titled"
    IN_WORDS = ":spelled_in_words"
    # Pictures in the text, as forums read them that would make a thread's link of an attached one.
    PICTURES = ":spelled_pictures"
    IN_WORDS_WITH_PICTURES = ":spelled_in_words_with_pictures"


def of(post: PostRow, name: str | None) -> Spelling:
    """How software of this name, or None, reads a post of ours."""
    pictures = bool(post.pictures) and software.reads_pictures_in_text(name)
    if post.options is not None and not software.reads_polls(name):
        return Spelling.IN_WORDS_WITH_PICTURES if pictures else Spelling.IN_WORDS
    if pictures:
        return Spelling.PICTURES
    if not post.is_thread:
        return Spelling.PLAIN
    if post.options is None:
        return Spelling.TITLED if software.turns_summary_into_warning(name) else Spelling.PLAIN
    return Spelling.PLAIN if software.is_forum(name) else Spelling.TITLED


def spell(urls: Urls, post: PostRow, spelling: Spelling) -> Document:
    return documents.post_document(
        urls,
        post,
        summary_is_warning=spelling is Spelling.TITLED,
        poll_in_words=spelling in (Spelling.IN_WORDS, Spelling.IN_WORDS_WITH_PICTURES),
        pictures_in_text=spelling in (Spelling.PICTURES, Spelling.IN_WORDS_WITH_PICTURES),
    )


def sort(post: PostRow, readers: Sequence[Reader]) -> list[tuple[Spelling, list[Reader]]]:
    """Readers by their spelling; those of the plain one first, even where there are none."""
    sorted_: dict[Spelling, list[Reader]] = {Spelling.PLAIN: []}
    for reader in readers:
        sorted_.setdefault(of(post, reader.software), []).append(reader)
    return list(sorted_.items())

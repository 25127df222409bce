"""The fields of pictures beside a text: files are taken in, what is said of each is checked, and all is shown again.

A file that was taken in once comes back with the form as an id, so that nobody loses pictures by a slip elsewhere.
"""

from collections.abc import Mapping, Sequence

import msgspec
import structlog
from starlette.datastructures import UploadFile

from server import limits, text
from server.community import access, media
from server.community.media import Picture
from server.errors import Invalid, Refused, TooMany
from server.ids import parse_id
from server.messages import Message
from server.storage import StorageAway
from web import describe, forms
from web.views.parts import Field, PictureField, PictureFields
from web.visit import Visit

log = structlog.get_logger(__name__)

NUMBERS = range(1, media.MOST + 1)
NOT_STORED = Message("This picture could not be stored just now. Please choose it again in a while.")


# The fields of a form that nobody has begun.
EMPTY = PictureFields([PictureField(number) for number in NUMBERS])


class Taken(msgspec.Struct):
    """The pictures of a form by the number of their field, and what is wrong. `too_many`: a limit was reached."""

    by_number: dict[int, Picture] = {}
    wrong: dict[str, str] = {}
    too_many: TooMany | None = None

    @property
    def pictures(self) -> tuple[Picture, ...]:
        return tuple(self.by_number[number] for number in NUMBERS if number in self.by_number)


def of_text(pictures: Sequence[Picture]) -> Taken:
    """The pictures that a text has so far; those from elsewhere are nobody's here to change."""
    return Taken({number: picture for number, picture in zip(NUMBERS, pictures, strict=False) if picture.id})


async def take(
    visit: Visit, typed: Mapping[str, str], files: Mapping[str, UploadFile], post_id: int | None = None
) -> Taken:
    """The pictures that a resident chose, now or in an earlier try; `post_id` is the post whose text they change."""
    owner_id = access.check_signed_in(visit.viewer)
    taken = Taken()
    await _keep(visit, owner_id, typed, post_id, taken)
    for number in NUMBERS:
        file = files.get(f"file_{number}")
        if file is not None and number not in taken.by_number:
            await _take_file(visit, owner_id, number, file, taken)
        _say(typed, number, taken)
    return taken


async def _keep(visit: Visit, owner_id: int, typed: Mapping[str, str], post_id: int | None, taken: Taken) -> None:
    """What the form brought back, but for what was taken out of it."""
    ids = {number: parse_id(typed.get(f"picture_{number}", "")) for number in NUMBERS if not _is_out(typed, number)}
    named = {number: media_id for number, media_id in ids.items() if media_id}
    if not named:
        return
    async with visit.read() as conn:
        found = await media.usable(conn, owner_id, named.values(), post_id)
    for number, media_id in named.items():
        if (picture := found.pop(media_id, None)) is not None:
            taken.by_number[number] = picture
        else:
            taken.wrong[f"file_{number}"] = media.GONE


def _is_out(typed: Mapping[str, str], number: int) -> bool:
    return typed.get(f"out_{number}") == "1"


async def _take_file(visit: Visit, owner_id: int, number: int, file: UploadFile, taken: Taken) -> None:
    try:
        media.check_size(file.size or 0)
        await visit.count_hit("picture", str(owner_id), limits.PICTURES)
        taken.by_number[number] = await media.take_in(visit.runtime, owner_id, await file.read())
    except TooMany as refusal:
        taken.too_many = refusal
    except Refused as refusal:
        taken.wrong[f"file_{number}"] = refusal.message
    except StorageAway as away:
        log.error("picture not stored", error=str(away)[:300])
        taken.wrong[f"file_{number}"] = NOT_STORED


def _say(typed: Mapping[str, str], number: int, taken: Taken) -> None:
    """What the author says of a picture: one line, which is read aloud where the picture is not seen."""
    name = f"words_{number}"
    try:
        words = text.one_line(text.check_text(name, typed.get(name, ""), at_most=media.MAX_WORDS), media.MAX_WORDS)
    except Invalid as invalid:
        taken.wrong |= invalid.fields
        return
    if number in taken.by_number:
        taken.by_number[number] = msgspec.structs.replace(taken.by_number[number], words=words)


def check(taken: Taken, wrong: Mapping[str, str]) -> None:
    """Raises what does not fit: of the pictures, and of the rest of the form (`wrong`)."""
    if taken.too_many is not None:
        raise taken.too_many
    if taken.wrong or wrong:
        raise Invalid(dict(wrong) | taken.wrong)


def picture_fields(visit: Visit, typed: Mapping[str, str], taken: Taken) -> PictureFields:
    """The fields as they go to the page."""
    said = {name: visit.say(problem) for name, problem in taken.wrong.items()}
    return PictureFields([_field(typed, taken.by_number.get(number), number, said) for number in NUMBERS])


def _field(typed: Mapping[str, str], picture: Picture | None, number: int, said: Mapping[str, str]) -> PictureField:
    return PictureField(
        number=number,
        picture=describe.picture_view(picture) if picture else None,
        words=_words(typed, picture, number, said),
        problem=said.get(f"file_{number}", ""),
    )


def _words(typed: Mapping[str, str], picture: Picture | None, number: int, said: Mapping[str, str]) -> Field:
    name = f"words_{number}"
    # Of a picture that was taken out, its words go too.
    if _is_out(typed, number):
        return Field()
    return forms.field(typed, name, said, picture.words if picture else "")

"""Forms that may bring files: those of residents may be larger and slower than any other."""

import contextlib
import re
from collections.abc import AsyncIterator, Mapping

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from server.community import media
from web import forms, guards
from web.visit import Visit

# Four pictures and the text, at 2 Mbit/s.
MAX_BODY = media.MOST * media.MAX_BYTES + guards.MAX_BODY
SECONDS = 150.0
# As browsers write it. A charset beside it would choose among all decoders of Python: some fail in ways of their own,
# and `punycode` takes minutes for a megabyte (C18).
_KIND = re.compile(r"""multipart/form-data; ?boundary=("?)[\w'()+,./:=?-]{1,70}\1""", re.ASCII | re.IGNORECASE)


@contextlib.asynccontextmanager
async def read(visit: Visit) -> AsyncIterator[tuple[dict[str, str], Mapping[str, UploadFile]]]:
    """What was typed, and the files that were chosen, each by its field; they are gone at the end of the block."""
    request = visit.request
    kind = request.headers.get("content-type", "")
    if kind.partition(";")[0].strip().lower() != "multipart/form-data":
        yield await forms.fields_of(request), {}
        return
    if not _KIND.fullmatch(kind):
        raise HTTPException(415)
    if visit.viewer.signed_in:
        # Not before we know who it is: anybody could make us take in so much.
        guards.allowance_of(request.scope).more(MAX_BODY, SECONDS)
    form = request.form(max_files=media.MOST, max_fields=forms.MAX_FIELDS, max_part_size=guards.MAX_BODY)
    async with form as parts:
        typed = {name: value for name, value in parts.multi_items() if isinstance(value, str)}
        # A field in which no file was chosen arrives as a file without a name.
        files = {name: part for name, part in parts.multi_items() if isinstance(part, UploadFile) and part.filename}
        request.state.typed = typed
        yield typed, files

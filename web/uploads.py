"""Forms that may bring files: those of residents may be larger and slower than any other."""

import contextlib
import re
import typing
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from server.community import media
from server.errors import TooMany
from server.runtime import Runtime
from web import forms, guards, session
from web.visit import Visit

# Four pictures and the text, at 2 Mbit/s.
MAX_BODY = media.MOST * media.MAX_BYTES + guards.MAX_BODY
SECONDS = 150.0
# One resident, in one of our processes: each may hold its memory and its files for as long as that (D9).
AT_ONCE = 3
# As browsers write it. A charset beside it would choose among all decoders of Python: some fail in ways of their own,
# and `punycode` takes minutes for a megabyte (C18).
_KIND = re.compile(r"""multipart/form-data; ?boundary=("?)[\w'()+,./:=?-]{1,70}\1""", re.ASCII | re.IGNORECASE)


class Uploading:
    """How many large forms of each resident this process is taking in."""

    def __init__(self) -> None:
        self._open: Counter[int] = Counter()

    @classmethod
    async def open(cls, _runtime: Runtime) -> typing.Self:
        return cls()

    async def close(self) -> None:
        """Nothing is held."""

    @contextlib.contextmanager
    def one_of(self, account_id: int) -> Iterator[None]:
        """Raises TooMany where so many others are still coming in."""
        if self._open[account_id] >= AT_ONCE:
            raise TooMany(int(SECONDS))
        self._open[account_id] += 1
        try:
            yield
        finally:
            self._open[account_id] -= 1
            if not self._open[account_id]:
                del self._open[account_id]


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
    account_id = visit.viewer.account_id
    turn: contextlib.AbstractContextManager[None] = contextlib.nullcontext()
    if account_id is not None:
        # Not before we know who it is: anybody could make us take in so much.
        turn = (await visit.runtime.use(Uploading)).one_of(account_id)
        guards.allowance_of(request.scope).more(MAX_BODY, SECONDS)
    with turn:
        form = request.form(max_files=media.MOST, max_fields=forms.MAX_FIELDS, max_part_size=guards.MAX_BODY)
        async with form as parts:
            typed = {name: value for name, value in parts.multi_items() if isinstance(value, str)}
            # A field in which no file was chosen arrives as a file without a name.
            files = {name: part for name, part in parts.multi_items() if isinstance(part, UploadFile) and part.filename}
            request.state.typed = typed
            if account_id is not None:
                # It may have taken long, and their session may have been ended meanwhile.
                visit.viewer = await session.viewer_of(request, visit.runtime)
            yield typed, files

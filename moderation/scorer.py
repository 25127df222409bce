"""What every scorer promises: numbers for texts, in the languages that it names and in no other."""

import typing
from collections.abc import Mapping, Sequence

import msgspec

from server.errors import MootError


class ScorerUnavailable(MootError):
    """No score can be had now. The message says why, in words for a moderator to read."""


class Scores(msgspec.Struct, frozen=True):
    """One text's scores: a label's value lies between 0 and 1; `words`, in lower case, carried it, strongest first."""

    values: Mapping[str, float]
    words: tuple[tuple[str, float], ...] = ()


class Scorer(typing.Protocol):
    """Scores texts. `languages` are ISO 639-1 codes: a text in another language is "not scored", never "clean"."""

    @property
    def name(self) -> str: ...

    @property
    def labels(self) -> tuple[str, ...]: ...

    @property
    def languages(self) -> frozenset[str]: ...

    async def score(self, texts: Sequence[str]) -> list[Scores]:
        """One `Scores` a text, in their order; raises ScorerUnavailable."""
        ...

    async def close(self) -> None: ...

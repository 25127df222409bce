"""How much two texts are alike, from short fingerprints of both."""

import itertools
import typing
import zlib
from collections.abc import Sequence

from moderation.reading import Word

# The smallest hashes of the text's word pairs, ascending; empty where the text is too short to compare.
Fingerprint: typing.TypeAlias = tuple[int, ...]

# "Thank you!" may be written every day.
MIN_WORDS = 4
SIZE = 64
# Share of word pairs in common. One word changed in a sentence of ten leaves 0.64; unrelated posts have below 0.1.
ALIKE = 0.6


def fingerprint(words: Sequence[Word]) -> Fingerprint:
    """At most 64 numbers below 2**32, the same on every machine; order and number of repetitions do not count."""
    if len(words) < MIN_WORDS:
        return ()
    pairs = {f"{one.plain} {two.plain}" for one, two in itertools.pairwise(words)}
    return tuple(sorted({zlib.crc32(pair.encode()) for pair in pairs})[:SIZE])


def alike(one: Fingerprint, two: Fingerprint) -> bool:
    """Whether the two texts are the same or nearly the same."""
    if not one or not two:
        return False
    smallest = sorted({*one, *two})[:SIZE]
    both = {*one} & {*two}
    return sum(value in both for value in smallest) >= ALIKE * len(smallest)

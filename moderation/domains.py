"""Host names in text, in one spelling: whatever alphabet, encoding or disguise they were written in."""

import functools
import re
import unicodedata
from collections.abc import Iterator
from urllib.parse import unquote

from publicsuffixlist import PublicSuffixList

# A host has at most 253 characters; the names that matter stand at its end.
_MAX_HOST = 253
_MAX_LABELS = 10
_NOT_HOST = re.compile(r"[^\w.-]+")
_DEFANGED = str.maketrans("", "", "[](){}")


def canonical(host: str) -> str | None:
    """`host` in lower case and Unicode, xn-- decoded; None where it can be no host name of two labels or more."""
    labels = [_label(label) for label in _unified(host).strip(".").split(".")]
    fits = len(labels) >= 2 and all(label and not _NOT_HOST.search(label) for label in labels)
    name = ".".join(labels)
    return name if fits and len(name) <= _MAX_HOST else None


def is_public_suffix(host: str) -> bool:
    """Whether many owners have sites under `host`, as under co.uk or github.io (canonical spelling)."""
    return _suffixes().privatesuffix(host) is None


def named_in(text: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each host name in `text` as it reads there, and canonically all names that cover it, from itself upwards."""
    for run in _NOT_HOST.split(_unified(text)):
        if "." not in run:
            continue
        for labels in _label_groups(run):
            known = [_label(label) for label in labels[-_MAX_LABELS:]]
            yield ".".join(labels[-_MAX_LABELS:]), tuple(".".join(known[i:]) for i in range(len(known) - 1))


def _label_groups(run: str) -> Iterator[list[str]]:
    """Labels between single dots: "see...spam.example" has two groups, and only the second is a host."""
    group: list[str] = []
    for label in [*run.split("."), ""]:
        if label:
            group.append(label)
        else:
            if len(group) >= 2:
                yield group
            group = []


def _unified(text: str) -> str:
    # Percent signs and brackets are how a name is written so that a filter does not know it: sp%61m[.]example.
    plain = unicodedata.normalize("NFKC", unquote(text)).replace("。", ".").translate(_DEFANGED)
    return "".join(c for c in plain if unicodedata.category(c) != "Cf").lower()


@functools.lru_cache(maxsize=1024)
def _label(label: str) -> str:
    label = label.strip("-")
    if not label.startswith("xn--") or len(label) > 63:
        return label
    try:
        return unicodedata.normalize("NFKC", label[4:].encode("ascii").decode("punycode")).lower()
    except UnicodeError:
        return label


@functools.cache
def _suffixes() -> PublicSuffixList:
    # Read at the first use: only the forms need it, 4 MB that the worker does without.
    return PublicSuffixList()

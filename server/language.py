"""Which language a text is in."""

import functools
import importlib
import typing

MODULE = "py3langid.langid"
LEAST_CHARACTERS = 20
LEAST_PROBABILITY = 0.9


@functools.cache
def _identifier() -> typing.Any:
    # Loaded on first use, since it takes 100 MB for a moment: a web process, which never asks, goes without.
    langid = importlib.import_module(MODULE)
    return langid.LanguageIdentifier.from_model_file(langid.MODEL_FILE, norm_probs=True)


def detect(plain: str, default: str) -> str:
    """The ISO 639-1 code of `plain`; `default` (the group's language) where it is too short or too mixed to tell."""
    if len(plain) < LEAST_CHARACTERS:
        return default
    language, probability = _identifier().classify(plain[:2000])
    return str(language) if probability >= LEAST_PROBABILITY else default

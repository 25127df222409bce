"""Sentences for people: English here, and translated by their English where they are shown."""

from collections.abc import Mapping


class Message(str):
    """A sentence, or one with values in it: `text` is looked up first, then filled in with `params` by `%`.

    As a plain str it is the English sentence, so whoever does not translate can show it as it is.
    """

    text: str
    params: Mapping[str, object]

    def __new__(cls, text: str, params: Mapping[str, object] | None = None) -> "Message":
        made = super().__new__(cls, text % params if params else text)
        made.text = text
        made.params = params or {}
        return made

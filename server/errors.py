"""What may go wrong on purpose: each error says in plain words what happened, for a person to read."""

from collections.abc import Mapping

from server.messages import Message


class MootError(Exception):
    """Foreseen and explained; anything else is a fault of ours."""


class NotFound(MootError):
    """It does not exist, or the asker may not know that it does: the two look alike."""

    def __init__(self, what: str = "page") -> None:
        super().__init__(what)
        self.what = what


class Refused(MootError):
    """The asker may know it, but not do it now. `code` is stable, for translation and tests."""

    def __init__(self, code: str, message: str, **details: object) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = details


class Invalid(MootError):
    """Input that cannot be taken. `fields` maps a field's name to what is wrong with it."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{name}: {problem}" for name, problem in fields.items()))
        self.fields = dict(fields)


class TooMany(Refused):
    """A rate limit; try again after `seconds`."""

    def __init__(self, seconds: int) -> None:
        super().__init__("too_many", Message("Too many tries in a short time. Please wait a little."), seconds=seconds)
        self.seconds = seconds


class ConfigurationError(MootError):
    """A setting that cannot work; printed as one line on stderr."""

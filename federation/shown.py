"""What a post of another server shows beside its text: a warning before it, and when and where an event is."""

import datetime as dt
import zoneinfo

from server import text
from server.text import SafeHtml

MAX_WARNING = 300
MAX_PLACE = 300


def beside(document: dict[str, object], kind: str) -> SafeHtml:
    """A paragraph for the head of the post; empty for most."""
    if kind == "Event":
        return _when_and_where(document)
    # Of a Note the summary is a warning, or the subject line of Pleroma; of anything else an excerpt.
    if kind == "Note" and not document.get("name"):
        return _warning(document)
    return SafeHtml("")


def _warning(document: dict[str, object]) -> SafeHtml:
    summary = document.get("summary")
    words = text.one_line(text.plain(summary[:10_000]), MAX_WARNING) if isinstance(summary, str) else ""
    return SafeHtml(f"<p><strong>{text.escape(words)}</strong></p>") if words else SafeHtml("")


def _when_and_where(document: dict[str, object]) -> SafeHtml:
    """An event that does not say when it is helps nobody. No words, so that it needs no language."""
    parts = [part for part in (_when(document), _where(document.get("location"))) if part]
    return SafeHtml(f"<p>{text.escape(' · '.join(parts))}</p>") if parts else SafeHtml("")


def _when(document: dict[str, object]) -> str:
    begins, ends = _time(document, "startTime"), _time(document, "endTime")
    if begins is None:
        return ""
    until = "" if ends is None or ends <= begins else f" – {ends:%H:%M}"
    if ends is not None and ends.date() > begins.date():
        until = f" – {ends:%Y-%m-%d %H:%M}"
    return f"📅 {begins:%Y-%m-%d %H:%M}{until} ({_zone(document) or begins.tzname()})"


def _time(document: dict[str, object], name: str) -> dt.datetime | None:
    value = document.get(name)
    try:
        moment = dt.datetime.fromisoformat(value) if isinstance(value, str) else None
        if moment is None or moment.tzinfo is None:
            return None
        zone = _zone(document)
        return moment.astimezone(zoneinfo.ZoneInfo(zone)) if zone else moment
    except (ValueError, OverflowError):
        return None


def _zone(document: dict[str, object]) -> str:
    """Mobilizon names the place's time zone beside times in UTC."""
    name = document.get("timezone")
    return name if isinstance(name, str) and name in zoneinfo.available_timezones() else ""


def _where(location: object) -> str:
    places = location if isinstance(location, list) else [location]
    for place in places:
        if isinstance(place, dict):
            address = place.get("address")
            streets = address if isinstance(address, dict) else {"streetAddress": address}
            words = [place.get("name"), streets.get("streetAddress"), streets.get("addressLocality")]
            found = list(dict.fromkeys(word.strip() for word in words if isinstance(word, str) and word.strip()))
            if found:
                return "📍 " + text.one_line(", ".join(found), MAX_PLACE)
    return ""

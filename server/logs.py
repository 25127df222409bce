"""One line an event, on stderr. Never a body, a token or a query string: events carry ids and names."""

import logging
import sys

import structlog

_BEFORE: list[structlog.typing.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
]


def _printable(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Names and answers of others stand in events: what would steer a terminal, or turn a line around, is spelled out.

    A line break is left to the renderer, which writes it as two characters, so that nobody can forge a line.
    """
    for name, value in event.items():
        if isinstance(value, str) and not value.isprintable():
            event[name] = "".join(
                c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in value
            )
    return event


_LINE = structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"])


def formatter() -> logging.Formatter:
    """Renders the events of libraries like our own."""
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_BEFORE,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _printable, _LINE],
    )


def configure() -> None:
    """Send our own events, those of libraries, and warnings through one renderer."""
    structlog.configure(
        processors=[*_BEFORE, _printable, _LINE],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.captureWarnings(capture=True)

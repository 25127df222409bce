"""One table of what things cost, and the same as JSON."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path


@dataclasses.dataclass
class Row:
    """One measured thing. CPU in milliseconds each, `web` and so on its parts; wire and memory in KB and MB.

    `growth` is by how many percent memory grew. `budgets` are the most that is allowed, `floors` the least.
    """

    name: str
    cpu_ms: float | None = None
    web_ms: float | None = None
    worker_ms: float | None = None
    postgres_ms: float | None = None
    statements: float | None = None
    per_second_1: float | None = None
    per_second_16: float | None = None
    p50_ms: float | None = None
    p99_ms: float | None = None
    wire_kb: float | None = None
    memory_mb: float | None = None
    growth: float | None = None
    budgets: dict[str, float] = dataclasses.field(default_factory=dict)
    floors: dict[str, float] = dataclasses.field(default_factory=dict)

    @property
    def broken(self) -> list[str]:
        """Names of the budgets and floors that do not hold."""
        over = [name for name, most in self.budgets.items() if (found := getattr(self, name)) is None or found > most]
        under = [name for name, least in self.floors.items() if (found := getattr(self, name)) is None or found < least]
        return over + under


UNITS = {
    "cpu_ms": "ms", "statements": "SQL", "wire_kb": "KB", "memory_mb": "MB", "p99_ms": "ms p99", "growth": "% growth",
    "per_second_16": "req/s",
}  # fmt: skip
COLUMNS = (
    ("CPU ms", "cpu_ms", 2), ("web", "web_ms", 2), ("worker", "worker_ms", 2), ("PostgreSQL", "postgres_ms", 2),
    ("SQL", "statements", 1), ("req/s 1", "per_second_1", 0), ("req/s 16", "per_second_16", 0), ("p50 ms", "p50_ms", 1),
    ("p99 ms", "p99_ms", 1), ("wire KB", "wire_kb", 1), ("RSS MB", "memory_mb", 0), ("growth %", "growth", 1),
)  # fmt: skip


def text(rows: Sequence[Row]) -> str:
    """The table as Markdown, columns in line."""
    lines = [["what", *(title for title, _, _ in COLUMNS), "budget", "holds"]]
    for row in rows:
        numbers = [_number(getattr(row, field), digits) for _, field, digits in COLUMNS]
        budget = ", ".join(
            [f"{most:g} {UNITS[name]}" for name, most in row.budgets.items()]
            + [f"at least {least:g} {UNITS[name]}" for name, least in row.floors.items()]
        )
        holds = "" if not budget else "yes" if not row.broken else "NO: " + ", ".join(UNITS[n] for n in row.broken)
        lines.append([row.name, *numbers, budget, holds])
    widths = [max(len(line[place]) for line in lines) for place in range(len(lines[0]))]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join("| " + " | ".join(map(_padded, line, widths, range(len(line)))) + " |" for line in lines)


def _padded(cell: str, width: int, place: int) -> str:
    return cell.rjust(width) if 0 < place <= len(COLUMNS) else cell.ljust(width)


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def write_json(rows: Sequence[Row], path: Path) -> None:
    """One object a row, by name."""
    found = {row.name: dataclasses.asdict(row) | {"holds": not row.broken} for row in rows}
    path.write_text(json.dumps(found, indent=2) + "\n")

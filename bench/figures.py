"""Numbers into words: percentiles, units, one table."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

Row = tuple[str, ...]


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that is not below `share` (0 to 1) of all values; NaN of nothing."""
    if not values:
        return float("nan")
    ordered = sorted(values)
    return float(ordered[min(len(ordered) - 1, int(share * len(ordered)))])


def milliseconds(seconds: float) -> str:
    """Seconds as a readable text: µs below a millisecond, ms below ten seconds."""
    if seconds < 0.001:
        return f"{seconds * 1e6:.0f} µs"
    return f"{seconds * 1e3:.2f} ms" if seconds < 0.1 else f"{seconds * 1e3:.0f} ms"


def middle(values: Sequence[float]) -> float:
    """The median; NaN of nothing."""
    return float(median(values)) if values else float("nan")


def table(title: str, head: Row, rows: Sequence[Row]) -> str:
    """A table in plain text."""
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]

    def line(row: Row) -> str:
        first, *rest = row
        return "  ".join(
            [first.ljust(widths[0]), *(text.rjust(width) for text, width in zip(rest, widths[1:], strict=True))]
        )

    ruler = "-" * len(line(head))
    return "\n".join([title, "", line(head), ruler, *(line(row) for row in rows)])

"""Figures side by side as a table of text."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

from tests.benchmarks.report import percentile


def columns(rows: Sequence[Sequence[str]]) -> str:
    """The first column to the left, all others to the right."""
    widths = [max(map(len, column)) for column in zip_longest(*rows, fillvalue="")]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if place == 0 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=False))
        ).rstrip()
        for row in rows
    )


def at(values: Sequence[float], percent: float, digits: int = 0) -> str:
    """A percentile, or a dash."""
    return f"{percentile(values, percent):.{digits}f}" if values else "-"


def times(values: Sequence[float], others: Sequence[float], percent: float = 50) -> str:
    """How many times the others' percentile."""
    return f"{percentile(values, percent) / percentile(others, percent):.2f}x" if values and any(others) else "-"

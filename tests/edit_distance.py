"""How far what was understood is from what was said."""

from __future__ import annotations

from collections.abc import Sequence


def distance(one: Sequence[str], other: Sequence[str]) -> int:
    """Words, or phones, to change, add or take away."""
    row = list(range(len(other) + 1))
    for index, part in enumerate(one, 1):
        row, above = [index], row
        for column, wanted in enumerate(other, 1):
            row.append(min(above[column] + 1, row[-1] + 1, above[column - 1] + (part != wanted)))
    return row[-1]

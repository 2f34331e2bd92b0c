"""`voiced usage`: what was used, by day or month, and what it cost; with the assistant running or not."""

from __future__ import annotations

import json
import shutil
from argparse import Namespace
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Final, TextIO

from voiced.cli.settings import load
from voiced.conversation.budget import Budget, Caps
from voiced.conversation.events import Usage
from voiced.errors import VoicedError
from voiced.plugins.wall_clock import SystemClock
from voiced.spending.file import SpendingFile
from voiced.spending.ledger import Entry, Ledger, Models
from voiced.spending.prices import PriceTable
from voiced.spending.settings import BudgetSettings
from voiced.state_folder import state_folders_to_try

LONGEST_BAR: Final = 24
SHORTEST_BAR: Final = 8
"""Characters of a day that cost most; as many as the terminal has room for."""

_EIGHTHS: Final = "▏▎▍▌▋▊▉█"


class BooksUnreadable(VoicedError):
    """What was spent is written down where this user may not look."""


def usage(arguments: Namespace, out: TextIO) -> int:
    loaded = load(arguments)
    settings, now = loaded.config.budget, SystemClock().now()
    path, ledger, bad = _books(state_folders_to_try(loaded.places.environ))
    ledger.reprice(PriceTable(settings.prices))
    rows = list(_months(ledger) if arguments.months else _days(ledger, now.date(), arguments.days))
    if arguments.json:
        out.write(json.dumps(_as_json(rows, ledger, settings, now), ensure_ascii=False) + "\n")
        return 0
    for line in _lines(rows, ledger, settings, now, models=arguments.models, blocks=_can_write(out, _EIGHTHS)):
        print(line, file=out)
    if bad:
        print(f"{path}: {bad} lines make no sense and are left out", file=out)
    for other in other_books(state_folders_to_try(loaded.places.environ), path):
        print(f"a voiced of another user keeps its own in {other}", file=out)
    if not rows:
        print(f"written down in {path}" if path.exists() else f"it would be written down in {path}", file=out)
    return 0


@dataclass(frozen=True, slots=True)
class _Row:
    """One day or month; `models` is empty where nothing was used."""

    name: str
    models: Models

    def sum(self) -> Entry:
        whole = Entry(Usage(""))
        for entry in self.models.values():
            whole.add(entry.usage, entry.usd, entry.guessed)
        return whole


def _books(folders: Sequence[Path]) -> tuple[Path, Ledger, int]:
    """Those of the first folder that has some, how many lines of them make no sense, and where they are."""
    for folder in folders:
        file = SpendingFile(folder)
        try:
            if file.path.exists():
                return (file.path, *file.read())
        except OSError as error:
            raise BooksUnreadable(
                f"{file.path}: can't be read ({error.strerror}); ask as the user that voiced runs as: "
                "sudo -u voiced voiced usage"
            ) from None
    return SpendingFile(folders[0]).path, Ledger(), 0


def other_books(folders: Iterable[Path], shown: Path) -> Iterator[Path]:
    """Those that were not looked at, since the ones at `shown` come first; also where this user may not look."""
    for path in (SpendingFile(folder).path for folder in folders):
        try:
            there = path.exists()
        except OSError:
            there = True
        if there and path != shown:
            yield path


def _days(ledger: Ledger, today: date, days: int) -> Iterator[_Row]:
    """From the first day with something in the last `days` to today, and what is dated after it."""
    since = today - timedelta(days=days - 1)
    used = sorted(day for day, models in ledger.days.items() if models and day >= since)
    if used:
        day = used[0]
        while day <= today:
            yield _Row(day.isoformat(), ledger.days.get(day, {}))
            day += timedelta(days=1)
    yield from (_Row(day.isoformat(), ledger.days[day]) for day in used if day > today)


def _months(ledger: Ledger) -> Iterator[_Row]:
    months: dict[str, Models] = {}
    for books in (ledger.months, ledger.days):
        for day, models in books.items():
            month = months.setdefault(f"{day:%Y-%m}", {})
            for model, entry in models.items():
                month.setdefault(model, Entry(Usage(model))).add(entry.usage, entry.usd, entry.guessed)
    yield from (_Row(month, models) for month, models in sorted(months.items()) if models)


# For people.


def _lines(
    rows: Sequence[_Row], ledger: Ledger, settings: BudgetSettings, now: datetime, *, models: bool, blocks: bool
) -> Iterator[str]:
    if rows:
        yield from _table(rows, models=models, blocks=blocks)
        yield ""
    else:
        yield "nothing was used in this time" if ledger.days or ledger.months else "nothing was used yet"
    yield from _caps(ledger, settings, now)
    guessed = sorted({model for row in rows for model, entry in row.models.items() if entry.guessed})
    if guessed:
        yield f"~ is a guess: no price for {', '.join(guessed)}, which is counted as the dearest there is;"
        yield f'  give its prices in the settings: [budget.prices."{guessed[0]}"]'


def _table(rows: Sequence[_Row], *, models: bool, blocks: bool) -> Iterator[str]:
    sums = [row.sum() for row in rows]
    whole = _Row("all", {str(number): entry for number, entry in enumerate(sums)}).sum()
    columns = [name for name, amount in _amounts(whole.usage).items() if amount]
    table: list[tuple[list[str], float]] = [(["", *columns, "cost"], 0.0)]
    for row, entry in zip(rows, sums, strict=True):
        table.append(([row.name, *_cells(entry, columns)], entry.usd))
        if models:
            table += [([f"  {name or '?'}", *_cells(each, columns)], 0.0) for name, each in sorted(row.models.items())]
    if len(rows) > 1:
        table.append((["all", *_cells(whole, columns)], 0.0))
    widths = [max(len(cells[column]) for cells, _ in table) for column in range(len(columns) + 2)]
    room = shutil.get_terminal_size((100, 24)).columns - sum(widths) - 2 * len(widths)
    longest = min(max(room, SHORTEST_BAR), LONGEST_BAR)
    dearest = max(usd for _, usd in table)
    for (first, *others), usd in table:
        cells = [first.ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
        yield "  ".join([*cells, _bar(usd / dearest * longest if dearest else 0.0, blocks=blocks)]).rstrip()


def _cells(entry: Entry, columns: Iterable[str]) -> list[str]:
    amounts = _amounts(entry.usage)
    return [*(_short(amounts[name]) for name in columns), _usd(entry) if any(amounts.values()) else "-"]


def _amounts(used: Usage) -> dict[str, float]:
    """By the heading of their column. What was cached is a part of what came in."""
    return {
        "text in": used.text_in,
        "audio in": used.audio_in,
        "image in": used.image_in,
        "cached": used.cached_text_in + used.cached_audio_in + used.cached_image_in,
        "text out": used.text_out,
        "audio out": used.audio_out,
        "seconds": used.seconds,
        "characters": used.characters,
        "image out": used.image_out,
        "calls": used.calls,
    }


def _short(amount: float) -> str:
    """Three digits or so: 999, 12.3k, 1.24M."""
    if not amount:
        return "-"
    for size, letter in ((1_000_000, "M"), (1_000, "k")):
        if amount >= size * 0.9995:
            scaled = amount / size
            return f"{scaled:.{max(0, 3 - len(str(int(scaled))))}f}{letter}"
    return f"{amount:.0f}" if amount >= 1 else "<1"


def _usd(entry: Entry) -> str:
    mark = "~" if entry.guessed else ""
    return f"{mark}<$0.01" if 0 < entry.usd < 0.005 else f"{mark}${entry.usd:.2f}"


def _bar(length: float, *, blocks: bool) -> str:
    """Of so many characters; anything at all shows."""
    eighths = max(round(length * 8), 1) if length > 0 else 0
    if not blocks:
        return "#" * ((eighths + 7) // 8)
    return "█" * (eighths // 8) + (_EIGHTHS[eighths % 8 - 1] if eighths % 8 else "")


def _caps(ledger: Ledger, settings: BudgetSettings, now: datetime) -> Iterator[str]:
    budget = _budget(ledger, settings)
    yield _cap("today", budget.today(now), settings.daily_usd, "budget.daily_usd")
    yield _cap("this month", budget.this_month(now), settings.monthly_usd, "budget.monthly_usd")
    if (thrift := budget.thrift(now)) != "none":
        yield f"thrift: {_THRIFT[thrift]}"


_THRIFT: Final[Mapping[str, str]] = {
    "short": "a shorter context",
    "small": "a shorter context and a smaller model",
    "cascade": "the cascade answers",
    "offline": "the offline brain answers",
}


def _cap(when: str, usd: float, cap: float, setting: str) -> str:
    of = f" of ${cap:.2f}, {usd / cap:.0%}" if cap else f", no cap ({setting})"
    return f"{when:<10}  ${usd:.2f}{of}"


def _budget(ledger: Ledger, settings: BudgetSettings) -> Budget:
    return Budget(Caps(settings.daily_usd, settings.monthly_usd), ledger.usd_by_day(), ledger.set_back_to)


def _can_write(out: TextIO, text: str) -> bool:
    try:
        text.encode(getattr(out, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


# For programs.


def _as_json(rows: Iterable[_Row], ledger: Ledger, settings: BudgetSettings, now: datetime) -> dict[str, Any]:
    budget = _budget(ledger, settings)
    return {
        "spans": [
            {
                "span": row.name,
                "usd": round(row.sum().usd, 6),
                "guessed": row.sum().guessed,
                "models": [
                    {**asdict(entry.usage), "usd": round(entry.usd, 6), "guessed": entry.guessed}
                    for entry in row.models.values()
                ],
            }
            for row in rows
        ],
        "today_usd": round(budget.today(now), 6),
        "daily_usd": settings.daily_usd,
        "month_usd": round(budget.this_month(now), 6),
        "monthly_usd": settings.monthly_usd,
        "thrift": budget.thrift(now),
    }

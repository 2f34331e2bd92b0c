"""`voiced usage`: read as people and programs read it."""

from __future__ import annotations

import io
import json
import os
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from voiced.cli import FAILED, USAGE, main
from voiced.cli.parser import parser
from voiced.cli.usage import other_books, usage
from voiced.conversation.events import Usage
from voiced.plugins.wall_clock import SystemClock
from voiced.spending.file import NAME, SpendingFile
from voiced.spending.ledger import Ledger
from voiced.spending.prices import PriceTable
from voiced.spending.settings import BudgetSettings

PRICES = PriceTable(BudgetSettings().prices)
SPOKEN = Usage("gpt-realtime-2.1", text_in=2000, audio_in=9000, cached_audio_in=5000, text_out=400, audio_out=12_000)
HEARD = Usage("gpt-transcribe", seconds=90.0)
STRANGE = Usage("house-model", text_in=800)

Output = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where voiced keeps its state, of a user with no settings."""
    for name in [name for name in os.environ if name.startswith(("VOICED_", "XDG_", "STATE_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "120")
    return tmp_path / ".local" / "state" / "voiced"


def today() -> date:
    return SystemClock().now().date()


def used(folder: Path, *spent: tuple[int, Usage]) -> None:
    """These many days ago, that."""
    ledger = Ledger()
    for days_ago, what in spent:
        cost = PRICES.cost(what)
        ledger.add(today() - timedelta(days=days_ago), what, cost.usd, cost.guessed)
    SpendingFile(folder).append(ledger)


def said(*arguments: str, encoding: str | None = None) -> list[str]:
    out: Any = io.StringIO()
    if encoding:
        out = io.TextIOWrapper(io.BytesIO(), encoding)
    assert usage(parser().parse_args(["usage", *arguments]), out) == 0
    out.seek(0)
    return [str(line).rstrip("\n") for line in out]


def day(days_ago: int) -> str:
    return (today() - timedelta(days=days_ago)).isoformat()


def test_nothing_is_said_plainly(folder: Path) -> None:
    assert said() == [
        "nothing was used yet",
        "today       $0.00, no cap (budget.daily_usd)",
        "this month  $0.00, no cap (budget.monthly_usd)",
        f"it would be written down in {folder / NAME}",
    ]
    used(folder, (60, SPOKEN))
    lines = said("--set", "budget.daily_usd=2")
    assert lines[0] == "nothing was used in this time"
    assert lines[1] == "today       $0.00 of $2.00, 0%"
    assert lines[-1] == f"written down in {folder / NAME}"
    assert json.loads("\n".join(said("--json")))["spans"] == []


def test_days_are_a_table_and_a_chart(folder: Path) -> None:
    used(folder, (3, SPOKEN), (1, SPOKEN), (1, SPOKEN), (0, HEARD))
    assert said()[:7] == [
        "            text in  audio in  cached  text out  audio out  seconds   cost",
        f"{day(3)}    2.00k     9.00k   5.00k       400      12.0k        -  $0.92  ████████████",
        f"{day(2)}        -         -       -         -          -        -      -",
        f"{day(1)}    4.00k     18.0k   10.0k       800      24.0k        -  $1.83  ████████████████████████",
        f"{day(0)}        -         -       -         -          -       90  $0.01  ▏",
        "all           6.00k     27.0k   15.0k     1.20k      36.0k       90  $2.75",
        "",
    ]


def test_the_chart_needs_no_more_than_ascii_and_80_columns(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    used(folder, (1, SPOKEN), (0, SPOKEN), (0, SPOKEN), (0, SPOKEN))
    assert [line.split()[-1] for line in said(encoding="ascii")[1:3]] == ["#####", "#############"]
    assert max(map(len, said())) <= 80


def test_models_are_told_apart_on_request_and_a_guess_is_marked(folder: Path) -> None:
    used(folder, (0, SPOKEN), (0, HEARD), (0, STRANGE))
    lines = said("--models")
    assert [line[:20].rstrip() for line in lines[:5]] == [
        "",
        day(0),
        "  gpt-realtime-2.1",
        "  gpt-transcribe",
        "  house-model",
    ]
    assert "~$0.93" in lines[1]
    assert "~<$0.01" in lines[4]
    assert lines[-2:] == [
        "~ is a guess: no price for house-model, which is counted as the dearest there is;",
        '  give its prices in the settings: [budget.prices."house-model"]',
    ]
    priced = said("--set", "budget.prices.house-model.text_in=10")
    assert not any("~" in line for line in priced)


def test_months(folder: Path) -> None:
    used(folder, (400, SPOKEN), (0, SPOKEN), (0, SPOKEN))
    lines = said("--months")
    months = {f"{today() - timedelta(days=400):%Y-%m}": "$0.92", f"{today():%Y-%m}": "$1.83"}
    assert {line.split()[0]: line.split()[6] for line in lines[1:3]} == months
    assert lines[3].split()[0] == "all"


def test_caps_and_what_they_do(folder: Path) -> None:
    used(folder, (0, SPOKEN))
    lines = said("--set", "budget.daily_usd=1", "--set", "budget.monthly_usd=100")
    assert "today       $0.92 of $1.00, 92%" in lines
    assert any(line.startswith("this month  $0.92 of $100.00, 1%") for line in lines)
    assert "thrift: the cascade answers" in lines


def test_programs_get_numbers(folder: Path) -> None:
    used(folder, (0, SPOKEN), (0, STRANGE))
    (line,) = said("--json", "--set", "budget.daily_usd=0.5")
    found = json.loads(line)
    (span,) = found["spans"]
    assert (span["span"], span["guessed"]) == (day(0), True)
    assert [(model["model"], model["audio_out"], model["guessed"]) for model in span["models"]] == [
        ("gpt-realtime-2.1", 12_000, False),
        ("house-model", 0, True),
    ]
    assert span["usd"] == pytest.approx(sum(model["usd"] for model in span["models"]))
    assert (found["daily_usd"], found["thrift"]) == (0.5, "offline")


def test_lines_that_make_no_sense_are_told_and_left_where_they_are(folder: Path) -> None:
    used(folder, (0, SPOKEN))
    content = (folder / NAME).read_text() + "nonsense\n"
    (folder / NAME).write_text(content)
    assert said()[-1] == f"{folder / NAME}: 1 lines make no sense and are left out"
    assert (folder / NAME).read_text() == content


def test_what_a_clock_that_ran_ahead_wrote_is_shown(folder: Path) -> None:
    used(folder, (-400, SPOKEN))
    assert said()[1].startswith(day(-400))


def test_books_that_cannot_be_read_say_so(folder: Path, capsys: Output) -> None:
    (folder / NAME).mkdir(parents=True)
    assert main(["usage"]) == FAILED
    assert f"voiced: {folder / NAME}: can't be read (Is a directory); ask as the user" in capsys.readouterr().err


def test_wrong_arguments(capsys: Output) -> None:
    for arguments in (["--days", "0"], ["--days", "x"], ["--days", "3", "--months"]):
        with pytest.raises(SystemExit) as ended:
            main(["usage", *arguments])
        assert ended.value.code == USAGE
    assert "is not a whole number of days" in capsys.readouterr().err


def test_books_of_another_user_are_named(folder: Path, tmp_path: Path) -> None:
    service, nowhere = tmp_path / "service", tmp_path / "nowhere"
    used(folder, (0, HEARD))
    used(service, (0, HEARD))
    assert list(other_books((folder, service, nowhere), folder / NAME)) == [service / NAME]

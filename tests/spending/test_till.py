"""The till of a process that is no daemon: it pays into the daemon's books, and stops at the daemon's caps."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.inbox import Inbox
from voiced.conversation.commands import Spent
from voiced.conversation.events import Usage
from voiced.spending.bookkeeper import Bookkeeper
from voiced.spending.file import NAME, SpendingFile
from voiced.spending.settings import BudgetSettings
from voiced.spending.till import Till

DOLLAR = Usage("gpt-4.1", text_in=500_000)
TEN = BudgetSettings(daily_usd=10.0)


class Wall:
    """A clock that shows what it is told."""

    def __init__(self) -> None:
        self.time = datetime(2026, 11, 20, 18, 0, tzinfo=ZoneInfo("Europe/Berlin"))

    def __call__(self) -> datetime:
        return self.time


@pytest.fixture
def wall() -> Wall:
    return Wall()


def pay(till: Till, dollars: int) -> None:
    for _ in range(dollars):
        till.spent(DOLLAR)


def test_it_refuses_once_the_day_s_cap_is_reached_until_tomorrow(tmp_path: Path, wall: Wall) -> None:
    till = Till(TEN, tmp_path, now=wall)
    pay(till, 9)
    assert till.refusal() == ""
    pay(till, 1)
    assert till.refusal() == "the budget of $10.00 is spent: raise budget.daily_usd, or wait until tomorrow"
    wall.time += timedelta(hours=6)
    assert till.refusal() == ""


def test_the_month_s_cap_comes_first(tmp_path: Path, wall: Wall) -> None:
    till = Till(BudgetSettings(daily_usd=1.0, monthly_usd=1.0), tmp_path, now=wall)
    pay(till, 1)
    assert till.refusal() == "the budget of $1.00 is spent: raise budget.monthly_usd, or wait until next month"


def test_with_no_cap_anything_goes(tmp_path: Path, wall: Wall) -> None:
    till = Till(BudgetSettings(), tmp_path, now=wall)
    pay(till, 100)
    assert till.refusal() == ""


def test_the_next_process_knows_what_the_last_one_spent(tmp_path: Path, wall: Wall) -> None:
    pay(Till(TEN, tmp_path, now=wall), 10)
    assert Till(TEN, tmp_path, now=wall).refusal()
    ledger, bad = SpendingFile(tmp_path).read()
    assert (ledger.usd_by_day(), bad) == ({wall.time.date(): 10.0}, 0)


def test_two_tills_at_one_time_add_up(tmp_path: Path, wall: Wall) -> None:
    one, other = Till(TEN, tmp_path, now=wall), Till(TEN, tmp_path, now=wall)
    pay(one, 6)
    pay(other, 3)
    pay(one, 1)
    assert one.refusal()
    pay(other, 1)
    assert other.refusal()
    assert sum(SpendingFile(tmp_path).read()[0].usd_by_day().values()) == 11.0


async def test_the_daemon_sees_what_the_till_took(tmp_path: Path, wall: Wall) -> None:
    daemon = Bookkeeper(TEN, tmp_path, post=Inbox().post, now=wall)
    await daemon.load()
    pay(Till(TEN, tmp_path, now=wall), 9)
    daemon.report(Spent(DOLLAR))
    await daemon.save()
    daemon.look()
    assert (daemon.thrift, daemon.status()["today_usd"]) == ("offline", 10.0)


def test_a_clock_that_was_set_back_frees_no_cap(tmp_path: Path, wall: Wall) -> None:
    pay(Till(TEN, tmp_path, now=wall), 10)
    wall.time -= timedelta(days=30)
    later = Till(TEN, tmp_path, now=wall)
    assert later.refusal()
    pay(later, 1)
    assert Till(TEN, tmp_path, now=wall).refusal()


def test_nothing_used_writes_nothing(tmp_path: Path, wall: Wall) -> None:
    Till(TEN, tmp_path, now=wall).spent(Usage("gpt-4.1"))
    assert not (tmp_path / NAME).exists()


def test_without_a_disk_it_counts_in_memory_and_says_so(tmp_path: Path, wall: Wall) -> None:
    folder = tmp_path / "state"
    folder.write_text("a file where the folder should be")
    till = Till(TEN, folder, now=wall)
    pay(till, 10)
    assert till.refusal()
    assert till.trouble.startswith(f"{folder / NAME}: what is spent is not written down (")
    folder.unlink()
    pay(till, 1)
    assert till.trouble == ""
    assert Till(TEN, folder, now=wall).refusal()

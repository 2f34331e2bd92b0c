"""The edge: what is spent steps the conversation down, once each, over restarts and whatever disk and clock do."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from tests.inbox import Inbox
from voiced.conversation.budget import SPENT_THIS_MONTH, SPENT_TODAY
from voiced.conversation.commands import Muted, Spent
from voiced.conversation.events import ThriftChanged, Usage
from voiced.spending.bookkeeper import Bookkeeper
from voiced.spending.file import NAME, SpendingFile
from voiced.spending.settings import BudgetSettings

BERLIN = ZoneInfo("Europe/Berlin")
DOLLAR = Spent(Usage("gpt-4.1", text_in=500_000))
TEN = BudgetSettings(daily_usd=10.0)


class Wall:
    """A clock that shows what it is told."""

    def __init__(self) -> None:
        self.time = datetime(2026, 11, 20, 18, 0, tzinfo=BERLIN)

    def __call__(self) -> datetime:
        return self.time


@pytest.fixture
def wall() -> Wall:
    return Wall()


@pytest.fixture
def hub() -> Inbox:
    return Inbox()


def keeper(folder: Path, hub: Inbox, wall: Wall, settings: BudgetSettings = TEN) -> Bookkeeper:
    return Bookkeeper(settings, folder, post=hub.post, now=wall)


def spend(book: Bookkeeper, dollars: int) -> None:
    for _ in range(dollars):
        book.report(DOLLAR)


async def started(folder: Path, hub: Inbox, wall: Wall, settings: BudgetSettings = TEN) -> Bookkeeper:
    book = keeper(folder, hub, wall, settings)
    await book.load()
    book.look()
    return book


async def test_it_steps_down_once_at_each_step_and_says_so_at_the_last(tmp_path: Path, hub: Inbox, wall: Wall) -> None:
    book = await started(tmp_path, hub, wall)
    book.report(Muted(True))
    book.report(Spent(Usage("gpt-4.1")))
    spend(book, 12)
    assert hub.events == [
        ThriftChanged("short"),
        ThriftChanged("small"),
        ThriftChanged("cascade"),
        ThriftChanged("offline", SPENT_TODAY),
    ]


async def test_a_new_day_is_told_and_the_month_is_not_forgotten(tmp_path: Path, hub: Inbox, wall: Wall) -> None:
    book = await started(tmp_path, hub, wall, BudgetSettings(daily_usd=10.0, monthly_usd=20.0))
    spend(book, 10)
    hub.events.clear()
    wall.time += timedelta(hours=6)
    book.look()
    assert hub.events == [ThriftChanged("none")]
    spend(book, 10)
    assert hub.events[-1] == ThriftChanged("offline", SPENT_THIS_MONTH)
    wall.time += timedelta(days=10)
    book.look()
    assert hub.events[-1] == ThriftChanged("none")


async def test_with_no_cap_nothing_is_told(tmp_path: Path, hub: Inbox, wall: Wall) -> None:
    book = await started(tmp_path, hub, wall, BudgetSettings())
    spend(book, 100)
    assert hub.events == []


async def test_a_restart_forgets_nothing(tmp_path: Path, hub: Inbox, wall: Wall) -> None:
    book = await started(tmp_path, hub, wall)
    spend(book, 7)
    await book.save()
    spend(book, 3)
    await book.save()
    again = Inbox()
    await started(tmp_path, again, wall)
    assert again.events == [ThriftChanged("offline", SPENT_TODAY)]


async def test_what_is_spent_before_the_books_are_open_counts_too(tmp_path: Path, hub: Inbox, wall: Wall) -> None:
    first = await started(tmp_path, hub, wall)
    spend(first, 5)
    await first.save()
    second = keeper(tmp_path, hub, wall)
    spend(second, 2)
    assert hub.events == []
    await second.load()
    second.look()
    assert hub.events == [ThriftChanged("short")]
    await second.save()
    assert SpendingFile(tmp_path).read()[0].usd_by_day() == {wall.time.date(): 7.0}


async def test_run_keeps_the_books_until_it_is_cancelled(tmp_path: Path, hub: Inbox, wall: Wall) -> None:
    for turns_of_the_loop in (1, 2, 3, 4):
        book = keeper(tmp_path, hub, wall)
        running = asyncio.create_task(book.run())
        spend(book, 1)
        for _ in range(turns_of_the_loop):
            await asyncio.sleep(0)
        running.cancel()
        await asyncio.wait([running])
    assert SpendingFile(tmp_path).read()[0].usd_by_day() == {wall.time.date(): 4.0}


async def test_run_tells_at_the_start_and_writes_at_once_what_is_first(tmp_path: Path, hub: Inbox, wall: Wall) -> None:
    book = await started(tmp_path, hub, wall)
    spend(book, 9)
    await book.save()
    hub.events.clear()
    other = keeper(tmp_path, hub, wall)
    running = asyncio.create_task(other.run())
    await hub.get(ThriftChanged)
    assert hub.events == [ThriftChanged("cascade")]
    spend(other, 1)
    await hub.until(lambda: hub.events[-1] == ThriftChanged("offline", SPENT_TODAY))
    running.cancel()
    await asyncio.wait([running])
    assert SpendingFile(tmp_path).read()[0].usd_by_day() == {wall.time.date(): 10.0}


# Clocks.


async def test_a_clock_set_back_frees_nothing_over_a_restart_either(tmp_path: Path, hub: Inbox, wall: Wall) -> None:
    book = await started(tmp_path, hub, wall)
    spend(book, 10)
    await book.save()
    wall.time = datetime(1970, 1, 1, 1, 0, tzinfo=BERLIN)
    book.look()
    again = Inbox()
    await started(tmp_path, again, wall)
    assert hub.events[-1] == ThriftChanged("offline", SPENT_TODAY)
    assert again.events == [ThriftChanged("offline", SPENT_TODAY)]


async def test_a_machine_that_is_off_every_midnight_gets_out_of_a_future_that_never_was(
    tmp_path: Path, hub: Inbox, wall: Wall
) -> None:
    today = wall.time
    wall.time = datetime(2099, 1, 1, 12, 0, tzinfo=BERLIN)
    book = await started(tmp_path, hub, wall)
    spend(book, 10)
    await book.save()
    found = []
    for day in range(4):
        wall.time = today + timedelta(days=day)
        each = Inbox()
        book = await started(tmp_path, each, wall)
        await book.save()
        found.append(book.status()["thrift"])
    assert found == ["offline", "none", "none", "none"]


# Disks.


async def test_with_no_disk_it_goes_on_in_memory_and_says_so_once(tmp_path: Path, hub: Inbox, wall: Wall) -> None:
    folder = tmp_path / "state"
    folder.write_text("in the way")
    with capture_logs() as logs:
        book = await started(folder, hub, wall)
        for _ in range(3):
            spend(book, 2)
            await book.save()
    assert hub.events == [ThriftChanged("short")]
    assert [entry["event"] for entry in logs if "spending" in entry["event"]] == ["spending.not_saved"]
    folder.unlink()
    await book.save()
    assert SpendingFile(folder).read()[0].usd_by_day() == {wall.time.date(): 6.0}


async def test_a_disk_that_comes_late_brings_what_was_spent_before(tmp_path: Path, hub: Inbox, wall: Wall) -> None:
    first = await started(tmp_path / "disk", Inbox(), wall)
    spend(first, 8)
    await first.save()
    (tmp_path / "state").write_text("not mounted yet")
    book = await started(tmp_path / "state", hub, wall)
    spend(book, 1)
    await book.save()
    assert hub.events == []
    (tmp_path / "state").unlink()
    (tmp_path / "disk").rename(tmp_path / "state")
    await book.save()
    book.look()
    assert hub.events == [ThriftChanged("cascade")]


async def test_a_corrupt_file_is_told_and_set_aside(tmp_path: Path, hub: Inbox, wall: Wall) -> None:
    (tmp_path / NAME).write_text("nonsense\n")
    with capture_logs() as logs:
        book = await started(tmp_path, hub, wall)
    assert [entry["event"] for entry in logs] == ["spending.corrupt"]
    spend(book, 1)
    await book.save()
    assert SpendingFile(tmp_path).read()[0].usd_by_day() == {wall.time.date(): 1.0}


async def test_two_daemons_share_one_cap(tmp_path: Path, wall: Wall) -> None:
    one, other = Inbox(), Inbox()
    first, second = await started(tmp_path, one, wall), await started(tmp_path, other, wall)
    for _ in range(3):
        for book in (first, second):
            spend(book, 2)
            await book.save()
            book.look()
    assert other.events[-1] == ThriftChanged("offline", SPENT_TODAY)
    assert SpendingFile(tmp_path).read()[0].usd_by_day() == {wall.time.date(): 12.0}


# Prices.


async def test_a_model_without_a_price_is_the_dearest_and_told_once(tmp_path: Path, hub: Inbox, wall: Wall) -> None:
    with capture_logs() as logs:
        book = await started(tmp_path, hub, wall)
        for _ in range(3):
            book.report(Spent(Usage("house-model", text_in=1_000_000)))
    assert [(entry["event"], entry["model"]) for entry in logs if "model" in entry] == [
        ("usage.no_price", "house-model")
    ]
    assert 'budget.prices."house-model"' in str(logs)
    dearest = max(prices.text_in or 0.0 for prices in TEN.prices.values())
    assert (book.status()["today_usd"], book.status()["guessed"]) == (3 * dearest, True)
    assert hub.events[-1] == ThriftChanged("offline", SPENT_TODAY)


async def test_a_price_that_is_given_later_mends_what_was_guessed(tmp_path: Path, hub: Inbox, wall: Wall) -> None:
    book = await started(tmp_path, hub, wall)
    book.report(Spent(Usage("house-model", text_in=2_000_000)))
    await book.save()
    hub.events.clear()
    mended = BudgetSettings.model_validate({"daily_usd": 10.0, "prices": {"house-model": {"text_in": 0.0}}})
    book.reconfigure(mended)
    assert hub.events == [ThriftChanged("none")]
    restarted = await started(tmp_path, hub, wall, mended)
    assert (restarted.status()["today_usd"], restarted.status()["guessed"]) == (0.0, False)


async def test_another_cap_counts_at_once(tmp_path: Path, hub: Inbox, wall: Wall) -> None:
    book = await started(tmp_path, hub, wall)
    spend(book, 5)
    book.reconfigure(BudgetSettings(daily_usd=5.0))
    assert hub.events == [ThriftChanged("offline", SPENT_TODAY)]
    book.reconfigure(BudgetSettings())
    assert hub.events[-1] == ThriftChanged("none")


async def test_a_cache_that_is_larger_than_what_was_read_makes_nothing_cheaper(
    tmp_path: Path, hub: Inbox, wall: Wall
) -> None:
    book = await started(tmp_path, hub, wall)
    book.report(Spent(Usage("gpt-4.1", text_in=10, cached_text_in=1_000_000)))
    book.report(Spent(Usage("gpt-4.1", text_in=1_000_000)))
    await book.save()
    (entry,) = SpendingFile(tmp_path).read()[0].days[wall.time.date()].values()
    assert entry.usage == Usage("gpt-4.1", text_in=1_000_010, cached_text_in=10)


DAEMON = """
import asyncio, sys
from datetime import datetime, timezone
from pathlib import Path
from voiced.conversation.commands import Spent
from voiced.conversation.events import Usage
from voiced.spending.bookkeeper import Bookkeeper
from voiced.spending.settings import BudgetSettings

async def main():
    now = lambda: datetime(2026, 11, 20, tzinfo=timezone.utc)
    book = Bookkeeper(BudgetSettings(), Path(sys.argv[1]), post=print, now=now)
    await book.load()
    for number in range(1_000_000):
        book.report(Spent(Usage("gpt-4.1", text_in=500_000)))
        await book.save()
        print(number + 1, flush=True)

asyncio.run(main())
"""


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen([sys.executable, "-c", DAEMON, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    yield process
    process.kill()
    process.communicate()


def test_a_daemon_that_is_killed_keeps_what_it_saved(tmp_path: Path, daemon: subprocess.Popen[str]) -> None:
    assert daemon.stdout is not None
    saved = [int(daemon.stdout.readline()) for _ in range(30)]
    daemon.kill()
    saved += [int(line) for line in daemon.stdout]
    lines = (tmp_path / NAME).read_text().splitlines()
    assert sum(json.loads(line)["usd"] for line in lines) in (saved[-1], saved[-1] + 1)


deeds = st.lists(st.sampled_from(["spend", "save", "killed", "restarted", "day on", "day back", "1970", "no disk"]))


@settings(deadline=None, max_examples=60)
@given(deeds)
def test_whatever_happens_each_cent_that_was_saved_is_counted_once(
    tmp_path_factory: pytest.TempPathFactory, deeds: list[str]
) -> None:
    async def story() -> None:
        folder, wall, saved, unsaved = tmp_path_factory.mktemp("state") / "voiced", Wall(), 0, 0
        here = wall.time
        book = await started(folder, Inbox(), wall)
        for deed in deeds:
            match deed:
                case "spend":
                    spend(book, 1)
                    unsaved += 1
                case "save":
                    await book.save()
                    saved, unsaved = saved + unsaved, 0
                case "killed":
                    book, unsaved = await started(folder, Inbox(), wall), 0
                case "restarted":
                    await book.save()
                    saved, unsaved = saved + unsaved, 0
                    book = await started(folder, Inbox(), wall)
                case "day on":
                    here = wall.time = here + timedelta(days=1)
                case "day back":
                    here = wall.time = here - timedelta(days=1)
                case "1970":
                    wall.time = datetime(1970, 1, 1, tzinfo=BERLIN)
                case "no disk" if folder.exists():
                    folder.rename(folder.with_name("aside"))
                    folder.write_text("in the way")
                    await book.save()
                    folder.unlink()
                    folder.with_name("aside").rename(folder)
            book.look()
            status = book.status()
            assert status["today_usd"] <= status["month_usd"] <= saved + unsaved
        on_disk = SpendingFile(folder).read()[0].usd_by_day()
        assert sum(on_disk.values()) == pytest.approx(saved)
        fresh = await started(folder, Inbox(), wall)
        await book.save()
        await fresh.save()
        assert sum(SpendingFile(folder).read()[0].usd_by_day().values()) == pytest.approx(saved + unsaved)

    asyncio.run(story())

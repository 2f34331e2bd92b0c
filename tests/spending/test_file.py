"""The books on disk: killed writers, full disks, garbage, and two at once."""

from __future__ import annotations

import fcntl
import os
import stat
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import pytest

from tests.full_disk import full_disk
from voiced.conversation.events import Usage
from voiced.spending.file import COMPACT_AT, SpendingFile
from voiced.spending.ledger import DAYS_KEPT, Ledger

FRIDAY = date(2026, 11, 20)

WRITER = """
import sys
from datetime import date
from pathlib import Path
from voiced.conversation.events import Usage
from voiced.spending.file import SpendingFile
from voiced.spending.ledger import Ledger
file = SpendingFile(Path(sys.argv[1]))
for number in range(int(sys.argv[2])):
    news = Ledger()
    news.add(date(2026, 11, 20), Usage("big", text_in=1), 1.0)
    file.append(news)
    print(number + 1, flush=True)
"""


def one(usd: float = 1.0, model: str = "big", day: date = FRIDAY) -> Ledger:
    ledger = Ledger()
    ledger.add(day, Usage(model, text_in=1), usd)
    return ledger


def spent(folder: Path) -> float:
    ledger, bad = SpendingFile(folder).read()
    assert bad == 0
    return sum(ledger.usd_by_day().values())


def writer(folder: Path, times: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, str(folder), str(times)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_what_is_appended_is_there_for_the_next_one_and_for_nobody_else(tmp_path: Path) -> None:
    folder = tmp_path / "state" / "voiced"
    assert SpendingFile(folder).read() == (Ledger(), 0)
    first = SpendingFile(folder)
    assert first.load() == (Ledger(), "")
    assert (first.append(one()), first.append(one())) == (None, None)
    assert SpendingFile(folder).load()[0].usd_by_day() == {FRIDAY: 2.0}
    assert stat.S_IMODE(first.path.stat().st_mode) == 0o600


def test_a_writer_that_is_killed_loses_nothing_that_it_wrote(tmp_path: Path) -> None:
    process = writer(tmp_path, 1_000_000)
    assert process.stdout is not None
    written = [int(process.stdout.readline()) for _ in range(50)]
    process.kill()
    written += [int(line) for line in process.stdout]
    process.stdout.close()
    process.wait()
    assert spent(tmp_path) in (written[-1], written[-1] + 1)


def test_half_a_line_of_a_killed_writer_costs_no_other_line(tmp_path: Path) -> None:
    file = SpendingFile(tmp_path)
    file.append(one())
    file.path.write_bytes(file.path.read_bytes() * 2 + b'{"day": "2026-11-20", "mod')
    ledger, trouble = file.load()
    assert (ledger.usd_by_day(), trouble) == ({FRIDAY: 2.0}, "")
    file.append(one())
    assert spent(tmp_path) == 3.0


def test_a_line_whose_end_was_lost_still_counts(tmp_path: Path) -> None:
    file = SpendingFile(tmp_path)
    file.append(one())
    file.path.write_bytes(file.path.read_bytes().rstrip())
    file.append(one())
    assert spent(tmp_path) == 2.0


@pytest.mark.parametrize("garbage", [b"not ours\n", b"\xff\xfe\x00\n", b"\x00" * 5000 + b"\n", b"{}\n[]\n"])
def test_a_corrupt_file_is_set_aside_and_what_makes_sense_is_kept(tmp_path: Path, garbage: bytes) -> None:
    file = SpendingFile(tmp_path)
    file.append(one())
    content = garbage + file.path.read_bytes() + garbage
    file.path.write_bytes(content)
    ledger, trouble = file.load()
    assert ledger.usd_by_day() == {FRIDAY: 1.0}
    assert "spending.jsonl" in trouble
    assert "spending.corrupt" in trouble
    assert (tmp_path / "spending.corrupt").read_bytes() == content
    assert file.append(one()) is None
    assert spent(tmp_path) == 2.0


def test_a_file_of_a_wrong_size_is_not_read(tmp_path: Path) -> None:
    file = SpendingFile(tmp_path)
    with file.path.open("wb") as huge:
        huge.truncate(2**40)
    assert file.load()[0] == Ledger()
    assert (tmp_path / "spending.corrupt").exists()
    file.append(one())
    assert spent(tmp_path) == 1.0


def test_on_a_full_disk_all_of_it_is_written_or_nothing(tmp_path: Path) -> None:
    file = SpendingFile(tmp_path)
    file.load()
    file.append(one())
    news = one()
    news.merge(one(2.0, "other"))
    before = file.path.read_bytes()
    with full_disk(len(before) + 80), pytest.raises(OSError, match="too large"):
        file.append(news)
    assert file.path.read_bytes() == before
    assert file.append(news) is None
    assert spent(tmp_path) == 4.0


def test_two_that_write_and_one_that_reads_do_each_other_no_harm(tmp_path: Path) -> None:
    first, second = writer(tmp_path, 60), writer(tmp_path, 60)
    file, seen = SpendingFile(tmp_path), [0.0]
    for _ in range(20):
        found = file.append(one(0.0))
        seen.append(sum(found.usd_by_day().values()) if found is not None else seen[-1])
        seen.append(spent(tmp_path))
    for process in (first, second):
        process.communicate()
    assert seen == sorted(seen)
    assert spent(tmp_path) == 120.0
    found = file.append(one(0.0))
    assert found is not None
    assert sum(found.usd_by_day().values()) == 120.0


def test_a_file_that_grew_is_made_small_again_and_loses_nothing(tmp_path: Path) -> None:
    file = SpendingFile(tmp_path)
    for number in range(DAYS_KEPT + 100):
        line = "\n".join(one(day=FRIDAY + timedelta(days=number)).lines()) + "\n"
        with file.path.open("a") as out:
            out.write(line * 10)
    assert file.path.stat().st_size > COMPACT_AT
    file.load()
    file.append(one(day=FRIDAY + timedelta(days=DAYS_KEPT + 99)))
    ledger, bad = file.read()
    assert file.path.stat().st_size < COMPACT_AT // 5
    assert (len(ledger.days), bad) == (DAYS_KEPT, 0)
    months = sum(entry.usd for models in ledger.months.values() for entry in models.values())
    assert months + sum(ledger.usd_by_day().values()) == (DAYS_KEPT + 100) * 10 + 1


def test_a_lock_that_somebody_sits_on_holds_up_nobody_for_ever(tmp_path: Path) -> None:
    lock = os.open(tmp_path / "spending.lock", os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        SpendingFile(tmp_path).append(one())
    finally:
        os.close(lock)
    assert spent(tmp_path) == 1.0

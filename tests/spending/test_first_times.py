"""What is counted once, over restarts, killed writers and full disks."""

from __future__ import annotations

import stat
import subprocess
import sys
import threading
from pathlib import Path

from voiced.spending.first_times import KEPT, LONGEST_NAME, FirstTimes

ASKER = """
import sys
from pathlib import Path
from voiced.spending.first_times import FirstTimes
times = FirstTimes(Path(sys.argv[1]))
print(sum(times.is_first(f"batch {number}") for number in range(200)))
"""


def test_a_name_is_new_once_and_not_after_a_restart_either(tmp_path: Path) -> None:
    folder = tmp_path / "state" / "voiced"
    times = FirstTimes(folder)
    assert [times.is_first(name) for name in ("batch 1", "batch 2", "batch 1")] == [True, True, False]
    again = FirstTimes(folder)
    assert [again.is_first(name) for name in ("batch 2", "batch 3", "batch")] == [False, True, True]
    assert stat.S_IMODE(again.path.stat().st_mode) == 0o600


def test_what_one_process_was_given_is_not_new_to_another(tmp_path: Path) -> None:
    processes = [
        subprocess.Popen([sys.executable, "-c", ASKER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    assert sum(int(process.communicate()[0]) for process in processes) == 200


def test_threads_take_turns(tmp_path: Path) -> None:
    times, found = FirstTimes(tmp_path), []
    threads = [threading.Thread(target=lambda: found.append(times.is_first("job 1"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [False] * 7 + [True]


def test_half_a_line_of_a_killed_writer_is_no_name(tmp_path: Path) -> None:
    FirstTimes(tmp_path).is_first("batch 1")
    path = FirstTimes(tmp_path).path
    path.write_bytes(path.read_bytes() + b"batch 2")
    assert FirstTimes(tmp_path).is_first("batch 2")
    assert path.read_text() == "batch 1\nbatch 2\n"


def test_it_stays_small_and_forgets_the_oldest(tmp_path: Path) -> None:
    path = FirstTimes(tmp_path).path
    path.write_text("".join(f"batch {number}\n" for number in range(2 * KEPT)))
    assert FirstTimes(tmp_path).is_first("the last")
    assert len(path.read_text().splitlines()) == KEPT
    again = FirstTimes(tmp_path)
    assert [again.is_first(name) for name in ("batch 0", f"batch {2 * KEPT - 1}", "the last")] == [True, False, False]


def test_a_name_is_one_line_that_is_not_too_long(tmp_path: Path) -> None:
    times = FirstTimes(tmp_path)
    assert times.is_first("batch\n1" + "x" * 500)
    (line,) = times.path.read_text().splitlines()
    assert len(line) == LONGEST_NAME
    assert not FirstTimes(tmp_path).is_first("batch 1" + "x" * 500)


def test_where_the_disk_fails_memory_must_do(tmp_path: Path) -> None:
    (tmp_path / "counted.txt").mkdir()
    times = FirstTimes(tmp_path)
    assert [times.is_first("batch 1"), times.is_first("batch 1")] == [True, False]
    assert "counted.txt: what was counted is not written down" in times.trouble


def test_a_file_that_is_none_of_ours_does_no_harm(tmp_path: Path) -> None:
    with (tmp_path / "counted.txt").open("wb") as huge:
        huge.write(b"\xff\xfe\x00\n" * 10)
        huge.truncate(2**40)
    assert [FirstTimes(tmp_path).is_first("batch 1") for _ in range(2)] == [True, False]

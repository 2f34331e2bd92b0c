"""The log: one line for each event, for people or for machines, and never a key, a header or sound."""

from __future__ import annotations

import io
import itertools
import json
import logging
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TextIO

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from voiced.log import LogLevel, LogSettings, set_up
from voiced.redaction import looks_like_a_key, redacted

KEY = "sk-proj-0123456789abcdefghijklmnop"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    root, ours = logging.getLogger(), logging.getLogger("voiced")
    handlers, levels = root.handlers[:], (root.level, ours.level)
    yield
    for handler in root.handlers:
        if handler not in handlers:
            handler.close()
    root.handlers[:] = handlers
    root.setLevel(levels[0])
    ours.setLevel(levels[1])
    structlog.reset_defaults()


def logged_to(stream: TextIO, level: LogLevel = "info") -> Any:
    set_up(LogSettings(level=level), stream)
    return structlog.get_logger("voiced.turn")


def flushed() -> None:
    """Wait for the thread that writes the log."""
    for handler in logging.getLogger().handlers:
        handler.flush()


def written(stream: io.StringIO) -> str:
    """All that was logged."""
    flushed()
    return stream.getvalue()


def test_a_machine_gets_one_json_object_a_line() -> None:
    stream = io.StringIO()
    log = logged_to(stream)
    log.info("turn.done", turn=3, heard_ms=900)
    log.debug("turn.text", text="what people said")
    (line,) = map(json.loads, written(stream).splitlines())
    assert line.pop("timestamp").endswith("Z")
    assert line == {"event": "turn.done", "turn": 3, "heard_ms": 900, "level": "info", "logger": "voiced.turn"}


def test_a_person_gets_a_readable_line() -> None:
    stream = Terminal()
    logged_to(stream, "debug").debug("turn.done", turn=3)
    assert "turn.done" in written(stream)
    assert not written(stream).startswith("{")


@pytest.mark.parametrize("stream", [io.StringIO(), Terminal()])
def test_no_key_no_header_and_no_sound_is_logged(stream: io.StringIO) -> None:
    log = logged_to(stream, "debug")
    log.warning(f"refused {KEY}", headers={"Authorization": f"Bearer {KEY}"}, pcm=b"\x01\x02" * 500, parts=[b"abc"])
    api_key = KEY
    try:
        raise ValueError(f"no such key: {api_key}")
    except ValueError:
        log.exception("failed")
    logging.getLogger("somebody").error("Authorization: Basic dXNlcjpwYXNz")
    text = written(stream)
    assert KEY not in text
    assert "dXNlcjpwYXNz" not in text
    assert "x01" not in text
    assert "<1000 bytes>" in text
    assert "<3 bytes>" in text
    assert "no such key: sk-[redacted]" in text


@pytest.mark.parametrize("name", ["websockets", "websockets.client", "asyncio", "anything"])
def test_a_library_is_heard_from_warnings_up_whatever_its_own_level(name: str) -> None:
    stream = io.StringIO()
    logged_to(stream, "debug")
    logger = logging.getLogger(name)
    level = logger.level
    logger.setLevel(logging.DEBUG)
    logger.debug("> Authorization: Bearer secret")
    logger.info("connection open")
    logger.warning("slow")
    logger.setLevel(level)
    assert [json.loads(line)["event"] for line in written(stream).splitlines()] == ["slow"]


def test_the_level_can_be_changed_while_it_runs() -> None:
    stream = io.StringIO()
    log = logged_to(stream, "warning")
    log.info("unheard")
    logged_to(stream, "debug")
    log.debug("heard")
    assert [json.loads(line)["event"] for line in written(stream).splitlines()] == ["heard"]


def test_nothing_is_lost_while_somebody_silences_standard_error(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w") as stream:
        log = logged_to(stream)
        kept = os.dup(stream.fileno())
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, stream.fileno())  # as sounddevice does to descriptor 2 while PortAudio starts
        log.info("meanwhile")
        os.dup2(kept, stream.fileno())
        os.close(kept)
        os.close(silence)
        log.info("afterwards")
        flushed()
    lines = (tmp_path / "log").read_text().splitlines()
    assert [json.loads(line)["event"] for line in lines] == ["meanwhile", "afterwards"]


def test_a_log_that_nobody_reads_stops_nobody_and_tells_what_was_lost() -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as stream, os.fdopen(reading) as reader, ThreadPoolExecutor(1) as somebody:
        log = logged_to(stream)
        for _ in range(3000):
            log.info("x" * 100)  # a pipe holds 64 KiB of it, and the queue a thousand lines
        lines = somebody.submit(lambda: list(itertools.takewhile(lambda line: "the last" not in line, reader)))
        flushed()
        log.info("somebody reads again")
        log.info("the last")
        flushed()
        *_, again, lost = (json.loads(line)["event"] for line in lines.result(timeout=10))
    assert again == "somebody reads again"
    assert lost.endswith(" log lines were dropped: nobody read the log")
    assert 1000 < int(lost.partition(" ")[0]) < 2500


keys = st.from_regex(r"(sk|ek|rk)[-_][A-Za-z0-9_-]{20,60}", fullmatch=True)
around = st.text(st.characters(exclude_categories=["L", "N"], exclude_characters="-_"))


@given(around, keys, around)
def test_a_key_anywhere_in_a_text_is_taken_out(before: str, key: str, after: str) -> None:
    assert looks_like_a_key(before + key + after)
    assert key[3:] not in redacted(before + key + after)


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("Authorization: Bearer abc.def", "Authorization: [redacted]"),
        ("{'Authorization': 'Bearer abc'}", "{'Authorization': '[redacted]'}"),
        ('{"authorization":"abc"}', '{"authorization":"[redacted]"}'),
        ("said bearer abc", "said bearer [redacted]"),
        ("wss://me:pass@host/v1", "wss://[redacted]@host/v1"),
        ("a task-oriented desk-top, ask_0123456789", "a task-oriented desk-top, ask_0123456789"),
        ("http://host:80/v1", "http://host:80/v1"),
    ],
)
def test_headers_and_passwords_are_taken_out_and_the_rest_stays(text: str, clean: str) -> None:
    assert redacted(text) == clean


def test_journald_is_told_how_grave_a_line_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (tmp_path / "journal").open("w+") as stream:
        status = os.fstat(stream.fileno())
        monkeypatch.setenv("JOURNAL_STREAM", f"{status.st_dev}:{status.st_ino}")
        log = logged_to(stream)
        log.info("ready", device="mic")
        log.warning("odd")
        log.error("broken")
        flushed()
        lines = (tmp_path / "journal").read_text().splitlines()
    assert [line[:3] for line in lines] == ["<6>", "<4>", "<3>"]
    assert json.loads(lines[0][3:])["device"] == "mic"


def test_a_file_that_is_not_the_journal_gets_plain_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOURNAL_STREAM", "1:2")
    with (tmp_path / "file").open("w+") as stream:
        logged_to(stream).info("ready")
        flushed()
        assert (tmp_path / "file").read_text().startswith("{")

"""The benchmark measures what it says; how fast is no matter here."""

from __future__ import annotations

import numpy as np
import pytest

from tests.benchmarks import latency, startup, unused_api
from tests.benchmarks.client import Record
from tests.benchmarks.recording_card import Block
from tests.benchmarks.report import Row, table
from tests.benchmarks.trial import Subject, Trial, conversation, simulation
from voiced.audio import FRAME_BYTES
from voiced.testing.loopback import Entry, sweep

SOUND = b"\x10\x27" * 240
FADE = np.linspace(10_000, 0, 240).astype("<i2").tobytes()
SILENCE = bytes(480)


def frame(number: int) -> bytes:
    return bytes([number, 1]) * (FRAME_BYTES // 2)


def trial(
    *,
    received: list[Entry] | None = None,
    sent: list[Entry] | None = None,
    utterances: list[bytes] | None = None,
    heard: list[Block] | None = None,
    played: list[Block] | None = None,
    tape: bytes = b"",
) -> Trial:
    record = Record(heard=heard or [], played=played or [], tape=tape)
    return Trial("voiced", received or [], sent or [], utterances or [], 0, (), record)


def append(at: float, frames: int) -> Entry:
    return Entry(1, "input_audio_buffer.append", {}, at, frames * FRAME_BYTES)


def commit(at: float) -> Entry:
    return Entry(1, "input_audio_buffer.commit", {}, at)


def delta(at: float, reply: str) -> Entry:
    return Entry(1, "response.output_audio.delta", {"response_id": reply, "item_id": f"item of {reply}"}, at, 480)


def truncate(reply: str, ms: int) -> Entry:
    return Entry(1, "conversation.item.truncate", {"item_id": f"item of {reply}", "audio_end_ms": ms}, 0.0)


@pytest.fixture
def interrupted() -> Trial:
    """A question, a reply that begins at 0.5 s, and an interruption that is decided by frame 5 at 1.0 s."""
    return trial(
        heard=[(0.1 * number, frame(number)) for number in range(4)] + [(0.98, frame(4)), (1.0, frame(5))],
        utterances=[frame(0) + frame(1) + frame(2) + frame(3), frame(4) + frame(5)],
        received=[
            *(append(0.101, 2), append(0.202, 1), append(0.304, 1), commit(0.4)),
            Entry(1, "response.cancel", {}, 1.003),
            *(append(1.004, 2), commit(1.5)),
        ],
        sent=[delta(0.5, "one"), delta(1.005, "one"), Entry(1, "response.done", {}, 1.1), delta(2.0, "two")],
        played=[
            *((0.4, SILENCE), (0.507, SOUND), (0.995, SOUND), (1.005, SOUND), (1.015, FADE), (1.025, SILENCE)),
            *((1.9, SILENCE), (2.01, SOUND)),
        ],
    )


def test_capture_to_wire_counts_the_frames_that_are_sent_one_by_one(interrupted: Trial) -> None:
    assert latency.capture_to_wire(interrupted) == pytest.approx([2.0, 4.0])


def test_the_first_sample_is_the_first_block_with_sound(interrupted: Trial) -> None:
    assert latency.delta_to_sample(interrupted) == pytest.approx([7.0, 10.0])


def test_a_fade_counts_as_silence(interrupted: Trial) -> None:
    assert latency.barge_in_to_silence(interrupted) == pytest.approx([15.0])
    assert latency.barge_in_to_cancel(interrupted) == pytest.approx([3.0])


def test_late_deltas_are_those_that_leave_after_the_cancellation(interrupted: Trial) -> None:
    assert latency.late_deltas(interrupted) == 1


def test_sound_between_the_silence_and_the_next_reply_is_old(interrupted: Trial) -> None:
    assert latency.old_audio(interrupted) == 0
    interrupted.record.played.insert(-2, (1.5, SOUND))
    assert latency.old_audio(interrupted) == 1


def test_the_tape_tells_how_much_of_each_reply_was_heard() -> None:
    reply = np.frombuffer(sweep(24_000), "<i2")
    pause = np.zeros(4_800, "<i2")
    tape = np.concatenate((pause, reply[:12_000], pause, reply[:9_600], pause, reply[9_600:19_200], pause)).tobytes()
    truncations = [truncate("one", 500), truncate("two", 770)]
    heard = trial(sent=[delta(0.0, "one"), delta(1.0, "two")], received=truncations, tape=tape)
    assert latency.truncation_errors(heard) == pytest.approx([0.0, 30.0], abs=0.5)


def test_targets_are_marked() -> None:
    rows = [
        Row("fast", [1.0, 1.0], [1.4], ratio=1.5),
        Row("slow", [1.0, 1.0], [1.6], ratio=1.5),
        Row("wrong", [], [21.0], limit=(20.0, "p99"), correct=True),
        Row("told", [], [21.0]),
    ]
    assert [row.mark for row in rows] == ["ok", "MISSED", "BROKEN", ""]
    assert len(table(rows).splitlines()) == 6


@pytest.mark.parametrize("subject", ["floor", "voiced"])
async def test_one_interruption(subject: Subject) -> None:
    found = await conversation(subject, idle_s=0.1, interruptions=1)
    assert not found.violations
    assert len(latency.capture_to_wire(found)) > 20
    assert len(latency.delta_to_sample(found)) == 2
    assert len(latency.barge_in_to_silence(found)) == len(latency.barge_in_to_cancel(found)) == 1
    assert len(latency.tool_round_trip(found, "echo")) == len(latency.tool_round_trip(found, "echo_plain")) == 4
    assert latency.late_deltas(found) > 0
    assert latency.old_audio(found) == 0
    assert max(latency.truncation_errors(found)) <= 20
    assert found.record.cpu_idle > 0
    assert found.record.cpu_talking > 0


async def test_simulated_time_has_replies_too() -> None:
    found = await simulation("voiced", 20)
    assert found.replies == 2
    assert [seconds for seconds, _ in found.record.rss] == [0.0, 20]


async def test_starts() -> None:
    assert (await startup.bare_imports()).rss_mb > 0
    assert (await startup.voiced()).ms > 0


async def test_the_unused_api_is_measured_beside_none() -> None:
    found = await unused_api.measure(starts=1)
    assert len(found.without) == len(found.unused) == 1
    assert min(found.without + found.unused) > (0, 0)
    assert unused_api.text(found).splitlines()[1].startswith("start-up (ms)")

"""A browser as the sound card, block by block: what is heard, when, and what is not played where it does not play."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import pytest

from voiced.audio import RATE
from voiced.errors import DeviceFailed, DeviceNotFound
from voiced.kiosk.browser_card import (
    BLOCK_S,
    BLOCK_SAMPLES,
    BURST_S,
    LATE_S,
    LEAD_S,
    MOST_DROPPED_S,
    SILENCE,
    SILENT_BLOCKS_SENT,
    STALLED_S,
    BrowserCard,
)
from voiced.sound_card.port import BlockTime, Stream

RATE_IN: Final = 48_000
TWENTY_MS: Final = bytes(RATE_IN // 50 * 2)
TONE: Final = b"\x11\x22" * BLOCK_SAMPLES


@dataclass(eq=False)
class Page:
    """A browser with its loudspeaker."""

    backed_up: bool = False
    played: list[bytes] = field(default_factory=list)
    flushes: int = 0
    off: list[str] = field(default_factory=list)

    def play(self, pcm: bytes) -> None:
        self.played.append(pcm)

    def flush(self) -> None:
        self.flushes += 1

    def sound_off(self, reason: str) -> None:
        self.off.append(reason)


class Sound:
    """A card, and what its two streams were called back with."""

    def __init__(self) -> None:
        self.now = 100.0
        self.arrivals = 0
        self.card = BrowserCard(on_arrival=self._arrived, clock=lambda: self.now)
        self.blocks: list[tuple[int, float, int, bool]] = []
        """Of the microphone: bytes, edge in ms after the beginning, rate, whether any were lost before."""
        self.asked: list[tuple[float, bool]] = []
        """Of the loudspeaker: edge in ms after the beginning, whether it ran dry before."""
        self.output = TONE
        self.stopped: list[str] = []

    def open(self) -> tuple[Stream, Stream]:
        microphone = self.card.open_input(
            "",
            block_ms=20,
            callback=self._captured,
            on_stopped=lambda reason="": self.stopped.append(f"input: {reason}"),
        )
        loudspeaker = self.card.open_output(
            "",
            block_ms=10,
            callback=self._render,
            on_stopped=lambda reason="": self.stopped.append(f"output: {reason}"),
        )
        return microphone, loudspeaker

    def turn(self, seconds: float = BLOCK_S) -> float:
        self.now = round(self.now + seconds, 6)
        return self.card.play_due()

    def _arrived(self) -> None:
        self.arrivals += 1

    def _captured(self, pcm: bytes, time: BlockTime, overflowed: bool) -> None:
        assert time.now == self.now
        self.blocks.append((len(pcm), round((time.edge - 100.0) * 1000, 1), time.rate, overflowed))

    def _render(self, wanted: int, time: BlockTime, underflowed: bool) -> bytes:
        assert (wanted, time.rate) == (BLOCK_SAMPLES, RATE)
        self.asked.append((round((time.edge - 100.0) * 1000, 1), underflowed))
        return self.output


# Who is it?


def test_without_a_browser_there_is_no_device_and_it_is_said_what_to_do() -> None:
    sound = Sound()

    assert sound.card.devices() == []
    with pytest.raises(DeviceNotFound, match="open the page and press the button"):
        sound.open()


def test_a_browser_that_comes_is_told_of_at_once_and_is_a_microphone_and_a_loudspeaker() -> None:
    sound = Sound()
    sound.card.take(Page(), rate=RATE_IN, latency_s=0.03)
    microphone, loudspeaker = sound.open()

    assert sound.arrivals == 1
    assert [device.name for device in sound.card.devices()] == ["browser"]
    assert (microphone.rate, loudspeaker.rate) == (RATE_IN, RATE)
    assert loudspeaker.latency_s == pytest.approx(LEAD_S + 0.03)


def test_a_browser_that_goes_stops_both_streams_once() -> None:
    sound, page = Sound(), Page()
    sound.card.take(page, rate=RATE_IN)
    sound.open()

    sound.card.release(page)
    sound.card.release(page)
    sound.turn()

    nobody = "no browser is the microphone and loudspeaker: open the page and press the button for it there"
    assert sound.stopped == [f"input: {nobody}", f"output: {nobody}"]  # as who tries to open them is told
    assert sound.asked == []
    with pytest.raises(DeviceNotFound):
        sound.open()


def test_another_browser_takes_over_and_the_sound_goes_on() -> None:
    sound, first, second = Sound(), Page(), Page()
    sound.card.take(first, rate=RATE_IN)
    sound.open()
    sound.card.take(second, rate=16_000)
    sound.card.release(first)  # as it closes
    sound.card.captured(first, TWENTY_MS)
    sound.turn(0.0)
    sound.card.captured(second, bytes(640))

    assert first.off == ["another page is the microphone and loudspeaker now"]
    assert (first.played, second.played) == ([], [TONE])
    assert sound.stopped == []
    assert sound.blocks == [(640, -20.0, 16_000, False)]


def test_the_same_browser_may_say_so_again() -> None:
    sound, page = Sound(), Page()
    sound.card.take(page, rate=RATE_IN)
    sound.card.take(page, rate=44_100)

    assert page.off == []


# What it hears.


def test_sound_of_any_length_becomes_blocks_that_know_when_they_were_captured() -> None:
    sound, page = Sound(), Page()
    sound.card.take(page, rate=RATE_IN)
    sound.open()
    for milliseconds in (5, 30, 1, 44):
        sound.now = round(sound.now + milliseconds / 1000, 6)
        sound.card.captured(page, bytes(milliseconds * RATE_IN // 1000 * 2))

    assert sound.blocks == [(1920, edge, RATE_IN, False) for edge in (0.0, 20.0, 40.0, 60.0)]


def test_a_network_that_stands_still_for_a_moment_does_not_change_when_it_was_captured() -> None:
    sound, page = Sound(), Page()
    sound.card.take(page, rate=RATE_IN)
    sound.open()
    for at in (0.02, 0.04, 0.2, 0.2, 0.2, 0.201, 0.201):
        sound.now = 100.0 + at
        sound.card.captured(page, TWENTY_MS)

    assert [edge for _, edge, _, _ in sound.blocks] == pytest.approx([0, 20, 40, 60, 80, 100, 120], abs=0.3)


def test_a_microphone_that_stood_still_begins_anew() -> None:
    sound, page = Sound(), Page()
    sound.card.take(page, rate=RATE_IN)
    sound.open()
    for at in (0.02, 0.04, 3.0):
        sound.now = 100.0 + at
        sound.card.captured(page, TWENTY_MS)

    assert [edge for _, edge, _, _ in sound.blocks] == pytest.approx([0, 20, 2980], abs=0.3)


def test_sound_that_comes_too_fast_is_dropped_and_in_the_end_refused() -> None:
    sound, page = Sound(), Page()
    sound.card.take(page, rate=RATE_IN)
    sound.open()
    second = bytes(RATE_IN * 2)
    for _ in range(int(BURST_S) + 1):
        sound.card.captured(page, second)
    assert len(sound.blocks) == 50 * BURST_S

    sound.now += 1.0
    sound.card.captured(page, TWENTY_MS)
    assert sound.blocks[-1][3], "some was lost before"
    for _ in range(1 + int(MOST_DROPPED_S)):
        sound.card.captured(page, second)
    with pytest.raises(DeviceFailed, match="faster than a microphone"):
        sound.card.captured(page, second)


@pytest.mark.parametrize(
    ("pcm", "error"),
    [
        pytest.param(b"\x00" * 3, "half a sample", id="odd"),
        pytest.param(bytes(RATE_IN * 2 + 2), "at once", id="too long"),
    ],
)
def test_what_is_no_sound_is_refused(pcm: bytes, error: str) -> None:
    sound, page = Sound(), Page()
    sound.card.take(page, rate=RATE_IN)
    sound.open()

    with pytest.raises(DeviceFailed, match=error):
        sound.card.captured(page, pcm)
    assert sound.blocks == []


def test_a_microphone_that_is_closed_hears_nothing() -> None:
    sound, page = Sound(), Page()
    sound.card.take(page, rate=RATE_IN)
    microphone, _ = sound.open()
    microphone.close()
    sound.card.captured(page, TWENTY_MS)

    assert sound.blocks == []


# What it plays.


def test_blocks_go_out_in_time_and_are_heard_a_little_later() -> None:
    sound, page = Sound(), Page()
    sound.card.take(page, rate=RATE_IN, latency_s=0.03)
    sound.open()
    dues = [sound.turn(0.0), sound.turn(0.005), sound.turn(0.015), sound.turn(0.05)]

    assert dues == pytest.approx([100.02, 100.02, 100.04, 100.08])
    assert sound.asked == [(edge, False) for edge in (130.0, 150.0, 170.0, 190.0)]
    assert page.played == [TONE] * 4


def test_when_the_loop_was_late_time_begins_anew() -> None:
    sound, page = Sound(), Page()
    sound.card.take(page, rate=RATE_IN)
    sound.open()
    sound.turn(0.0)
    sound.turn(1.0)
    sound.turn()

    assert sound.asked == [(100.0, False), (1100.0, True), (1120.0, False)]
    assert LATE_S < 1.0


def test_silence_is_asked_for_and_not_sent_but_for_the_gaps_in_speech() -> None:
    sound, page = Sound(), Page()
    sound.card.take(page, rate=RATE_IN)
    sound.open()
    turns = [SILENCE] * 3 + [TONE] + [SILENCE] * 5 + [TONE] + [SILENCE] * 50
    for sound.output in turns:
        sound.turn()

    assert len(sound.asked) == len(turns) + 1
    assert page.played == [TONE, *[SILENCE] * 5, TONE, *[SILENCE] * SILENT_BLOCKS_SENT]


def test_a_browser_that_does_not_take_its_sound_is_sent_no_more_and_nothing_counts_as_played() -> None:
    sound, page = Sound(), Page()
    sound.card.take(page, rate=RATE_IN)
    sound.open()
    sound.turn(0.0)
    page.backed_up = True
    for _ in range(10):
        sound.turn()
    assert len(sound.asked) == len(page.played) == 1

    page.backed_up = False
    sound.turn()

    assert sound.asked == [(100.0, False), (320.0, True)]
    assert (page.flushes, len(page.played)) == (1, 2)


def test_a_browser_whose_microphone_stands_still_is_asleep_and_plays_nothing() -> None:
    sound, page = Sound(), Page()
    sound.card.take(page, rate=RATE_IN)
    microphone, _ = sound.open()
    sound.card.captured(page, TWENTY_MS)
    for _ in range(round(2 * STALLED_S / BLOCK_S)):
        sound.turn()
    assert len(page.played) == STALLED_S / BLOCK_S + 1

    sound.card.captured(page, TWENTY_MS)
    sound.turn()
    assert len(page.played) == STALLED_S / BLOCK_S + 2

    microphone.close()  # muted: no sound of it is no sign of anything
    for _ in range(round(2 * STALLED_S / BLOCK_S)):
        sound.turn()
    assert len(page.played) == 3 * STALLED_S / BLOCK_S + 2


def test_a_loudspeaker_that_is_closed_is_not_asked() -> None:
    sound, page = Sound(), Page()
    sound.card.take(page, rate=RATE_IN)
    _, loudspeaker = sound.open()
    loudspeaker.close()
    loudspeaker.close()
    sound.turn()

    assert (sound.asked, page.played) == ([], [])


def test_the_newest_of_two_loudspeakers_plays() -> None:
    """A reload opens the new one before the old one is closed."""
    sound, page = Sound(), Page()
    sound.card.take(page, rate=RATE_IN)
    sound.open()
    silent: list[int] = []

    def newer(wanted: int, time: BlockTime, underflowed: bool) -> bytes:
        silent.append(wanted)
        return SILENCE

    sound.card.open_output("", block_ms=10, callback=newer, on_stopped=lambda reason="": None)
    sound.turn(0.0)

    assert (silent, sound.asked) == ([BLOCK_SAMPLES], [])

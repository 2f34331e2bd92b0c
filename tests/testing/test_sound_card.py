"""The virtual card behaves as a device does, and knows the truth."""

from __future__ import annotations

import threading
import wave
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from voiced.audio import RATE, SAMPLE_BYTES, Ms
from voiced.errors import DeviceFailed, DeviceNotFound
from voiced.playout.earcons import tone
from voiced.sound_card import BlockTime, CaptureCallback, PlayCallback, SoundCard
from voiced.testing.sound_card import Echo, VirtualCard


class Device:
    """A program that plays a constant and listens."""

    def __init__(self, value: int = 0) -> None:
        self.value = value
        self.wanted: list[tuple[int, BlockTime, bool]] = []
        self.heard: list[tuple[bytes, BlockTime, bool]] = []
        self.stopped = threading.Event()

    def open_output(self, card: SoundCard, block_ms: int = 10) -> None:
        play: PlayCallback = self._play
        card.open_output("", block_ms=block_ms, callback=play, on_stopped=lambda reason="": self.stopped.set())

    def open_input(self, card: SoundCard, block_ms: int = 20) -> None:
        capture: CaptureCallback = lambda *block: self.heard.append(block)  # noqa: E731  shows the type
        card.open_input("", block_ms=block_ms, callback=capture, on_stopped=lambda reason="": self.stopped.set())

    def pcm(self) -> npt.NDArray[np.int16]:
        return np.frombuffer(b"".join(pcm for pcm, _, _ in self.heard), "<i2")

    def _play(self, samples: int, time: BlockTime, underflowed: bool) -> bytes:
        self.wanted.append((samples, time, underflowed))
        return np.full(samples, self.value, "<i2").tobytes()


def turn(card: VirtualCard, seconds: float) -> None:
    for _ in range(round(seconds * 100)):
        card.step()


def test_what_is_played_comes_out_after_the_latency_at_the_time_that_was_promised() -> None:
    card, device = VirtualCard(latency_s=0.03), Device(value=1000)
    turn(card, 0.1)
    device.open_output(card)
    turn(card, 0.1)
    promised = device.wanted[0][1].edge
    assert promised == pytest.approx(0.13)
    assert not card.played.samples(0.0, promised).any()
    assert np.all(card.played.samples(promised) == 1000)


@pytest.mark.parametrize("block_ms", [10, 15, 20, 30])
def test_blocks_of_any_length_follow_each_other(block_ms: int) -> None:
    card, device = VirtualCard(noise_dbfs=None), Device(value=1000)
    device.open_output(card, block_ms)
    device.open_input(card, block_ms)
    card.say(tone(440, Ms(600)))
    turn(card, 1.0)
    assert {samples for samples, _, _ in device.wanted} == {48 * block_ms}
    assert np.all(card.played.samples(0.1) == 1000)
    heard = device.pcm()
    latency = round(card.latency_s * card.rate)
    assert np.array_equal(heard[latency:], card.heard.samples()[: heard.size - latency])
    ages = [time.now - time.edge for _, time, _ in device.heard]
    assert min(ages) >= card.latency_s + block_ms / 1000 - 1e-9


def test_people_are_heard_when_they_speak_and_mixed_when_they_overlap() -> None:
    card = VirtualCard(rate=RATE, noise_dbfs=None)
    loud = np.full(2400, 1000, "<i2").tobytes()
    assert card.say(loud, at=0.1) == pytest.approx((0.1, 0.2))
    assert card.say(loud, at=0.15) == pytest.approx((0.15, 0.25))
    assert card.say(loud) == pytest.approx((0.25, 0.35)), "after all that waits"
    turn(card, 0.5)
    heard = card.heard.samples()
    edges = [(0.0, 0.1, 0), (0.1, 0.15, 1000), (0.15, 0.2, 2000), (0.2, 0.35, 1000), (0.35, 0.5, 0)]
    assert all(np.all(heard[round(a * RATE) : round(b * RATE)] == level) for a, b, level in edges)


def test_more_speech_than_can_wait_is_refused() -> None:
    card = VirtualCard()
    with pytest.raises(ValueError, match="say it later"):
        card.say(tone(440, Ms(100)), at=700.0)


def test_the_room_carries_the_loudspeaker_to_the_microphone() -> None:
    card, device = VirtualCard(noise_dbfs=None, echo=Echo(delay_ms=80, gain_db=-12.0, decay_s=0.0)), Device(8000)
    device.open_output(card)
    turn(card, 0.5)
    played, heard = card.played.samples(), card.heard.samples()
    late = round(0.08 * card.rate)
    assert np.abs(heard[late:] - np.rint(played[:-late] * 10 ** (-12 / 20))).max() <= 1


def test_a_microphone_has_noise() -> None:
    card = VirtualCard(noise_dbfs=-60.0)
    turn(card, 1.0)
    assert 20 * np.log10(card.heard.samples().std() / 32_768) == pytest.approx(-60.0, abs=0.2)


def test_an_unplugged_device_stops_its_stream_and_does_not_open() -> None:
    card, device = VirtualCard(), Device()
    device.open_output(card)
    turn(card, 0.1)
    calls = len(device.wanted)
    card.unplug("output")
    assert device.stopped.is_set()
    turn(card, 0.1)
    assert len(device.wanted) == calls
    with pytest.raises(DeviceFailed, match="unplugged"):
        device.open_output(card)
    card.rescan()
    assert [found.name for found in card.devices()] == ["virtual microphone"]
    with pytest.raises(DeviceNotFound):
        device.open_output(card)
    card.plug("output")
    card.rescan()
    device.open_output(card)


def test_a_suspended_device_says_nothing_at_all() -> None:
    card, device = VirtualCard(), Device()
    device.open_input(card)
    turn(card, 0.1)
    calls = len(device.heard)
    card.suspend("input")
    turn(card, 0.5)
    assert len(device.heard) == calls
    assert not device.stopped.is_set()
    card.resume("input")
    turn(card, 0.1)
    assert len(device.heard) > calls


def test_a_stall_loses_sound_and_is_flagged_once() -> None:
    card, device = VirtualCard(), Device(value=1000)
    device.open_output(card)
    turn(card, 0.2)
    card.stall("output", 0.1)
    turn(card, 0.3)
    assert [flag for _, _, flag in device.wanted].count(True) == 1
    assert np.count_nonzero(card.played.samples(0.1) == 0) / card.rate == pytest.approx(0.1, abs=0.011)


def test_the_tapes_keep_the_last_seconds_only() -> None:
    card = VirtualCard(keep_s=1.0)
    turn(card, 3.0)
    assert card.heard.samples().size == card.rate
    assert card.heard.samples(2.5, 2.75).size == card.rate // 4
    with pytest.raises(ValueError, match="keeps"):
        card.heard.samples(1.0)


def test_the_wav_has_the_user_left_and_the_assistant_right(tmp_path: Path) -> None:
    ticks: list[tuple[bytes, bytes]] = []
    card = VirtualCard(noise_dbfs=None, on_tick=lambda heard, played: ticks.append((heard, played)))
    device = Device(value=1000)
    device.open_output(card)
    card.say(tone(440, Ms(200)), at=0.3)
    turn(card, 0.6)
    card.save_wav(tmp_path / "both.wav")
    with wave.open(str(tmp_path / "both.wav")) as file:
        assert (file.getnchannels(), file.getframerate(), file.getnframes()) == (2, 48_000, 28_800)
        sides = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
    assert np.array_equal(sides[:, 0], card.heard.samples())
    assert np.array_equal(sides[:, 1], card.played.samples())
    assert b"".join(heard for heard, _ in ticks) == sides[:, 0].tobytes()
    assert b"".join(played for _, played in ticks) == sides[:, 1].tobytes()


def test_two_runs_are_the_same() -> None:
    tapes = []
    for _ in range(2):
        card = VirtualCard(echo=Echo())
        device = Device(value=500)
        device.open_output(card)
        card.say(tone(440, Ms(200)), at=0.1)
        turn(card, 0.5)
        tapes.append(card.heard.samples())
    assert np.array_equal(tapes[0], tapes[1])


def test_in_real_time_it_keeps_pace_with_the_clock() -> None:
    card = VirtualCard()
    blocks: list[BlockTime] = []
    enough = threading.Event()

    def heard(pcm: bytes, time: BlockTime, _overflowed: bool) -> None:
        assert len(pcm) == 960 * SAMPLE_BYTES
        blocks.append(time)
        if len(blocks) == 15:
            enough.set()

    card.open_input("", block_ms=20, callback=heard, on_stopped=lambda: None)
    before = card.time()
    card.start()
    started = card.time()
    assert enough.wait(5)
    ended = card.time()
    card.stop()
    assert started > before, "from now on it is the machine's clock"
    assert ended - started >= 14 * 0.02
    assert blocks[-1].now - blocks[0].now == pytest.approx(14 * 0.02)
    assert card.heard.samples(started + 0.05, started + 0.1).size == card.rate // 20

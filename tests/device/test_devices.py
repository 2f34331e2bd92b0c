"""Devices by name, at the rates that they have."""

from __future__ import annotations

import os
import queue
import threading
import time

import pytest

from tests.device.pulse import PrivatePulse
from voiced.audio import SAMPLE_BYTES
from voiced.errors import DeviceFailed, DeviceNotFound
from voiced.sound_card import BlockTime, PortAudioCard

pytestmark = pytest.mark.device


def test_devices_are_listed(card: PortAudioCard) -> None:
    names = [device.name for device in card.devices()]
    assert {"vmic", "vspeaker"} <= set(names)


@pytest.mark.parametrize("rate", [16_000, 24_000, 32_000, 44_100, 48_000])
def test_the_microphone_runs_at_many_rates(pulse: PrivatePulse, rate: int) -> None:
    blocks: queue.Queue[tuple[bytes, BlockTime, bool]] = queue.Queue()
    card = PortAudioCard(rates=[rate])
    stream = card.open_input("VMIC", block_ms=20, callback=lambda *block: blocks.put(block), on_stopped=lambda: None)
    try:
        assert (stream.device_name, stream.rate) == ("vmic", rate)
        taken = [blocks.get(timeout=10) for _ in range(20)]
    finally:
        stream.close()
    assert {len(pcm) for pcm, _, _ in taken} == {rate // 50 * SAMPLE_BYTES}
    assert {time.rate for _, time, _ in taken} == {rate}
    lates = [time.now - time.edge for _, time, _ in taken]
    assert all(0.0 < late < 0.5 for late in lates), "the first sample of a block entered before the callback ran"


def test_the_default_device_needs_no_name(card: PortAudioCard) -> None:
    blocks: queue.Queue[int] = queue.Queue()

    def silence(samples: int, _time: BlockTime, _underflowed: bool) -> bytes:
        blocks.put(samples)
        return bytes(samples * SAMPLE_BYTES)

    stream = card.open_output("", block_ms=10, callback=silence, on_stopped=lambda: None)
    try:
        assert blocks.get(timeout=10) == stream.rate // 100
    finally:
        stream.close()


def test_a_name_that_is_nearly_right_is_answered_with_the_right_one(card: PortAudioCard) -> None:
    with pytest.raises(DeviceNotFound, match="did you mean 'vspeaker'"):
        card.open_output("vspaeker", block_ms=10, callback=lambda n, *_: bytes(2 * n), on_stopped=lambda: None)


def test_a_device_that_does_not_open_is_one_error_and_no_babble(
    card: PortAudioCard, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(DeviceFailed, match="loudspeaker 'vmic' does not open at"):
        card.open_output("vmic", block_ms=10, callback=lambda n, *_: bytes(2 * n), on_stopped=lambda: None)
    os.write(2, b"heard")
    assert capfd.readouterr() == ("", "heard")


def test_an_underrun_is_told_to_the_callback_and_is_no_line_among_those_of_the_log(
    card: PortAudioCard, capfd: pytest.CaptureFixture[str]
) -> None:
    blocks = 0
    underrun = threading.Event()

    def late(samples: int, _time: BlockTime, underflowed: bool) -> bytes:
        nonlocal blocks
        blocks += 1
        if underflowed:
            underrun.set()
        elif blocks % 20 == 0:
            time.sleep(0.6)  # the device, which has less, runs dry
        return bytes(samples * SAMPLE_BYTES)

    stream = card.open_output("", block_ms=20, callback=late, on_stopped=lambda: None)
    try:
        assert underrun.wait(10)
    finally:
        stream.close()
    assert capfd.readouterr() == ("", "")


def test_a_rescan_leaves_open_streams_running(card: PortAudioCard) -> None:
    blocks: queue.Queue[bytes] = queue.Queue()
    stream = card.open_input("vmic", block_ms=20, callback=lambda pcm, *_: blocks.put(pcm), on_stopped=lambda: None)
    try:
        blocks.get(timeout=10)
        card.rescan()
        while not blocks.empty():
            blocks.get()
        blocks.get(timeout=10)
    finally:
        stream.close()

"""What a microphone can be like, heard through a sound card in memory."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt
import pytest

from voiced.audio import RATE
from voiced.doctor.finding import Finding
from voiced.doctor.microphone import Heard, judged, listen, rate_by_clock
from voiced.errors import DeviceFailed, DeviceNotFound
from voiced.testing.sound_card import VirtualCard

SECONDS = 1.0
DEVICE = "'virtual microphone'"

Sound = npt.NDArray[np.float64]


def at(seconds: float = 2.0, rate: int = RATE) -> Sound:
    return np.arange(round(seconds * rate)) / rate


def hum(mains: int) -> Sound:
    return sum((0.1 / n * np.sin(2 * np.pi * mains * n * at()) for n in (1, 2, 3)), np.zeros(at().size))


def speech() -> Sound:
    """Something as loud and as varied."""
    noise = np.random.default_rng(3).standard_normal(at().size)
    return 0.1 * np.clip(noise, -3, 3) * np.abs(np.sin(2 * np.pi * 2 * at()))


@contextmanager
def passing(card: VirtualCard) -> Iterator[None]:
    """The card's time passes, as fast as it can, while something is open."""
    over = threading.Event()

    def turn() -> None:
        while not over.is_set():
            card.step()

    thread = threading.Thread(target=turn)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def told(signal: Sound | None = None, **options: float | None) -> list[Finding]:
    """Of a microphone that hears this."""
    card = VirtualCard(rate=RATE, keep_s=1.0, **{"noise_dbfs": -62.0, **options})  # type: ignore[arg-type]
    if signal is not None:
        pcm = (np.clip(signal, -1, 32767 / 32768) * 32768).astype("<i2").tobytes()
        for _ in range(40):  # for as long as it takes until somebody listens, at the speed of this machine
            card.say(pcm)
    with passing(card):
        return list(judged(listen(card, "", SECONDS), "wpctl"))


@pytest.mark.parametrize("make", [None, speech])
def test_a_microphone_that_works(make: Callable[[], Sound] | None) -> None:
    [finding] = told(make() if make else None)
    assert finding.level == "ok"
    assert finding.what.startswith(f"the microphone {DEVICE} runs at 24000 Hz; its loudest moment had -")


@pytest.mark.parametrize(("noise", "signal"), [(None, None), (-95.0, None), (None, 0.1 * np.ones(at().size))])
def test_a_silent_one(noise: float | None, signal: Sound | None) -> None:
    """Zeros, as of one that is muted; the hiss of a converter with nothing behind it; and a level that stands still."""
    [finding] = told(signal, noise_dbfs=noise)
    assert (finding.level, finding.what) == ("problem", f"the microphone {DEVICE} is silent")
    assert finding.mend == "wpctl set-mute @DEFAULT_AUDIO_SOURCE@ 0"


def test_a_very_quiet_one() -> None:
    [finding] = told(noise_dbfs=-80.0)
    assert finding.level == "warning"
    assert finding.what.startswith(f"the microphone {DEVICE} is very quiet: -80 dBFS")
    assert finding.mend == "wpctl set-volume @DEFAULT_AUDIO_SOURCE@ 90%"


def test_one_that_is_clipped() -> None:
    [finding] = told(speech() * 20)
    assert finding.level == "problem"
    assert "is clipped: " in finding.what
    assert finding.mend == "wpctl set-volume @DEFAULT_AUDIO_SOURCE@ 40%"


def test_one_with_an_offset() -> None:
    [finding] = told(speech() + 0.2)
    assert (finding.level, finding.what) == ("warning", f"the microphone {DEVICE} has an offset of 20% of full scale")
    assert finding.mend.startswith("voiced devices --test-input NAME")


@pytest.mark.parametrize("mains", [50, 60])
def test_one_that_hums(mains: int) -> None:
    [finding] = told(hum(mains))
    assert (finding.level, finding.what) == (
        "warning",
        f"the microphone {DEVICE} hums: most of what it hears is the {mains} Hz of the mains",
    )
    assert finding.mend.startswith("voiced devices --test-input")


def test_a_hum_that_nobody_notices_behind_speech() -> None:
    [finding] = told(0.05 * hum(50) + speech())
    assert finding.level == "ok"


def test_one_that_does_not_run_at_its_rate() -> None:
    pcm = (3276 * speech()).astype("<i2").tobytes()
    [finding] = judged(Heard("usb", 48_000, 44_087.0, pcm), "wpctl")
    assert finding.level == "problem"
    assert finding.what == "the microphone 'usb' says 48000 Hz, and runs at about 44100 Hz"
    assert finding.mend == "voiced devices   # then name another one in capture.device"


@pytest.mark.parametrize("real", [RATE, 44_100 / 48_000 * RATE])
def test_blocks_that_a_busy_machine_gets_late_make_no_device_slow(real: float) -> None:
    block = bytes(RATE // 20 * 2)
    times = [number * (RATE / 20) / real for number in range(40)]
    for late in (3, 20, 21, 39):
        times[late] += 0.2
    assert rate_by_clock([(block, time) for time in times]) == pytest.approx(real, rel=0.005)


def test_the_rate_is_measured_by_the_clock() -> None:
    card = VirtualCard(rate=RATE)
    with passing(card):
        assert listen(card, "", SECONDS).real_rate == pytest.approx(RATE, rel=0.01)


def test_one_that_is_not_there() -> None:
    card = VirtualCard()
    card.unplug("input")
    with pytest.raises(DeviceFailed):
        listen(card, "", SECONDS)
    card.rescan()
    with pytest.raises(DeviceNotFound, match="there is no microphone"):
        listen(card, "", SECONDS)

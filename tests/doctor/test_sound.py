"""Sound devices that are missing, busy, refused or in use by voiced itself."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.doctor.conftest import MakeCase, MakePlaces
from tests.doctor.test_microphone import passing
from voiced.doctor import echo, loudspeaker
from voiced.doctor.finding import Finding
from voiced.doctor.mixer import COMMANDS, Mixer, Volume, command, read
from voiced.doctor.sound import Holder, holders, look, refused
from voiced.errors import AudioError, DeviceFailed, PortAudioMissing
from voiced.sound_card import CaptureCallback, Device, Direction, PlayCallback, Stream
from voiced.sound_card.portaudio import PortAudioCard
from voiced.testing.sound_card import VirtualCard

BUSY = (
    "microphone 'USB Audio' does not open at 48000, 24000 Hz "
    "(Error opening RawInputStream: Device unavailable [PaErrorCode -9985]): is another program holding it?"
)
WRONG_RATE = (
    "microphone 'USB Audio' does not open at 48000, 24000 Hz "
    "(Error opening RawInputStream: Invalid sample rate [PaErrorCode -9997]): is another program holding it?"
)
MISSING = (
    "PortAudio is not installed: sudo apt-get install libportaudio2 (Debian, Ubuntu, Raspberry Pi OS), "
    "sudo dnf install portaudio (Fedora), sudo pacman -S portaudio (Arch)"
)


class Broken:
    """A sound card on which everything fails in the same way."""

    def __init__(self, error: AudioError, devices: list[Device] | None = None) -> None:
        self._error = error
        self._devices = devices

    def time(self) -> float:
        return 0.0

    def devices(self) -> list[Device]:
        if self._devices is None:
            raise self._error
        return self._devices

    def rescan(self) -> None:
        """Nothing new."""

    def open_input(
        self, name: str, *, block_ms: int, callback: CaptureCallback, on_stopped: Callable[[], None]
    ) -> Stream:
        raise self._error

    def open_output(
        self, name: str, *, block_ms: int, callback: PlayCallback, on_stopped: Callable[[], None]
    ) -> Stream:
        raise self._error


USB = Device("USB Audio", "ALSA", 0, 1, 2, 48_000)


def status(**changes: Any) -> dict[str, Any]:
    devices = {"microphone": {"ok": True, "detail": "USB Audio"}, "loudspeaker": {"ok": True, "detail": "USB Audio"}}
    return {"devices": devices, "volume": 70, **changes}


def wrong(found: list[Finding]) -> list[Finding]:
    return [finding for finding in found if finding.level in ("problem", "warning")]


# Tried.


def test_devices_that_work(case: MakeCase) -> None:
    card = VirtualCard(noise_dbfs=-60.0)
    with passing(card):
        found = list(look(case(card=card)))
    assert wrong(found) == []
    assert [each.what.partition(" runs")[0] for each in found[:2]] == [
        "the microphone 'virtual microphone'",
        "the loudspeaker 'virtual loudspeaker'",
    ]
    assert found[1].what == "the loudspeaker 'virtual loudspeaker' runs at 48000 Hz"


def test_no_portaudio(case: MakeCase) -> None:
    [finding] = wrong(list(look(case(card=Broken(PortAudioMissing(MISSING))))))
    assert finding == Finding(
        "problem",
        "sound",
        "PortAudio is not installed",
        "voiced hears and speaks through it.",
        "sudo apt-get install libportaudio2   # Debian, Ubuntu, Raspberry Pi OS; else: sudo dnf install portaudio "
        "(Fedora), or sudo pacman -S portaudio (Arch)",
    )


def test_no_device_at_all(case: MakeCase) -> None:
    card = VirtualCard()
    for direction in ("input", "output"):
        card.unplug(direction)
    card.rescan()
    [finding] = wrong(list(look(case(card=card))))
    assert (finding.level, finding.what) == ("problem", "this machine has no sound device")
    assert finding.mend.startswith("cat /proc/asound/pcm")
    assert "kiosk.sound" in finding.why


def test_no_microphone(case: MakeCase) -> None:
    card = VirtualCard()
    card.unplug("input")
    card.rescan()
    with passing(card):
        [finding] = wrong(list(look(case(card=card))))
    assert finding.what == "there is no microphone"
    assert finding.mend.startswith("cat /proc/asound/pcm")


def test_a_name_that_no_device_has(case: MakeCase) -> None:
    card = VirtualCard(noise_dbfs=-60.0)
    with passing(card):
        [finding] = wrong(list(look(case('[playout]\ndevice = "virtual laudspeaker"\n', card=card))))
    assert "there is no loudspeaker 'virtual laudspeaker'; did you mean 'virtual loudspeaker'?" in finding.what
    assert finding.mend == "voiced devices   # then write one of these names into playout.device"


def test_a_suspended_microphone(case: MakeCase) -> None:
    still = DeviceFailed("'USB Audio' gives no sound at all: is it suspended?")
    finding = refused(still, "input", (), "pactl")
    assert finding.what == "the microphone 'USB Audio' gives no sound at all"
    assert finding.mend == "pactl suspend-source @DEFAULT_SOURCE@ 0"


def test_a_busy_device(case: MakeCase) -> None:
    found = wrong(list(look(case(card=Broken(DeviceFailed(BUSY), [USB])))))
    assert [each.what.partition(":")[0] for each in found] == ["the microphone is busy", "the loudspeaker is busy"]
    assert all(each.mend for each in found)


@pytest.mark.parametrize(
    ("who", "why", "mend"),
    [
        ((), "Another program holds it.", "sudo fuser -v /dev/snd/*   # says which"),
        ((Holder(99, "arecord"),), "It is held by arecord (process 99).", "kill 99   # or end it"),
        ((Holder(7, "pulseaudio"), Holder(99, "vlc")), "It is held by vlc (process 99).", "kill 99   # or end it"),
        ((Holder(7, "pipewire"),), "The sound server (pipewire) holds it", "voiced devices   # then name 'default'"),
    ],
    ids=["unknown", "program", "program beside the server", "server"],
)
def test_who_holds_a_busy_device(who: tuple[Holder, ...], why: str, mend: str) -> None:
    finding = refused(DeviceFailed(BUSY), "input", who, None)
    assert finding.why.startswith(why)
    assert finding.mend.startswith(mend)


def test_holders_are_found_by_what_they_have_open(tmp_path: Path) -> None:
    (tmp_path / "pcmC0D0c").touch()
    script = f"import sys; file = open({str(tmp_path / 'pcmC0D0c')!r}); print('open', flush=True); sys.stdin.read()"
    with (
        subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other,
        open(tmp_path / "pcmC0D0c"),
    ):
        assert other.stdout is not None
        assert other.stdout.readline() == b"open\n"
        assert [each.pid for each in holders(tmp_path)] == [other.pid], "and not ourselves"
        assert other.pid != os.getpid()
        other.communicate(b"")


def test_a_device_of_no_rate_that_voiced_can_use() -> None:
    finding = refused(DeviceFailed(WRONG_RATE), "input", (), None)
    assert "Invalid sample rate" in finding.what
    assert "is another program" not in finding.what
    assert finding.mend == "voiced devices   # then write 'default' or 'pulse' into capture.device"


def test_another_refusal() -> None:
    finding = refused(DeviceFailed("PortAudio lists no devices (unanticipated host error)"), "output", (), None)
    assert (finding.level, finding.mend) == ("problem", "voiced devices")


# In use by voiced itself.


def test_the_running_voiced_is_asked_and_its_devices_are_left_alone(case: MakeCase) -> None:
    nobody_opens = Broken(DeviceFailed("it was opened"))
    found = list(look(case(card=nobody_opens, status=status())))
    assert wrong(found) == []
    assert [each.what for each in found[:2]] == [
        "the running voiced has its microphone: USB Audio",
        "the running voiced has its loudspeaker: USB Audio",
    ]


def test_the_running_voiced_lost_its_microphone(case: MakeCase) -> None:
    lost = status(devices={"microphone": {"ok": False, "detail": "'USB Audio' stopped: was it unplugged?"}})
    [finding] = wrong(list(look(case(status=lost))))
    assert finding.level == "problem"
    assert finding.what == "the running voiced lost its microphone: 'USB Audio' stopped: was it unplugged?"
    assert finding.mend == "voiced devices   # is it still listed?"


def test_the_running_voiced_is_silent(case: MakeCase) -> None:
    [finding] = wrong(list(look(case(status=status(volume=0)))))
    assert (finding.what, finding.mend) == ("voiced speaks at a volume of 0 %", "voiced volume 70")


def test_a_browser_is_the_sound_card(case: MakeCase) -> None:
    [finding] = look(case('[kiosk]\nsound = "browser"\n', card=Broken(PortAudioMissing(MISSING))))
    assert finding.level == "ok"
    assert echo.look(case('[kiosk]\nsound = "browser"\n')) == []


# Loudspeaker, mixer, echo.


def test_a_loudspeaker_that_takes_no_sound() -> None:
    card = VirtualCard()
    card.suspend("output")
    with pytest.raises(DeviceFailed, match="takes no sound"):
        loudspeaker.play_silence(card, "", patience_s=0.05)


def test_what_is_played_is_silent() -> None:
    card = VirtualCard()
    with passing(card):
        assert loudspeaker.play_silence(card, "") == loudspeaker.Played("virtual loudspeaker", 48_000)
    assert not card.played.samples().any()


def test_volume_at_the_start(places: MakePlaces) -> None:
    finding = loudspeaker.judged_own_volume(0, places(), running=False)
    assert finding is not None
    assert finding.mend.endswith("   # below [playout] write: volume = 70")
    assert loudspeaker.judged_own_volume(30, places(), running=False) is None


@pytest.mark.parametrize(
    ("volume", "level", "mend"),
    [
        (Volume(muted=True, percent=50), "problem", "pactl set-sink-mute @DEFAULT_SINK@ 0"),
        (Volume(muted=False, percent=0), "problem", "pactl set-sink-volume @DEFAULT_SINK@ 60%"),
        (Volume(muted=False, percent=5), "warning", "pactl set-sink-volume @DEFAULT_SINK@ 60%"),
    ],
    ids=["muted", "zero", "low"],
)
def test_the_volume_of_the_sound_system(volume: Volume, level: str, mend: str) -> None:
    finding = loudspeaker.judged_volume(volume, "pactl")
    assert finding is not None
    assert (finding.level, finding.mend) == (level, mend)


def test_a_sound_system_that_is_loud_enough() -> None:
    assert loudspeaker.judged_volume(Volume(muted=False, percent=40), "pactl") is None
    assert loudspeaker.judged_volume(None, None) is None


@pytest.mark.parametrize(
    ("said", "volume"),
    [
        ("Volume: 0.40\n", Volume(muted=False, percent=40)),
        ("Volume: 1.00 [MUTED]\n", Volume(muted=True, percent=100)),
        (
            "Mute: no\nVolume: front-left: 19661 /  30% / -31.37 dB,   front-right: 19661 /  30% / -31.37 dB\n",
            Volume(muted=False, percent=30),
        ),
        ("Mute: yes\n", Volume(muted=True, percent=None)),
        ("  Mono: Playback 87 [68%] [-20.00dB] [off]\n", Volume(muted=True, percent=68)),
        ("", None),
        ("amixer: Unable to find simple control 'Master',0\n", None),
    ],
    ids=["wpctl", "wpctl muted", "pactl", "pactl muted", "amixer", "nothing", "none"],
)
def test_what_mixers_say(said: str, volume: Volume | None) -> None:
    assert read(said) == volume


def test_every_mixer_has_each_command() -> None:
    wishes: list[tuple[Direction, Any]] = [(d, w) for d in ("input", "output") for w in ("unmute", "raise", "lower")]
    mixers: tuple[Mixer, ...] = ("wpctl", "pactl", "amixer")
    for mixer in mixers:
        assert list(COMMANDS[mixer]) == wishes
        assert all(command(mixer, *wish).startswith(mixer) for wish in wishes)
    assert command(None, "input", "unmute") == "sudo apt-get install alsa-utils && alsamixer"


@pytest.mark.parametrize(
    ("wish", "installed", "level", "mend"),
    [
        ("auto", True, "ok", ""),
        ("cancel", True, "ok", ""),
        ("auto", False, "warning", "install 'voiced[echo]'"),
        ("cancel", False, "problem", "install 'voiced[echo]'"),
        ("half-duplex", True, "note", '# below [capture] write: echo = "auto"'),
        ("half-duplex", False, "note", "install 'voiced[echo]'"),
        ("off", True, "note", '# below [capture] write: echo = "auto"'),
    ],
)
def test_echo(wish: Any, installed: bool, level: str, mend: str, places: MakePlaces) -> None:
    finding = echo.judged(wish, installed, places())
    assert finding.level == level
    assert mend in finding.mend


def test_whether_the_canceller_is_there_is_tried() -> None:
    assert echo.is_installed() is (find_spec("livekit") is not None)
    assert echo.is_installed(within_s=0.0) is (find_spec("livekit") is not None), "a machine that is busy"


def test_a_card_is_a_card() -> None:
    """The one that breaks here takes the same calls as the real one."""
    assert {name for name in dir(Broken) if not name.startswith("_")} == {
        name for name in dir(PortAudioCard) if not name.startswith("_")
    }

"""Somebody's own sounds in place of the earcons, or silence; what can't be played is told and changes nothing."""

from __future__ import annotations

import asyncio
import os
import struct
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from structlog.testing import capture_logs

from voiced.audio import RATE, Ms
from voiced.config import load_config
from voiced.errors import ConfigError
from voiced.playout.earcon_choice import EarconChoice, check
from voiced.playout.earcon_files import LONGEST_S, MOST_BYTES
from voiced.playout.earcons import NOTES, earcon, tone
from voiced.playout.settings import EarconSettings


def wav(path: Path, rate: int, samples: npt.NDArray[np.float64], *, width: int = 2, channels: int = 1) -> str:
    """Write -1 … 1, of each channel the same."""
    if width == 1:
        data = np.repeat((samples * 127 + 128).astype(np.uint8), channels).tobytes()
    else:
        whole = np.repeat((samples * (2**31 - 1)).astype("<i4"), channels)
        data = whole.view(np.uint8).reshape(-1, 4)[:, 4 - width :].tobytes()
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(data)
    return str(path)


def sine(rate: int, seconds: float, hz: int = 1000, peak: float = 0.5) -> npt.NDArray[np.float64]:
    return np.sin(2 * np.pi * hz * np.arange(int(rate * seconds)) / rate) * peak


async def chosen(**settings: str | bool) -> EarconChoice:
    choice = EarconChoice()
    await choice.load(EarconSettings(**settings))  # type: ignore[arg-type]
    return choice


async def test_nobody_chose_anything() -> None:
    choice = await chosen()
    assert [choice.sound(name) == earcon(name) for name in NOTES] == [True] * len(NOTES)
    with pytest.raises(KeyError):
        choice.sound("gong")


@pytest.mark.parametrize(("rate", "width", "channels"), [(8_000, 1, 1), (44_100, 2, 2), (48_000, 3, 2), (24_000, 4, 1)])
async def test_a_wav_of_any_kind_is_brought_to_what_voiced_plays(
    tmp_path: Path, rate: int, width: int, channels: int
) -> None:
    path = wav(tmp_path / "ding.wav", rate, sine(rate, 0.5), width=width, channels=channels)
    choice = await chosen(heard=path)
    sound = np.frombuffer(choice.sound("heard"), "<i2").astype(float)
    assert sound.size == RATE // 2
    assert np.argmax(np.abs(np.fft.rfft(sound, RATE))) == 1000
    assert np.abs(sound).max() == pytest.approx(32_767 / 2, rel=0.03)
    assert choice.sound("muted") == earcon("muted")


async def test_a_wav_of_floats_where_one_is_no_number(tmp_path: Path) -> None:
    samples = sine(RATE, 0.1).astype("<f4")
    samples[7] = np.nan
    chunk = struct.pack("<HHIIHH", 3, 1, RATE, RATE * 4, 4, 32)
    data = samples.tobytes()
    (tmp_path / "ding.wav").write_bytes(
        b"RIFF" + struct.pack("<I", 36 + len(data)) + b"WAVEfmt " + struct.pack("<I", 16) + chunk
        + b"data" + struct.pack("<I", len(data)) + data
    )  # fmt: skip
    sound = np.frombuffer((await chosen(done=str(tmp_path / "ding.wav"))).sound("done"), "<i2")
    assert sound.size == RATE // 10
    assert sound[7] == 0
    assert np.abs(sound).max() == pytest.approx(16_384, rel=0.01)


async def test_bare_samples_are_played_as_they_are(tmp_path: Path) -> None:
    sound = tone(440, Ms(200))
    (tmp_path / "ding.PCM").write_bytes(sound + b"\0")
    assert (await chosen(alarm=str(tmp_path / "ding.PCM"))).sound("alarm") == sound


async def test_the_home_of_whoever_runs_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    wav(tmp_path / "ding.wav", RATE, sine(RATE, 0.1))
    assert len((await chosen(lost="~/ding.wav")).sound("lost")) == 2 * RATE // 10


async def test_one_is_silenced() -> None:
    choice = await chosen(thinking="off", alarm="off")
    assert [name for name in NOTES if not choice.sound(name)] == ["thinking", "alarm"]


async def test_all_are_silenced_but_those_that_people_rely_on(tmp_path: Path) -> None:
    path = wav(tmp_path / "ding.wav", RATE, sine(RATE, 0.1))
    choice = await chosen(enabled=False, heard=path, failed=path)
    assert {name for name in NOTES if choice.sound(name)} == {"alarm", "failed"}
    assert choice.sound("alarm") == earcon("alarm")
    assert len(choice.sound("failed")) == 2 * RATE // 10


async def test_the_newest_settings_win_however_long_a_file_takes(tmp_path: Path) -> None:
    path = wav(tmp_path / "long.wav", 48_000, sine(48_000, LONGEST_S))
    choice = EarconChoice()
    slow = asyncio.create_task(choice.load(EarconSettings(heard=path)))
    await asyncio.sleep(0)
    await choice.load(EarconSettings(heard="off"))
    await slow
    assert choice.sound("heard") == b""


async def test_a_file_that_goes_wrong_while_it_runs_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "ding.wav"
    choice = await chosen(heard=wav(path, RATE, sine(RATE, 0.1)))
    before = choice.sound("heard")
    path.write_bytes(b"no sound")
    with capture_logs() as log:
        await choice.load_anew(EarconSettings(heard=str(path)))
    assert choice.sound("heard") == before
    assert [(line["event"], line["log_level"]) for line in log] == [("earcons.not_read", "error")]


# What can't be played.


def cut_off(path: Path) -> None:
    path.write_bytes(Path(wav(path, RATE, sine(RATE, 0.1))).read_bytes()[:30])


def compressed(path: Path) -> None:
    data = bytearray(Path(wav(path, RATE, sine(RATE, 0.1))).read_bytes())
    data[20:22] = struct.pack("<H", 7)  # µ-law
    path.write_bytes(data)


def slow_samples(path: Path) -> None:
    wav(path, 2_000, sine(2_000, 0.1))


def too_large(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(MOST_BYTES + 2**20)


BAD: dict[str, tuple[Callable[[Path], object], str]] = {
    "is not there": (lambda path: None, 'is not there; write another path, "off", or take the setting away'),
    "is a folder": (lambda path: path.mkdir(), "is no file; name a WAV file"),
    "is a pipe": (os.mkfifo, "is no file; name a WAV file"),
    "is too large": (too_large, "has 17 MB; 16 are allowed. Shorten it"),
    "is too long": (
        lambda path: wav(path, RATE, sine(RATE, LONGEST_S + 0.01)),
        "lasts 11 s; 10 s are allowed. Shorten it",
    ),
    "is empty": (lambda path: path.touch(), "has no sound in it; name another file"),
    "is no WAV": (lambda path: path.write_bytes(b"ID3" * 100), "is no WAV file; save the sound as WAV (PCM)"),
    "is cut off": (cut_off, "is a WAV file that ends before its sound"),
    "has no sound": (lambda path: wav(path, RATE, np.zeros(0)), "has no sound in it; name another file"),
    "is compressed": (compressed, "is compressed; save it as WAV with PCM"),
    "is slow": (slow_samples, "has 2000 samples a second; save it with 24000"),
}


@pytest.mark.parametrize("case", sorted(BAD))
async def test_what_can_not_be_played_is_told_at_the_start_and_at_a_look(tmp_path: Path, case: str) -> None:
    make, told = BAD[case]
    path = tmp_path / "ding.wav"
    make(path)
    settings = EarconSettings(heard=str(path))
    with pytest.raises(ConfigError) as seen:
        check(settings)
    with pytest.raises(ConfigError) as read:
        await EarconChoice().load(settings)
    assert str(seen.value) == str(read.value)
    assert str(seen.value).startswith(f"earcons.heard: {path} {told}")


def test_a_file_that_the_system_refuses(tmp_path: Path) -> None:
    path = wav(tmp_path / "ding.wav", RATE, sine(RATE, 0.1))
    with pytest.raises(ConfigError, match=r"ding.wav/x.wav can't be read \(Not a directory\); let this user read it"):
        check(EarconSettings(heard=f"{path}/x.wav"))


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as error:
        check(EarconSettings(heard=f"{tmp_path}/a.wav", alarm=f"{tmp_path}/b.wav", lost="off"))
    assert [line.split()[0] for line in str(error.value).splitlines()] == ["earcons.heard:", "earcons.alarm:"]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('herd = "off"', "did you mean earcons.heard?"),
        ('gong = "/gong.wav"', "no such setting: earcons.gong"),
        ('heard = "ding.wav"', 'write "off", or the whole path of a file, from / or ~/'),
        ("heard = false", "write text in quotes"),
    ],
)
def test_settings_that_make_no_sense(tmp_path: Path, line: str, told: str) -> None:
    file = tmp_path / "voiced.toml"
    file.write_text(f"[earcons]\n{line}\n")
    with pytest.raises(ConfigError, match=f"{file}:2: ") as error:
        load_config(file, environ={"HOME": str(tmp_path)})
    assert told in str(error.value)

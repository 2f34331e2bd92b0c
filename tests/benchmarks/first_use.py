"""How long a first-time user waits: from an empty folder to a spoken answer, step by step, as the README says.

A private PulseAudio has the loudspeaker and the microphone, and PortAudio opens them; somebody in the room asks. All
sound is found on one tape, of what the loudspeaker puts out. There is no key: the offline brain answers.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from tests.benchmarks.columns import columns
from tests.benchmarks.process import CHECKOUT, TrialFailed
from tests.device import pulse
from tests.device.sounds import Int16, Room, Tap
from voiced.audio import RATE
from voiced.demo.recordings import recording
from voiced.sound_card import PortAudioCard

WANTED: Final = "[echo,wake]"
QUESTION: Final = "date"

AUDIBLE: Final = 60
"""Amplitude; the private loudspeaker has no noise of its own."""

PAUSE: Final = RATE * 6 // 10
"""Samples of silence after which what sounds is something else: no pause between two sentences is so long."""

SENTENCE: Final = RATE // 2
"""Samples of the shortest answer: no tone is so long."""

INSTALLED_WITHIN_S: Final = 900.0
WITHIN_S: Final = 60.0
LOOK_EVERY_S: Final = 0.1

DEFINITIONS: Final = """
install   pip's cache and index are as they are on this machine; all else begins empty: folder, home, runtime folder
setup     `voiced setup --yes`: it takes the usual devices and no key, and ends with a spoken hello
run       `voiced run` is started .. `voiced status` says that it hears, answers and speaks
answer    the last sound of the question at the loudspeaker, through which it is asked .. the first of the answer
Every sound passes PortAudio and PulseAudio. Nobody types here: a person takes longer, and reads in between."""


class Sound(NamedTuple):
    """Places on the tape, in samples."""

    begins: int
    ends: int


@dataclass(slots=True)
class Found:
    """`steps`: what was waited for, and the seconds that it took. `said`: by both, as `voiced history` has it."""

    steps: list[tuple[str, float]] = field(default_factory=list)
    said: str = ""


async def measure(*, install: bool) -> Found:
    """The whole way. `install`: False takes the voiced of these tests. Raises TrialFailed."""
    if lacks := pulse.missing():
        raise TrialFailed(lacks)
    found, as_it_is = Found(), dict(os.environ)
    with tempfile.TemporaryDirectory(prefix="voiced-first-") as folder:
        programs = Path(sys.executable).parent
        if install:
            programs = await _installed(found, Path(folder), as_it_is)
        server = pulse.PrivatePulse()
        try:
            card = PortAudioCard()
            card.rescan()
            await _from_setup_to_answer(found, programs / "voiced", Path(folder), card)
        finally:
            server.close()
    return found


def text(found: Found) -> str:
    """As a table, with the words."""
    rows = [["", "seconds"], *([name, f"{seconds:.1f}"] for name, seconds in found.steps)]
    rows.append(["together", f"{sum(seconds for _, seconds in found.steps):.1f}"])
    return f"{columns(rows)}\n\n{found.said.rstrip()}"


def sounds(tape: Int16) -> list[Sound]:
    """What sounded, with silence around it; the last may go on."""
    places = np.flatnonzero(np.abs(tape.astype(np.int32)) > AUDIBLE)
    if not places.size:
        return []
    breaks = np.flatnonzero(np.diff(places) > PAUSE)
    begins, ends = [places[0], *places[breaks + 1]], [*places[breaks], places[-1]]
    return [Sound(int(begin), int(end) + 1) for begin, end in zip(begins, ends, strict=True)]


def sentence(tape: Int16, after: int) -> Sound | None:
    """The first that was said after a place on the tape, and is over; tones are nothing that is said."""
    over = [sound for sound in sounds(tape[after:]) if after + sound.ends + PAUSE < tape.size]
    said = [sound for sound in over if sound.ends - sound.begins >= SENTENCE]
    return Sound(after + said[0].begins, after + said[0].ends) if said else None


async def _installed(found: Found, folder: Path, environment: Mapping[str, str]) -> Path:
    """Where its programs are afterwards."""
    began = time.monotonic()
    await _done([sys.executable, "-m", "venv", "venv"], folder, environment, WITHIN_S)
    found.steps.append(("python -m venv", time.monotonic() - began))
    began = time.monotonic()
    pip = [str(folder / "venv/bin/pip"), "install", f"{CHECKOUT}{WANTED}"]
    await _done(pip, folder, environment, INSTALLED_WITHIN_S)
    found.steps.append((f"pip install '.{WANTED}'", time.monotonic() - began))
    return folder / "venv/bin"


async def _from_setup_to_answer(found: Found, voiced: Path, folder: Path, card: PortAudioCard) -> None:
    environment = _empty(folder)
    with Room() as room, Tap(card) as tap:
        began = time.monotonic()
        await _done([str(voiced), "setup", "--yes"], folder, environment, WITHIN_S)
        found.steps.append(("voiced setup --yes, with its hello", time.monotonic() - began))
        await _sentence(tap, after=0)
        began = time.monotonic()
        async with _running(voiced, folder, environment):
            found.steps.append(("voiced run, until it listens", time.monotonic() - began))
            asked_after = tap.samples().size
            question = recording(f"user_{QUESTION}")
            room.say(question)
            await tap.until(lambda samples: sounds(samples[asked_after:]), WITHIN_S)
            asked_at = asked_after + sounds(tap.samples()[asked_after:])[0].begins
            [spoken] = sounds(np.frombuffer(question, "<i2"))
            asked = Sound(asked_at, asked_at + spoken.ends - spoken.begins)
            answer = await _sentence(tap, after=asked.ends + RATE // 20)
            found.steps.append(("the question", (asked.ends - asked.begins) / RATE))
            found.steps.append(("the answer begins", (answer.begins - asked.ends) / RATE))
            found.said = await _done([str(voiced), "history"], folder, environment, WITHIN_S)


async def _sentence(tap: Tap, after: int) -> Sound:
    try:
        await tap.until(lambda samples: sentence(samples, after), WITHIN_S)
    except TimeoutError:
        raise TrialFailed(f"nothing was said within {WITHIN_S:.0f} s") from None
    said = sentence(tap.samples(), after)
    assert said is not None
    return said


@asynccontextmanager
async def _running(voiced: Path, folder: Path, environment: Mapping[str, str]) -> AsyncIterator[None]:
    """`voiced run`, once `voiced status` says that all is well. Raises TrialFailed."""
    with tempfile.TemporaryFile() as log:
        daemon = await asyncio.create_subprocess_exec(
            str(voiced), "run", cwd=folder, env=environment, stdout=log, stderr=log, stdin=asyncio.subprocess.DEVNULL
        )
        try:
            async with asyncio.timeout(WITHIN_S):
                while await _code([str(voiced), "status"], folder, environment):  # noqa: ASYNC110  # as a person does
                    await asyncio.sleep(LOOK_EVERY_S)
            yield
        except (TimeoutError, TrialFailed) as error:
            log.seek(0)
            raise TrialFailed(f"voiced run: {error}\n{log.read().decode(errors='replace')}") from error
        finally:
            with contextlib.suppress(ProcessLookupError):  # it ended by itself
                daemon.terminate()
            await daemon.wait()


async def _done(command: Sequence[str], folder: Path, environment: Mapping[str, str], within_s: float) -> str:
    """What it printed. Raises TrialFailed."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(within_s):
            out, err = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        raise TrialFailed(f"{' '.join(command)}: it took longer than {within_s:.0f} s") from None
    if process.returncode:
        raise TrialFailed(f"{' '.join(command)}: {(out + err).decode(errors='replace')}")
    return out.decode()


async def _code(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> int:
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    return await process.wait()


def _empty(folder: Path) -> dict[str, str]:
    """An environment of somebody who has nothing yet but a session and its sound."""
    for name in ("home", "run"):
        (folder / name).mkdir(mode=0o700)
    kept = {name: os.environ[name] for name in ("PATH", "PULSE_SERVER", "LANG") if name in os.environ}
    return {**kept, "HOME": str(folder / "home"), "XDG_RUNTIME_DIR": str(folder / "run")}

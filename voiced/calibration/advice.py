"""Which settings fit what was measured, and why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from voiced import installing
from voiced.calibration.chirp import Room

CANCELLER_REACHES_MS: Final = 480
"""The canceller finds an echo that is late by this much at most."""

LOUD_NOISE_DBFS: Final = -45.0
SOME_NOISE_DBFS: Final = -60.0
CLIPPED: Final = 0.001


@dataclass(frozen=True, slots=True)
class Advice:
    """`settings` by dotted key; `reasons` and `warnings` are sentences. `works`: whether settings follow at all."""

    works: bool
    settings: dict[str, object]
    reasons: tuple[str, ...]
    warnings: tuple[str, ...]


def advice(room: Room, *, canceller: bool, volume: int) -> Advice:
    """`canceller`: whether voiced[echo] is installed; `volume`: playout.volume as it is, 0 to 100."""
    if room.zeros:
        return _none("the microphone gave nothing but digital silence: is it muted by a switch, or in the mixer?")
    if not room.heard:
        return _none(
            "the microphone heard nothing of the chirp. With a headset that is as it should be: set capture.echo = "
            '"off". Otherwise turn the loudspeaker up, and see that the right devices are chosen: voiced devices'
        )
    settings: dict[str, object] = {}
    reasons: list[str] = []
    if canceller and room.delay_ms <= CANCELLER_REACHES_MS:
        settings["capture.echo"] = "cancel"
        reasons.append(f"the echo comes after {room.delay_ms:.0f} ms, which the canceller takes out")
    else:
        settings["capture.echo"] = "half-duplex"
        settings["capture.echo_tail_ms"] = _tail_ms(room)
        reasons.append(f"it hears nothing while it talks, and for {_tail_ms(room)} ms after, since its echo goes on")
        reasons.append(
            f"the echo comes after {room.delay_ms:.0f} ms, later than a canceller finds it"
            if canceller
            else f"with echo cancellation it could be interrupted: {installing.an_extra('echo')}, and calibrate again"
        )
    settings["capture.above_noise_db"] = margin = _margin_db(room)
    reasons.append(f"the background has {room.noise_dbfs:.0f} dBFS, so speech must be {margin:g} dB above it")
    return Advice(True, settings, tuple(reasons), tuple(_warnings(room, volume)))


def _none(why: str) -> Advice:
    return Advice(False, {}, (), (why,))


def _tail_ms(room: Room) -> int:
    """From the last that was played until its echo came and the room is quiet; with a margin, in steps of 50."""
    return min(3000, max(150, -(-round(max(room.delay_ms, 0.0) + room.decay_ms + 100) // 50) * 50))


def _margin_db(room: Room) -> float:
    if room.noise_dbfs > LOUD_NOISE_DBFS:
        return 8.0
    return 6.0 if room.noise_dbfs > SOME_NOISE_DBFS else 4.0


def _warnings(room: Room, volume: int) -> Iterator[str]:
    if room.clipped > CLIPPED:
        yield (
            f"the microphone is overdriven by the loudspeaker: turn the microphone down, or playout.volume "
            f"(it is {volume}), or move them apart; an overdriven echo can't be taken out"
        )
    if room.noise_dbfs > LOUD_NOISE_DBFS:
        yield "the background is loud: move the microphone away from the noise, or nearer to who speaks"
    if room.loss_db < 0:
        yield (
            f"the chirp came back {-room.loss_db:.0f} dB louder than it went out: the microphone is turned up too far"
        )

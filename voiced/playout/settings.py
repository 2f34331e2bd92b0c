"""Settings of the loudspeaker, and of the short sounds that it makes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pydantic import field_validator

from voiced.settings import Settings, setting

SILENT: Final = "off"

RELIED_ON: Final = frozenset({"alarm", "failed"})
"""Earcons that tell what nobody would notice otherwise: to be silenced by their own names alone."""


class PlayoutSettings(Settings):
    """The loudspeaker."""

    device: str = setting(
        "",
        'Its name, or letters that only its name contains; "" is the system\'s default. `voiced devices` lists them.',
    )
    block_ms: int = setting(
        10,
        "Length of a block for the device: a reply begins and a flush ends within one. Longer costs less CPU.",
        unit="ms",
        ge=5,
        le=100,
    )
    volume: int = setting(
        70, "Loudness at the start; steps sound equal (the gain is the cube of it).", unit="%", ge=0, le=100
    )
    duck_db: float = setting(
        -18.0,
        "Gain of a reply while somebody may be talking over it: quiet enough to be heard as giving way.",
        unit="dB",
        ge=-60,
        le=0,
    )
    rebuffer_ms: int = setting(
        60,
        "After an underrun, gather this much more than after the last one before going on: a slow network then "
        "costs one gap, not many.",
        unit="ms",
        ge=0,
        le=1000,
    )
    rebuffer_max_ms: int = setting(240, "At most so much is gathered.", unit="ms", ge=0, le=5000)
    longest_buffer_s: int = setting(
        600,
        "Sound that may wait to be played; what exceeds it is dropped and logged. 48 kB of memory per second.",
        unit="s",
        ge=10,
        le=3600,
    )
    lost_after_s: float = setting(
        2.0,
        "A device that asks for no sound for so long counts as lost: a suspended one reports no error.",
        unit="s",
        gt=0,
        le=60,
    )


class EarconSettings(Settings):
    """Short sounds that tell what happens. For each: "" is the one that voiced makes, "off" silence, else a file.

    A file is named by its whole path and lasts up to 10 s: a WAV (PCM), or a .pcm with nothing but samples of 16 bits,
    mono, at 24 kHz. It is read at the start and at each reload.
    """

    enabled: bool = setting(
        True,
        "false: none of them sounds but alarm and failed, on which people rely; these are silenced each by itself.",
    )
    heard: str = setting(
        "",
        "The wake word was heard and you pause, or what you said with the key held was. Where the microphone hears "
        'nothing while voiced sounds (capture.echo = "half-duplex"), a long one costs your first word.',
    )
    thinking: str = setting("", "The answer takes long.")
    done: str = setting("", "It was done, and there is nothing to say about it.")
    muted: str = setting("", "The microphone is closed.")
    unmuted: str = setting("", "The microphone is open again.")
    lost: str = setting("", "What was being said is lost, or nobody can listen now.")
    offline: str = setting("", "The cloud is away: the device answers by itself.")
    online: str = setting("", "The cloud answers again.")
    alarm: str = setting("", "A timer, an alarm or a reminder is due. Silent, it is told in words alone.")
    failed: str = setting(
        "",
        "A question could not be answered; words follow the tones, and a file takes the place of both. Silent, such a "
        "question is followed by nothing at all.",
    )

    @field_validator("*")
    @classmethod
    def _whole_path(cls, value: bool | str) -> bool | str:
        if isinstance(value, str) and value not in ("", SILENT) and not value.startswith(("/", "~/")):
            raise ValueError(f'write "{SILENT}", or the whole path of a file, from / or ~/')
        return value

    @property
    def files(self) -> dict[str, Path]:
        """Earcons that are somebody's own, and where they are."""
        return {name: Path(value).expanduser() for name, value in self._sounding() if value}

    @property
    def silent(self) -> frozenset[str]:
        """Earcons that are not to be heard."""
        return frozenset(EARCONS) - {name for name, _ in self._sounding()}

    def _sounding(self) -> Iterator[tuple[str, str]]:
        for name in EARCONS:
            value = getattr(self, name)
            if value != SILENT and (self.enabled or name in RELIED_ON):
                yield name, value


EARCONS: Final = tuple(name for name in EarconSettings.model_fields if name != "enabled")

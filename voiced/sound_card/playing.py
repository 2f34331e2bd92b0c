"""Plays one sound, and waits until it was heard: for commands that try a loudspeaker."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

from voiced.audio import RATE, SAMPLE_BYTES
from voiced.errors import DeviceFailed
from voiced.resample import Resampler
from voiced.sound_card.port import BlockTime, SoundCard, Stream

BLOCK_MS: Final = 20
PATIENCE_S: Final = 5.0
"""A device that takes nothing for so long takes nothing at all: a suspended one reports no error."""


def play(card: SoundCard, name: str, pcm: bytes, *, opened: Callable[[Stream], None] = lambda _: None) -> None:
    """Play PCM16 at 24 kHz. Blocks: not for an event loop. Raises AudioError."""
    rest: bytes | None = None
    over = threading.Event()
    ends_at = float("inf")

    def wanted(samples: int, time: BlockTime, _underflowed: bool) -> bytes:
        nonlocal rest, ends_at
        if rest is None:
            rest = Resampler(RATE, time.rate).process(pcm)
        block, rest = rest[: samples * SAMPLE_BYTES], rest[samples * SAMPLE_BYTES :]
        if not rest:
            ends_at = min(ends_at, time.edge + samples / time.rate)
            if time.now > ends_at:
                over.set()
        return block.ljust(samples * SAMPLE_BYTES, b"\0")

    stream = card.open_output(name, block_ms=BLOCK_MS, callback=wanted, on_stopped=lambda reason="": None)
    opened(stream)
    try:
        if not over.wait(len(pcm) / SAMPLE_BYTES / RATE + PATIENCE_S):
            raise DeviceFailed(f"{stream.device_name} takes no sound: unplug it and plug it in again")
    finally:
        stream.close()

"""A sound card that writes down what passes its callbacks, and when."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

from voiced.sound_card import BlockTime, CaptureCallback, Device, PlayCallback, Stream
from voiced.testing.sound_card import VirtualCard

Block = tuple[float, bytes]
"""`time.monotonic()` at which the block was handed over, and its PCM16."""

SILENT_AFTER: Final = 5
"""Blocks of zeros; one or two may be an underrun."""


class RecordingCard:
    """A `VirtualCard` as its user sees it. `keep`: remember every block, which takes memory.

    An input block's time is the moment before its callback runs, an output block's the moment after.
    """

    def __init__(self, card: VirtualCard, *, keep: bool = True) -> None:
        self.heard: list[Block] = []
        self.played: list[Block] = []
        self.sounding = threading.Event()
        self.silent = threading.Event()
        self._card = card
        self._keep = keep
        self._zero_blocks = SILENT_AFTER
        self.silent.set()

    def time(self) -> float:
        return self._card.time()

    def devices(self) -> list[Device]:
        return self._card.devices()

    def rescan(self) -> None:
        self._card.rescan()

    def open_input(
        self, name: str, *, block_ms: int, callback: CaptureCallback, on_stopped: Callable[[], None]
    ) -> Stream:
        def captured(pcm: bytes, when: BlockTime, overflowed: bool) -> None:
            if self._keep:
                self.heard.append((time.monotonic(), pcm))
            callback(pcm, when, overflowed)

        return self._card.open_input(name, block_ms=block_ms, callback=captured, on_stopped=on_stopped)

    def open_output(
        self, name: str, *, block_ms: int, callback: PlayCallback, on_stopped: Callable[[], None]
    ) -> Stream:
        def wanted(samples: int, when: BlockTime, underflowed: bool) -> bytes:
            pcm = callback(samples, when, underflowed)
            if self._keep:
                self.played.append((time.monotonic(), pcm))
            self._notice(audible(pcm))
            return pcm

        return self._card.open_output(name, block_ms=block_ms, callback=wanted, on_stopped=on_stopped)

    def _notice(self, sound: bool) -> None:
        self._zero_blocks = 0 if sound else self._zero_blocks + 1
        if sound and not self.sounding.is_set():
            self.silent.clear()
            self.sounding.set()
        elif self._zero_blocks == SILENT_AFTER:
            self.sounding.clear()
            self.silent.set()


def audible(pcm: bytes) -> bool:
    """Whether anything but digital zero is in it."""
    return pcm.count(0) != len(pcm)

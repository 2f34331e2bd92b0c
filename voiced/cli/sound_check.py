"""`voiced devices`: which microphones and loudspeakers there are, and whether one works."""

from __future__ import annotations

import dataclasses
import json
import queue
from argparse import Namespace
from collections.abc import Iterator, Sequence
from typing import Final, TextIO

from voiced.audio import Ms
from voiced.capture.level import SILENCE_DBFS, rms_dbfs
from voiced.cli.settings import load
from voiced.errors import DeviceFailed
from voiced.playout.earcons import tone
from voiced.sound_card import BlockTime, Device, Direction, PortAudioCard, SoundCard, Stream, playing

LISTEN_S: Final = 5.0
BLOCK_MS: Final = 100
PATIENCE_S: Final = 3.0
"""A device that says nothing for so long says nothing at all: a suspended one reports no error."""

SILENT_DBFS: Final = -90.0
"""Below what any microphone's own noise is: it is muted, or nothing is behind it."""

_METER: Final = 60
_TONES: Final = b"".join(tone(hz, Ms(400), dbfs=-12.0) for hz in (440, 550, 660))


def devices(arguments: Namespace, out: TextIO) -> int:
    config = load(arguments).config
    card = PortAudioCard()
    if arguments.test_input is not None:
        return hear(card, arguments.test_input or config.capture.device, out)
    if arguments.test_output is not None:
        return play(card, arguments.test_output or config.playout.device, out)
    found = card.devices()
    if arguments.json:
        print(json.dumps([dataclasses.asdict(device) for device in found], ensure_ascii=False), file=out)
    else:
        out.write("".join(f"{line}\n" for line in listed(found)))
    return 0


def listed(found: Sequence[Device]) -> Iterator[str]:
    """Devices for people, microphones first."""
    directions: tuple[tuple[str, str, Direction], ...] = (
        ("microphones", "capture.device", "input"),
        ("loudspeakers", "playout.device", "output"),
    )
    for title, key, direction in directions:
        usable = [device for device in found if device.channels(direction)]
        yield f"{title} ({key}):"
        if not usable:
            yield "  none"
        for device in usable:
            channels = device.channels(direction)
            yield f"  {device.name}  ({device.host_api}, {channels} channel{'s' * (channels > 1)})"


def hear(card: SoundCard, name: str, out: TextIO) -> int:
    """Show the microphone's level, on one line where `out` is a terminal. 1 where it was silent. Raises AudioError."""
    blocks: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def captured(pcm: bytes, _time: BlockTime, _overflowed: bool) -> None:
        blocks.put(pcm)

    stream = card.open_input(name, block_ms=BLOCK_MS, callback=captured, on_stopped=lambda reason="": None)
    print(f"listening to {stream.device_name} at {stream.rate} Hz: say something", file=out)
    loudest = SILENCE_DBFS
    try:
        for _ in range(round(LISTEN_S * 1000 / BLOCK_MS)):
            level = rms_dbfs(blocks.get(timeout=PATIENCE_S))
            loudest = max(loudest, level)
            if out.isatty():
                out.write(f"\r{meter(level)}")
                out.flush()
    except queue.Empty:
        raise DeviceFailed(f"{stream.device_name} gives no sound at all: unplug it and plug it in again") from None
    finally:
        stream.close()
    if out.isatty():
        out.write("\n")
    if loudest < SILENT_DBFS:
        print("it is silent: is it muted, or switched off?", file=out)
        return 1
    print(f"its loudest tenth of a second had {loudest:.0f} dBFS; speech should reach -40 to -10", file=out)
    return 0


def play(card: SoundCard, name: str, out: TextIO) -> int:
    """Play three tones, rising. Raises AudioError."""

    def opened(stream: Stream) -> None:
        print(f"playing three tones to {stream.device_name} at {stream.rate} Hz", file=out, flush=True)

    playing.play(card, name, _TONES, opened=opened)
    return 0


def meter(level: float) -> str:
    """A bar from -60 to 0 dBFS."""
    lit = round(_METER * min(max(level + 60, 0.0), 60.0) / 60)
    return f"[{'#' * lit}{' ' * (_METER - lit)}] {level:4.0f} dBFS"

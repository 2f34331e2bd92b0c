"""The sound card as voiced sees it: a protocol."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

Direction = Literal["input", "output"]


@dataclass(frozen=True, slots=True)
class Device:
    """One device of a card. `name` is what settings remember; `index` is valid until the card is rescanned."""

    name: str
    host_api: str
    index: int
    max_input_channels: int
    max_output_channels: int
    default_rate: int

    def channels(self, direction: Direction) -> int:
        """How many channels it has at most in this direction; 0: none."""
        return self.max_input_channels if direction == "input" else self.max_output_channels


@dataclass(frozen=True, slots=True)
class BlockTime:
    """When a block is, in seconds on the card's clock (`SoundCard.time`), and at what `rate` (Hz) its stream runs.

    `now` is when the callback runs; `edge` is when the block's first sample entered the microphone (input) or
    will leave the loudspeaker (output), by what the device says of its latency.
    """

    now: float
    edge: float
    rate: int


CaptureCallback = Callable[[bytes, BlockTime, bool], None]
"""(pcm16 mono at the stream's rate, time, overflowed). Runs in the device's thread: hand over, return."""

PlayCallback = Callable[[int, BlockTime, bool], bytes]
"""(samples wanted, time, underflowed) -> exactly that many PCM16 mono samples. Runs in the device's thread."""


class OnStopped(Protocol):
    """A device stopped by itself. Runs in any thread."""

    def __call__(self, reason: str = "") -> None:
        """`reason`: why, and what to do, where that is known."""


class Stream(Protocol):
    """An open, running stream."""

    @property
    def rate(self) -> int:
        """Hz at which it really runs."""

    @property
    def device_name(self) -> str: ...

    @property
    def latency_s(self) -> float: ...

    def close(self) -> None:
        """Stop it and let the device go; no callback runs after it. Never raises; call it off the loop."""


class SoundCard(Protocol):
    """Where streams come from: PortAudio, or the virtual card of `voiced.testing`.

    All but `time` may take some 100 ms: call it off the loop, with `asyncio.to_thread`.
    """

    def time(self) -> float:
        """Now, in seconds on the clock of `BlockTime`: `time.monotonic`, or a test's own time. From any thread."""

    def devices(self) -> list[Device]:
        """All devices, as of the last look. Raises PortAudioMissing."""

    def rescan(self) -> None:
        """Look again for devices. Streams that are open go on, with a gap of some 100 ms."""

    def open_input(self, name: str, *, block_ms: int, callback: CaptureCallback, on_stopped: OnStopped) -> Stream:
        """Open and start a microphone; `name` "" is the system's default.

        `callback` may run before this returns. `on_stopped` runs when the device stops by itself.
        Raises PortAudioMissing, DeviceNotFound, DeviceFailed.
        """

    def open_output(self, name: str, *, block_ms: int, callback: PlayCallback, on_stopped: OnStopped) -> Stream:
        """Open and start a loudspeaker, as `open_input`."""

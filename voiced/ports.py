"""What the hub needs of each edge: one method each, which returns at once; results come back as events."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from voiced.conversation.commands import (
    BrainCommand,
    Fact,
    MicrophoneCommand,
    SpeakerCommand,
    SpotterCommand,
    ToolCommand,
)
from voiced.conversation.events import Event

Post = Callable[[Event], None]
"""The hub's inbox. On the event loop's thread only; other threads use `loop.call_soon_threadsafe(post, event)`."""


class Brain(Protocol):
    """An answerer. Posts BrainReady, BrainLost, Reply…, ToolCalled, Utterance…, User…, RequestRefused."""

    def do(self, command: BrainCommand) -> None: ...


class Speaker(Protocol):
    """The loudspeaker. Posts ItemPlayed, PlayoutFlushed, PlayoutDrained, SpeakerLost, SpeakerReady."""

    def do(self, command: SpeakerCommand) -> None: ...


class Microphone(Protocol):
    """The microphone; it is open from the start. Posts FrameCaptured, MicrophoneReady, MicrophoneLost."""

    def do(self, command: MicrophoneCommand) -> None: ...


class Spotter(Protocol):
    """Listens for commands that need no brain. Posts CommandSpotted or NoCommand, once for each SpotVerdict."""

    def do(self, command: SpotterCommand) -> None: ...


class ToolRunner(Protocol):
    """Runs tools off the loop's critical path. Posts ToolReturned, once for each RunTool, and ToolsChanged."""

    def do(self, command: ToolCommand) -> None: ...


class StatusSink(Protocol):
    """Whoever watches. Never waits, never raises."""

    def report(self, fact: Fact) -> None: ...

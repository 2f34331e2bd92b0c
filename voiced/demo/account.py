"""Tells on the terminal what the daemon does, while it does it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from voiced import __version__
from voiced.conversation.commands import (
    BargedIn,
    BrainChanged,
    Fact,
    FalseInterruption,
    FloorChanged,
    ReplyHeard,
    ToolEnded,
    ToolStarted,
    TurnFailed,
    UserHeard,
    UtteranceEnded,
    Warned,
)
from voiced.testing.loopback import Violation


class Account:
    """`ports.StatusSink` that prints. `clock`: seconds of the sound card, so that times match the recording."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._begin: float | None = None
        self._colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        self._first_audio: list[int] = []
        self._lost_at: float | None = None
        self._cut = ""
        self._speech_ended = 0.0

    def scene(self, title: str) -> None:
        if self._begin is None:
            self._begin = self._clock()
            print(
                f"voiced {__version__}: the daemon itself, on a sound card in memory, with a Realtime server on "
                "loopback.\nNothing leaves this machine. It takes about 40 seconds.",
            )
        print(f"\n{self._painted('1', title)}", flush=True)

    def note(self, text: str) -> None:
        self._line("", text, "2")

    def report(self, fact: Fact) -> None:
        match fact:
            case FloorChanged(floor=floor):
                self._line("", f"· {floor}", "2")
            case UserHeard(text=text):
                self._line("you", text, "36")
            case UtteranceEnded(length=length, speech=speech):
                self._line("", f"utterance of {length} ms with {speech} ms of speech; the turn is over", "2")
            case ToolStarted(name=name):
                self._line("tool", f"{name} …", "33")
            case ToolEnded(name=name, ok=ok, took=took):
                self._line("tool", f"{name} {'returned' if ok else 'failed'} after {took} ms", "33")
            case BargedIn(after=after):
                self._line("", f"barge-in: decided {after} ms after the onset; ducked at once, now silent", "35")
            case FalseInterruption(speech=speech):
                self._line("", f"{speech} ms of noise took no floor; the reply went on", "35")
            case ReplyHeard():
                self._reply(fact)
            case BrainChanged(state="lost", reason=reason):
                self._lost_at = self._clock()
                self._line("", f"connection lost: {reason}", "31")
            case BrainChanged(state="ready") if self._lost_at is not None:
                away = self._clock() - self._lost_at
                self._line("", f"connected again after {away * 1000:.0f} ms, with the whole conversation", "32")
                self._lost_at = None
            case TurnFailed(reason=reason):
                self._line("", f"the turn failed: {reason}", "31")
            case Warned(code=code, detail=detail):
                self._line("", f"{code}: {detail}", "31")
            case _:
                pass

    def summary(self, output: Path, violations: Sequence[Violation]) -> None:
        ordered = sorted(self._first_audio)
        print(f"\n{self._painted('1', 'In short')}")
        if ordered:
            print(
                f"  end of speech to first sound: {ordered[len(ordered) // 2]} ms (median of {len(ordered)}; the "
                "silence that ends a turn is 500 ms of it, the pretended server 150 ms)"
            )
        if self._cut:
            print(f"  the interrupted answer: {self._cut}")
        print(f"  the server had {len(violations) or 'nothing'} to complain about")
        for violation in violations:
            print(f"    {violation}")
        print(f"  listen to it: {output} (left: you, right: voiced)", flush=True)

    def _reply(self, reply: ReplyHeard) -> None:
        if reply.first_audio is not None:
            self._first_audio.append(reply.first_audio)
        if not reply.cut:
            self._line("voiced", reply.text, "32")
            return
        self._cut = f"{reply.heard} of {reply.received} ms were heard, and so the history ends at “{reply.text}”"
        self._line("voiced", f"{reply.text} —", "32")
        self._line("", self._cut, "35")

    def _line(self, who: str, text: str, colour: str) -> None:
        at = self._clock() - (self._begin or self._clock())
        print(f"{at:6.2f} s  {who:<7} {self._painted(colour, text)}", flush=True)

    def _painted(self, colour: str, text: str) -> str:
        return f"\033[{colour}m{text}\033[0m" if self._colour else text

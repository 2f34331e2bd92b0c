"""Tells on the terminal what the daemon does, while it does it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from voiced import __version__
from voiced.conversation.commands import (
    BargedIn,
    BrainChanged,
    BrainSelected,
    Fact,
    FalseInterruption,
    ReplyHeard,
    ToolEnded,
    ToolStarted,
    TurnFailed,
    UserHeard,
    UtteranceEnded,
    Warned,
)
from voiced.conversation.events import BrainName
from voiced.demo.progress import Turn
from voiced.testing.loopback import Violation


class Account:
    """`ports.StatusSink` that prints. `clock`: seconds of the sound card, so that times match the recording."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._begin = clock()
        self._colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        self._brain: BrainName = "offline"
        self._asked = False
        """Somebody waits for an answer."""
        self._first_audio: dict[BrainName, list[int]] = {}
        self._cut = ""

    def begin(self) -> None:
        self._begin = self._clock()
        print(
            f"voiced {__version__}: the daemon itself, on a sound card in memory. The user's words are recordings; "
            "they are\nreally recognised, the tools are really run, the answers are really synthesised, on this "
            "machine alone.\nIt takes about a minute.",
            flush=True,
        )

    def scene(self, title: str) -> None:
        print(f"\n{self._painted('1', title)}", flush=True)

    def says(self, text: str) -> None:
        """The user begins to say this."""
        self._line("you", text, "36")

    def note(self, text: str) -> None:
        self._line("", text, "2")

    def report(self, fact: Fact) -> None:
        match fact:
            case UserHeard(text=text):
                self._line(self._brain, f"heard “{text}”", "2")
            case ToolStarted(name=name, arguments=arguments):
                self._line("tool", f"{name}({_as_python(arguments)})", "33")
            case ToolEnded(name=name, ok=ok, took=took):
                self._line("", f"{name} {'returned' if ok else 'failed'} after {took} ms", "2")
            case BargedIn(after=after):
                self._line("", f"interrupted: ducked at once, silent {after} ms after the first sound", "35")
            case FalseInterruption(speech=speech):
                self._line("", f"{speech} ms of noise took no floor; the answer went on", "35")
            case ReplyHeard():
                self._reply(fact)
            case UtteranceEnded():
                self._asked = True
            case BrainSelected(brain=brain):
                self._brain = brain
                when = "takes over, for the same question" if self._asked else "answers from now on"
                self._line("", f"{brain} {when}", "32")
            case BrainChanged(state="lost" | "refused", reason=reason, brain=brain):
                self._line("", f"{brain} is lost: {reason}", "31")
            case TurnFailed(reason=reason):
                self._line("", f"the turn failed: {reason}", "31")
            case Warned(code=code, detail=detail):
                self._line("", f"{code}: {detail}", "31")
            case _:
                pass

    def summary(self, output: Path, turns: Sequence[Turn], violations: Sequence[Violation]) -> None:
        """What came of it all."""
        print(f"\n{self._painted('1', 'In short')}")
        answered = [turn for turn in turns if turn.reply is not None]
        all_of_them = "every one" if len(answered) == len(turns) else f"{len(answered)} of them"
        print(f"  {len(turns)} utterances, {all_of_them} answered: {_count(answered)}")
        for brain, times in self._first_audio.items():
            middle = sorted(times)[len(times) // 2]
            print(f"  {brain}, end of speech to first sound: {middle} ms (median of {len(times)})")
        print("  500 ms of that is the silence that ends a turn")
        if self._cut:
            print(f"  the interrupted answer: {self._cut}")
        print(f"  the server had {len(violations) or 'nothing'} to complain about")
        for violation in violations:
            print(f"    {violation}")
        print(f"  listen to it: {output} (left: you, right: voiced)", flush=True)

    def _reply(self, reply: ReplyHeard) -> None:
        self._asked = reply.cut
        if reply.first_audio is not None:
            self._first_audio.setdefault(self._brain, []).append(reply.first_audio)
        if not reply.cut:
            self._line(self._brain, reply.text, "32")
            return
        self._cut = f"{reply.heard} of {reply.received} ms were heard, and so the history ends at “{reply.text}”"
        self._line(self._brain, f"{reply.text} —", "32")
        self._line("", self._cut, "35")

    def _line(self, who: str, text: str, colour: str) -> None:
        print(f"{self._clock() - self._begin:6.2f} s  {who:<9} {self._painted(colour, text)}", flush=True)

    def _painted(self, colour: str, text: str) -> str:
        return f"\033[{colour}m{text}\033[0m" if self._colour else text


def _as_python(arguments: str) -> str:
    """duration_s=10; what nobody said is left out."""
    given = json.loads(arguments)
    return ", ".join(f"{name}={json.dumps(value)}" for name, value in given.items() if value is not None)


def _count(answered: Sequence[Turn]) -> str:
    by = [turn.by for turn in answered]
    return ", ".join(f"{by.count(brain)} by {brain}" for brain in dict.fromkeys(by))

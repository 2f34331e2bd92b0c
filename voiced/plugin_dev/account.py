"""Tells on the terminal what is said and done, and what is wrong with the plugin."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Iterable
from typing import Final, TextIO

from voiced.audio import RATE, SAMPLE_BYTES
from voiced.conversation.commands import (
    BrainChanged,
    DeviceChanged,
    Fact,
    Floor,
    FloorChanged,
    ReplyHeard,
    RequestEnded,
    ToolEnded,
    ToolStarted,
    TurnFailed,
    UserHeard,
    Warned,
)
from voiced.conversation.events import AnnouncementAsked, Card, CardAsked, EarconAsked, Event, ToolReturned
from voiced.plugins.host import PluginStatus

LONGEST_RESULT: Final = 2000
"""Characters of a result that are shown."""

BYTES_PER_S: Final = RATE * SAMPLE_BYTES

WORTH_TELLING_MS: Final = 500
"""A tool that takes so long makes people wait."""


class Account:
    """`ports.StatusSink` that prints; also told of what plugins do (`overhear`).

    `hears`: whether people speak, so that it is worth telling what was understood.
    """

    def __init__(self, out: TextIO, *, hears: bool) -> None:
        self._out = out
        self._hears = hears
        self._colour = out.isatty() and "NO_COLOR" not in os.environ
        self._floor: Floor = "idle"
        self._ready = False
        self._requests: set[str] = set()
        self._question: AnnouncementAsked | None = None
        self._told = False
        """What may be answered to the question."""
        self._changed = asyncio.Event()

    # What one may wait for.

    @property
    def ready(self) -> bool:
        """There is somebody to answer."""
        return self._ready

    @property
    def asks(self) -> bool:
        """What comes next is the answer to a question of the plugin."""
        return self._question is not None and self._floor == "listening"

    def expects(self, request: str) -> None:
        """Somebody typed this, and waits for what comes of it."""
        self._requests.add(request)

    @property
    def busy(self) -> bool:
        """Something that was typed has no answer yet."""
        return bool(self._requests)

    @property
    def choices(self) -> tuple[str, ...] | None:
        """What may be answered to the question of now; None where there is none."""
        return self._question.answer.choices if self._question and self._question.answer else None

    async def until(self, happened: Callable[[], bool]) -> None:
        """Wait until it has."""
        while not happened():
            self._changed.clear()
            await self._changed.wait()

    # What is told.

    def overhear(self, event: Event) -> None:
        """What a plugin posts."""
        match event:
            case AnnouncementAsked() if event.answer is not None:
                self._question, self._told = event, False
            case ToolReturned():
                self.line("", f"{'→' if event.ok else 'failed:'} {_short(event.output)}", "2" if event.ok else "31")
            case EarconAsked(name) | AnnouncementAsked(earcon=name) if name:
                self.line("", f"♪ {name}", "2")
            case AnnouncementAsked(sound=sound) if sound:
                self.line("", f"♫ {len(sound) / BYTES_PER_S:.1f} s of sound", "2")
            case CardAsked(card):
                self.line("", shown(card), "2")
            case _:
                return
        self._changed.set()

    def says(self, text: str) -> None:
        """The assistant begins to say this."""
        self.line("voiced", text, "32")

    def report(self, fact: Fact) -> None:
        match fact:
            case FloorChanged(floor):
                self._floor = floor
                self._tell_choices()
            case BrainChanged(state="ready"):
                self._ready = True
            case BrainChanged(state="lost" | "refused", reason=reason):
                self._ready = False
                self.line("", f"the server on this machine is lost: {reason}", "31")
            case UserHeard(text=text) if self._hears:
                self.line("you", text, "36")
            case ToolStarted(name=name, arguments=arguments):
                self.line("tool", f"{name}({_as_python(arguments)})", "33")
            case ToolEnded(name=name, took=took) if took >= WORTH_TELLING_MS:
                self.line("", f"{name} took {took / 1000:.1f} s", "2")
            case ReplyHeard(text=text, cut=True):
                self.line("", f"(interrupted: {f'“{text}”' if text else 'nothing'} was heard)", "35")
            case RequestEnded(request, _, error):
                self._ended(request, error)
            case TurnFailed(reason=reason):
                self.line("", f"it could not be answered: {reason}", "31")
            case DeviceChanged(kind=kind, ok=False, detail=detail):
                self.line("", f"{kind} lost: {detail}", "31")
            case Warned(code=code, detail=detail):
                self.line("", f"{code}: {detail}", "31")
            case _:
                return
        self._changed.set()

    def loaded(self, plugins: Iterable[PluginStatus], problems: Iterable[str]) -> None:
        """The plugins as they are now, with what is wrong."""
        for plugin in plugins:
            self.line("plugin", f"{plugin.name}: {', '.join(plugin.tools) or 'no tools'}", "1")
            if plugin.why and plugin.why not in plugin.problems:
                self.line("", f"{plugin.state}: {plugin.why}", "2")
            for problem in plugin.problems:
                self.line("problem", problem, "31")
        for problem in problems:
            self.line("problem", problem, "31")
        self._changed.set()

    def line(self, who: str, text: str, colour: str = "") -> None:
        """One thing."""
        shown = "\n".join(f"{'' if number else who:<9} {part}" for number, part in enumerate(text.splitlines() or [""]))
        self._out.write(f"\033[{colour}m{shown}\033[0m\n" if self._colour and colour else f"{shown}\n")
        self._out.flush()

    def _ended(self, request: str, error: str) -> None:
        if self._question is not None and self._question.request == request:
            self._question = None
        elif request in self._requests:
            self._requests.discard(request)
            if error:
                self.line("", error, "31")

    def _tell_choices(self) -> None:
        if self.asks and not self._told and self._question and self._question.answer:
            self._told = True
            choices = ", ".join(self._question.answer.choices)
            self.line("", f"(answer: {choices})" if choices else "(type the answer)", "2")


def shown(card: Card) -> str:
    """In a line, what a screen would show."""
    return f"(shows: {card.title or card.text or ('a picture' if card.image else 'a countdown')})"


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_RESULT else f"{text[:LONGEST_RESULT]} … ({len(text)} characters)"


def _as_python(arguments: str) -> str:
    """duration_s=10; what nobody said is left out."""
    try:
        given = json.loads(arguments or "{}")
    except ValueError:
        return arguments
    if not isinstance(given, dict):
        return arguments
    said = ((name, json.dumps(value, ensure_ascii=False)) for name, value in given.items() if value is not None)
    return ", ".join(f"{name}={value}" for name, value in said)

"""What every trial of plugins has: the plugins, the API, time, a user who answers, and complaints about the script."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from voiced.conversation.events import Card
from voiced.testing.clock import FakeClock
from voiced.testing.in_hand import PluginsInHand

if TYPE_CHECKING:
    from voiced.testing.http import HttpLoopback


class PluginTrial:
    """`folder`: of the test's own; what plugins keep is there. `looked_at`: where files are looked for."""

    def __init__(self, folder: Path, looked_at: Sequence[Path] = ()) -> None:
        self.clock = FakeClock()
        self.heard: list[str] = []
        self.questions: list[str] = []
        self.cards: dict[str, Card] = {}
        """What is to be seen now, by the plugin's name and the card's: "laundry/machine"."""
        self._folder = folder
        self._plugins = PluginsInHand(looked_at)
        self._api: HttpLoopback | None = None
        self._answers: deque[str] = deque()
        self._complaint = ""

    def plugin(
        self,
        *plugins: object,
        name: str = "",
        settings: Mapping[str, object] | None = None,
        secrets: Mapping[str, str] | None = None,
    ) -> None:
        """Use these plugins: .py files, names of installed ones, modules, `Plugin` classes, functions with `@tool`.

        No other plugin is there, not even a built-in one. A file is looked for beside the test. `settings` is the table
        [plugin.NAME], `secrets` what `ToolContext.secret` gives, `name` another name than the plugin's own.
        """
        for plugin in plugins:
            self._plugins.add(plugin, name, settings or {}, secrets or {})

    def api(self, server: HttpLoopback) -> None:
        """Let plugins have the API, at a server that runs, with the key `sk-test`. Without it there is none."""
        self._api = server

    def user_answers(self, text: str) -> None:
        """What the user answers to the next question of a plugin; "" is silence."""
        self._answers.append(text)

    async def time_passes(self, **units: float) -> None:
        """Let time pass for the plugins, as in `time_passes(minutes=5)`; what they schedule then happens too."""
        await self.clock.let_pass(**units)

    def _answer_to(self, question: str) -> str:
        """What the script has; "" too where it has none, which is a complaint."""
        self.questions.append(question)
        if self._answers:
            return self._answers.popleft()
        self._complain(f"the user was asked {question!r}; write user_answers(...), or user_answers('') for silence")
        return ""

    def _complain(self, complaint: str) -> None:
        self._complaint = self._complaint or complaint  # the first one is the cause

    def _no_complaint(self) -> None:
        complaint, self._complaint = self._complaint, ""
        if complaint:
            raise AssertionError(complaint)

    def _all_answered(self) -> None:
        if self._answers:
            raise AssertionError(f"nobody asked for these answers of the user: {list(self._answers)}")

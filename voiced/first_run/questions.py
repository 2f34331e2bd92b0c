"""Asks a person on a terminal, one question at a time; or takes what is usual where nobody is to be asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TextIO

from voiced.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Person:
    """Whom to ask. `read(prompt)` gives a line, `read_secret(prompt)` one that is not shown; None: nobody is there."""

    out: TextIO
    read: Callable[[str], str] | None
    read_secret: Callable[[str], str] | None

    def tell(self, text: str) -> None:
        print(text, file=self.out, flush=True)

    def choose(self, question: str, choices: Sequence[str], usual: int = 0) -> int:
        """Which of `choices`."""
        self.tell(question)
        for number, choice in enumerate(choices, start=1):
            self.tell(f"  {number}. {choice}")
        if self.read is None:
            return usual
        while True:
            text = self._line(f"number [{usual + 1}]: ")
            if not text:
                return usual
            if text.isdecimal() and 1 <= int(text) <= len(choices):
                return int(text) - 1
            self.tell(f"type a number from 1 to {len(choices)}, or just Enter for {usual + 1}")

    def agrees(self, question: str, *, usual: bool) -> bool:
        """Yes or no."""
        if self.read is None:
            return usual
        while True:
            text = self._line(f"{question} [{'Y/n' if usual else 'y/N'}] ").lower()
            if text in ("", "y", "yes", "n", "no"):
                return usual if not text else text.startswith("y")
            self.tell("type y for yes or n for no")

    def secret(self, question: str) -> str:
        """A line that nobody sees; "" where nobody gives one."""
        if self.read_secret is None:
            return ""
        try:
            return self.read_secret(question).strip()
        except EOFError:
            return ""

    def _line(self, prompt: str) -> str:
        assert self.read is not None
        try:
            return self.read(prompt).strip()
        except EOFError:
            raise ConfigError(
                "the answers ended too early, and nothing was written; `voiced setup --yes` asks nothing"
            ) from None

"""What is ordered and reported while an event is handled, in that order."""

from __future__ import annotations

from voiced.conversation.commands import Command, Fact, Report


class Outbox:
    """Every room of the conversation puts its commands in; the conversation takes them all out after each event."""

    def __init__(self) -> None:
        self._commands: list[Command] = []

    def order(self, command: Command) -> None:
        self._commands.append(command)

    def report(self, fact: Fact) -> None:
        self._commands.append(Report(fact))

    def take(self) -> list[Command]:
        """All since the last time."""
        commands, self._commands = self._commands, []
        return commands

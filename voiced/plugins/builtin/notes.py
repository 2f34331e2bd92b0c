"""Notes: what somebody wants to be written down, the latest first."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from pydantic import AwareDatetime, Field

from voiced.api import Plugin, ToolContext, ToolError, tool
from voiced.plugins.builtin.keeping import kept
from voiced.plugins.builtin.spoken import spoken_moment

LIMIT = 200
CHARACTERS = 1000
"""Of one note; all together fit into the state of a plugin."""

MOST_READ = 20


@dataclass(frozen=True, slots=True)
class Note:
    text: str = field(repr=False)
    taken: AwareDatetime


class Notes(Plugin):
    """The oldest first, as they are saved; people count from the latest, which is number 1."""

    async def setup(self, context: ToolContext) -> None:
        self._context = context
        self._notes = await context.load_state(list[Note], [])

    @tool
    async def take_note(self, text: str) -> str:
        """Write down a note that the user dictates. For things to buy or to pack use add_to_list.

        Args:
            text: The note in the user's words, without "take a note".
        """
        text = text.strip()
        if not text:
            raise ToolError("What shall I write down?")
        if len(text) > CHARACTERS:
            raise ToolError(
                f"Nothing is written down: a note has at most {CHARACTERS} characters, and this one has {len(text)}."
            )
        if len(self._notes) >= LIMIT:
            raise ToolError(f"Nothing is written down: there are {LIMIT} notes already; delete some first.")
        self._notes.append(Note(text, self._context.now()))
        return f"I wrote it down.{await kept(self._context, self._notes)}"

    @tool(sentences=["read my notes", "what are my notes"], idempotent=True)
    async def read_notes(self, count: Annotated[int, Field(ge=1, le=MOST_READ)] = 3) -> str:
        """Read the latest notes, with their numbers.

        Args:
            count: How many.
        """
        if not self._notes:
            return "There is no note."
        now = self._context.now()
        all_of_them = f"There {_counted(len(self._notes))}."
        latest = [
            f"Number {number}, from {spoken_moment(note.taken, now)}: {_sentence(note.text)}"
            for number, note in enumerate(reversed(self._notes[-count:]), start=1)
        ]
        return " ".join([all_of_them, *latest])

    @tool(
        confirm="Shall I delete note number {number}?",
    )
    async def delete_note(self, number: Annotated[int, Field(ge=1, le=LIMIT)]) -> str:
        """Delete a note.

        Args:
            number: As read_notes tells it; 1 is the latest.
        """
        if number > len(self._notes):
            raise ToolError(f"Nothing is deleted: there {_counted(len(self._notes))}.")
        note = self._notes.pop(-number)
        return f"It is deleted: {_sentence(note.text)}{await kept(self._context, self._notes)}"


def _counted(notes: int) -> str:
    return "is 1 note" if notes == 1 else f"are {notes} notes"


def _sentence(text: str) -> str:
    return text if text[-1] in ".!?" else f"{text}."

"""Opens doors: it asks before it does, remembers what it did, and stops when people interrupt it."""

import asyncio
from datetime import datetime
from enum import Enum
from pathlib import Path

from voiced.api import Plugin, PluginSettings, ToolContext, ToolError, tool


class Door(Enum):
    FRONT = "front"
    GARAGE = "garage"


class Settings(PluginSettings):
    """The table [plugin.door]."""

    front: Path
    """The file that switches the relay of the front door: 1 opens it, 0 lets it rest."""

    garage: Path
    open_s: float = 5
    garage_takes_s: float = 20


class Doors(Plugin):
    permissions = ("files", "say", "listen")
    settings: Settings

    async def setup(self, context: ToolContext) -> None:
        self.context = context
        self.opened = await context.load_state(list[tuple[Door, datetime]], [])

    @tool(
        sentences=["(open|unlock) the {door} door"],
        confirm="Shall I unlock the {door} door?",
    )
    async def unlock_door(self, door: Door) -> str:
        """Unlock a door for some seconds.

        Args:
            door: Which door.
        """
        await self._open(door, self.settings.open_s)
        return f"The {door.value} door was unlocked for {self.settings.open_s:g} seconds."

    @tool
    async def let_visitor_in(self, context: ToolContext) -> str:
        """Ask the user at which door somebody rang, and unlock it."""
        answer = await context.ask("At which door?", choices=["front", "garage"])
        door = next((door for door in Door if door.value in answer.lower()), None)
        if door is None:
            raise ToolError(f"There is no such door. There are {' and '.join(door.value for door in Door)}.")
        return await self.unlock_door(door)

    @tool(on_barge_in="cancel", timeout_s=60)
    async def open_garage(self) -> str:
        """Open the garage. It stops where it is when the user says something meanwhile."""
        await self._open(Door.GARAGE, self.settings.garage_takes_s)
        return "The garage is open."

    @tool(sentences=["when was (the|a) door opened"])
    async def last_opened(self) -> str:
        """Tell when which door was opened last."""
        if not self.opened:
            return "No door was opened yet."
        door, moment = self.opened[-1]
        return f"The {door.value} door was opened at {moment:%H:%M}."

    async def _open(self, door: Door, seconds: float) -> None:
        relay = self.settings.front if door is Door.FRONT else self.settings.garage
        self.opened = [*self.opened[-99:], (door, self.context.now())]
        await self.context.save_state(self.opened)
        try:
            self._switch(relay, "1")
            await asyncio.sleep(seconds)
        finally:  # also when somebody interrupts
            self._switch(relay, "0")

    def _switch(self, relay: Path, value: str) -> None:
        """It is a file of the kernel: to write it takes microseconds, so that no thread is needed."""
        try:
            relay.write_text(value)
        except OSError as error:
            raise ToolError(f"The door does not answer: {error.strerror}.") from error

"""Lowers the music while somebody speaks with the assistant, and gives it back its volume afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from voiced.plugins.builtin.media import protocol
from voiced.plugins.builtin.media.player import PATIENCE_S, Player
from voiced.plugins.builtin.media.protocol import PlayerError

STATUS: Final = protocol.line("status")


@dataclass(frozen=True, slots=True)
class Ducked:
    """The music was lowered from the volume `before` to `during`, both 0 to 100."""

    before: int
    during: int


class Ducking:
    """`to_percent`: of its volume; 100 leaves the music alone. `ducked`: how it was left by an earlier run.

    `save` is called before the volume changes, so that music which was lowered does not stay so after a crash.
    """

    def __init__(
        self,
        player: Player,
        to_percent: int,
        ducked: Ducked | None,
        save: Callable[[Ducked | None], Awaitable[None]],
    ) -> None:
        self._player = player
        self._to_percent = to_percent
        self._ducked = ducked
        self._save = save
        self._conversation = False
        self._changing = asyncio.Lock()

    @property
    def owes(self) -> bool:
        """Whether the music must get its volume back now."""
        return self._ducked is not None and not self._conversation

    async def follow(self, conversation: bool) -> None:
        """A conversation began or ended. Raises PlayerError; then `settle` is to be called again."""
        self._conversation = conversation
        await self.settle()

    async def settle(self, within_s: float = PATIENCE_S) -> None:
        """Lower the music, or give it back its volume, where that is not done yet. Raises PlayerError."""
        async with self._changing:
            if self._conversation and self._ducked is None and self._to_percent < 100:
                await self._lower(within_s)
            elif self.owes:
                await self._raise(within_s)

    async def volume(self) -> int:
        """The volume that the music has when nobody speaks. Raises PlayerError."""
        async with self._changing:
            return self._ducked.before if self._ducked else await self._heard(PATIENCE_S)

    async def set_volume(self, percent: int) -> None:
        """Set that volume; while the music is lowered it stays so. Raises PlayerError."""
        async with self._changing:
            await self._heard(PATIENCE_S)
            if self._ducked:
                during = self._lowered(percent)
                await self._note(Ducked(percent, during))
                await self._set(during, PATIENCE_S)
            else:
                await self._set(percent, PATIENCE_S)

    async def _lower(self, within_s: float) -> None:
        [status] = await self._player.do(STATUS, within_s=within_s)
        before = protocol.number(status, "volume")
        if dict(status).get("state") == "play" and before and (during := self._lowered(before)) < before:
            await self._note(Ducked(before, during))
            await self._set(during, within_s)

    async def _raise(self, within_s: float) -> None:
        assert self._ducked is not None
        [status] = await self._player.do(STATUS, within_s=within_s)
        if protocol.number(status, "volume") == self._ducked.during:  # else somebody turned the knob meanwhile
            await self._set(self._ducked.before, within_s)
        await self._note(None)

    async def _heard(self, within_s: float) -> int:
        [status] = await self._player.do(STATUS, within_s=within_s)
        volume = protocol.number(status, "volume")
        if volume is None:
            raise PlayerError("The music player has no volume that can be set.")
        return volume

    async def _set(self, percent: int, within_s: float) -> None:
        await self._player.do(protocol.line("setvol", percent), within_s=within_s)

    async def _note(self, ducked: Ducked | None) -> None:
        self._ducked = ducked
        await self._save(ducked)

    def _lowered(self, percent: int) -> int:
        return percent * self._to_percent // 100

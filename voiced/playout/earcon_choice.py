"""Which sound stands for each earcon: the one that is made here, somebody's own, or none."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import structlog

from voiced.errors import ConfigError
from voiced.playout.earcons import earcon
from voiced.playout.settings import EarconSettings

log = structlog.get_logger(__name__)


class EarconChoice:
    """As made here, until `load` brings something else. On the event loop."""

    def __init__(self) -> None:
        self._settings = EarconSettings()
        self._own: Mapping[str, bytes] = {}
        self._wanted = self._settings

    def sound(self, name: str) -> bytes:
        """PCM16 at 24 kHz; nothing where it is silenced. Raises KeyError where there is no earcon of that name."""
        made = earcon(name)
        return b"" if name in self._settings.silent else self._own.get(name, made)

    async def load(self, settings: EarconSettings) -> None:
        """Read the files that these name; until then all stays as it is. Raises ConfigError."""
        self._wanted, own = settings, {}
        if settings.files:
            from voiced.playout.earcon_files import read  # here, since few have files of their own

            own = await asyncio.to_thread(read, settings)
            log.debug("earcons.read", names=sorted(own))
        if self._wanted is settings:  # and nothing newer
            self._settings, self._own = settings, own

    async def load_anew(self, settings: EarconSettings) -> None:
        """The same while it runs, where a file that goes wrong on the way changes nothing, and is told in the log."""
        try:
            await self.load(settings)
        except ConfigError as error:
            for line in str(error).splitlines():
                log.error("earcons.not_read", reason=line)


def check(settings: EarconSettings) -> None:
    """Raises ConfigError: a line for each file that can't be played. Reads the head of each."""
    if settings.files:
        from voiced.playout.earcon_files import check as look_at

        look_at(settings)

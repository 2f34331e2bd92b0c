"""What is paid for once, and counted once, however often it is looked at."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from voiced.ai.providers import Providers
from voiced.usage import Usage


class PaidOnce:
    """Whether a name is new is known over restarts where the terms have a `first_time`, else as long as this lives."""

    def __init__(self, providers: Providers) -> None:
        self._providers = providers
        self._counted: set[str] = set()
        self._counting: set[asyncio.Future[None]] = set()

    def knows(self, name: str) -> bool:
        """Whether something of this name was counted while this lives."""
        return name in self._counted

    async def spend(self, name: str, usages: Iterable[Usage]) -> None:
        """Count these, unless something of this name ("batch batch_1") was counted before.

        It is done to its end, also where whoever asks is cancelled: a name that is known is never counted again.
        """
        if name in self._counted:
            return
        self._counted.add(name)
        counting = asyncio.ensure_future(self._count(name, usages))
        self._counting.add(counting)  # lest it be forgotten half done
        counting.add_done_callback(self._counting.discard)
        await asyncio.shield(counting)

    async def _count(self, name: str, usages: Iterable[Usage]) -> None:
        first_time = self._providers.terms.first_time
        if first_time is None or await first_time(name):
            for usage in usages:
                self._providers.spend(usage)

"""What is paid for once, and counted once, however often it is looked at."""

from __future__ import annotations

from collections.abc import Iterable

from voiced.ai.providers import Providers
from voiced.usage import Usage


class PaidOnce:
    """Whether a name is new is known over restarts where the terms have a `first_time`, else as long as this lives."""

    def __init__(self, providers: Providers) -> None:
        self._providers = providers
        self._counted: set[str] = set()

    def knows(self, name: str) -> bool:
        """Whether something of this name was counted while this lives."""
        return name in self._counted

    async def spend(self, name: str, usages: Iterable[Usage]) -> None:
        """Count these, unless something of this name ("batch batch_1") was counted before."""
        if name in self._counted:
            return
        self._counted.add(name)
        first_time = self._providers.terms.first_time
        if first_time is None or await first_time(name):
            for usage in usages:
                self._providers.spend(usage)

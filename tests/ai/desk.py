"""The helpers as `voiced api` and plugins have them, before a server on loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from voiced.ai.providers import Terms
from voiced.ai.service import AiService
from voiced.ai.settings import AiSettings, ProviderSettings
from voiced.testing.http import HttpLoopback
from voiced.usage import Usage

KEY = "sk-test-0123456789"


class Desk:
    """`ai`: the helpers; `spent`: what they told that they used; `refusal`: why nothing may be asked; `overspent`: why
    nothing that costs something.
    """

    def __init__(self, server: HttpLoopback, **settings: Any) -> None:
        self.settings = AiSettings(
            **{
                "providers": {"openai": ProviderSettings(base_url=server.base_url)},
                "timeout_s": 5.0,
                "longest_wait_s": 2.0,
                **settings,
            }
        )
        self.key = KEY
        self.refusal = ""
        self.overspent = ""
        self.spent: list[Usage] = []
        self.names: set[str] = set()
        self.ai = AiService(
            Terms(
                lambda: self.settings,
                lambda _: self.key,
                refusal=lambda: self.refusal,
                overspent=lambda: self.overspent,
                spent=self.spent.append,
                first_time=self._first_time,
            )
        )

    async def _first_time(self, name: str) -> bool:
        new = name not in self.names
        self.names.add(name)
        return new


@asynccontextmanager
async def desk(server: HttpLoopback, **settings: Any) -> AsyncIterator[Desk]:
    """Before a server that runs; `settings` are those of [ai]. It has hung up at the end."""
    made = Desk(server, **settings)
    try:
        yield made
    finally:
        await made.ai.aclose()

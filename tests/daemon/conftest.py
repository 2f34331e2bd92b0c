"""A household for each test."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from tests.daemon.household import Household
from voiced.testing.loopback import LoopbackServer, Reply, Script, Turn


@pytest.fixture
def household(tmp_path: Path) -> Callable[..., Household]:
    """Makes a household: what the server answers, the server's `faults`, `pace`, … and what `Household` takes.

    async with household([Say("Hello.")]) as home:
        await home.ready()
        home.say("moon")
        await home.next(ReplyHeard)
    """
    of_household = ("settings", "card", "base_url", "refused", "keep_s", "environ")

    def make(
        script: Script | Iterable[Reply] | Callable[[Turn], Reply] | None = None, *, server: bool = True, **options: Any
    ) -> Household:
        own = {name: options.pop(name) for name in of_household if name in options}
        return Household(tmp_path, LoopbackServer(script, **options) if server else None, **own)

    return make

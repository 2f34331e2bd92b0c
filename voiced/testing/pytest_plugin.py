"""Fixtures for tests of voiced and of its plugins."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from voiced.testing.http import HttpLoopback
    from voiced.testing.loopback import LoopbackServer


@pytest.fixture
def loopback() -> Iterator[Callable[..., LoopbackServer]]:
    """Makes Realtime servers on loopback; takes what `LoopbackServer` takes.

    The test fails when a client did what the real server would have refused. For a test of just that, use
    `LoopbackServer` itself.

        async def test_the_lamp(loopback):
            async with loopback([CallTool("lamp", '{"on": true}'), Say("It is on.")]) as server:
                ...  # run a client against server.base_url
    """
    # Late, because pytest loads this module in every run and the server brings numpy and websockets.
    from voiced.testing.loopback import LoopbackServer

    servers: list[LoopbackServer] = []

    def start(*args: Any, **options: Any) -> LoopbackServer:
        server = LoopbackServer(*args, **options)
        servers.append(server)
        return server

    yield start
    violations = [found for server in servers for found in server.violations]
    assert not violations, f"the real server would have refused this: {violations}"


@pytest.fixture
def http_loopback() -> Iterator[Callable[..., HttpLoopback]]:
    """Makes servers of OpenAI's HTTP endpoints on loopback; takes what `HttpLoopback` takes.

    The test fails when a client did what the real server would have refused. For a test of just that, use
    `HttpLoopback` itself. It needs aiohttp: `pip install 'voiced[test]'`.

        async def test_the_lamp(http_loopback):
            async with http_loopback(["It is on."], transcripts=["Switch the lamp on."]) as server:
                ...  # run a client against server.base_url
    """
    from voiced.testing.http import HttpLoopback

    servers: list[HttpLoopback] = []

    def start(*args: Any, **options: Any) -> HttpLoopback:
        server = HttpLoopback(*args, **options)
        servers.append(server)
        return server

    yield start
    violations = [found for server in servers for found in server.violations]
    assert not violations, f"the real server would have refused this: {violations}"

"""Fixtures for tests of voiced and of its plugins."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

if TYPE_CHECKING:
    from voiced.testing.assistant import Assistant
    from voiced.testing.http import HttpLoopback
    from voiced.testing.loopback import LoopbackServer
    from voiced.testing.tool_bench import ToolBench

S = TypeVar("S", "HttpLoopback", "LoopbackServer")


@pytest.fixture
def assistant(request: pytest.FixtureRequest, tmp_path: Path) -> Assistant:
    """A scripted conversation with the whole of voiced; no network, no key, no sound card.

    The test must be `async`: install pytest-asyncio, and write `asyncio_mode = "auto"` into pytest's settings.

        async def test_the_model_rolls_dice(assistant):
            assistant.plugin("dice.py")
            async with assistant.running():
                assistant.model_calls("roll_dice", count=2, sides=1)
                assistant.model_says("Two ones.")
                assert await assistant.user_says("Roll two dice.") == "Two ones."
                assert assistant.tool_result("roll_dice") == [1, 1]
    """
    from voiced.testing.assistant import Assistant

    return Assistant(tmp_path, _looked_at(request))


@pytest.fixture
def tools(request: pytest.FixtureRequest, tmp_path: Path) -> ToolBench:
    """Tools with no conversation around them, for tests of one tool. The test must be `async`, see `assistant`.

    async def test_dice_have_sides(tools):
        tools.plugin("dice.py")
        async with tools.running():
            assert await tools.call("roll_dice", count=2, sides=1) == [1, 1]
    """
    from voiced.testing.tool_bench import ToolBench

    return ToolBench(tmp_path, _looked_at(request))


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

    yield from _without_violations(LoopbackServer)


@pytest.fixture
def http_loopback() -> Iterator[Callable[..., HttpLoopback]]:
    """Makes servers of OpenAI's HTTP endpoints on loopback; takes what `HttpLoopback` takes.

    The test fails when a client did what the real server would have refused. For a test of just that, use
    `HttpLoopback` itself. It needs aiohttp: `pip install 'voiced[test]'`.

        async def test_the_poem(http_loopback, tools):
            tools.plugin("poem.py")
            async with http_loopback(["Roses are red."]) as server:
                tools.api(server)  # or run a client against server.base_url
                async with tools.running():
                    assert await tools.call("write_poem") == "Roses are red."
    """
    from voiced.testing.http import HttpLoopback

    yield from _without_violations(HttpLoopback)


def _without_violations(kind: Callable[..., S]) -> Iterator[Callable[..., S]]:
    """Makes servers, and looks at the end at what was asked of them."""
    servers: list[S] = []

    def start(*args: Any, **options: Any) -> S:
        servers.append(kind(*args, **options))
        return servers[-1]

    yield start
    violations = [found for server in servers for found in server.violations]
    assert not violations, f"the real server would have refused this: {violations}"


def _looked_at(request: pytest.FixtureRequest) -> list[Path]:
    """Where the file of a plugin may lie: beside the test, else below the root of the project."""
    return [request.path.parent, request.config.rootpath]

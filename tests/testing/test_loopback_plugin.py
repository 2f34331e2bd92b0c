"""The `loopback` fixture, as authors of plugins get it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest

from voiced.testing.loopback import LoopbackServer, Say

from .loopback_client import client_of

pytest_plugins = ["pytester"]


async def test_a_server_for_a_test(loopback: Callable[..., LoopbackServer]) -> None:
    async with loopback([Say("Hello.")]) as server, client_of(server) as client:
        assert (await client.ask("Hi"))["response"]["status"] == "completed"


def test_a_client_that_does_what_it_must_not_fails_its_test(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import asyncio, json
        from websockets.asyncio.client import connect

        def test_wrong(loopback):
            async def run():
                async with loopback() as server:
                    url = f"ws://127.0.0.1:{server.port}/v1/realtime?model=m"
                    async with connect(url, additional_headers={"Authorization": "Bearer k"}) as socket:
                        await socket.send(json.dumps({"type": "response.cancel"}))
                        await server.wait_for("error")
            asyncio.run(run())
        """
    )
    result = pytester.runpytest_subprocess("-p", "no:asyncio")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*the real server would have refused this:*response_cancel_not_active*"])


def test_the_plugin_is_cheap_to_load() -> None:
    code = "import sys, pytest; before = set(sys.modules); import voiced.testing.pytest_plugin; "
    code += "print(sorted({name.split('.')[0] for name in set(sys.modules) - before}))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert loaded.strip() == "['voiced']"

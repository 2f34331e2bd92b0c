"""The `http_loopback` fixture, as authors of plugins get it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from voiced.testing.http import HttpLoopback

from .http_client import raw_of

pytest_plugins = ["pytester"]


async def test_a_server_for_a_test(http_loopback: Callable[..., HttpLoopback]) -> None:
    async with http_loopback(["Hello."]) as server, raw_of(server) as raw:
        assert (await raw.chat()).json["choices"][0]["message"]["content"] == "Hello."


def test_a_client_that_does_what_it_must_not_fails_its_test(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import asyncio, aiohttp

        def test_wrong(http_loopback):
            async def run():
                async with http_loopback() as server, aiohttp.ClientSession() as session:
                    async with session.get(f"{server.base_url}/models") as response:
                        assert response.status == 401
            asyncio.run(run())
        """
    )
    result = pytester.runpytest_subprocess("-p", "no:asyncio")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*the real server would have refused this:*You didn't provide an API key*"])

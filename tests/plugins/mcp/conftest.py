"""Fixtures of the tests of MCP servers: a home whose only plugin they are, and servers to put into it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.plugins.fakes import FakeClock, Home, all_but
from tests.unannounced import runs

HERE = Path(__file__).parent

PATIENCE_S = 60.0
"""Only reached by a test that fails: a server imports for seconds where many share a machine."""


class House:
    """Where servers of the tests live. `folder` is theirs: see house_server.py. `log`: all that is logged."""

    def __init__(self, folder: Path, clock: FakeClock, log: list[Any]) -> None:
        self.folder = folder
        self.clock = clock
        self.log = log

    def stdio(self, **settings: Any) -> dict[str, Any]:
        """The settings of the official package's server as a program."""
        return self._program([str(HERE / "house_server.py"), "stdio"], settings)

    def raw(self, bad: str, **settings: Any) -> dict[str, Any]:
        """The settings of a bad server."""
        return self._program(["-S", str(HERE / "raw_server.py"), bad], settings)

    def home(self, denied: tuple[str, ...] = (), **servers: dict[str, Any]) -> Home:
        """With these servers and no other plugin."""
        others = all_but("mcp")
        tables = {"mcp": {"servers": servers}}
        return Home(self.folder, self.clock, disabled=others, denied=denied, plugin_settings=tables)

    @asynccontextmanager
    async def listening(self, port: int, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
        """The official package's server over HTTP, until the end of the block, or until it dies."""
        server = await asyncio.create_subprocess_exec(
            sys.executable,
            str(HERE / "house_server.py"),
            "http",
            str(port),
            *arguments,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={**os.environ, "HOUSE": str(self.folder)},
        )
        try:
            assert server.stdout
            assert await asyncio.wait_for(server.stdout.readline(), PATIENCE_S) == b"listening\n"
            yield server
        finally:
            with contextlib.suppress(ProcessLookupError):
                server.kill()
            await server.wait()

    def told(self, file: str) -> list[str]:
        """The lines that servers wrote there."""
        path = self.folder / file
        return path.read_text().split() if path.exists() else []

    async def tells(self, file: str, lines: int) -> None:
        """Wait until servers wrote so many lines there."""
        await self.until(lambda: len(self.told(file)) >= lines)

    async def until(self, condition: Callable[[], Any]) -> Any:
        """Wait for what no event tells of; gives what was true."""
        async with asyncio.timeout(PATIENCE_S):
            while not (found := condition()):  # noqa: ASYNC110 a file tells nobody
                await asyncio.sleep(0.001)  # the server needs the processor, too
        return found

    async def away(self, times: int = 1) -> str:
        """Wait until a server was told to be away so often; gives the last reason. It waits for its next start then."""

        def lines() -> list[Any]:
            return [line for line in self.log if line["event"] == "server is away and is tried again"]

        await self.until(lambda: len(lines()) >= times)
        for _ in range(10):
            await asyncio.sleep(0)
        return str(lines()[times - 1]["reason"])

    async def connected(self, times: int) -> None:
        """Wait until a server was connected so often."""
        await self.until(lambda: sum(line["event"] == "server is connected" for line in self.log) >= times)

    async def all_gone(self) -> bool:
        """Wait until no process that was started lives any more."""
        return bool(await self.until(lambda: not any(runs(int(pid)) for pid in self.told("starts"))))

    def _program(self, words: list[str], settings: dict[str, Any]) -> dict[str, Any]:
        return {"command": [sys.executable, *words], "env": {"HOUSE": str(self.folder)}, "allow": ["*"], **settings}


@pytest.fixture
async def house(tmp_path: Path, clock: FakeClock, reaped: None) -> AsyncIterator[House]:
    """Whatever became of the servers, no task and no thread is left of them."""
    with capture_logs() as log:
        yield House(tmp_path, clock, log)
    assert [line for line in log if "left" in line.get("problem", "")] == []


@pytest.fixture
def port(unused_tcp_port: int) -> int:
    """One that is free."""
    return unused_tcp_port

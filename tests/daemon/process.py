"""`voiced run` as a process of its own, as a service manager would have it."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

PATIENCE_S: Final = 60.0
"""Only reached by a test that fails."""

NO_DEVICES: Final = ('capture.device="no such microphone"', 'playout.device="no such loudspeaker"')
"""Whatever this machine has, it is left alone."""

NO_PORTAUDIO: Final = 'raise OSError("PortAudio library not found")\n'
"""What `import sounddevice` does where the library is missing."""

TELLS_ITS_MODULES: Final = """
import sys
import threading
import atexit

atexit.register(lambda: print("openai" if "openai" in sys.modules else "lean", flush=True))
"""
"""A sitecustomize that tells at the end what was imported."""


class Process:
    """Enter it and `voiced run` runs, with a home of its own in `folder`; it is killed at the end, if need be."""

    def __init__(
        self,
        folder: Path,
        *settings: str,
        key: str | None = "sk-process-000",
        portaudio: bool = True,
        order: str = '["realtime"]',
    ) -> None:
        self.folder = folder
        self._settings = (f"brain.order={order}", "brain.local_commands=false", *settings)
        self._environ = {name: str(folder) for name in ("HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR", "XDG_STATE_HOME")}
        self._environ["PATH"] = "/usr/bin:/bin"
        if key is not None:
            self._environ["OPENAI_API_KEY"] = key
        stubs = folder / "stubs"
        stubs.mkdir(exist_ok=True)
        (stubs / "sitecustomize.py").write_text(TELLS_ITS_MODULES)
        if not portaudio:
            (stubs / "sounddevice.py").write_text(NO_PORTAUDIO)
        self._environ["PYTHONPATH"] = str(stubs)
        self._environ["PYTHONWARNINGS"] = "error"
        self._lines: list[str] = []
        self._news = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._process = await self._voiced("run", *self._overrides())
        self._reading = asyncio.get_running_loop().create_task(self._read())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.returncode is None:
            self._process.kill()
        await self._reading
        await self.output()
        await self._process.wait()
        if error is not None:
            print(self.said)

    @property
    def log(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._lines if line.startswith("{")]

    @property
    def said(self) -> str:
        """Everything on its standard error."""
        return "\n".join(self._lines)

    async def until(self, holds: Callable[[], object]) -> None:
        """Wait until `holds()`, which is asked at each line of the log."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not holds():
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise TimeoutError(f"it did not come to that; its log:\n{self.said}") from None

    async def logged(self, event: str) -> dict[str, Any]:
        """The first line of the log with this event."""
        await self.until(lambda: any(line["event"] == event for line in self.log))
        return next(line for line in self.log if line["event"] == event)

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    async def ended(self) -> tuple[int, float]:
        """Its exit code, and how many seconds it took from now on."""
        before = time.monotonic()
        async with asyncio.timeout(PATIENCE_S):
            code = await self._process.wait()
        return code, time.monotonic() - before

    async def terminated(self) -> tuple[int, float]:
        """SIGTERM, then as `ended`."""
        self.signal(signal.SIGTERM)
        return await self.ended()

    async def command(self, *arguments: str) -> tuple[int, str, str]:
        """Another `voiced` command in the same home: exit code, standard output, standard error."""
        process = await self._voiced(*arguments)
        try:
            async with asyncio.timeout(PATIENCE_S):
                out, error = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        assert process.returncode is not None
        return process.returncode, out.decode(), error.decode()

    async def output(self) -> str:
        """What it printed, after its end."""
        assert self._process.stdout is not None
        return (await self._process.stdout.read()).decode()

    def _overrides(self) -> list[str]:
        return [argument for setting in self._settings for argument in ("--set", setting)]

    async def _voiced(self, *arguments: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "voiced",
            *arguments,
            env=self._environ,
            cwd=self.folder,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )

    async def _read(self) -> None:
        assert self._process.stderr is not None
        async for line in self._process.stderr:
            self._lines.append(line.decode().rstrip())
            self._news.set()

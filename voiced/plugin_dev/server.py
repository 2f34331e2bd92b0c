"""The loopback server in a thread of its own, where the script may wait for a voice."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from types import TracebackType
from typing import Self

from voiced.testing.loopback import LoopbackServer, Reply, Script, Turn, Violation


class ServerThread:
    """Enter it, and it serves. `reply` and `transcript` are what `Script` takes, called in the thread."""

    def __init__(self, reply: Callable[[Turn], Reply], transcript: Callable[[bytes], str]) -> None:
        self._script = Script(reply, transcript)
        self._address: Future[str] = Future()
        self._end: Callable[[], object] = lambda: None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="loopback server", daemon=True)
        self.violations: tuple[Violation, ...] = ()
        """What the real server would have refused; complete at the end."""

    async def __aenter__(self) -> Self:
        self._thread.start()
        self.base_url = await asyncio.wrap_future(self._address)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()
        await asyncio.to_thread(self._thread.join)  # off the loop: the script may just be waiting for it

    async def _serve(self) -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        self._end = lambda: loop.call_soon_threadsafe(stop.set)
        try:
            async with LoopbackServer(self._script) as server:
                self._address.set_result(server.base_url)
                await stop.wait()
                self.violations = tuple(server.violations)
        except OSError as error:
            self._address.set_exception(error)

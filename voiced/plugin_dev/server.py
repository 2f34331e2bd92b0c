"""The loopback servers in a thread of their own, where the script may wait for a voice."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from contextlib import AsyncExitStack
from importlib.util import find_spec
from types import TracebackType
from typing import Self

from voiced.testing.http import MODELS, HttpLoopback
from voiced.testing.loopback import LoopbackServer, Reply, Script, Turn, Violation


class ServerThread:
    """Enter it, and it serves. `reply` and `transcript` are what `Script` takes, called in the thread.

    `models`: those that the API has beside OpenAI's.
    """

    def __init__(
        self, reply: Callable[[Turn], Reply], transcript: Callable[[bytes], str], models: Iterable[str] = ()
    ) -> None:
        self._models = (*MODELS, *models)
        self._script = Script(reply, transcript)
        self._address: Future[str] = Future()
        self._end: Callable[[], object] = lambda: None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="loopback server", daemon=True)
        self.violations: tuple[Violation, ...] = ()
        """What the real server would have refused; complete at the end."""
        self.api_url = ""
        """Where plugins find the API, which repeats what it is told; empty where aiohttp is not installed."""

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
            async with LoopbackServer(self._script) as server, AsyncExitStack() as open_too:
                if find_spec("aiohttp"):
                    api = HttpLoopback(models=self._models, assistants=True)
                    self.api_url = (await open_too.enter_async_context(api)).base_url
                self._address.set_result(server.base_url)
                await stop.wait()
                self.violations = tuple(server.violations)
        except OSError as error:
            self._address.set_exception(error)

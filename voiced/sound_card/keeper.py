"""Keep one stream of a sound card open, whatever happens to its device."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final, NoReturn

from voiced.errors import AudioError
from voiced.sound_card.port import OnStopped, SoundCard, Stream

BACKOFF_S: Final = (0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
"""Pauses before the device is tried again. The first is short, since most losses heal at once; a rescan, which
comes with every later one, interrupts the other stream for some 100 ms."""


class StreamKeeper:
    """Opens a stream off the loop, notices when it stops *or falls silent*, and opens it again.

    A suspended device neither calls back nor reports an error, so its callback must say `alive` at every block;
    when none came for `patience_s`, the device counts as lost. It is ready once blocks came for `settle_s`: a
    suspended loudspeaker still asks for what fits into its buffer. `open_stream` gets the `on_stopped` to pass on.
    `on_ready(stream)` and `on_lost(reason)` are called on the loop; a reason that did not change is told once.
    """

    def __init__(
        self,
        card: SoundCard,
        open_stream: Callable[[OnStopped], Stream],
        *,
        patience_s: float,
        settle_s: float = 0.0,
        on_ready: Callable[[Stream], None],
        on_lost: Callable[[str], None],
    ) -> None:
        self._card = card
        self._open_stream = open_stream
        self._patience_s = patience_s
        self._settle_s = settle_s
        self._on_ready = on_ready
        self._on_lost = on_lost
        self._reason_told = ""
        self._failures = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._news = asyncio.Event()
        self._wanted = asyncio.Event()
        self._wanted.set()
        self._let_go = False
        self._first_block: float | None = None
        self._last_block: float | None = None
        self._settled = False
        self._stopped = False
        self._why_stopped = ""
        self._hint = asyncio.Event()
        self._stirred_at: float | None = None

    @property
    def hung_for_s(self) -> float:
        """How long the card has neither opened, closed nor refused the device, while it was asked to."""
        return 0.0 if self._stirred_at is None else self._card.time() - self._stirred_at

    def alive(self, now: float) -> None:
        """A block was there at `now` (the card's clock). In the device's thread."""
        if self._first_block is None:
            self._first_block = now
        self._last_block = now
        if not self._settled and now - self._first_block >= self._settle_s:
            self._settled = True
            self._wake()

    def close(self) -> None:
        """Let the device go until `open`; that is no loss. On the loop."""
        self._wanted.clear()
        self._let_go = True  # also where it is opened again before anybody looked
        self._news.set()

    def open(self) -> None:
        """Open it again; it opens by itself at first. On the loop."""
        self._wanted.set()

    def look_again(self) -> None:
        """The device may be there now: where it is waited for, it is tried at once. On the loop."""
        self._hint.set()

    async def run(self) -> NoReturn:
        """Until cancelled; then the stream is closed."""
        self._loop = asyncio.get_running_loop()
        while True:
            self._stirred_at = None
            await self._wanted.wait()
            self._let_go = False
            self._hint.clear()  # before it is tried: who comes meanwhile counts
            self._stirred_at = self._card.time()
            self._news.clear()
            self._first_block = self._last_block = None
            self._settled = self._stopped = False
            try:
                stream = await self._opened()
            except AudioError as error:
                self._lost(str(error))
                self._stirred_at = None
            else:
                try:
                    reason = await self._end_of(stream)
                    if reason:
                        self._lost(reason)
                finally:
                    await asyncio.shield(asyncio.to_thread(stream.close))
                self._stirred_at = None
                if not reason:
                    continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(BACKOFF_S[min(self._failures, len(BACKOFF_S)) - 1]):
                    await self._hint.wait()

    async def _opened(self) -> Stream:
        opening = asyncio.ensure_future(asyncio.to_thread(self._open))
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            with contextlib.suppress(AudioError):  # it did not open, so there is nothing to close
                await asyncio.to_thread((await opening).close)
            raise

    def _open(self) -> Stream:
        if self._failures > 1:
            self._card.rescan()
        return self._open_stream(self._on_stopped)

    async def _end_of(self, stream: Stream) -> str:
        """Wait until the stream ends, and say why, "" where it is not wanted; meanwhile tell when it begins."""
        opened, ready = self._card.time(), False
        while not self._let_go:
            self._stirred_at = self._card.time()
            with contextlib.suppress(TimeoutError):  # then it is time to look at the age of the last block
                async with asyncio.timeout(self._patience_s / 4):
                    await self._news.wait()
                    self._news.clear()
            if self._stopped:
                return self._why_stopped or f"{stream.device_name!r} stopped: was it unplugged?"
            if not ready and self._settled:
                ready, self._failures, self._reason_told = True, 0, ""
                self._on_ready(stream)
            last_sign = opened if self._last_block is None else self._last_block
            if self._card.time() - last_sign > self._patience_s:
                return f"{stream.device_name!r} gives no sign of life for {self._patience_s:g} s: is it suspended?"
        self._failures, self._reason_told = 0, ""
        return ""

    def _lost(self, reason: str) -> None:
        self._failures += 1
        if reason != self._reason_told:
            self._reason_told = reason
            self._on_lost(reason)

    def _on_stopped(self, reason: str = "") -> None:
        self._why_stopped = reason
        self._stopped = True
        self._wake()

    def _wake(self) -> None:
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._news.set)

"""Fetches an engine's model while the daemon runs, and says so: a bar on a terminal, lines in the log elsewhere."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from contextlib import suppress
from typing import Final, TextIO

import structlog

from voiced.brains.offline.models import Model, ModelError, Progress
from voiced.brains.offline.worker_process import Engine, Worker

log = structlog.get_logger(__name__)

BAR: Final = 30
"""Characters."""

DRAW_EVERY_S: Final = 0.1

TELL_EVERY_PERCENT: Final = 10


async def fetch(model: Model, engine: Engine, worker: Worker) -> None:
    """Have the model there, then have `worker` host `engine`. Where it can't be had, what stands in stays."""
    log.warning(
        "offline.model_is_fetched", engine=engine.name, folder=str(model.folder), meanwhile=worker.engine.name
    )  # fmt: skip
    try:
        await _in_a_thread(model, shown_on(sys.stderr))
    except ModelError as error:
        log.error("offline.no_model", engine=engine.name, reason=str(error), instead=worker.engine.name)
        return
    log.info("offline.model_is_there", engine=engine.name)
    worker.change(engine)


def shown_on(stream: TextIO) -> Progress:
    """A bar where `stream` is a terminal; log lines, one for each tenth, where it is not."""
    return _Bar(stream).draw if stream.isatty() else _Lines().tell


class _Bar:
    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._drawn_at = 0.0

    def draw(self, name: str, have: int, total: int) -> None:
        over = total > 0 and have >= total
        now = time.monotonic()
        if not over and now - self._drawn_at < DRAW_EVERY_S:
            return
        self._drawn_at = now
        part = have / total if total else 0.0
        full = round(part * BAR)
        bar = f"{'█' * full}{'░' * (BAR - full)} {part:4.0%}" if total else "size unknown"
        self._stream.write(f"\r{name[:40]} {bar} {have / 1e6:.1f} MB{chr(10) if over else ''}")
        self._stream.flush()


class _Lines:
    def __init__(self) -> None:
        self._told: tuple[str, int] = ("", -1)

    def tell(self, name: str, have: int, total: int) -> None:
        tenth = have * 100 // total // TELL_EVERY_PERCENT if total else have // 10_000_000
        if (name, tenth) != self._told:
            self._told = (name, tenth)
            percent = f"{have * 100 // total} %" if total else "size unknown"
            log.info("offline.fetching", file=name, part=percent, megabytes=round(have / 1e6, 1))


async def _in_a_thread(model: Model, progress: Progress) -> None:
    """In a daemon thread, which the exit of voiced does not wait for. Raises ModelError."""
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[None] = loop.create_future()
    stopped = threading.Event()

    def tell(error: BaseException | None) -> None:
        if outcome.done():
            pass  # nobody waits
        elif error is None:
            outcome.set_result(None)
        else:
            outcome.set_exception(error)

    def work() -> None:
        error: BaseException | None = None
        try:
            model.fetch(progress, stopped.is_set)
        except Exception as caught:  # noqa: BLE001  # it is raised where somebody waits for it
            error = caught
        with suppress(RuntimeError):  # the loop is closed: nobody waits
            loop.call_soon_threadsafe(tell, error)

    threading.Thread(target=work, name="fetch model", daemon=True).start()
    try:
        await outcome
    finally:
        stopped.set()

"""The daemon's side of a worker: it starts the process, asks it, and starts it again when it died or hangs.

starting ──ready──> up ──dies, hangs──> starting ──too often──> failed ──`retry`, a while──> starting
    └──the engine can't be loaded──> failed
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

import structlog

from voiced.brains.offline.engines import EngineError
from voiced.brains.offline.frames import LENGTHS, FrameError, Header, header_of, lengths, packed
from voiced.errors import BrainError

log = structlog.get_logger(__name__)

CRASHES: Final = 3
"""Processes in a row that ended before they answered anything: then it has failed."""

BACKOFF_S: Final = 0.2
"""Before the second restart in a row; the first comes at once."""

RETRY_AFTER_S: Final = 30.0
"""What has failed by crashing is tried again after so long, should nobody ask before."""

MOST_UNANSWERED: Final = 16 * 1024 * 1024
"""Bytes of requests that no answer came to: five minutes of sound at 24 kHz. Beyond that the process hangs."""

MOST_STDERR_LINES: Final = 50
"""Of one process, at DEBUG only: a library may write what somebody said."""

LONGEST_STDERR_LINE: Final = 300

LAST_WORDS_S: Final = 0.5
"""A process of its own that the engine started may hold stderr open."""

_ENVIRONMENT: Final = (
    "PATH", "HOME", "USER", "LANG", "LANGUAGE", "TZ", "TMPDIR", "VIRTUAL_ENV", "LD_LIBRARY_PATH",
    "XDG_CACHE_HOME", "CACHE_DIRECTORY",
)  # fmt: skip
_ENVIRONMENT_PREFIXES: Final = ("LC_", "PYTHON", "OMP_", "CUDA_")
"""What a worker gets to see of the environment: no key is in it."""


class WorkerLost(BrainError):
    """The process died or hangs; it is being started again."""


class WorkerFailed(BrainError):
    """It can't be had for now. `for_good`: not before somebody installs or sets something."""

    def __init__(self, reason: str, *, for_good: bool) -> None:
        super().__init__(reason)
        self.for_good = for_good


@dataclass(frozen=True, slots=True)
class Engine:
    """What a worker hosts. `factory` is "package.module:callable", called there with `options` (of JSON's types).

    `nice` is added to the process's niceness. `patience`: how many times longer than others it may take to answer.
    """

    name: str
    factory: str
    options: Mapping[str, Any] = field(default_factory=dict)
    nice: int = 0
    patience: float = 1.0


class Worker:
    """One engine in a process of its own, which `run` keeps up.

    `hang_s`: a process that owes an answer and gives none for so long is killed, or for as much longer as the engine
    may take. `start_s`: the same while it loads.
    Use it on the event loop's thread. Requests are carried out one after the other, in order.
    """

    def __init__(self, engine: Engine, *, hang_s: float = 5.0, start_s: float = 60.0) -> None:
        self._engine = engine
        self._hang_s = hang_s
        self._start_s = start_s
        self._life = 0
        self._up: _Pipes | None = None
        self._failed: WorkerFailed | None = None
        self._complaint = ""
        """What was logged last: once is enough."""
        self._crashes = 0
        self._changed = asyncio.Event()
        self._again = asyncio.Event()

    @property
    def engine(self) -> Engine:
        """What it hosts."""
        return self._engine

    @property
    def hang_s(self) -> float:
        return self._hang_s * self._engine.patience

    @property
    def life(self) -> int:
        """Which process this is: rises by one with each start. 0 while none is up."""
        return self._life if self._up is not None else 0

    @property
    def pid(self) -> int | None:
        """Of the process, if it is up."""
        return self._up.pid if self._up is not None else None

    @property
    def rate(self) -> int:
        """Hz of the sound that a voice makes; 0 for a recogniser, or while none is up."""
        return self._up.rate if self._up is not None else 0

    async def up(self) -> None:
        """Wait until it takes requests. Raises WorkerFailed."""
        while self._up is None:
            if self._failed is not None:
                raise self._failed
            await self._changed.wait()

    def ask(self, do: str, body: bytes = b"", **arguments: Any) -> Answer:
        """Send a request. Returns at once; a loss shows when the answer is asked for."""
        if self._up is None:
            answer = Answer(self, 0)
            answer.lost("it is not up")
            return answer
        return self._up.send(do, body, arguments)

    def cancel(self, number: int) -> None:
        """Give up this request and all before it."""
        if self._up is not None:
            self._up.cancel(number)

    def retry(self) -> None:
        """Start again what has failed."""
        self._failed = None
        self._again.set()

    def change(self, engine: Engine) -> None:
        """Host another engine from now on; what was asked of the old one is lost."""
        self._engine = engine
        self._crashes = 0
        self.retry()
        if self._up is not None:
            self._up.kill()

    async def run(self) -> None:
        """Keep the process up until cancelled, then kill it."""
        while True:
            self._life += 1
            self._again.clear()
            engine = self._engine
            try:
                reason = await self._live(engine)
            except EngineError as error:
                if engine is not self._engine:
                    continue
                for_good = True
                self._fail(WorkerFailed(str(error), for_good=True))
            else:
                if engine is not self._engine:
                    continue
                log.warning("offline.worker_lost", engine=engine.name, reason=reason)
                if self._crashes < CRASHES:
                    if self._crashes > 1:
                        await asyncio.sleep(BACKOFF_S * 2 ** (self._crashes - 2))
                    continue
                for_good = False
                self._fail(WorkerFailed(f"{engine.name} does not stay up: {reason}", for_good=False))
            await self._until_tried_again(in_any_case=not for_good)

    def _fail(self, failed: WorkerFailed) -> None:
        if str(failed) != self._complaint:
            self._complaint = str(failed)
            log.error("offline.worker_failed", engine=self._engine.name, reason=str(failed))
        self._failed = failed
        self._tell()

    async def _until_tried_again(self, *, in_any_case: bool) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._again.wait(), RETRY_AFTER_S if in_any_case else None)
        self._again.clear()
        self._failed = None
        self._crashes = 0

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def _live(self, engine: Engine) -> str:
        """The life of one process; why it ended. Raises EngineError where the engine can't be loaded."""
        self._crashes += 1
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-P", "-m", "voiced.brains.offline.worker",
                f"--nice={engine.nice}", engine.factory, json.dumps(dict(engine.options)),
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
                env=_environment(),
            )  # fmt: skip
        except OSError as error:
            return f"it can't be started: {error}"
        pipes = _Pipes(self, process)
        reason, can_not_load = "", None
        try:
            async with asyncio.TaskGroup() as tasks:
                stderr = tasks.create_task(_log_stderr(engine.name, process))
                try:
                    reason = await self._serve(engine, pipes)
                except EngineError as error:
                    can_not_load = error
                self._up = None
                pipes.lost(reason or "it ended")
                pipes.kill()
                await process.wait()
                await asyncio.wait({stderr}, timeout=LAST_WORDS_S)
                stderr.cancel()
        finally:
            self._up = None
            pipes.lost("it was stopped")
            pipes.kill()
            await process.wait()
        if can_not_load is not None:
            raise can_not_load
        return reason or _how_it_ended(process.returncode)

    async def _serve(self, engine: Engine, pipes: _Pipes) -> str:
        """Read what it says until it ends; why that was, where it is known. Raises EngineError as `_live` does."""
        try:
            async with asyncio.timeout(self._start_s):
                hello, _ = await pipes.read()
        except TimeoutError:
            return f"it did not load within {self._start_s:g} s"
        except (EOFError, FrameError) as error:
            return str(error)
        if "failed" in hello:
            raise EngineError(str(hello["failed"]))
        if engine is not self._engine:
            return "another engine is wanted"
        pipes.rate = int(hello.get("rate", 0))
        self._up = pipes
        self._failed = None
        log.debug("offline.worker_up", engine=engine.name, pid=pipes.pid)
        self._tell()
        try:
            async with asyncio.timeout(None) as pipes.patience:
                while True:
                    header, body = await pipes.read()
                    self._crashes = 0
                    pipes.answered(header, body)
        except TimeoutError:
            return pipes.ended_because or f"it gave no answer for {self.hang_s:g} s"
        except (EOFError, FrameError) as error:
            return pipes.ended_because or str(error)


class Answer:
    """What comes of one request: iterate for its sound, `result` for the last word."""

    def __init__(self, worker: Worker, number: int) -> None:
        self._worker = worker
        self._number = number
        self._arrived: asyncio.Queue[bytes | Header | WorkerLost] = asyncio.Queue()  # bounded by what was asked

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._chunks()

    async def _chunks(self) -> AsyncIterator[bytes]:
        while isinstance(arrived := await self._next(), bytes):
            yield arrived

    async def result(self) -> Header:
        """The answer's end. Raises EngineError, as the engine did, and WorkerLost."""
        while isinstance(arrived := await self._next(), bytes):
            pass
        return arrived

    async def _next(self) -> bytes | Header:
        arrived = await self._arrived.get()
        if isinstance(arrived, WorkerLost):
            self._arrived.put_nowait(arrived)
            raise arrived
        if isinstance(arrived, dict):
            self._arrived.put_nowait(arrived)
            if "error" in arrived:
                raise EngineError(arrived["error"])
        return arrived

    def cancel(self) -> None:
        """Whatever more of it comes is not wanted."""
        if self._number:
            self._worker.cancel(self._number)

    def chunk(self, sound: bytes) -> None:
        self._arrived.put_nowait(sound)

    def done(self, header: Header) -> None:
        self._arrived.put_nowait(header)

    def lost(self, reason: str) -> None:
        self._arrived.put_nowait(WorkerLost(reason))


class _Pipes:
    """One process: what was asked of it, and what it owes."""

    def __init__(self, worker: Worker, process: asyncio.subprocess.Process) -> None:
        self.rate = 0
        self.patience: asyncio.Timeout | None = None
        """Of whoever reads; runs while an answer is owed."""
        self.ended_because = ""
        self._worker = worker
        self._process = process
        self._number = 0
        self._owed: dict[int, tuple[Answer, int]] = {}
        self._unanswered = 0

    @property
    def pid(self) -> int:
        return self._process.pid

    def send(self, do: str, body: bytes, arguments: Mapping[str, Any]) -> Answer:
        assert self._process.stdin is not None
        self._number += 1
        answer = Answer(self._worker, self._number)
        frame = packed({"n": self._number, "do": do, **arguments}, body)
        if not self._owed:
            self._be_patient()
        self._owed[self._number] = (answer, len(frame))
        self._unanswered += len(frame)
        if self._unanswered > MOST_UNANSWERED:
            self.ended_because = "it does not keep up"
            self.kill()
        else:
            self._process.stdin.write(frame)
        return answer

    def cancel(self, number: int) -> None:
        assert self._process.stdin is not None
        if number in self._owed:
            self._process.stdin.write(packed({"do": "cancel", "n": number}))

    def answered(self, header: Header, body: bytes) -> None:
        owed = self._owed.get(header.get("n", 0))
        if owed is None:
            raise FrameError("an answer to nothing")
        answer, size = owed
        if body:
            answer.chunk(body)
        if header.get("done"):
            del self._owed[header["n"]]
            self._unanswered -= size
            if "error" in header:
                log.warning("offline.engine_refused", engine=self._worker.engine.name, reason=header["error"])
            answer.done(header)
        self._be_patient()

    def lost(self, reason: str) -> None:
        for answer, _ in self._owed.values():
            answer.lost(reason)
        self._owed.clear()

    def kill(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(self._process.pid, signal.SIGKILL)  # process.kill() would take its exit code from the loop

    async def read(self) -> tuple[Header, bytes]:
        """The next frame. Raises EOFError at the end, FrameError."""
        stdout = self._process.stdout
        assert stdout is not None
        try:
            of_header, of_body = lengths(await stdout.readexactly(LENGTHS.size))
            return header_of(await stdout.readexactly(of_header)), await stdout.readexactly(of_body)
        except asyncio.IncompleteReadError as error:
            raise EOFError("") from error

    def _be_patient(self) -> None:
        if self.patience is not None:
            until = asyncio.get_running_loop().time() + self._worker.hang_s if self._owed else None
            self.patience.reschedule(until)


async def _log_stderr(engine: str, process: asyncio.subprocess.Process) -> None:
    """Every line is read, so that the process never waits for us; the first ones are logged."""
    stderr = process.stderr
    assert stderr is not None
    lines = 0
    while piece := await stderr.read(4096):
        for line in piece.decode("utf-8", "replace").splitlines():
            lines += 1
            if lines <= MOST_STDERR_LINES and line.strip():
                log.debug("offline.worker_says", engine=engine, line=line[:LONGEST_STDERR_LINE])


def _environment() -> dict[str, str]:
    return {
        name: value
        for name, value in os.environ.items()
        if name in _ENVIRONMENT or name.startswith(_ENVIRONMENT_PREFIXES)
    }


def _how_it_ended(code: int | None) -> str:
    if code is not None and code < 0:
        return f"it was killed by signal {-code}"
    return f"it ended with code {code}"

"""A process that hosts one engine: `python -m voiced.brains.offline.worker [--nice N] PACKAGE.MODULE:FACTORY OPTIONS`.

The daemon starts it (`worker_process`) and talks to it through its stdin and stdout (`frames`). FACTORY is called with
OPTIONS, a JSON object, and returns a `Recogniser` or a `Voice`. It ends when its stdin does: with the daemon, however
that ends. What the engine raises beside `EngineError` is a crash: the state that it left is not worth going on with.
"""

from __future__ import annotations

import argparse
import ctypes
import importlib
import json
import os
import queue
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

from voiced.brains.offline.engines import EngineError, Grammar
from voiced.brains.offline.frames import FrameError, Header, packed, read_frame

MOST_WAITING: Final = 256
"""Requests read ahead; the pipe holds back what comes then."""

CRASHED: Final = 70
"""Exit code after an exception that is no EngineError, as sysexits.h says for an internal error."""

CAN_NOT_LOAD: Final = 69
"""Exit code where the engine can't be loaded; a frame said why."""

LONGEST_BODY: Final = 64 * 1024
"""Bytes of sound in one answer."""

OOM_SCORE: Final = "500"
"""Half of all that there is, in the kernel's words."""

_PR_SET_PDEATHSIG: Final = 1


def main() -> int:
    parser = argparse.ArgumentParser(prog="voiced-worker")
    parser.add_argument("--nice", type=int, default=0)
    parser.add_argument("factory")
    parser.add_argument("options", type=json.loads)
    given = parser.parse_args()
    requests, answers = _own_pipes()
    _end_with_the_daemon()
    _make_way(given.nice)
    host = _Host(requests, answers)
    try:
        engine = _load(given.factory, given.options)
    except EngineError as error:
        host.answer({"failed": str(error)})
        return CAN_NOT_LOAD
    return host.serve(engine)


class _Host:
    """Reads ahead in a thread of its own, so that a cancel and the end of the daemon are noticed in mid-sentence."""

    def __init__(self, requests: BinaryIO, answers: BinaryIO) -> None:
        self._requests = requests
        self._answers = answers
        self._waiting: queue.Queue[tuple[Header, bytes]] = queue.Queue(MOST_WAITING)
        self._cancelled = 0
        """All requests up to this number are cancelled."""
        threading.Thread(target=self._read_ahead, name="requests", daemon=True).start()

    def serve(self, engine: Any) -> int:
        self.answer({"ready": True, "rate": getattr(engine, "rate", 0)})
        verbs: dict[str, Callable[[Header, bytes], Iterator[bytes] | Header | None]] = {
            "expect": lambda header, _: engine.expect(Grammar(header["jsgf"], tuple(header["words"]))),
            "begin": lambda _, __: engine.begin(),
            "feed": lambda _, body: engine.feed(body),
            "end": lambda _, __: _heard(engine.end()),
            "speak": lambda header, _: engine.speak(header["text"]),
        }
        while True:
            header, body = self._waiting.get()
            number = header["n"]
            result: Header = {}
            try:
                if number > self._cancelled:
                    outcome = verbs[header["do"]](header, body)
                    if isinstance(outcome, dict):
                        result = outcome
                    elif outcome is not None:
                        self._stream(number, outcome)
            except EngineError as error:
                result = {"error": str(error)}
            self.answer({"n": number, "done": True, **result})

    def answer(self, header: Header, body: bytes = b"") -> None:
        self._answers.write(packed(header, body))
        self._answers.flush()

    def _stream(self, number: int, chunks: Iterator[bytes]) -> None:
        with closing(cast("Any", chunks)):
            for chunk in chunks:
                for start in range(0, len(chunk), LONGEST_BODY):
                    if number <= self._cancelled:
                        return
                    self.answer({"n": number}, chunk[start : start + LONGEST_BODY])

    def _read_ahead(self) -> None:
        try:
            while (frame := read_frame(self._requests.read)) is not None:
                if frame[0].get("do") == "cancel":
                    self._cancelled = int(frame[0]["n"])
                else:
                    self._waiting.put(frame)
        except (FrameError, OSError) as error:
            print(error, file=sys.stderr, flush=True)  # noqa: T201  # the daemon logs it
        os._exit(0)  # the main thread may be deep inside a library


def _heard(heard: Any) -> Header:
    return {"text": heard.text, "confidence": heard.confidence}


def _load(factory: str, options: dict[str, Any]) -> Any:
    module, _, name = factory.partition(":")
    try:
        make = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise EngineError(f"no engine at {factory}: {error}") from error
    return make(**options)


def _own_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Our pipes under other numbers: what a library prints to stdout goes to the log and breaks no frame."""
    requests = os.fdopen(os.dup(0), "rb", buffering=64 * 1024)
    answers = os.fdopen(os.dup(1), "wb", buffering=64 * 1024)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return requests, answers


def _make_way(nice: int) -> None:
    """Behind the daemon for the processor; before it where memory runs out: this process is started again."""
    os.nice(nice)
    with suppress(OSError), Path("/proc/self/oom_score_adj").open("w") as score:
        score.write(OOM_SCORE)


def _end_with_the_daemon() -> None:
    """The end of the pipe ends us; these are for a terminal, for systemd, and for an engine that keeps the GIL."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C reaches the whole group; the daemon decides
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    code = CRASHED
    try:
        code = main()
    except BrokenPipeError:
        code = 0  # the daemon is gone
    except BaseException:  # noqa: BLE001  # whatever it is: it must end this process with no thread left
        import traceback

        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)

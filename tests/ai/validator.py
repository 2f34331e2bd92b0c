"""A server that judges each request by the API's own description: steady, where it is installed."""

from __future__ import annotations

import itertools
import json
import os
import queue
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import httpx2
import pytest

from tests.testing.shared_data import DESCRIPTION, needs_description

STEADY: Final = os.environ.get("VOICED_STEADY") or shutil.which("steady") or ""

needs_validator = [
    *needs_description,
    pytest.mark.skipif(
        not Path(STEADY).is_file(), reason="no validator: npm install @stdy/cli, and set VOICED_STEADY to its binary"
    ),
]

PATIENCE_S: Final = 60.0
"""Only reached by a test that fails."""

MARK: Final = "/mark-"
"""A path that nobody else asks for: what was asked before it has been told once it is told."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A request. `endpoint`: as the description has it, "GET /files/{file_id}". `complaints`: what is wrong with it."""

    endpoint: str
    status: int
    complaints: tuple[str, ...]


class Validator:
    """`base_url`: of a server whose answers have the right form and else no sense; none of them is a real stream."""

    def __init__(self, base_url: str, told: queue.SimpleQueue[str]) -> None:
        self.base_url = base_url
        self._told = told
        self._marks = itertools.count(1)

    def judged(self) -> list[Judged]:
        """The requests that were answered since it was asked last, in their order."""
        mark = f"{MARK}{next(self._marks)}"
        httpx2.get(self.base_url + mark, trust_env=False)
        found = []
        while (line := self.next("request"))["request"]["path"] != mark:
            found.append(_judged(line))
        return found

    def next(self, kind: str) -> dict[str, Any]:
        """The next thing of a kind that it tells. Raises AssertionError."""
        while True:
            try:
                text = self._told.get(timeout=PATIENCE_S)
            except queue.Empty:
                text = ""
            if not text:
                raise AssertionError(f"the validator told of no {kind}")
            told: dict[str, Any] = json.loads(text)
            if told["type"] == kind:
                return told


@contextmanager
def validating() -> Iterator[Validator]:
    """Run one. Its answers to the same request are always the same."""
    port = _free_port()
    command = [
        *(STEADY, "--host", "127.0.0.1", "--port", str(port), "--log-format", "json", "--generator-seed=1"),
        *(
            f"--validator-{where}-format=brackets"
            for where in ("query-array", "form-array", "query-object", "form-object")
        ),
        str(DESCRIPTION),
    ]
    told: queue.SimpleQueue[str] = queue.SimpleQueue()
    with (
        tempfile.TemporaryFile() as errors,
        subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, text=True
        ) as process,
    ):
        assert process.stdout is not None
        reader = threading.Thread(target=_pass_on, args=(process.stdout, told))
        reader.start()
        try:
            validator = Validator(f"http://127.0.0.1:{port}", told)
            validator.next("startup")
            health = httpx2.get(f"{validator.base_url}/_x-steady/health", trust_env=False)
            assert health.json()["status"] == "healthy"
            yield validator
        finally:
            process.terminate()
            process.wait(PATIENCE_S)
            reader.join(PATIENCE_S)


def _pass_on(lines: IO[str], told: queue.SimpleQueue[str]) -> None:
    for line in lines:
        told.put(line)
    told.put("")  # it has ended


def _judged(line: dict[str, Any]) -> Judged:
    request = line["request"]
    complaints = [
        f"{each['requestPath']}: {each['message']}"
        for each in line["diagnostics"]
        if each["category"] != "spec-issue"  # of the description itself
    ]
    endpoint = f"{request['method']} {request.get('pathPattern', request['path'])}"
    return Judged(endpoint, line["response"]["status"], tuple(complaints))


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port

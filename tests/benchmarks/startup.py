"""How long a start takes: `voiced run` to its first message, beside nothing but the imports of its dependencies."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from tests.benchmarks.process import CHECKOUT, TrialFailed
from voiced.testing.loopback import LoopbackServer

CORE: Final = """
import asyncio, numpy, websockets.asyncio.client, pydantic_settings, structlog, webrtcvad
try:
    import sounddevice
except OSError:
    pass
"""
"""The dependencies of the core; sounddevice as far as there is a PortAudio."""

STOPPED_WITHIN_S: Final = 5.0


class Start(NamedTuple):
    """How long it took, and the memory of the process then."""

    ms: float
    rss_mb: float


async def bare_imports() -> Start:
    """A process that imports what voiced needs, and does nothing."""
    tell = "import time; print(time.monotonic(), open('/proc/self/status').read().split('VmRSS:')[1].split()[0])"
    began = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CORE + tell, cwd=CHECKOUT, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate()
    ended, rss_kb = said.split()
    return Start(1000 * (float(ended) - began), int(rss_kb) / 1024)


async def voiced(command: Sequence[str] = ("-m", "voiced", "run"), *, settle_s: float = 0.0) -> Start:
    """`voiced run` as it is, with whatever sound devices there are; none do not hold it up. Raises TrialFailed.

    `command`: another one for Python, which ends in the same. `settle_s`: the memory is looked at so much later.
    """
    with tempfile.TemporaryDirectory(prefix="voiced-benchmark-") as folder, tempfile.TemporaryFile() as errors:
        async with LoopbackServer() as server:
            began = time.monotonic()
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *command,
                cwd=CHECKOUT,
                env=_environment(server, folder),
                stderr=errors,
            )
            try:
                arrived = await server.wait_for("session.update", 20.0)
                await asyncio.sleep(settle_s)
                return Start(1000 * (arrived.at - began), _rss_mb(process.pid))
            except TimeoutError as error:
                errors.seek(0)
                raise TrialFailed(f"voiced run: {error}\n{errors.read().decode(errors='replace')}") from error
            finally:
                with contextlib.suppress(ProcessLookupError):  # it ended by itself
                    process.terminate()
                async with asyncio.timeout(STOPPED_WITHIN_S):
                    await process.wait()


async def slowest_imports(most: int = 12) -> list[str]:
    """Where the time of voiced's imports goes: the slowest modules by what they take themselves."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-X", "importtime", "-c", "import voiced.cli.daemon, voiced.app"),
        cwd=CHECKOUT,
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await process.communicate()
    found = re.findall(r"import time: +(\d+) \| +(\d+) \| +(\S+)", said.decode())
    slowest = sorted(found, key=lambda row: int(row[0]), reverse=True)[:most]
    return [
        f"{int(own) / 1000:6.1f} ms  {name} ({int(total) / 1000:.1f} with its own imports)"
        for own, total, name in slowest
    ]


def _rss_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def _environment(server: LoopbackServer, folder: str) -> dict[str, str]:
    places = ("HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR", "XDG_STATE_HOME")
    return {
        "PATH": os.environ.get("PATH", ""),
        "OPENAI_API_KEY": "benchmark",
        "VOICED_REALTIME__BASE_URL": server.base_url,
        **dict.fromkeys(places, folder),
    }

"""A trial in a process of its own, which leaves in a file what it measured."""

from __future__ import annotations

import asyncio
import pickle
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

CHECKOUT: Final = Path(__file__).parents[2]

LONGEST_S: Final = 1200.0


class TrialFailed(Exception):
    """The subject did not come to the end of the conversation."""


async def measured(who: str, module: str, *options: str, ready: Callable[[], Awaitable[object]] | None = None) -> Any:
    """What `tests.benchmarks.<module>` wrote to the file that is its first argument.

    It is told on its standard input to begin, once `ready` is done. Raises TrialFailed, with the name `who`.
    """
    with tempfile.TemporaryDirectory(prefix="voiced-benchmark-") as folder:
        record, errors = Path(folder, "record"), Path(folder, "errors")
        with errors.open("wb") as stderr:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", f"tests.benchmarks.{module}", str(record), *options),
                cwd=CHECKOUT,
                stdin=asyncio.subprocess.PIPE,
                stderr=stderr,
            )
            assert process.stdin is not None
            try:
                async with asyncio.timeout(LONGEST_S):
                    if ready is not None:
                        await ready()
                    process.stdin.write(b"begin\n")
                    code = await process.wait()
            except TimeoutError as error:
                why = str(error) or f"it takes more than {LONGEST_S:g} s"
                raise TrialFailed(f"{who}: {why}\n{_last_lines(errors)}") from error
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.wait()
        if code:
            raise TrialFailed(f"{who} ended with {code}\n{_last_lines(errors)}")
        return pickle.loads(record.read_bytes())


def _last_lines(file: Path) -> str:
    return "\n".join(file.read_text(errors="replace").splitlines()[-20:])

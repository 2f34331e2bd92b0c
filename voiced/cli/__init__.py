"""The command line: parses, calls the command, and turns what went wrong into a line and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Final

from voiced.cli.parser import parser
from voiced.errors import ConfigError, VoicedError
from voiced.redaction import redacted

FAILED: Final = 1
USAGE: Final = 2
NO_DAEMON: Final = 3
INTERRUPTED: Final = 128 + 2
NOBODY_READS: Final = 128 + 13


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. The exit code: 0 done, 1 failed, 2 wrong usage or settings, 3 no daemon runs, 130 Ctrl-C."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed: >&-
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115  # for as long as we run
    chosen = parser().parse_args(arguments)
    try:
        code: int = chosen.command(chosen, sys.stdout)
        sys.stdout.flush()
    except VoicedError as error:
        sys.stderr.write("".join(f"voiced: {line}\n" for line in redacted(str(error)).split("\n")))
        return _code(error)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the interpreter complains as it exits
        return NOBODY_READS
    return code


def _code(error: VoicedError) -> int:
    if isinstance(error, ConfigError):
        return USAGE
    from voiced.control.connection import NoDaemon  # here, since only a command that failed needs it

    return NO_DAEMON if isinstance(error, NoDaemon) else FAILED

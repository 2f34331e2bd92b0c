"""`voiced run` and `voiced demo`: the assistant in this process."""

from __future__ import annotations

import asyncio
import sys
from argparse import Namespace
from typing import TextIO

from voiced import log
from voiced.cli.settings import load


def run(arguments: Namespace, _out: TextIO) -> int:
    if arguments.kiosk:
        arguments.overrides = [*arguments.overrides, "kiosk.serve=true"]
    loaded = load(arguments)
    log.set_up(loaded.config.log, sys.stderr)
    from voiced.app import run as serve  # after the settings: what is wrong with them is said at once

    return asyncio.run(serve(loaded))


def demo(arguments: Namespace, _out: TextIO) -> int:
    from voiced.demo import main as play  # the assistant, whole: `run` needs none of it

    return play(arguments.output)

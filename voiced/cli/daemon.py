"""`voiced run` and `voiced demo`: the assistant in this process."""

from __future__ import annotations

import asyncio
import sys
from argparse import Namespace
from typing import TextIO

from voiced import log
from voiced.cli.settings import load


def run(arguments: Namespace, _out: TextIO) -> int:
    loaded = load(arguments)
    log.set_up(loaded.config.log, sys.stderr)
    from voiced import app

    return asyncio.run(app.run(loaded))


def demo(arguments: Namespace, _out: TextIO) -> int:
    from voiced import demo

    return demo.main(arguments.output)

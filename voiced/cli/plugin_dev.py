"""`voiced plugin dev`: tries a plugin while somebody writes it."""

from __future__ import annotations

from argparse import Namespace
from typing import TextIO

from voiced.plugin_dev.workbench import main


def dev(arguments: Namespace, out: TextIO) -> int:
    return main(arguments.path, file=arguments.config, overrides=arguments.overrides, sound=arguments.sound, out=out)

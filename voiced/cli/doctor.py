"""`voiced doctor`: finds what is wrong, and says which command mends it."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import sys
import time
from argparse import Namespace
from pathlib import Path
from typing import Final, TextIO

from voiced import __version__
from voiced.config import Places
from voiced.doctor import report, wording
from voiced.doctor.examination import Examination, examine
from voiced.sound_card import PortAudioCard

WELL, ILL = 0, 1

WIDEST: Final = 100


def doctor(arguments: Namespace, out: TextIO) -> int:
    places, card = Places.of(arguments.config, arguments.overrides), PortAudioCard()
    if sys.stderr.isatty():
        sys.stderr.write("Looking at everything, for some ten seconds. Say a few words: the microphone is tried.\n")
    examined = examine(places, card, offline=arguments.offline)
    if arguments.json:
        out.write(as_json(examined))
    else:
        width = min(shutil.get_terminal_size().columns, WIDEST)
        colours = out.isatty() and "NO_COLOR" not in os.environ
        out.write("".join(f"{line}\n" for line in wording.lines(examined.findings, width=width, colours=colours)))
    if arguments.report is not None:
        file = report.usual_name(time.time()) if arguments.report == Path() else arguments.report
        parts = report.write(file, places, card, examined)
        print(
            f"\n{file} has {', '.join(parts)}, with keys and names taken out. Look into it before you send it.",
            file=sys.stderr if arguments.json else out,
        )
    code = WELL if examined.is_well else ILL
    if examined.hangs:  # its thread would keep the process from ending, in a driver most likely
        out.flush()
        sys.stderr.flush()
        os._exit(code)
    return code


def as_json(examined: Examination) -> str:
    """For programs: one object."""
    found = {
        "version": __version__,
        "ok": examined.is_well,
        "findings": [dataclasses.asdict(finding) for finding in examined.findings],
    }
    return json.dumps(found, ensure_ascii=False) + "\n"

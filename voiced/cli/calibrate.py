"""`voiced calibrate`: measures the room and writes the settings that fit it."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import sys
from argparse import Namespace
from pathlib import Path
from typing import TextIO

from voiced.calibration.advice import Advice, advice
from voiced.calibration.chirp import Room, chirp, measure
from voiced.calibration.recording import Recorder
from voiced.cli.settings import load
from voiced.config import Loaded
from voiced.config.sources import user_file
from voiced.config.writing import change
from voiced.errors import ConfigError
from voiced.sound_card import PortAudioCard, SoundCard


def calibrate(arguments: Namespace, out: TextIO) -> int:
    return of_card(arguments, out, PortAudioCard())


def of_card(arguments: Namespace, out: TextIO, card: SoundCard) -> int:
    """1 where nothing could be measured. Raises AudioError and ConfigError."""
    loaded = load(arguments)
    config = loaded.config
    writes = not arguments.dry_run
    asks = writes and not arguments.yes and not arguments.json
    if asks and not sys.stdin.isatty():
        raise ConfigError("nobody is there to ask: add --yes to write the settings, or --dry-run to see them only")
    if not arguments.json:
        print("Be quiet for four seconds: it listens, plays a chirp, and listens to what comes back.", file=out)
        out.flush()
    heard, begins = Recorder(chirp()).record(card, config.capture.device, config.playout.device)
    room = measure(heard, begins)
    found = advice(room, canceller=_has_canceller(), volume=config.playout.volume)
    if arguments.json:
        print(json.dumps({"room": dataclasses.asdict(room), **dataclasses.asdict(found)}), file=out)
    else:
        _tell(room, found, out)
    if not found.works:
        return 1
    file = arguments.config or _own_file(loaded)
    if not writes:
        return 0
    if asks and not _agreed(file, out):
        print("nothing was written", file=out)
        return 0
    change(file, found.settings)
    if not arguments.json:
        print(f"written to {file}; a voiced that runs takes it up with: voiced reload", file=out)
    return 0


def _tell(room: Room, found: Advice, out: TextIO) -> None:
    print(f"noise floor     {room.noise_dbfs:6.1f} dBFS", file=out)
    if room.heard:
        print(f"echo            {room.delay_ms:6.1f} ms late, {room.loss_db:.1f} dB quieter than it went out", file=out)
        print(f"the room rings  {room.decay_ms:6.0f} ms", file=out)
    print(f"loudest sample  {room.peak_dbfs:6.1f} dBFS", file=out)
    for reason in found.reasons:
        print(f"  {reason}", file=out)
    for warning in found.warnings:
        print(f"warning: {warning}", file=out)
    for key, value in found.settings.items():
        print(f"{key} = {json.dumps(value)}", file=out)


def _agreed(file: Path, out: TextIO) -> bool:
    print(f"Write these to {file}? [Y/n] ", end="", file=out)
    out.flush()
    answer = sys.stdin.readline()
    return answer != "" and answer.strip().lower() in ("", "y", "yes")  # Ctrl-D is no yes


def _own_file(loaded: Loaded) -> Path:
    file = user_file(loaded.places.environ)
    if file is None:
        raise ConfigError("there is no home directory to write settings to; name a file with --config")
    return file


def _has_canceller() -> bool:
    """Looked for and not loaded: its threads may abort a process that ends so soon after."""
    return importlib.util.find_spec("livekit") is not None

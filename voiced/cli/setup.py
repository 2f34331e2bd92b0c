"""`voiced setup`: the first run."""

from __future__ import annotations

import asyncio
import getpass
import os
import sys
from argparse import Namespace
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from voiced import log
from voiced.brains.offline.choice import voice_of
from voiced.brains.offline.settings import OfflineSettings
from voiced.brains.offline.speaking import Speaking
from voiced.brains.offline.worker_process import Worker
from voiced.config.sources import user_file
from voiced.errors import ConfigError, ServiceError
from voiced.first_run import wizard
from voiced.first_run.questions import Person
from voiced.playout.earcons import tone
from voiced.service.installation import checked_key
from voiced.sound_card import PortAudioCard, SoundCard


def setup(arguments: Namespace, out: TextIO) -> int:
    log.set_up(log.LogSettings(level="warning"), sys.stderr)
    return of_card(arguments, out, PortAudioCard())


def of_card(arguments: Namespace, out: TextIO, card: SoundCard) -> int:
    """1 where there is no sound. Raises ConfigError; nothing was written then."""
    environ = dict(os.environ)
    if arguments.yes:
        person = Person(out, None, None)
    elif sys.stdin.isatty():
        person = Person(out, input, getpass.getpass)
    else:
        raise ConfigError("nobody is there to ask: run it in a terminal, or with --yes, which takes what is usual")
    file = arguments.config or user_file(environ)
    if file is None:
        raise ConfigError("there is no home directory to write settings to; name a file with --config")
    wishes = wizard.Wishes(
        file=file,
        microphone=arguments.microphone if arguments.microphone is not None or not arguments.yes else "",
        loudspeaker=arguments.loudspeaker if arguments.loudspeaker is not None or not arguments.yes else "",
        key=_key(arguments.key_file) if arguments.key_file or not arguments.yes else "",
        listen=arguments.listen if arguments.listen or not arguments.yes else ("open",),
        sound=not arguments.no_sound,
    )
    tones = wizard.three_tones(tone)
    return wizard.run(wishes, person, card, lambda text: asyncio.run(spoken(text, environ)), tones)


async def spoken(text: str, environ: dict[str, str]) -> bytes:
    """`text` in the voice that needs nothing but the device: PCM16 at 24 kHz. Raises BrainError."""
    worker = Worker(voice_of(OfflineSettings(), environ).engine)
    running = asyncio.create_task(worker.run())
    try:
        await worker.up()
        return b"".join([chunk async for chunk in Speaking(worker).say(text)])
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


def _key(file: Path | None) -> str | None:
    if file is None:
        return None
    try:
        return checked_key(file.read_text(encoding="utf-8"), str(file))
    except OSError as error:
        raise ConfigError(f"{file}: no key can be read from it ({error.strerror}); name another") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{file}: this is not a key (not plain ASCII); put the key alone in it") from None
    except ServiceError as error:
        raise ConfigError(str(error)) from None

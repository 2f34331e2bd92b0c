"""What else the settings ask for: a wake word, a key, a page, engines; and whether that is installed and sensible."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from voiced.brains.offline.choice import recogniser_of, voice_of
from voiced.config import Config, Loaded, Places
from voiced.doctor import mending
from voiced.doctor.finding import Finding
from voiced.errors import ConfigError
from voiced.keys import evdev
from voiced.keys.bus_address import bus_address
from voiced.keys.choosing import NoSource, Surroundings, choose, session_of
from voiced.kiosk.door import Door

_TALK: Final = "ctrl+alt+space"


def look(loaded: Loaded) -> Iterator[Finding]:
    config, places = loaded.config, loaded.places
    found = [*modes(config, places, wake_installed=find_spec("pymicro_wakeword") is not None)]
    if config.keys.wanted:
        found += keys(config, surroundings(loaded))
    found += [*page(loaded), *engines(loaded), *earcons(config, places)]
    yield from found
    if not found:
        how = {"open": "to whoever speaks", "wake": "after the wake word", "ptt": "while the key is held"}
        yield Finding("ok", "listening", f"it listens {', '.join(how[mode] for mode in config.listen.modes)}")


def modes(config: Config, places: Places, *, wake_installed: bool) -> Iterator[Finding]:
    """listen.modes, by what they need."""
    chosen = config.listen.modes
    if "wake" in chosen and not wake_installed:
        what = "listen.modes has 'wake', and the wake word is not installed"
        yield Finding("problem", "listening", what, "voiced does not start.", mending.install("wake"))
    if "ptt" in chosen and not config.keys.wanted:
        why = "Only `voiced ptt`, or the button of the kiosk page, opens its ear."
        mend = mending.in_settings(places, "keys.hotkey", _TALK)
        if chosen == ("ptt",):
            yield Finding(
                "warning", "listening", "voiced listens only while a key is held, and there is none", why, mend
            )
        else:
            yield Finding("note", "listening", "listen.modes has 'ptt', and there is no key", why, mend)


def keys(config: Config, around: Surroundings) -> Iterator[Finding]:
    """Whether the keys can be watched on this desktop. The group for keyboards is told of with the session."""
    source = choose(config.keys.source, around)
    if isinstance(source, NoSource):
        mend = "voiced ptt toggle   # bind this to a key in your desktop's settings"
        if "pip install" in source.reason:
            mend = mending.install("desktop")
        elif "usermod" in source.reason and around.session == "none":
            mend = 'sudo usermod -aG input "$USER"   # then log out, and in again'
        yield Finding("problem", "listening", "the key to talk does not work here", f"{source.reason}.", mend)
    elif source == "gpio" and find_spec("gpiozero") is None:
        yield Finding("problem", "listening", "the button needs gpiozero", mend=mending.install("gpio"))


def surroundings(loaded: Loaded) -> Surroundings:
    """What this desktop has. The bus is asked only where its answer matters."""
    environ, wish = loaded.places.environ, loaded.config.keys.source
    session, dbus = session_of(environ), find_spec("dbus_fast") is not None
    portal = False
    if dbus and bus_address(environ) and (wish == "portal" or (wish == "auto" and session == "wayland")):
        from voiced.keys.portal import has_portal

        portal = asyncio.run(has_portal(environ))
    return Surroundings(session, portal, evdev.can_be_read(), xlib=find_spec("Xlib") is not None, dbus=dbus)


def page(loaded: Loaded) -> Iterator[Finding]:
    """The kiosk page: whom it lets in, and who can listen on the way."""
    settings, places = loaded.config.kiosk, loaded.places
    try:
        Door(settings, loaded.secrets.kiosk_token(), (), time.monotonic)
    except ConfigError as error:
        what, _, fix = str(error).partition("; ")
        what, _, other = what.partition(": ")
        mend = f"{mending.edit(places.files[-1])}   # {fix or other}"
        yield Finding("problem", "listening", what, "`voiced run --kiosk` does not start.", mend)
        return
    if not settings.remote:
        return
    if not settings.certificate_file:
        what = f"the kiosk page is open to the network at {settings.host}, without TLS"
        why = "Whoever is in that network can read the token and all that is said; and browsers give it no microphone."
        tunnel = f"ssh -L {settings.port}:127.0.0.1:{settings.port} THIS_MACHINE"
        yield Finding(
            "warning", "listening", what, why, f"{tunnel}   # with kiosk.host = 127.0.0.1; or give it a certificate"
        )
        return
    for file in filter(None, (settings.certificate_file, settings.certificate_key_file)):
        if not mending.of_home(file, places.environ).is_file():
            what = f"{file}, the certificate of the kiosk page, is not there"
            yield Finding("problem", "listening", what, "The page is not served.", mending.edit(places.files[-1]))


def engines(loaded: Loaded) -> Iterator[Finding]:
    """Those of the offline brain."""
    if "offline" not in loaded.config.brain.order:
        return
    for engine_of in (recogniser_of, voice_of):
        try:
            engine_of(loaded.config.offline, loaded.places.environ)
        except ConfigError as error:
            what, _, fix = str(error).partition(": ")
            mend = f"{mending.edit(loaded.places.files[-1])}   # {fix}"
            if "pip install" in fix:
                mend = mending.install(fix.partition("[")[2].partition("]")[0])
            yield Finding("problem", "listening", what, "voiced does not start.", mend)


def earcons(config: Config, places: Places) -> Iterator[Finding]:
    """Sounds of one's own that are not there."""
    for name, file in config.earcons.files.items():
        if not Path(file).is_file():
            what = f"the sound earcons.{name} is not there: {file}"
            mend = mending.in_settings(places, f"earcons.{name}", "")
            yield Finding("warning", "listening", what, "The one that voiced makes takes its place.", mend)

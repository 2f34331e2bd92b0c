"""What else the settings ask for: a wake word, a key, a page, engines; and whether that is installed and sensible."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Final

from voiced import installing
from voiced.brains.offline.choice import recogniser_of, voice_of
from voiced.capture.wake_models import models_for
from voiced.config import Config, Loaded, Places
from voiced.doctor import mending
from voiced.doctor.finding import Finding
from voiced.errors import ConfigError
from voiced.keys import evdev
from voiced.keys.bus_address import bus_address
from voiced.keys.choosing import NoSource, Surroundings, choose, session_of
from voiced.kiosk.door import Door
from voiced.lights.settings import must_be_installed
from voiced.playout.earcon_choice import check as check_earcons

_TALK: Final = "ctrl+alt+space"

_EXTRA: Final = re.compile(r"'voiced\[([a-z-]+)\]'")


def look(loaded: Loaded) -> Iterator[Finding]:
    config, places = loaded.config, loaded.places
    found = [*key_to_talk(config, places), *absent(loaded), *page(loaded)]
    if config.keys.wanted:
        found += keys(config, surroundings(loaded))
    yield from found
    if not found:
        how = {"open": "to whoever speaks", "wake": "after the wake word", "ptt": "while the key is held"}
        yield Finding("ok", "listening", f"it listens {', '.join(how[mode] for mode in config.listen.modes)}")


def key_to_talk(config: Config, places: Places) -> Iterator[Finding]:
    """Push-to-talk with nothing to push."""
    if "ptt" not in config.listen.modes or config.keys.wanted:
        return
    why = "Only `voiced ptt`, or the button of the kiosk page, opens its ear."
    mend = mending.in_settings(places, "keys.hotkey", _TALK)
    if config.listen.modes == ("ptt",):
        what = "voiced listens only while a key is held, and there is none"
        yield Finding("warning", "listening", what, why, mend)
    else:
        yield Finding("note", "listening", "listen.modes has 'ptt', and there is no key", why, mend)


def absent(loaded: Loaded) -> Iterator[Finding]:
    """What the settings ask for, and is not here: the wake word, lights, sounds of one's own, engines."""
    config, environ = loaded.config, loaded.places.environ
    looks: list[tuple[bool, Callable[[], object]]] = [
        ("wake" in config.listen.modes, lambda: models_for(config.wake)),
        (True, lambda: must_be_installed(config.lights)),
        (True, lambda: check_earcons(config.earcons)),
        ("offline" in config.brain.order, lambda: recogniser_of(config.offline, environ)),
        ("offline" in config.brain.order, lambda: voice_of(config.offline, environ)),
    ]
    for wanted, needs in looks:
        try:
            if wanted:
                needs()
        except ConfigError as error:
            for line in str(error).splitlines():
                yield missing(line, loaded.places)


def missing(complaint: str, places: Places) -> Finding:
    """`complaint`: "what is missing: what to do about it", an extra to be installed mostly."""
    what, _, fix = complaint.partition("; " if "; " in complaint else ": ")
    mend = f"{mending.edit(places.files[-1])}   # {fix or 'take it out'}"
    if found := _EXTRA.search(complaint):
        mend = installing.an_extra(found[1])
    return Finding("problem", "listening", what, "voiced does not start.", mend)


def keys(config: Config, around: Surroundings) -> Iterator[Finding]:
    """Whether the keys can be watched on this desktop. The group for keyboards is told of with the session."""
    source = choose(config.keys.source, around)
    if isinstance(source, NoSource):
        mend = "voiced ptt toggle   # bind this to a key in your desktop's settings"
        if found := _EXTRA.search(source.reason):
            mend = installing.an_extra(found[1])
        elif "usermod" in source.reason and around.session == "none":
            mend = 'sudo usermod -aG input "$USER"   # then log out, and in again'
        yield Finding("problem", "listening", "the key to talk does not work here", f"{source.reason}.", mend)
    elif source == "gpio" and find_spec("gpiozero") is None:
        yield Finding("problem", "listening", "the button needs gpiozero", mend=installing.an_extra("gpio"))


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

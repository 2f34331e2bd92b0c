"""The settings as people wrote them: what is wrong with them, and what is in force without that."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from voiced.config import Config, Loaded, Places, PluginTables, Secrets
from voiced.config.loading import given_in, validated
from voiced.config.plugin_check import complaints
from voiced.config.sources import Given
from voiced.doctor import mending
from voiced.doctor.finding import Finding, Level
from voiced.errors import ConfigError
from voiced.redaction import redacted


@dataclass(frozen=True, slots=True)
class Reading:
    """`loaded`: all that is right, on which the rest of the examination relies. `broken`: voiced does not start."""

    loaded: Loaded
    findings: tuple[Finding, ...]
    broken: bool = False


def read(places: Places) -> Reading:
    """Whatever is wrong, there are settings afterwards."""
    try:
        loaded = _loaded(places, given_in(Config, places))
    except ConfigError as error:
        complaints = tuple(judged(line, "problem") for line in str(error).splitlines())
        return Reading(_as_far_as_right(places), complaints, broken=True)
    return Reading(loaded, tuple(_in_force(loaded)))


def warnings(loaded: Loaded) -> Iterator[Finding]:
    """Keys that others can read, and what is wrong with the tables of plugins; built-in ones are imported for that.

    What the settings ask for and is not installed is told of with `listening`.
    """
    try:
        for line in (*loaded.secrets.warnings(), *complaints(loaded.config.plugins, loaded.plugin_tables)):
            yield judged(line, "warning")
    except ConfigError:
        return  # of a key that can't be read: its area tells it


def judged(complaint: str, level: Level) -> Finding:
    """A complaint of `voiced.config`: "FILE:LINE: what is wrong; what to write instead".

    >>> judged("voiced.toml:3: no such setting: turn.hangover; did you mean turn.hangover_ms?", "problem").what
    'voiced.toml:3: no such setting: turn.hangover'
    """
    what, _, fix = complaint.partition("; ")
    place, _, rest = what.partition(": ")
    file, _, line = place.partition(":")
    line = line.partition(":")[0]
    if fix.startswith("run: "):
        mend = fix.removeprefix("run: ")
    elif rest and file.startswith("/"):
        mend = (
            f"{mending.edit(Path(file), int(line) if line.isdigit() else 0)}   # {fix or 'then: voiced config check'}"
        )
    else:
        mend = f"voiced config check   # {fix}" if fix else "voiced config check"
    why = "voiced does not start until that is mended." if level == "problem" else ""
    return Finding(level, "settings", redacted(what), why, redacted(mend))


def _in_force(loaded: Loaded) -> Iterator[Finding]:
    there = [str(file) for file in loaded.places.files if file.exists()]
    where = f"{' and '.join(there)}, with nothing wrong" if there else "no file of settings: all is as it comes"
    yield Finding("ok", "settings", where)


def _as_far_as_right(places: Places) -> Loaded:
    """The settings without what is wrong: each layer that can be read, and in it what is right by itself."""
    layers = [replace(places, files=(file,), environ={}, overrides=(), file_required=False) for file in places.files]
    layers += [replace(places, files=(), overrides=()), replace(places, files=(), environ={})]
    given = [one for layer in layers for one in _given(layer) if _is_right([one])]
    return _loaded(places, given if _is_right(given) else [])


def _given(layer: Places) -> list[Given]:
    try:
        return given_in(Config, layer)
    except ConfigError:
        return []


def _is_right(given: list[Given]) -> bool:
    try:
        validated(Config, given)
    except ConfigError:
        return False
    return True


def _loaded(places: Places, given: list[Given]) -> Loaded:
    config, origins = validated(Config, given)
    secrets = Secrets(config.openai, places.environ, config.cascade, config.realtime.base_url, config.ai, config.kiosk)
    return Loaded(config, secrets, origins, PluginTables(given), places)

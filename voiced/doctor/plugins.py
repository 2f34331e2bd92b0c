"""The plugins: which of them are off that somebody may miss, and why."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from voiced.doctor.case import Case
from voiced.doctor.finding import Finding
from voiced.errors import PluginError

WITHIN_S: Final = 20.0
"""All plugins are imported, on a Pi too."""


def look(case: Case) -> Iterator[Finding]:
    """By the voiced that runs; where none does they are imported, in a process of their own: one may hang, or crash."""
    if case.status is not None:
        yield from judged(case.status["plugins"], "on")
    elif not case.settings_broken:
        yield from judged(surveyed(case), "all load, and a voiced that runs tells what they lack")


def judged(plugins: Iterable[Mapping[str, Any]], fine: str) -> Iterator[Finding]:
    """`plugins`: as `voiced plugin list --json` has them. `fine`: what is said of those with nothing wrong."""
    on, off, found = [], [], []
    for plugin in plugins:
        name, why = plugin["name"], plugin["why"]
        if plugin["state"] == "on":
            on.append(name)
        elif plugin["state"] == "off":
            off.append(name)
        else:
            what = f"the plugin {name} is {plugin['state']}: {why}"
            found.append(Finding("warning", "plugins", what, "Its tools are not there.", f"voiced plugin check {name}"))
        for problem in plugin["problems"]:
            if problem != why:
                what = f"the plugin {name}: {problem}"
                found.append(Finding("warning", "plugins", what, mend=f"voiced plugin check {name}"))
    yield from found
    if off:
        switched = [each for each in plugins if each["state"] == "off" and "plugin disable" in each["why"]]
        mend = (
            f"voiced plugin enable {switched[0]['name']}" if switched else "voiced plugin list   # says what each needs"
        )
        yield Finding("note", "plugins", f"off: {', '.join(off)}", mend=mend)
    if not found:
        yield Finding("ok", "plugins", f"{fine}: {', '.join(on)}")


def surveyed(case: Case) -> list[dict[str, Any]]:
    """Raises PluginError."""
    places = case.loaded.places
    command = [sys.executable, "-m", "voiced", "plugin", "list", "--json"]
    if places.file_required:
        command += ["--config", str(places.files[0])]
    command += [word for override in places.overrides for word in ("--set", override)]
    try:
        done = subprocess.run(  # noqa: S603  # ourselves
            command, env={**os.environ, **places.environ}, stdin=subprocess.DEVNULL, capture_output=True,
            timeout=WITHIN_S, check=False,
        )  # fmt: skip
        found = json.loads(done.stdout)
    except subprocess.TimeoutExpired:
        raise PluginError(f"a plugin did not come to an end within {WITHIN_S:.0f} s while it was imported") from None
    except ValueError:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise PluginError(said[-1].removeprefix("voiced: ") if said else f"exit code {done.returncode}") from None
    return [each for each in found if isinstance(each, dict)]

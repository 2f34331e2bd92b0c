"""The bundle that somebody sends who asks for help: how things are, with nothing secret and nothing that was said."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import io
import json
import os
import platform
import re
import socket
import tarfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from voiced import __version__
from voiced.config import Places, as_toml
from voiced.doctor import wording
from voiced.doctor.anonymity import Cleaner, cleaner, secrets_of
from voiced.doctor.case import Case
from voiced.doctor.deadline import Broke, Call, Hung, all_at_once
from voiced.doctor.examination import Examination
from voiced.doctor.programs import said
from voiced.doctor.session import user_name
from voiced.errors import VoicedError
from voiced.sound_card import SoundCard

LOG_LINES: Final = 500
PATIENCE_S: Final = 8.0

QUIET: Final = ("debug",)
"""Levels at which the log may have what people said."""

FOREIGN: Final = frozenset({"plugin printed"})
"""Events whose text is a plugin's, which may be anything."""

_OWN_WORDS: Final = re.compile(
    r"^(\w*instructions|stt_prompt|safety_identifier|organization|project|names) = (.+)(?=  # (?!default$))",
    re.MULTILINE,
)
"""What people tell of themselves, and what servers and machines know them by."""

_OF_PLUGINS: Final = re.compile(r"^\[plugin\..*\Z", re.MULTILINE | re.DOTALL)
_OF_ONE_PLUGIN: Final = re.compile(r"^(\S.*?) = (?!true |false )(.+)(?=  # )", re.MULTILINE)
"""Where somebody lives, whom somebody knows: what plugins are told may be anything. They come last in the settings."""

_SOUND_SERVER: Final = ("Server Name", "Server Version", "Default Sample Specification")
"""Of what pactl tells: its names of devices have serial numbers in them."""

_OS_RELEASE: Final = Path("/etc/os-release")
_BOARD: Final = Path("/proc/device-tree/model")


class ReportFailed(VoicedError):
    """The bundle can't be written."""


def write(file: Path, places: Places, card: SoundCard, examined: Examination) -> list[str]:
    """Put the bundle into a new `file`, a .tar.gz that only its owner can read. The names of what is in it.

    Raises ReportFailed. A part that can't be had says why in its place.
    """
    clean = _cleaner(places, examined.case)
    parts = list(_parts(card, examined))
    outcomes = all_at_once([Call(part, PATIENCE_S) for _, part in parts])
    texts = {name: clean(_text(outcome)) for (name, _), outcome in zip(parts, outcomes, strict=True)}
    try:
        raw = open(file, "xb", opener=lambda path, flags: os.open(path, flags, 0o600))  # noqa: SIM115  # closed below
        try:
            with raw, tarfile.open(fileobj=raw, mode="w:gz") as bundle:
                for name, text in texts.items():
                    _add(bundle, f"voiced-report/{name}", text.encode("utf-8", "replace"))
        except OSError:
            file.unlink(missing_ok=True)  # half of it helps nobody, and would be in the way of the next
            raise
    except FileExistsError:
        raise ReportFailed(f"{file} is there already; name another file: voiced doctor --report FILE.tar.gz") from None
    except OSError as error:
        raise ReportFailed(
            f"{file} can't be written ({error.strerror}); "
            "name a file elsewhere, such as: voiced doctor --report /tmp/voiced.tar.gz"
        ) from None
    return list(texts)


def usual_name(now: float) -> Path:
    """In the folder where one is."""
    return Path(f"voiced-report-{time.strftime('%Y%m%d-%H%M%S', time.localtime(now))}.tar.gz")


def settings_in_force(case: Case | None) -> str:
    """As `voiced config show`; where something is wrong with them, what is right of them."""
    if case is None:
        return "(they could not be read)\n"
    head = "# Something is wrong with the settings: this is what is right of them.\n" if case.settings_broken else ""
    text = _OWN_WORDS.sub(_count, as_toml.in_force(case.config, case.loaded.origins))
    return head + _OF_PLUGINS.sub(lambda tables: _OF_ONE_PLUGIN.sub(_count, tables[0]), text)


def log_lines(text: str) -> str:
    """The lines of voiced's own log that may be shown: none at the level where people's words are, none of plugins."""
    shown, left_out = [], 0
    for line in text.splitlines():
        event = _event(line)
        if event is not None and event.get("level") not in QUIET and event.get("event") not in FOREIGN:
            shown.append(json.dumps(event, ensure_ascii=False))
        else:
            left_out += 1
    shown.append(f"({left_out} lines are left out, which are not voiced's own, or may have in them what somebody said)")
    return "".join(f"{line}\n" for line in shown)


def system() -> str:
    """Kernel, distribution, Python and board."""
    rows = {
        "voiced": __version__,
        "kernel": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "system": _of_release(_read(_OS_RELEASE)),
        "board": _read(_BOARD).strip("\0 \n"),
        "processors": str(os.cpu_count()),
        "memory": next((line for line in _read(Path("/proc/meminfo")).splitlines() if line.startswith("MemTotal")), ""),
        "sound": ", ".join(
            line for line in (said("pactl", "info") or "").splitlines() if line.startswith(_SOUND_SERVER)
        ),
    }
    return "".join(f"{name}: {value}\n" for name, value in rows.items() if value)


def packages() -> str:
    """All that are installed beside voiced, with their versions."""
    found = {(each.metadata["Name"] or "").lower(): each.version for each in importlib.metadata.distributions()}
    return "".join(f"{name}=={version}\n" for name, version in sorted(found.items()) if name)


def devices(card: SoundCard) -> str:
    return json.dumps([dataclasses.asdict(device) for device in card.devices()], ensure_ascii=False, indent=1) + "\n"


def _parts(card: SoundCard, examined: Examination) -> Iterator[tuple[str, Callable[[], str]]]:
    found = examined.findings
    status = examined.case.status if examined.case is not None else None
    yield "doctor.txt", lambda: "\n".join(wording.lines(found)) + "\n"
    yield (
        "doctor.json",
        lambda: json.dumps([dataclasses.asdict(each) for each in found], ensure_ascii=False, indent=1) + "\n",
    )
    yield "settings.txt", lambda: settings_in_force(examined.case)
    yield "system.txt", system
    yield "packages.txt", packages
    yield "devices.json", lambda: devices(card)
    yield "status.json", lambda: json.dumps(_without_words(status), ensure_ascii=False, indent=1) + "\n"
    yield "log-user.txt", lambda: log_lines(_journal("--user-unit=voiced"))
    yield "log-system.txt", lambda: log_lines(_journal("--unit=voiced"))


def _count(found: re.Match[str]) -> str:
    return f'{found[1]} = "[{len(found[2])} characters]"'


def _without_words(status: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """The status has no texts that people said; what timers and cards show of it does."""
    return (
        None if status is None else {name: value for name, value in status.items() if name not in ("cards", "history")}
    )


def _journal(unit: str) -> str:
    return said("journalctl", unit, f"--lines={LOG_LINES}", "--no-pager", "--quiet", "--output=cat", within_s=5.0) or ""


def _event(line: str) -> dict[str, Any] | None:
    """A line of our log; journald took the priority off it."""
    try:
        parsed = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return parsed if isinstance(parsed, dict) and "level" in parsed and "event" in parsed else None


def _cleaner(places: Places, case: Case | None) -> Cleaner:
    environ = places.environ
    return cleaner(
        home=environ.get("HOME", ""),
        user=user_name(),
        host=socket.gethostname(),
        secrets=secrets_of(case.loaded if case is not None else None, environ),
    )


def _text(outcome: str | Hung | Broke) -> str:
    if isinstance(outcome, Hung):
        return f"(it did not come within {outcome.after_s:.0f} s)\n"
    if isinstance(outcome, Broke):
        return f"({type(outcome.error).__name__}: {outcome.error})\n"
    return outcome


def _add(bundle: tarfile.TarFile, name: str, data: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode, entry.mtime = len(data), 0o600, int(time.time())
    bundle.addfile(entry, io.BytesIO(data))


def _of_release(text: str) -> str:
    found = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    return found.get("PRETTY_NAME", "").strip('"')


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""

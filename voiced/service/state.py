"""What systemd says of the service, in lines for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from voiced.service import units
from voiced.service.installation import journal, written
from voiced.service.machine import Machine
from voiced.service.units import NAME, Scope

LOG_LINES: Final = 5

PROPERTIES: Final = (
    "LoadState",
    "ActiveState",
    "SubState",
    "StatusText",
    "Result",
    "NRestarts",
    "ActiveEnterTimestamp",
    "WatchdogUSec",
    "WatchdogTimestamp",
    "UnitFileState",
    "NeedDaemonReload",
)

_RESULT: Final = {
    "watchdog": "it was stuck: the watchdog ended it",
    "exit-code": "it gave up by itself; with wrong settings it is not tried again (voiced config check)",
    "timeout": "it did not start, or end, in time",
    "signal": "a signal ended it",
    "core-dump": "it crashed",
    "oom-kill": "there was no memory left",
    "resources": "systemd could not prepare it; is the file of LoadCredential there?",
}


def properties(machine: Machine, scope: Scope) -> dict[str, str]:
    """By name, as `systemctl show` has them. Raises ServiceError where there is no systemd."""
    answer = machine.systemctl(scope, "show", NAME, f"--property={','.join(PROPERTIES)}")
    return dict(line.split("=", 1) for line in answer.out.splitlines() if "=" in line)


def is_active(found: Mapping[str, str]) -> bool:
    return found.get("ActiveState") in ("active", "reloading")


def is_installed(found: Mapping[str, str]) -> bool:
    return found.get("LoadState", "not-found") != "not-found"


def lines(machine: Machine, scope: Scope, found: Mapping[str, str], program: tuple[str, ...]) -> Iterator[str]:
    """All there is to tell of a service that is installed."""
    yield f"{NAME} ({'this machine' if scope == 'system' else 'yours'}): {_state(found)}"
    if found.get("StatusText"):
        yield f"  it says:    {found['StatusText']}"
    if trouble := _RESULT.get(found.get("Result", "")):
        yield f"  last end:   {trouble}"
    yield f"  restarts:   {found.get('NRestarts', '0')}"
    yield f"  watchdog:   {_watchdog(found)}"
    yield f"  at start:   {_enabled(found)}"
    if scope == "user":
        yield f"  linger:     {_linger(machine)}"
    yield f"  unit:       {_unit(machine, scope, program)}"
    if found.get("NeedDaemonReload") == "yes":
        yield f"              it was changed since systemd read it; say: systemctl --{scope} daemon-reload"
    yield f"  log:        {journal(scope)} -f"
    yield from (f"    {line}" for line in _log(machine, scope))


def _state(found: Mapping[str, str]) -> str:
    state, sub = found.get("ActiveState", "unknown"), found.get("SubState", "")
    if is_active(found):
        since = found.get("ActiveEnterTimestamp", "")
        return f"runs{f' since {since}' if since else ''}"
    return {
        "inactive": "does not run",
        "failed": "failed",
        "activating": "waits to be started again" if sub == "auto-restart" else "is starting",
        "deactivating": "is stopping",
    }.get(state, state)


def _watchdog(found: Mapping[str, str]) -> str:
    every = found.get("WatchdogUSec", "0")
    if every in ("0", "infinity"):
        return "off"
    last = found.get("WatchdogTimestamp", "")
    return f"must be fed every {every}{f', last fed {last}' if last else ''}"


def _enabled(found: Mapping[str, str]) -> str:
    enabled = found.get("UnitFileState", "")
    return "it starts by itself" if enabled == "enabled" else f"it does not start by itself ({enabled or 'unknown'})"


def _linger(machine: Machine) -> str:
    user = machine.environ.get("USER", "")
    if machine.lingers(user):
        return "yes, it goes on when you are logged out"
    return f"no, it ends when you log out; loginctl enable-linger {user} changes that".replace("  ", " ")


def _unit(machine: Machine, scope: Scope, program: tuple[str, ...]) -> str:
    path = machine.place(scope).unit
    try:
        there = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return "it is not where `voiced service install` puts it"
    except (OSError, UnicodeDecodeError):
        return f"{path}, which can't be read"
    if there in [written(machine, scope, program, key=key, desktop=desktop) for key, desktop in _WAYS]:
        return f"{path}, as this voiced writes it"
    if units.changed_by_hand(there):
        return f"{path}, changed by hand; `voiced service install --force` writes it anew"
    return f"{path}, of another version or place of voiced; `voiced service install` writes it anew"


_WAYS: Final = ((False, False), (False, True), (True, False))


def _log(machine: Machine, scope: Scope) -> list[str]:
    which = f"--unit={NAME}" if scope == "system" else f"--user-unit={NAME}"
    answer = machine.run("journalctl", which, f"--lines={LOG_LINES}", "--no-pager", "--quiet", "--output=short-iso")
    if answer.code or not answer.out:
        return ["nothing in it that you may read; members of the group systemd-journal may read all"]
    return answer.out.splitlines()

"""The voiced that runs on this machine: whether it answers, and how it says it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from voiced import __version__
from voiced.control import client, protocol
from voiced.doctor.finding import Finding
from voiced.doctor.programs import said
from voiced.errors import ControlError

ANSWER_S: Final = 3.0

_SCOPES: Final = ("--user", "--system")


@dataclass(frozen=True, slots=True)
class Running:
    """`status`: None where no voiced answers; `complaint`: one is there and does not answer, and why."""

    status: Mapping[str, Any] | None = None
    complaint: str = ""


def ask(paths: Sequence[Path]) -> Running:
    """At the first of these control sockets that somebody listens at."""
    try:
        return Running(client.ask(paths, protocol.Status(), timeout_s=ANSWER_S)["status"])
    except client.NoDaemon:
        return Running()
    except ControlError as error:
        return Running(complaint=str(error))


def judged(running: Running) -> Iterator[Finding]:
    """What it says of itself; its devices and plugins are told of in their own areas."""
    if running.complaint:
        yield _mute(running.complaint)
    if (status := running.status) is None:
        if not running.complaint:
            yield Finding("note", "voiced", "none is running", mend="voiced run")
        return
    yield from _brain(status)
    keys = status.get("keys", {})
    if problem := keys.get("problem"):  # a voiced from before it has none
        have = f"only {keys['working']}" if keys["working"] else "none"
        what = f"of its keys the running voiced has {have}"
        mend = "voiced ptt toggle   # bind this to a key in your desktop's settings, or do what is said above"
        yield Finding("problem", "voiced", what, f"{problem}.", mend)
    if status["muted"]:
        why = "It hears nothing until that is ended."
        yield Finding("warning", "voiced", "the running voiced is muted", why, "voiced unmute")
    if status["version"] != __version__:
        what = f"the running voiced is {status['version']}, and the one that is installed {__version__}"
        yield Finding("warning", "voiced", what, "It was not started anew since.", restart(status))


def restart(status: Mapping[str, Any]) -> str:
    """The command that starts it anew."""
    for scope in _SCOPES:
        if (said("systemctl", scope, "show", "voiced.service", "--property=MainPID", "--value") or "").strip() == str(
            status["pid"]
        ):
            return "sudo systemctl restart voiced" if scope == "--system" else "systemctl --user restart voiced"
    return f"kill {status['pid']}; voiced run"


def look_at_services() -> Iterator[Finding]:
    """The units of systemd, yours and the machine's."""
    for scope in _SCOPES:
        names = "--property=LoadState,ActiveState,SubState,Result,ExecMainStatus,UnitFileState"
        yield from judged_service(scope, said("systemctl", scope, "show", "voiced.service", names) or "")


def judged_service(scope: str, shown: str) -> Iterator[Finding]:
    """`shown`: what `systemctl show` says of it, name=value on each line."""
    found = dict(line.split("=", 1) for line in shown.splitlines() if "=" in line)
    if found.get("LoadState", "not-found") == "not-found":
        return
    state, sub = found.get("ActiveState", ""), found.get("SubState", "")
    log = "journalctl --user -u voiced -e" if scope == "--user" else "sudo journalctl -u voiced -e"
    if found.get("ExecMainStatus") == "2" and state in ("failed", "inactive"):
        what = "the service ended because of wrong settings, and is not tried again"
        yield Finding("problem", "voiced", what, mend=f"voiced config check   # then: {start(scope)}")
    elif state == "failed" or sub == "auto-restart":
        why = "Its log says why." if found.get("Result") != "watchdog" else "It was stuck, and the watchdog ended it."
        what = "the service fails, and is started again and again" if sub == "auto-restart" else "the service failed"
        yield Finding("problem", "voiced", what, why, log)
    elif state == "inactive" and found.get("UnitFileState") == "enabled":
        yield Finding("warning", "voiced", "the service is installed, and does not run", mend=start(scope))


def start(scope: str) -> str:
    return "systemctl --user start voiced" if scope == "--user" else "sudo systemctl start voiced"


def _brain(status: Mapping[str, Any]) -> Iterator[Finding]:
    brain = status["brain"]
    reason = f": {brain['reason']}" if brain["reason"] else ""
    if brain["state"] in ("lost", "refused"):
        what = f"the running voiced can't answer: {brain['name']} {brain['state']}{reason}"
        yield Finding("problem", "voiced", what, mend="voiced reload   # once what is told of here is mended")
        return
    lost = {
        name: each["reason"]
        for name, each in status["brains"].items()
        if each["state"] in ("lost", "refused") and name != brain["name"]
    }
    for name, why in lost.items():
        what = f"{name} does not answer the running voiced; {brain['name']} takes its place"
        yield Finding("warning", "voiced", what, why, "voiced status   # it is tried again by itself")
    if not lost:
        yield Finding("ok", "voiced", f"{status['version']} is running, and {brain['name']} is {brain['state']}")


def _mute(complaint: str) -> Finding:
    what, _, fix = complaint.partition("; ")
    if "usermod" in fix:
        mend = f"{fix.partition(': ')[2]}   # then log out, and in again"
        return Finding("problem", "voiced", what, "The commands of voiced can't reach it.", mend)
    return Finding(
        "problem", "voiced", what, "One is there, and hangs.", "systemctl --user restart voiced   # or: kill it"
    )

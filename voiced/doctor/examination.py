"""Looks at everything, side by side; what hangs or breaks while it is looked at is a finding too."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import voiced
from voiced.config import Loaded, Places
from voiced.control.settings import ControlSettings
from voiced.doctor import (
    asking,
    clock,
    disk,
    echo,
    key,
    listening,
    network,
    plugins,
    retirement,
    running,
    session,
    settings_file,
    sound,
)
from voiced.doctor.asking import Answer, Answered
from voiced.doctor.case import Case
from voiced.doctor.deadline import Broke, Call, Hung, all_at_once
from voiced.doctor.finding import Area, Finding, gravest_first
from voiced.doctor.programs import said
from voiced.doctor.running import Running
from voiced.doctor.servers import Server, servers
from voiced.redaction import redacted
from voiced.sound_card import SoundCard
from voiced.state_folder import state_folder

PATIENCE_S: Final = 6.0
SOUND_S: Final = 15.0
"""Each device has a patience of its own, and some take a while to open."""


@dataclass(frozen=True, slots=True)
class Probe:
    """Looks at one area, for so long at most. `hung`: what mends it where it does not come to an end."""

    area: Area
    look: Callable[[], list[Finding]]
    within_s: float = PATIENCE_S
    hung: str = "sudo reboot   # if it stays like that"


@dataclass(frozen=True, slots=True)
class Examination:
    """`findings`: the gravest first. `hangs`: a probe did not come to an end: only os._exit ends the process surely."""

    case: Case | None
    findings: tuple[Finding, ...]
    hangs: bool = False

    @property
    def is_well(self) -> bool:
        """Whether there is no problem; a warning is none."""
        return not any(finding.level == "problem" for finding in self.findings)


def examine(
    places: Places, card: SoundCard, *, offline: bool = False, hear_s: float = 2.0, sound_s: float = SOUND_S
) -> Examination:
    """All of it, with the settings in `places`. `offline`: no server is asked. `hear_s`: how long the
    microphone is listened to; `sound_s`: how long devices may take for all. Raises nothing."""
    [reading] = all_at_once([Call(lambda: settings_file.read(places), PATIENCE_S)])
    if isinstance(reading, Hung | Broke):
        probe = Probe("settings", list, hung="ls -l ~/.config/voiced   # on a disk of the network?")
        return Examination(None, tuple(told(probe, reading)), isinstance(reading, Hung))
    loaded = reading.loaded
    [ran] = all_at_once([Call(lambda: running.ask(_sockets(loaded)), PATIENCE_S)])
    there = ran if isinstance(ran, Running) else Running(complaint="voiced does not answer; look at its log")
    case = Case(loaded, card, there.status, reading.broken, offline, hear_s)
    probes = _probes(case, there, sound_s)
    outcomes = all_at_once([Call(probe.look, probe.within_s) for probe in probes])
    found = [*reading.findings]
    for probe, outcome in zip(probes, outcomes, strict=True):
        found += told(probe, outcome)
    hangs = any(isinstance(outcome, Hung) for outcome in [ran, *outcomes])
    return Examination(case, tuple(gravest_first(consistent(found, case.status))), hangs)


def _probes(case: Case, there: Running, sound_s: float) -> list[Probe]:
    loaded = case.loaded
    return [
        Probe("settings", lambda: list(settings_file.warnings(loaded)), within_s=15.0),
        Probe("voiced", lambda: [*running.judged(there), *running.look_at_services()]),
        Probe("sound", lambda: list(sound.look(case)), sound_s, "sudo reboot   # or plug the device in again"),
        Probe("sound", lambda: echo.look(case), echo.WITHIN_S + 1),
        Probe(
            "disk",
            lambda: list(disk.judged(disk.look(state_folder(case.environ)), os.geteuid())),
            hung="sudo dmesg | tail",
        ),
        Probe("clock", lambda: list(_clock(case))),
        Probe("session", lambda: list(_session(case))),
        Probe("listening", lambda: list(listening.look(loaded))),
        Probe("plugins", lambda: list(plugins.look(case)), plugins.WITHIN_S + 1, "voiced plugin check"),
        Probe(
            "network",
            lambda: list(_servers(case)),
            asking.WITHIN_S + 2,
            network.mend_names(),
        ),
    ]


def told(probe: Probe, outcome: list[Finding] | Hung | Broke | object) -> list[Finding]:
    """What came of a probe."""
    if isinstance(outcome, Hung):
        what = f"looking at the {probe.area} did not end within {outcome.after_s:.0f} s"
        return [Finding("problem", probe.area, what, "A driver, a disk or a server hangs.", probe.hung)]
    if isinstance(outcome, Broke):
        what = (
            f"the {probe.area} could not be looked at: {redacted(str(outcome.error)) or type(outcome.error).__name__}"
        )
        return [Finding("warning", probe.area, what, mend=_after(probe))]
    assert isinstance(outcome, list)
    return outcome


def _after(probe: Probe) -> str:
    return "voiced plugin check" if probe.area == "plugins" else "voiced doctor --report   # and send that to us"


def _sockets(loaded: Loaded) -> tuple[Path, ...]:
    """Also one in its usual place, whatever the settings name by now."""
    environ = loaded.places.environ
    usual = ControlSettings().paths_to_try(environ)
    return tuple(dict.fromkeys((*loaded.config.control.paths_to_try(environ), *usual)))


def _clock(case: Case) -> Iterator[Finding]:
    installed = datetime.fromtimestamp(Path(voiced.__file__).stat().st_mtime, UTC)
    shown = said("timedatectl", "show", "--property=NTP", "--property=NTPSynchronized")
    found = [clock.never_set(datetime.now(UTC), installed), clock.not_kept(shown)]
    yield from filter(None, found)
    if case.offline and not any(found):
        yield Finding("ok", "clock", f"it says {datetime.now(UTC):%Y-%m-%d %H:%M} UTC; no server was asked")


def _session(case: Case) -> Iterator[Finding]:
    devices = []
    if not case.browser_is_card:
        purpose = "Without it there is no microphone and no loudspeaker"
        devices.append(session.devices_here(purpose, "audio", sound.NODES, "pcm*", os.R_OK | os.W_OK))
    if case.config.keys.wanted and case.config.keys.source == "evdev":
        purpose = "Without it the keyboards can't be read, for the key to talk"
        devices.append(session.devices_here(purpose, "input", Path("/dev/input"), "event*"))
    if case.config.keys.source == "gpio":
        purpose = "Without it the button can't be read"
        devices.append(session.devices_here(purpose, "gpio", Path("/dev"), "gpiochip*", os.R_OK | os.W_OK))
    yield from session.judged(session.session_here(case.environ), devices)


def _servers(case: Case) -> Iterator[Finding]:
    asked, lacking = servers(case.loaded)
    yield from lacking
    if case.offline or not asked:
        yield Finding("note", "network", "no server was asked" if case.offline else "the settings name no server")
        return
    answers = all_at_once([Call(lambda server=server: asking.ask(server), asking.WITHIN_S) for server in asked])  # type: ignore[misc]
    yield from of_servers(case, asked, answers)


def of_servers(case: Case, asked: Sequence[Server], answers: Sequence[Answer | Hung | Broke]) -> Iterator[Finding]:
    """What the answers of all servers tell: of the way to them, the clock, the keys and the models."""
    routed, today = network.routed_here(), datetime.now(UTC).date()
    clocks: dict[str, Finding] = {}
    for server, answer in zip(asked, answers, strict=True):
        proxy = network.proxy_for(server.url, case.environ)
        if (misguided := network.misguided_proxy(server, proxy)) is not None:
            yield misguided
        if isinstance(answer, Broke):
            yield from told(Probe("network", list), answer)
            continue
        if isinstance(answer, Hung):
            what = f"the name {server.host} is looked up for ever (DNS)"
            yield Finding("problem" if server.needed else "warning", "network", what, "", network.mend_names())
            continue
        yield from network.judged(server, answer, proxy, routed)
        date = getattr(answer, "date", None)
        if date is not None and isinstance(answer, Answered | asking.Untrusted):
            clocks.setdefault(server.host, clock.judged(answer.at, date, server.host))
        listed = None
        if isinstance(answer, Answered):
            yield from key.judged(server, answer)
            listed = answer.models
        yield from retirement.judged(server, listed, today, case.loaded.places)
    yield from _one_clock(clocks.values())


def _one_clock(found: Iterable[Finding]) -> Iterator[Finding]:
    """What the first server told where all agree; what is wrong by one of several may be that one's."""
    in_order = sorted(found, key=lambda each: each.level == "problem")
    yield from in_order[:1]


def consistent(found: Sequence[Finding], status: Mapping[str, Any] | None) -> Iterator[Finding]:
    """Without praise for an area in which something is wrong, and without a key missed that the running voiced has.

    What the running voiced complains of, and was seen here too, is told once.
    """
    seen_here = {finding.why for finding in found if finding.area == "listening" and finding.why}
    wrong = {finding.area for finding in found if finding.level in ("problem", "warning")}
    brains = status["brains"] if status is not None else {}
    has_key = any(brain["state"] == "ready" for name, brain in brains.items() if name != "offline")
    for finding in found:
        if finding.level == "ok" and finding.area in wrong and finding.area in ("clock", "settings"):
            continue
        if finding.area == "voiced" and finding.why in seen_here:
            continue
        if has_key and finding.area == "key" and finding.what.startswith("no "):
            what = f"{finding.what} in this shell; the running voiced has its own"
            yield Finding("note", "key", what, finding.why)
            continue
        yield finding

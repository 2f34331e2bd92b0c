"""The user whom voiced runs as: groups, the session's runtime folder, and whether it goes on after a logout."""

from __future__ import annotations

import grp
import os
import pwd
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from voiced.doctor.finding import Finding

Folder = Literal["there", "not set", "gone", "not yours"]

ROOT: Final = 0

USER_UNITS: Final = ".config/systemd/user/voiced.service"
LINGER: Final = Path("/var/lib/systemd/linger")
SOUND_SOCKETS: Final = ("pipewire-0", "pulse/native")


@dataclass(frozen=True, slots=True)
class Session:
    """One user in one session. `runtime`: the state of `runtime_folder`, that is $XDG_RUNTIME_DIR.

    `service`: this is what systemd started for the whole machine. `desktop`: there is a screen. `sound_server`:
    PipeWire or PulseAudio can be reached, which need no group. `sudo_user`: who typed sudo.
    """

    user: str
    uid: int
    runtime: Folder = "there"
    runtime_folder: str = ""
    service: bool = False
    desktop: bool = False
    sound_server: bool = False
    user_unit: bool = False
    lingers: bool = False
    sudo_user: str = ""


@dataclass(frozen=True, slots=True)
class Devices:
    """Device files that voiced wants: what for, and the group that may use them.

    `there`: there are some. `usable`: one of them may be used at least. `member`: the user is in the group, by the
    files of the machine; a session from before that knows nothing of it.
    """

    purpose: str
    group: str
    there: bool
    usable: bool
    member: bool = False


def session_here(environ: Mapping[str, str]) -> Session:
    """Of this process."""
    uid, folder, user = os.geteuid(), environ.get("XDG_RUNTIME_DIR", ""), user_name()
    return Session(
        user,
        uid,
        folder_state(folder, uid),
        folder,
        service="RUNTIME_DIRECTORY" in environ or "SYSTEMD_EXEC_PID" in environ,
        desktop=bool(environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY")),
        sound_server=bool(environ.get("PULSE_SERVER")) or any(_is_in(folder, name) for name in SOUND_SOCKETS),
        user_unit=_is_in(environ.get("HOME", ""), USER_UNITS),
        lingers=_is_in(str(LINGER), user),
        sudo_user=environ.get("SUDO_USER", "") if uid == ROOT else "",
    )


def devices_here(purpose: str, group: str, folder: Path, pattern: str, access: int = os.R_OK) -> Devices:
    """The files in `folder` that match `pattern`, for this process: permissions that a desktop grants count too."""
    try:
        found = sorted(folder.glob(pattern))
    except OSError:
        found = []
    return Devices(purpose, group, bool(found), any(os.access(path, access) for path in found), is_member(group))


def folder_state(folder: str, uid: int) -> Folder:
    """Of $XDG_RUNTIME_DIR for this user."""
    if not folder:
        return "not set"
    try:
        return "there" if os.stat(folder).st_uid == uid else "not yours"
    except OSError:
        return "gone"


def judged(session: Session, devices: Sequence[Devices]) -> Iterator[Finding]:
    found = [*_of_user(session), *_of_runtime_folder(session), *_of_linger(session)]
    found += [finding for each in devices for finding in _of_devices(each, session)]
    yield from found
    if not any(each.level in ("problem", "warning") for each in found):
        yield Finding("ok", "session", f"{session.user} may use what voiced needs")


def is_member(group: str) -> bool:
    """Whether the user is in it by the files of the machine, whatever this process may."""
    try:
        entry = grp.getgrnam(group)
        user = pwd.getpwuid(os.geteuid())
    except KeyError:
        return False
    return user.pw_name in entry.gr_mem or user.pw_gid == entry.gr_gid


def user_name() -> str:
    """A container may have users without a name."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def _is_in(folder: str, name: str) -> bool:
    """As far as this user may see: after `su`, the folder is another's."""
    return bool(folder) and os.path.exists(os.path.join(folder, name))


def _of_user(session: Session) -> Iterator[Finding]:
    if session.sudo_user:
        what = f"this looks at root's settings and sound, not at those of {session.sudo_user}"
        yield Finding("warning", "session", what, "voiced itself needs no root.", "voiced doctor   # without sudo")
    elif session.uid == ROOT:
        why = "It needs no root, and the sound of a desktop is its user's alone."
        mend = "sudo voiced service install --system   # runs it as a user of its own"
        yield Finding("note", "session", "voiced would run as root", why, mend)


def _of_runtime_folder(session: Session) -> Iterator[Finding]:
    if session.runtime == "there" or session.uid == ROOT or session.service:
        return
    what = {
        "not set": "XDG_RUNTIME_DIR is not set",
        "gone": f"XDG_RUNTIME_DIR names {session.runtime_folder}, and there is no such folder",
        "not yours": f"XDG_RUNTIME_DIR names {session.runtime_folder}, which is another user's",
    }[session.runtime]
    why = "In it are the sound server of your session, and the socket through which commands reach voiced."
    mend = f"sudo loginctl enable-linger {shlex.quote(session.user)}; export XDG_RUNTIME_DIR=/run/user/{session.uid}"
    yield Finding("problem", "session", what, why, mend)


def _of_linger(session: Session) -> Iterator[Finding]:
    if not session.user_unit or session.lingers:
        return
    what = "your voiced ends when you log out, and starts when you log in"
    mend = f"sudo loginctl enable-linger {shlex.quote(session.user)}"
    if session.desktop:
        yield Finding("note", "session", what, mend=mend)
    else:
        why = "On a machine without a screen it would not be there after a start."
        yield Finding("warning", "session", what, why, mend)


def _of_devices(devices: Devices, session: Session) -> Iterator[Finding]:
    if devices.usable or not devices.there:
        return
    if devices.group == "audio" and session.sound_server:
        return
    user = shlex.quote(session.user)
    if devices.member:
        what = f"you are in the group {devices.group} since you logged in last, and this session does not know it"
        yield Finding(
            "problem", "session", what, f"{devices.purpose}.", f"sudo loginctl terminate-user {user}   # logs you out"
        )
        return
    what = f"the user {session.user} is not in the group {devices.group}"
    mend = f"sudo usermod -aG {devices.group} {user}   # then log out, and in again"
    yield Finding("problem", "session", what, f"{devices.purpose}.", mend)

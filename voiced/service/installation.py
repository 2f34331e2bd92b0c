"""Puts the unit, the key and the user in place, and takes the unit away again."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from voiced import __version__
from voiced.errors import ServiceError
from voiced.service import units
from voiced.service.machine import Machine, Place
from voiced.service.units import DESKTOP, NAME, Scope

Tell = Callable[[str], None]

USER: Final = "voiced"
GROUPS: Final = ("audio", "gpio")
"""That the user voiced gets, where they exist. Not `input`: who is in it reads every key that is typed."""

HIDDEN: Final = ("/home", "/root", "/run/user", "/tmp", "/var/tmp")  # noqa: S108  # named, not used
"""From the system service, by its sandbox."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be installed. `program`: what starts voiced, absolute. `key`: the API key, None where none was given;
    `force`: over a unit that somebody changed; `start`: at once.
    """

    scope: Scope
    program: tuple[str, ...]
    key: str | None = None
    force: bool = False
    start: bool = True

    def __repr__(self) -> str:  # without the key
        return f"Wish({self.scope}, {self.program})"


def install(machine: Machine, wish: Wish, tell: Tell) -> None:
    """Raises ServiceError. What can be refused is refused before anything is changed."""
    scope, place = wish.scope, machine.place(wish.scope)
    machine.systemctl(scope, "show", "--property=Version")
    if scope == "system":
        _must_be_visible(wish.program)
    desktop = scope == "user" and machine.systemctl(scope, "is-active", DESKTOP).out == "active"
    text = written(machine, scope, wish.program, key=wish.key is not None, desktop=desktop)
    was = _read(place.unit)
    if was and units.changed_by_hand(was) and not wish.force:
        raise ServiceError(
            f"{place.unit} is not as voiced wrote it; look at it, move your changes to a drop-in "
            f"({_systemctl(scope)} edit voiced), and say --force"
        )
    if scope == "user" and wish.key is not None:
        _openai_table(place)
    if scope == "system":
        _make_user(machine, tell)
        _make_folder(place.settings, mode=0o755)  # whatever root's umask is: the user voiced reads the settings
    if wish.key is not None:
        _write(place.key, wish.key + "\n", mode=0o600)
        tell(f"the key is in {place.key}, which {'root' if scope == 'system' else 'you'} alone can read")
        if scope == "user":
            _name_key(place, tell)
    if text == was:
        tell(f"{place.unit} is as it should be")
    else:
        _write(place.unit, text, mode=0o644)
        tell(f"{place.unit} is written")
    machine.systemctl_must(scope, "daemon-reload")
    machine.systemctl_must(scope, "reenable", NAME)
    if wish.start:
        _start(machine, scope)
    tell(f"voiced {'runs' if wish.start else 'is not started yet'}, and starts by itself {_when(scope, desktop)}")
    for line in _advice(machine, wish, place, desktop):
        tell(line)


def uninstall(machine: Machine, scope: Scope, tell: Tell, *, force: bool = False) -> None:
    """Stop it and take the unit away, nothing else. Raises ServiceError."""
    place = machine.place(scope)
    was = _read(place.unit)
    if not was:
        raise ServiceError(f"there is no {place.unit}; `voiced service status` shows what is installed")
    if units.changed_by_hand(was) and not force:
        raise ServiceError(f"{place.unit} is not as voiced wrote it; keep a copy of it, and say --force")
    machine.systemctl_must(scope, "disable", "--now", NAME)
    try:
        place.unit.unlink()
    except OSError as error:
        raise ServiceError(f"{place.unit}: it can't be removed ({error.strerror})") from None
    machine.systemctl_must(scope, "daemon-reload")
    machine.systemctl(scope, "reset-failed", NAME)  # which complains where nothing failed
    tell(f"voiced is stopped, and {place.unit} is removed")
    left = [path for path in (place.settings, *place.kept, place.unit.with_name(f"{NAME}.d")) if path.exists()]
    if left:
        tell(f"left as they are, with settings, key and memory: {', '.join(map(str, left))}")
        sudo = "sudo " if scope == "system" else ""
        tell(f"to remove them: {sudo}rm -r {' '.join(map(str, left))}")
    if scope == "system":
        tell(f"to remove the user: sudo userdel {USER}")


def written(machine: Machine, scope: Scope, program: Sequence[str], *, key: bool, desktop: bool) -> str:
    """The unit that this version writes here. `key`: whether one is given now; it may lie there already."""
    if scope == "user":
        return units.user_unit(units.shipped(scope), program, desktop=desktop, version=__version__)
    key = key or machine.place(scope).key.exists()
    return units.system_unit(units.shipped(scope), program, key=key, version=__version__)


def checked_key(text: str, place: str) -> str:
    """The key in what was read from `place`. Raises ServiceError, which never has it in its text."""
    key = text.strip()
    if not key:
        raise ServiceError(f"{place} is empty; put the key in it, or leave --key-file out")
    if not (key.isascii() and key.isprintable() and " " not in key):
        raise ServiceError(
            f"{place} holds more than a key (a space, a line break or a special character); copy it again"
        )
    return key


def _must_be_visible(program: Sequence[str]) -> None:
    for path in {Path(program[0]), Path(program[0]).resolve()}:
        if any(path.is_relative_to(folder) for folder in HIDDEN):
            raise ServiceError(
                f"the system service can't see {path}; install voiced for the whole machine: sudo python3 -m venv "
                "/opt/voiced && sudo /opt/voiced/bin/pip install '.[echo,wake]' (in a checkout), and say "
                "sudo /opt/voiced/bin/voiced service install; or install it for yourself with --user"
            )


def _make_user(machine: Machine, tell: Tell) -> None:
    if machine.run("getent", "passwd", USER).code == 0:
        return
    groups = ",".join(group for group in GROUPS if machine.run("getent", "group", group).code == 0)
    machine.must(
        "useradd", "--system", "--user-group", *(["--groups", groups] if groups else []),
        "--home-dir", "/var/lib/voiced", "--no-create-home", "--shell", "/usr/sbin/nologin", USER,
    )  # fmt: skip
    tell(f"the user {USER} is made{f', in the groups {groups}' if groups else ''}")


def _name_key(place: Place, tell: Tell) -> None:
    """Have the settings name the key's file. They are a person's: a table that is there is not touched."""
    file, openai = place.settings / "voiced.toml", _openai_table(place)
    line = f'key_file = "{place.key}"'
    if openai is None:
        before = _read(file)
        after = "\n".join([*before.splitlines(), *([""] if before else []), "[openai]", line, ""])
        _write(file.resolve(), after, mode=0o600)  # a link stays one
        tell(f"{file} names it now")
    elif not isinstance(openai, dict) or Path(str(openai.get("key_file", ""))).expanduser() != place.key:
        tell(f"in {file}, in the table [openai], write: {line}")


def _openai_table(place: Place) -> object:
    """What the settings have below [openai], None where there is none. Raises ServiceError."""
    file = place.settings / "voiced.toml"
    try:
        return tomllib.loads(_read(file)).get("openai")
    except tomllib.TOMLDecodeError as error:
        raise ServiceError(f"{file}: this is not TOML ({error}); mend it, and say it again") from None


def _start(machine: Machine, scope: Scope) -> None:
    try:
        machine.systemctl_must(scope, "restart", NAME)
    except ServiceError as error:
        raise ServiceError(
            f"it is installed, and does not start; `{journal(scope)} -n 20` and `voiced config check` say why\n{error}"
        ) from None


def _when(scope: Scope, desktop: bool) -> str:
    if scope == "system":
        return "when the machine does"
    return "with the desktop" if desktop else "when you log in"


def _advice(machine: Machine, wish: Wish, place: Place, desktop: bool) -> list[str]:
    scope = wish.scope
    lines = []
    if scope == "system":
        if wish.key is None and not place.key.exists():
            lines.append(f"there is no key: it answers by itself; with one, say: {_again(wish)}")
        lines.append("who shall use `voiced status`, `say`, `ask`: sudo usermod -aG voiced $USER, and log in again")
        lines.append("for a key of a keyboard: sudo usermod -aG input voiced && sudo systemctl restart voiced")
    elif not desktop:
        if machine.environ.get("DISPLAY") or machine.environ.get("WAYLAND_DISPLAY"):
            lines.append(
                "this desktop does not tell systemd that it began; for keys to talk and notifications have it run, as "
                "it starts: sh -c 'systemctl --user import-environment DISPLAY XAUTHORITY WAYLAND_DISPLAY; "
                "systemctl --user restart voiced'"
            )
        user = machine.environ.get("USER", "")
        if not machine.lingers(user):
            lines.append(
                "it ends when you log out; to have it run from boot on, nobody logged in: sudo loginctl enable-linger"
                f" {user}".rstrip()
            )
    lines.append(f"what it does: voiced service status; its log: {journal(scope)} -f")
    return lines


def _again(wish: Wish) -> str:
    return f"sudo {' '.join(wish.program)} service install --key-file FILE"


def journal(scope: Scope) -> str:
    """The command that shows its log."""
    return "journalctl -u voiced" if scope == "system" else "journalctl --user -u voiced"


def _systemctl(scope: Scope) -> str:
    return "sudo systemctl" if scope == "system" else "systemctl --user"


def _read(path: Path) -> str:
    """Its text, empty where there is none. Raises ServiceError."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise ServiceError(f"{path}: it can't be read ({error})") from None


def _make_folder(path: Path, mode: int | None = None) -> None:
    """`mode`: of a folder that was not there yet, None for what the umask leaves."""
    try:
        if not path.exists():
            path.mkdir(parents=True)
            if mode is not None:
                path.chmod(mode)
    except OSError as error:
        raise ServiceError(f"{path}: it can't be made ({error.strerror})") from None


def _write(path: Path, text: str, *, mode: int) -> None:
    """The whole of it or nothing, and never readable by more than `mode` says. Raises ServiceError."""
    _make_folder(path.parent)
    new = path.with_name(f".{path.name}.new")
    try:
        new.unlink(missing_ok=True)
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), mode)
            file.write(text)
        new.replace(path)
    except OSError as error:
        raise ServiceError(f"{path}: it can't be written ({error.strerror})") from None

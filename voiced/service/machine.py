"""The machine that a service is installed on: who asks, where its files are, and the programs that change it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from voiced.errors import ServiceError
from voiced.service.units import NAME, Scope

PATIENCE_S: Final = 150.0
"""systemd itself gives a service 90 s to start."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a program said. `code`: its exit code."""

    code: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where the files of a service are. `kept`: what outlives it, beside settings and key."""

    unit: Path
    settings: Path
    key: Path
    kept: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Machine:
    """Seen by one user of it. `root`: the folder that every absolute path is taken below, another than / in tests."""

    environ: Mapping[str, str]
    uid: int
    root: Path = Path("/")

    def path(self, absolute: str | Path) -> Path:
        return self.root / str(absolute).lstrip("/")

    def place(self, scope: Scope) -> Place:
        if scope == "system":
            settings = self.path("/etc/voiced")
            kept = (self.path("/var/lib/voiced"), self.path("/var/cache/voiced"))
            return Place(self.path(f"/etc/systemd/system/{NAME}"), settings, settings / "openai_api_key", kept)
        config, state = self._home("XDG_CONFIG_HOME", ".config"), self._home("XDG_STATE_HOME", ".local/state")
        settings = config / "voiced"
        return Place(config / "systemd" / "user" / NAME, settings, settings / "openai_api_key", (state / "voiced",))

    def lingers(self, user: str) -> bool:
        """Whether the user's services run while the user is not logged in."""
        return self.path(f"/var/lib/systemd/linger/{user}").exists()

    def systemctl(self, scope: Scope, *arguments: str) -> Answer:
        """Raises ServiceError where there is no systemd, or where it can't be reached."""
        answer = self.run("systemctl", f"--{scope}", *arguments)
        if answer.code and "not been booted with systemd" in answer.err:
            raise ServiceError(_NO_SYSTEMD)
        if answer.code and "connect to bus" in answer.err:
            raise ServiceError(_NO_SESSION if scope == "user" else f"systemd does not answer: {answer.err}")
        return answer

    def must(self, *command: str) -> None:
        """Run it. Raises ServiceError with its complaint where it failed."""
        _checked(self.run(*command), command)

    def systemctl_must(self, scope: Scope, *arguments: str) -> None:
        """Raises ServiceError with its complaint where it failed."""
        _checked(self.systemctl(scope, *arguments), ("systemctl", f"--{scope}", *arguments))

    def run(self, *command: str) -> Answer:
        """Raises ServiceError where there is no such program, or where it does not come to an end."""
        path = f"{self.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
        program = shutil.which(command[0], path=path)
        if program is None:
            if command[0] == "systemctl":
                raise ServiceError(_NO_SYSTEMD)
            raise ServiceError(f"there is no program {command[0]} here; install it, or see `man {command[0]}`")
        plain = {"PATH": path, "LC_ALL": "C.UTF-8", "SYSTEMD_PAGER": "", "SYSTEMD_COLORS": "0"}
        try:
            done = subprocess.run(  # noqa: S603  # our own words, and no shell
                [program, *command[1:]],
                env={**self.environ, **plain}, stdin=subprocess.DEVNULL, capture_output=True,
                encoding="utf-8", errors="replace", timeout=PATIENCE_S, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise ServiceError(f"`{' '.join(command)}` does not come to an end; it was stopped") from None
        except OSError as error:
            raise ServiceError(f"{program}: it can't be started ({error.strerror})") from None
        return Answer(done.returncode, done.stdout.strip(), done.stderr.strip())

    def _home(self, variable: str, below_home: str) -> Path:
        if given := self.environ.get(variable):
            return Path(given)
        home = self.environ.get("HOME")
        if not home:
            raise ServiceError("HOME is not set: log in as the user whose service it shall be")
        return Path(home, below_home)


_NO_SYSTEMD: Final = "systemd does not run here; have whatever starts programs on this machine start `voiced run`"
_NO_SESSION: Final = (
    "your own systemd can't be reached: log in as yourself, at the desktop or with ssh (not with su or sudo), "
    "or install it for the whole machine with --system"
)


def _checked(answer: Answer, command: tuple[str, ...]) -> None:
    if answer.code:
        complaint = answer.err or answer.out or f"exit code {answer.code}"
        raise ServiceError(f"`{' '.join(command)}` failed: {complaint}")

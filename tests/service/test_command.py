"""`voiced service`, as somebody types it: a process of its own, and a systemd that writes down what it is told."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.service.machine import Household

KEY = "sk-proj-0123456789abcdefghijklmnop"

RUNS = """\
LoadState=loaded
ActiveState=active
SubState=running
StatusText=listening
Result=success
NRestarts=3
ActiveEnterTimestamp=Sun 2026-11-29 08:02:03 UTC
WatchdogUSec=20s
WatchdogTimestamp=Sun 2026-11-29 09:00:00 UTC
UnitFileState=enabled
NeedDaemonReload=no"""
STUCK = """\
LoadState=loaded
ActiveState=activating
SubState=auto-restart
StatusText=
Result=watchdog
NRestarts=4
WatchdogUSec=20s
UnitFileState=disabled
NeedDaemonReload=yes"""
NONE = "LoadState=not-found\nActiveState=inactive\nResult=success"

Typed = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def house(tmp_path: Path) -> Household:
    return Household(tmp_path)


@pytest.fixture
def typed(house: Household) -> Typed:
    def typed(*arguments: str, input: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-W", "error", "-m", "voiced", "service", *arguments],
            env=house.environ, input=input, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    return typed


def told_of(user: str, system: str) -> dict[str, tuple[int, str, str]]:
    return {
        "systemctl --user show voiced.service": (0, user, ""),
        "systemctl --system show voiced.service": (0, system, ""),
    }


def test_from_nothing_to_a_service_and_back(house: Household, typed: Typed) -> None:
    house.say({"systemctl --user is-active": (0, "active", ""), **told_of(RUNS, NONE)})
    installed = typed("install", "--user", "--key-file", "-", input=f"{KEY}\n")
    assert (installed.returncode, installed.stderr) == (0, "")
    assert (house.root / "home/ada/.config/voiced/openai_api_key").read_text() == f"{KEY}\n"
    unit = house.root / "home/ada/.config/systemd/user/voiced.service"
    program = next(line for line in unit.read_text().splitlines() if line.startswith("ExecStart="))
    started = subprocess.run(
        [*program.removeprefix("ExecStart=").removesuffix(" run").split(), "--version"],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert started.stdout.startswith("voiced ")

    house.say({"journalctl --user-unit=voiced.service": (0, "2026-11-29 one\n2026-11-29 two", "")})
    status = typed("status")
    assert (status.returncode, status.stderr) == (0, "")
    assert status.stdout == (
        "voiced.service (yours): runs since Sun 2026-11-29 08:02:03 UTC\n"
        "  it says:    listening\n"
        "  restarts:   3\n"
        "  watchdog:   must be fed every 20s, last fed Sun 2026-11-29 09:00:00 UTC\n"
        "  at start:   it starts by itself\n"
        "  linger:     no, it ends when you log out; loginctl enable-linger ada changes that\n"
        f"  unit:       {unit}, as this voiced writes it\n"
        "  log:        journalctl --user -u voiced -f\n"
        "    2026-11-29 one\n"
        "    2026-11-29 two\n"
    )

    unit.write_text(unit.read_text() + "# mine\n")
    assert "changed by hand" in typed("status").stdout

    removed = typed("uninstall", "--user", "--force")
    assert (removed.returncode, removed.stderr, unit.exists()) == (0, "", False)
    assert KEY not in installed.stdout + status.stdout + removed.stdout


def test_one_that_is_stuck_is_told(house: Household, typed: Typed) -> None:
    house.say({**told_of(NONE, STUCK), "journalctl": (1, "", "No journal files were opened due to permissions.")})
    status = typed("status")
    assert (status.returncode, status.stderr) == (1, "")
    for told in (
        "voiced.service (this machine): waits to be started again",
        "it was stuck: the watchdog ended it",
        "restarts:   4",
        "it does not start by itself (disabled)",
        "systemctl --system daemon-reload",
        "members of the group systemd-journal",
    ):
        assert told in status.stdout


def test_nothing_installed_is_exit_code_3(house: Household, typed: Typed) -> None:
    house.say(told_of(NONE, NONE))
    status = typed("status")
    assert (status.returncode, status.stdout) == (
        3,
        "voiced is not installed as a service; say: voiced service install\n",
    )


def test_after_su_the_system_service_is_told_nonetheless(house: Household, typed: Typed) -> None:
    house.say({"systemctl --user": (1, "", "Failed to connect to bus: No medium found"), **told_of("", RUNS)})
    house.answers = {key: each for key, each in house.answers.items() if key != "systemctl --user show voiced.service"}
    house.say({})
    status = typed("status")
    assert (status.returncode, status.stdout.splitlines()[0].partition(":")[0]) == (0, "voiced.service (this machine)")


@pytest.mark.parametrize("key", ["", "two words", "ключ"], ids=["empty", "words", "letters"])
def test_a_key_that_can_be_none_is_refused_before_anything_is_changed(key: str, house: Household, typed: Typed) -> None:
    (house.root / "key").write_text(key, encoding="utf-8")
    refused = typed("install", "--user", "--key-file", str(house.root / "key"))
    assert refused.returncode == 1
    assert refused.stderr.startswith(f"voiced: {house.root / 'key'}")
    assert refused.stderr.count("\n") == 1
    assert not key or key not in refused.stderr
    assert not (house.root / "home").exists()


def test_the_service_of_the_machine_takes_root_and_the_command_for_that_is_told(house: Household) -> None:
    """As any user: root, in whose name this may run, becomes nobody once all is imported."""
    as_nobody = (
        "import os, sys, voiced.control.client, voiced.cli.service as service; service.running_program(); "
        "from voiced.cli import main; os.geteuid() or os.setuid(65534); sys.exit(main())"
    )
    refused = subprocess.run(
        [sys.executable, "-c", as_nobody, "service", "install", "--system", "--no-start"],
        env=house.environ, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert refused.returncode == 1
    assert refused.stderr.startswith("voiced: a service of the whole machine takes root; say: sudo /")
    assert refused.stderr.endswith(" service install --system --no-start\n")


def test_whose_service_can_not_be_both(typed: Typed) -> None:
    both = typed("install", "--user", "--system")
    assert (both.returncode, "not allowed with argument" in both.stderr) == (2, True)

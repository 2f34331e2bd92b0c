"""Installing: what is written, what systemd is told, and what is refused before anything is changed."""

from __future__ import annotations

import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.service.machine import Household
from voiced.config import load_config
from voiced.errors import ServiceError
from voiced.service.installation import Wish, install, uninstall
from voiced.service.units import Scope

KEY = "sk-proj-0123456789abcdefghijklmnop"
PROGRAM = ("/opt/voiced/bin/voiced",)
NOBODY = {"getent passwd voiced": (2, "", "")}
DESKTOP = {"systemctl --user is-active graphical-session.target": (0, "active", "")}


@pytest.fixture
def house(tmp_path: Path) -> Household:
    return Household(tmp_path)


def installed(house: Household, wish: Wish) -> list[str]:
    """What it told."""
    lines: list[str] = []
    install(house.seen_by(0 if wish.scope == "system" else 1000), wish, lines.append)
    return lines


def removed(house: Household, scope: Scope, *, force: bool = False) -> list[str]:
    lines: list[str] = []
    uninstall(house.seen_by(0 if scope == "system" else 1000), scope, lines.append, force=force)
    return lines


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


SYSTEM_UNIT, USER_UNIT = "etc/systemd/system/voiced.service", "home/ada/.config/systemd/user/voiced.service"


def test_a_machine_gets_a_user_a_key_and_a_unit(house: Household) -> None:
    house.say({**NOBODY, "getent group gpio": (2, "", "")})
    lines = installed(house, Wish("system", PROGRAM, KEY))
    assert house.told() == [
        "systemctl --system show --property=Version",
        "getent passwd voiced",
        "getent group audio",
        "getent group gpio",
        "useradd --system --user-group --groups audio --home-dir /var/lib/voiced --no-create-home"
        " --shell /usr/sbin/nologin voiced",
        "systemctl --system daemon-reload",
        "systemctl --system reenable voiced.service",
        "systemctl --system restart voiced.service",
    ]
    key = house.root / "etc/voiced/openai_api_key"
    assert (key.read_text(), mode(key), mode(key.parent)) == (f"{KEY}\n", 0o600, 0o755)
    unit = (house.root / SYSTEM_UNIT).read_text()
    assert "\nExecStart=/opt/voiced/bin/voiced run\n" in unit
    assert "\nLoadCredential=openai_api_key:/etc/voiced/openai_api_key\n" in unit
    assert str(house.root / SYSTEM_UNIT) in " ".join(lines)
    assert "usermod -aG voiced" in " ".join(lines)
    assert KEY not in " ".join([*lines, unit, repr(Wish("system", PROGRAM, KEY))])


def test_on_a_raspberry_pi_the_user_gets_the_pins_too(house: Household) -> None:
    house.say(NOBODY)
    installed(house, Wish("system", PROGRAM))
    assert [each for each in house.told() if "--groups audio,gpio " in each]


def test_without_a_key_systemd_is_not_told_of_one_and_a_key_that_lies_there_is_used(house: Household) -> None:
    installed(house, Wish("system", PROGRAM))
    assert "LoadCredential=" not in (house.root / SYSTEM_UNIT).read_text()
    (house.root / "etc/voiced/openai_api_key").write_text(KEY)
    installed(house, Wish("system", PROGRAM))
    assert "LoadCredential=" in (house.root / SYSTEM_UNIT).read_text()


def test_on_a_desktop_it_comes_and_goes_with_the_session(house: Household) -> None:
    house.say(DESKTOP)
    lines = installed(house, Wish("user", PROGRAM))
    unit = (house.root / USER_UNIT).read_text()
    assert "\nWantedBy=graphical-session.target\n" in unit
    assert "\nPartOf=graphical-session.target\n" in unit
    assert not any("linger" in line for line in lines)
    assert house.told()[-3:] == [
        "systemctl --user daemon-reload",
        "systemctl --user reenable voiced.service",
        "systemctl --user restart voiced.service",
    ]


def test_where_there_is_no_desktop_it_comes_with_the_login_and_linger_is_explained(house: Household) -> None:
    lines = installed(house, Wish("user", PROGRAM, start=False))
    unit = (house.root / USER_UNIT).read_text()
    assert "\nWantedBy=default.target\n" in unit
    assert not [line for line in unit.splitlines() if line.endswith("graphical-session.target")]
    assert any("loginctl enable-linger ada" in line for line in lines)
    assert house.told()[-1] == "systemctl --user reenable voiced.service"
    (house.root / "var/lib/systemd/linger").mkdir(parents=True)
    (house.root / "var/lib/systemd/linger/ada").touch()
    assert not any("linger" in line for line in installed(house, Wish("user", PROGRAM, start=False)))


@pytest.mark.parametrize("before", ["", "[turn]\nhangover_ms = 700"], ids=["no_settings", "settings"])
def test_ones_own_key_is_named_in_ones_own_settings(house: Household, before: str) -> None:
    file = house.root / "home/ada/.config/voiced/voiced.toml"
    file.parent.mkdir(parents=True)
    if before:
        file.write_text(before)
    for _ in range(2):
        installed(house, Wish("user", PROGRAM, KEY))
    loaded = load_config(file, environ={})
    assert loaded.secrets.openai_key().get_secret_value() == KEY
    assert mode(file.parent / "openai_api_key") == 0o600
    assert loaded.config.turn.hangover_ms == (700 if before else load_config(environ={}).config.turn.hangover_ms)


def test_settings_that_are_a_link_stay_one(house: Household) -> None:
    file, dotfile = house.root / "home/ada/.config/voiced/voiced.toml", house.root / "home/ada/dotfiles/voiced.toml"
    for each in (file, dotfile):
        each.parent.mkdir(parents=True)
    dotfile.touch()
    file.symlink_to(dotfile)
    installed(house, Wish("user", PROGRAM, KEY))
    assert file.is_symlink()
    assert "openai_api_key" in dotfile.read_text()


def test_with_settings_that_are_no_toml_nothing_is_changed(house: Household) -> None:
    file = house.root / "home/ada/.config/voiced/voiced.toml"
    file.parent.mkdir(parents=True)
    file.write_text("[openai")
    with pytest.raises(ServiceError, match="this is not TOML"):
        installed(house, Wish("user", PROGRAM, KEY))
    assert list(file.parent.iterdir()) == [file]
    assert not (house.root / USER_UNIT).exists()


def test_settings_that_name_another_key_are_left_alone(house: Household) -> None:
    file = house.root / "home/ada/.config/voiced/voiced.toml"
    file.parent.mkdir(parents=True)
    file.write_text('[openai]\nkey_file = "~/mine"\n')
    lines = installed(house, Wish("user", PROGRAM, KEY))
    assert file.read_text() == '[openai]\nkey_file = "~/mine"\n'
    assert any(f'write: key_file = "{file.parent}/openai_api_key"' in line for line in lines)


def test_a_unit_that_somebody_changed_is_not_overwritten_unless_told_so(house: Household) -> None:
    unit = house.root / USER_UNIT
    installed(house, Wish("user", PROGRAM))
    unit.write_text(unit.read_text() + "# mine\n")
    house.told()
    with pytest.raises(ServiceError, match=r"drop-in \(systemctl --user edit voiced\), and say --force"):
        installed(house, Wish("user", PROGRAM))
    with pytest.raises(ServiceError, match="say --force"):
        removed(house, "user")
    assert not [command for command in house.told() if "show" not in command and "is-active" not in command]
    installed(house, Wish("user", PROGRAM, force=True))
    assert "# mine" not in unit.read_text()


def test_a_unit_that_an_earlier_voiced_wrote_is_overwritten(house: Household) -> None:
    installed(house, Wish("user", ("/home/ada/old/bin/voiced",)))
    installed(house, Wish("user", PROGRAM))
    assert "ExecStart=/opt/voiced/bin/voiced run" in (house.root / USER_UNIT).read_text()


@pytest.mark.parametrize("program", ["/home/ada/.local/bin/voiced", "/" + "root/bin/voiced", "/tmp/venv/bin/voiced"])
def test_a_program_that_the_sandbox_hides_is_no_system_service(house: Household, program: str) -> None:
    with pytest.raises(ServiceError, match=f"can't see {program}; install voiced for the whole machine"):
        installed(house, Wish("system", (program,)))
    assert not (house.root / SYSTEM_UNIT).exists()


def test_without_systemd_one_sentence_says_so_and_nothing_is_written(house: Household) -> None:
    not_booted = "System has not been booted with systemd as init system (PID 1). Can't operate."
    house.say({"systemctl --system show": (1, "", not_booted)})
    with pytest.raises(ServiceError, match="systemd does not run here"):
        installed(house, Wish("system", PROGRAM, KEY))
    assert not (house.root / "etc").exists()
    assert not (house.root / "home").exists()


def test_after_su_it_is_told_to_log_in(house: Household) -> None:
    house.say({"systemctl --user": (1, "", "Failed to connect to bus: No medium found")})
    with pytest.raises(ServiceError, match="log in as yourself"):
        installed(house, Wish("user", PROGRAM))


def test_one_that_does_not_start_is_told_with_where_to_look(house: Household) -> None:
    house.say({"systemctl --system restart": (1, "", "Job for voiced.service failed.")})
    with pytest.raises(ServiceError, match=r"journalctl -u voiced -n 20(.|\n)*Job for voiced.service failed\."):
        installed(house, Wish("system", PROGRAM))


def test_uninstalling_takes_the_unit_alone_and_tells_what_is_left(house: Household) -> None:
    installed(house, Wish("system", PROGRAM, KEY))
    house.told()
    lines = " ".join(removed(house, "system"))
    assert house.told() == [
        "systemctl --system disable --now voiced.service",
        "systemctl --system daemon-reload",
        "systemctl --system reset-failed voiced.service",
    ]
    assert not (house.root / SYSTEM_UNIT).exists()
    assert (house.root / "etc/voiced/openai_api_key").exists()
    assert f"sudo rm -r {house.root}/etc/voiced" in lines
    assert "sudo userdel voiced" in lines
    with pytest.raises(ServiceError, match=r"there is no .*voiced\.service"):
        removed(house, "system")


def test_a_program_whose_name_systemd_does_not_take_is_told(house: Household) -> None:
    with pytest.raises(ServiceError, match="does not take quotes"):
        installed(house, Wish("user", ('/opt/"voiced"/bin/voiced',)))


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
@pytest.mark.parametrize(
    ("scope", "key", "desktop"),
    [("system", None, False), ("system", KEY, False), ("user", None, True), ("user", None, False)],
)
def test_systemd_takes_what_is_written(house: Household, scope: Scope, key: str | None, desktop: bool) -> None:
    odd = house.root / "an odd $HOME of 100%/voiced"
    odd.parent.mkdir()
    odd.symlink_to(sys.executable)
    program = (str(odd),) if scope == "user" else ("/usr/bin/env", "voiced")  # the sandbox hides /tmp
    if desktop:
        house.say(DESKTOP)
    installed(house, Wish(scope, program, key))
    unit = house.root / (SYSTEM_UNIT if scope == "system" else USER_UNIT)
    (house.root / "runtime").mkdir(mode=0o700)
    verified = subprocess.run(
        ["systemd-analyze", "verify", f"--{scope}", "--man=no", "--recursive-errors=no", str(unit)],
        env={"PATH": "/usr/bin:/bin", "HOME": str(house.root), "XDG_RUNTIME_DIR": str(house.root / "runtime")},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (verified.returncode, verified.stderr) == (0, "")
    assert re.search(r"^# Written by voiced \d", unit.read_text())

"""Users, groups and sessions."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from voiced.doctor.finding import Finding
from voiced.doctor.session import Devices, Folder, Session, devices_here, folder_state, judged, session_here

ADA = Session("ada", 1000, "there", "/run/user/1000")
SOUND = Devices("Without it there is no microphone", "audio", there=True, usable=False)


def wrong(session: Session, *devices: Devices) -> list[Finding]:
    return [each for each in judged(session, devices) if each.level in ("problem", "warning")]


def test_a_session_in_which_all_is_well() -> None:
    [finding] = judged(ADA, [replace(SOUND, usable=True)])
    assert (finding.level, finding.what) == ("ok", "ada may use what voiced needs")


@pytest.mark.parametrize("group", ["audio", "input", "gpio"])
def test_a_user_who_is_not_in_the_group(group: str) -> None:
    [finding] = wrong(ADA, replace(SOUND, group=group))
    assert (finding.level, finding.what) == ("problem", f"the user ada is not in the group {group}")
    assert finding.mend == f"sudo usermod -aG {group} ada   # then log out, and in again"


def test_a_user_who_did_not_log_in_anew_since() -> None:
    [finding] = wrong(ADA, replace(SOUND, member=True))
    assert "since you logged in last" in finding.what
    assert finding.mend == "sudo loginctl terminate-user ada   # logs you out"


def test_groups_that_do_not_matter() -> None:
    assert wrong(ADA, replace(SOUND, there=False)) == [], "no sound card: another area tells that"
    assert wrong(replace(ADA, sound_server=True), SOUND) == [], "PipeWire opens it for everybody in the session"
    assert wrong(replace(ADA, sound_server=True), replace(SOUND, group="input")) != []


@pytest.mark.parametrize(
    ("runtime", "what"),
    [
        ("not set", "XDG_RUNTIME_DIR is not set"),
        ("gone", "XDG_RUNTIME_DIR names /run/user/1000, and there is no such folder"),
        ("not yours", "XDG_RUNTIME_DIR names /run/user/1000, which is another user's"),
    ],
)
def test_a_session_without_its_folder(runtime: Folder, what: str) -> None:
    [finding] = wrong(replace(ADA, runtime=runtime))
    assert (finding.level, finding.what) == ("problem", what)
    assert finding.mend == "sudo loginctl enable-linger ada; export XDG_RUNTIME_DIR=/run/user/1000"
    assert wrong(replace(ADA, runtime=runtime, service=True)) == [], "a service of the machine has a folder of its own"


def test_the_state_of_the_folder(tmp_path: Path) -> None:
    assert folder_state("", os.getuid()) == "not set"
    assert folder_state(str(tmp_path), os.getuid()) == "there"
    assert folder_state(str(tmp_path / "gone"), os.getuid()) == "gone"
    assert folder_state(str(tmp_path), os.getuid() + 1) == "not yours"


def test_a_service_that_ends_with_the_session() -> None:
    [finding] = wrong(replace(ADA, user_unit=True))
    assert (finding.level, finding.mend) == ("warning", "sudo loginctl enable-linger ada")
    assert wrong(replace(ADA, user_unit=True, lingers=True)) == []
    assert wrong(replace(ADA, user_unit=True, desktop=True)) == [], "on a desktop that is how it is meant"


def test_root() -> None:
    root = Session("root", 0, "not set")
    assert wrong(root) == []
    [finding] = wrong(replace(root, sudo_user="ada"))
    assert finding.what == "this looks at root's settings and sound, not at those of ada"
    assert finding.mend == "voiced doctor   # without sudo"


def test_this_session(tmp_path: Path) -> None:
    (tmp_path / "pipewire-0").touch()
    unit = tmp_path / ".config/systemd/user/voiced.service"
    unit.parent.mkdir(parents=True)
    unit.touch()
    here = session_here({"HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path), "DISPLAY": ":0"})
    assert (here.uid, here.runtime, here.desktop, here.sound_server, here.user_unit) == (
        os.geteuid(), "there", True, True, True,
    )  # fmt: skip
    bare = session_here({})
    assert (bare.runtime, bare.desktop, bare.sound_server, bare.user_unit, bare.service) == (
        "not set", False, False, False, False,
    )  # fmt: skip
    assert session_here({"RUNTIME_DIRECTORY": "/run/voiced"}).service


def test_device_files(tmp_path: Path) -> None:
    assert not devices_here("x", "audio", tmp_path / "no folder", "pcm*").there
    assert not devices_here("x", "audio", tmp_path, "pcm*").there
    (tmp_path / "pcmC0D0c").touch()
    found = devices_here("x", "no-such-group", tmp_path, "pcm*", os.R_OK | os.W_OK)
    assert (found.there, found.usable, found.member) == (True, True, False)
    assert not devices_here("x", "audio", tmp_path, "pcm*", os.X_OK).usable


@pytest.mark.parametrize(("folder", "state"), [("", "not set"), (f"/{'long' * 99}", "gone")])
def test_a_folder_that_can_not_be_looked_into_is_told(
    folder: str, state: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pulse").mkdir()
    (tmp_path / "pulse/native").touch()
    monkeypatch.chdir(tmp_path)  # where no session is, whatever lies there
    session = session_here({"XDG_RUNTIME_DIR": folder, "HOME": folder})
    assert (session.runtime, session.sound_server, session.user_unit) == (state, False, False)

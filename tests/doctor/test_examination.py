"""The whole examination: by itself, beside a running voiced, and where almost nothing works."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tarfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.daemon.household import Household
from tests.daemon.process import NO_PORTAUDIO, Process
from tests.doctor.conftest import MakePlaces
from tests.doctor.test_microphone import passing
from tests.doctor.test_sound import MISSING, Broken
from voiced.control.protocol import Mute
from voiced.doctor.deadline import Broke, Hung
from voiced.doctor.examination import Probe, consistent, examine, told
from voiced.doctor.finding import Finding
from voiced.errors import DeviceFailed, PortAudioMissing
from voiced.testing.http import HttpLoopback
from voiced.testing.loopback import LoopbackServer
from voiced.testing.sound_card import VirtualCard

KEY = "sk-proj-0123456789abcdefgh"

WHOLE = """
[realtime]
base_url = "{url}"
[cascade]
base_url = "{url}"
[ai.providers.openai]
base_url = "{url}"
"""


BROKEN = '[turn]\nhangover = 700\n[capture]\necho = "off"\n'
"""With it no plugins are imported, and no echo is cancelled, which takes a while."""


def wrong(findings: tuple[Finding, ...], *, but: str = "") -> list[str]:
    """In areas that do not depend on the machine that runs the tests, and not in that one."""
    return [
        f"{each.area}: {each.what}"
        for each in findings
        if each.level == "problem" and each.area not in ("session", but)
    ]


async def test_a_machine_on_which_all_is_well(places: MakePlaces) -> None:
    async with HttpLoopback(valid_key=KEY) as there:
        card = VirtualCard(noise_dbfs=-60.0)
        where = places(WHOLE.format(url=there.base_url), OPENAI_API_KEY=KEY)
        with passing(card):
            examined = await asyncio.to_thread(examine, where, card, hear_s=0.6)
    assert wrong(examined.findings) == []
    fine = {each.area for each in examined.findings if each.level == "ok"}
    assert fine >= {"settings", "disk", "network", "key", "sound", "listening", "plugins"}
    assert not examined.hangs


async def test_a_key_that_is_refused_in_all(places: MakePlaces) -> None:
    async with HttpLoopback(valid_key="sk-another-0123456789") as there:
        where = places(BROKEN + WHOLE.format(url=there.base_url), OPENAI_API_KEY=KEY)
        examined = await asyncio.to_thread(examine, where, Broken(PortAudioMissing(MISSING)))
    assert wrong(examined.findings, but="settings") == [
        "key: 127.0.0.1 does not accept the key",
        "sound: PortAudio is not installed",
    ]
    assert not examined.is_well
    assert KEY not in repr(examined)


def test_offline_asks_nobody(places: MakePlaces) -> None:
    where = places(BROKEN + '[realtime]\nbase_url = "http://no-such-host.invalid/v1"\n', OPENAI_API_KEY=KEY)
    examined = examine(where, Broken(PortAudioMissing(MISSING)), offline=True)
    assert ("note", "no server was asked") in [(each.level, each.what) for each in examined.findings]
    assert not any("no-such-host" in each.what for each in examined.findings)
    assert any(each.area == "clock" for each in examined.findings)


def test_settings_that_are_wrong_keep_nothing_else_from_being_looked_at(places: MakePlaces) -> None:
    where = places(BROKEN + '[brain]\norder = ["offline"]\n')
    examined = examine(where, Broken(PortAudioMissing(MISSING)))
    [first, *_] = examined.findings
    assert first.area == "settings"
    assert first.what.endswith("voiced.toml:2: no such setting: turn.hangover")
    assert {each.area for each in examined.findings} >= {"settings", "disk", "sound", "voiced", "listening"}
    assert not [each for each in examined.findings if each.area == "key"], (
        "offline needs none, and that is right of them"
    )


async def test_beside_a_running_voiced_nothing_is_opened(places: MakePlaces, tmp_path: Path) -> None:
    async with Household(tmp_path, LoopbackServer([])) as home:
        await home.ready()
        await home.control(Mute(muted=True))
        nobody_opens = Broken(DeviceFailed("it was opened"))
        examining = asyncio.create_task(
            asyncio.to_thread(examine, places('[capture]\necho = "off"\n'), nobody_opens, offline=True)
        )
        await home.until(examining.done)
    examined = examining.result()
    found = {each.what: each.mend for each in examined.findings}
    assert found["the running voiced is muted"] == "voiced unmute"
    assert any(what.startswith("the running voiced has its loudspeaker") for what in found)
    assert not any("opened" in what for what in found)
    assert wrong(examined.findings) == []


def test_what_hangs_is_a_finding() -> None:
    probe = Probe("sound", list, 15.0, "sudo reboot")
    [finding] = told(probe, Hung(15.0))
    assert (finding.level, finding.area, finding.mend) == ("problem", "sound", "sudo reboot")
    assert finding.what == "looking at the sound did not end within 15 s"


def test_a_device_that_hangs_is_left_behind(places: MakePlaces) -> None:
    never = threading.Event()

    class Hanging(Broken):
        def devices(self) -> list[Any]:
            never.wait(60)
            return []

    examined = examine(places(BROKEN), Hanging(DeviceFailed("")), offline=True, sound_s=0.2)
    never.set()
    assert examined.hangs
    assert "sound: looking at the sound did not end within 0 s" in wrong(examined.findings)


def test_what_breaks_is_a_finding() -> None:
    [finding] = told(Probe("plugins", list), Broke(RuntimeError("with sk-proj-0123456789abcdef in it")))
    assert (finding.level, finding.mend) == ("warning", "voiced plugin check")
    assert finding.what == "the plugins could not be looked at: with sk-[redacted] in it"


def test_a_key_that_only_the_running_voiced_has() -> None:
    missed = Finding("problem", "key", "no API key for api.openai.com", "It is for talking.", "export OPENAI_API_KEY=…")
    ready = {"state": "ready", "reason": ""}
    assert list(consistent([missed], None)) == [missed]
    assert list(consistent([missed], {"brains": {"offline": ready}})) == [missed], "that one needs none"
    [note] = consistent([missed], {"brains": {"realtime": ready}})
    assert (note.level, note.what) == (
        "note", "no API key for api.openai.com in this shell; the running voiced has its own",
    )  # fmt: skip


def test_what_is_seen_here_and_told_by_the_running_voiced_is_told_once() -> None:
    here = Finding("problem", "listening", "the key to talk does not work here", "there is no DISPLAY.", "mend it")
    told_by_it = Finding("problem", "voiced", "of its keys the running voiced has none", here.why, "mend it")
    another = Finding("problem", "voiced", told_by_it.what, "another program has the hotkey f9.", "mend it")
    assert list(consistent([here, told_by_it], None)) == [here]
    assert list(consistent([here, another], None)) == [here, another]


# The command.


class Patient:
    """Somebody's machine, as `voiced doctor` sees it from a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.environ = {name: str(folder) for name in ("HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR", "XDG_STATE_HOME")}
        stubs = folder / "stubs"
        stubs.mkdir()
        (stubs / "sounddevice.py").write_text(NO_PORTAUDIO)
        self.environ |= {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(stubs), "PYTHONWARNINGS": "error"}
        self._folder = folder

    def doctor(self, *arguments: str, environ: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "voiced", "doctor", "--offline", *arguments],
            env={**self.environ, **(environ or {})},
            cwd=self._folder,
            capture_output=True,
            text=True,
            timeout=60,
        )


@pytest.fixture
def patient(tmp_path: Path) -> Patient:
    return Patient(tmp_path)


def test_a_first_look_in_words_a_report_and_for_programs(patient: Patient, tmp_path: Path) -> None:
    """No PortAudio, settings that are wrong, and a key that must not show."""
    (tmp_path / "voiced").mkdir()
    (tmp_path / "voiced" / "voiced.toml").write_text(BROKEN)
    done = patient.doctor("--report", environ={"OPENAI_API_KEY": KEY})
    assert done.returncode == 1, done.stderr
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert "problem" in lines[0]
    assert lines[2].startswith("problem   settings:")
    assert "mend it:  sudo apt-get install libportaudio2" in done.stdout
    assert "\x1b" not in done.stdout
    assert KEY not in done.stdout
    [bundle] = tmp_path.glob("voiced-report-*.tar.gz")
    with tarfile.open(bundle) as file:
        assert "voiced-report/doctor.txt" in file.getnames()


@pytest.mark.parametrize(
    "environ",
    [
        {"XDG_STATE_HOME": "/proc/nowhere", "HOME": "/proc/nowhere"},
        {
            "HOME": "",
            "XDG_RUNTIME_DIR": "",
            "XDG_CONFIG_HOME": "",
            "XDG_STATE_HOME": "",
            "NOTIFY_SOCKET": "/run/nowhere",
            "RUNTIME_DIRECTORY": "/run/nowhere",
            "STATE_DIRECTORY": "/proc/nowhere",
        },
    ],
    ids=["unwritable home", "inside systemd, with no home"],
)
def test_where_almost_nothing_works(environ: dict[str, str], patient: Patient) -> None:
    done = patient.doctor("--json", environ=environ)
    found = json.loads(done.stdout)
    assert (done.returncode, found["ok"], done.stderr) == (1, False, "")
    problems = {each["area"] for each in found["findings"] if each["level"] == "problem"}
    assert {"disk", "sound"} <= problems
    assert all(each["mend"] for each in found["findings"] if each["level"] in ("problem", "warning"))


async def test_beside_voiced_run(tmp_path: Path) -> None:
    async with Process(tmp_path, portaudio=False, order='["offline"]') as running:
        await running.logged("brain.ready")
        code, out, error = await running.command("doctor", "--offline", "--set", 'brain.order=["offline"]')
    assert (code, error) == (1, ""), error
    assert "the running voiced lost its microphone: PortAudio is not installed" in " ".join(out.split())

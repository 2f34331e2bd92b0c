"""The bundle for whoever is to help: useful, with nothing secret and nothing that anybody said."""

from __future__ import annotations

import json
import socket
import stat
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.doctor.conftest import MakePlaces
from tests.doctor.test_sound import MISSING, Broken
from tests.full_disk import full_disk
from voiced.config import Places
from voiced.doctor import settings_file
from voiced.doctor.anonymity import cleaner
from voiced.doctor.case import Case
from voiced.doctor.examination import Examination
from voiced.doctor.finding import Finding
from voiced.doctor.report import ReportFailed, log_lines, usual_name, write
from voiced.doctor.session import user_name
from voiced.errors import PortAudioMissing
from voiced.testing.sound_card import VirtualCard

SECRETS = {
    "OPENAI_API_KEY": "sk-proj-planted-in-variable",
    "DEEPSEEK_API_KEY": "planted.in.no.known.shape",
    "KIOSK_TOKEN": "planted-token-of-the-page",
    "VOICED_SECRET_HOME_ASSISTANT_TOKEN": "planted-token-of-a-plugin",
    "SOME_PASSWORD": "planted-password",
}
SETTINGS = """
[openai]
key_file = "{folder}/key"
[ai]
order = ["openai", "deepseek"]
[realtime]
instructions = "You live with Ada; the \\"planted\\" code is # 4711."
[cascade]
stt_prompt = "planted names of the family"
[kiosk]
names = ["planted.example"]
[plugin.weather]
place = "Planted upon Tyne"
latitude = 54.971
[plugin.mcp]
servers = {{ notes = {{ command = "x", env = {{ NOTES_API_KEY = "planted-in-a-table" }} }} }}
"""


@pytest.fixture
def examined(places: MakePlaces, tmp_path: Path) -> tuple[Places, Examination]:
    """Of somebody with keys everywhere, who talked."""
    (tmp_path / "key").write_text("sk-proj-planted-in-file")
    there = places(SETTINGS.format(folder=tmp_path), **SECRETS)
    status: dict[str, Any] = {
        "floor": "idle",
        "devices": {},
        "failures": [
            {"ago_s": 1, "what": f"{tmp_path}/x of {user_name()} at {socket.gethostname()}: planted-password"}
        ],
        "brain": {"reason": "no key: give the unit LoadCredential=openai_api_key:FILE"},
        "history": [{"who": "user", "text": "my secret is plantedword"}],
        "cards": [{"title": "plantedword"}],
    }
    case = Case(settings_file.read(there).loaded, VirtualCard(), status)
    mend = "export OPENAI_API_KEY=…"
    finding = Finding("problem", "key", "Authorization: Bearer sk-proj-planted-in-variable was refused", mend=mend)
    return there, Examination(case, (finding,))


def test_nothing_secret_is_in_it(examined: tuple[Places, Examination], tmp_path: Path) -> None:
    file = tmp_path / "report.tar.gz"
    parts = write(file, examined[0], VirtualCard(), examined[1])
    texts = unpacked(file)
    assert list(texts) == [f"voiced-report/{part}" for part in parts]
    whole = "\n".join(texts.values())
    assert "planted" not in whole.lower()
    assert "54.971" not in whole
    assert str(tmp_path) not in whole
    assert socket.gethostname() not in whole or socket.gethostname() == "localhost"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with tarfile.open(file) as bundle:
        assert {(each.uid, each.uname) for each in bundle} == {(0, "")}


def test_what_helps_is_in_it(examined: tuple[Places, Examination], tmp_path: Path) -> None:
    write(tmp_path / "report.tar.gz", examined[0], VirtualCard(), examined[1])
    texts = {name.removeprefix("voiced-report/"): text for name, text in unpacked(tmp_path / "report.tar.gz").items()}
    assert texts["doctor.txt"].startswith("1 problem")
    assert json.loads(texts["doctor.json"])[0]["area"] == "key"
    assert json.loads(texts["doctor.json"])[0]["mend"] == "export OPENAI_API_KEY=…"
    assert 'instructions = "[' in texts["settings.txt"], "how long they are"
    assert 'order = ["openai", "deepseek"]' in texts["settings.txt"]
    assert "~/key" in texts["settings.txt"]
    assert 'place = "[' in texts["settings.txt"]
    assert "python: 3." in texts["system.txt"]
    assert "kernel: Linux" in texts["system.txt"]
    assert "numpy==" in texts["packages.txt"]
    assert json.loads(texts["devices.json"])[0]["name"] == "virtual microphone"
    assert json.loads(texts["status.json"])["floor"] == "idle", "JSON still, with a key's place taken out"
    assert "lines are left out" in texts["log-user.txt"]


def test_parts_that_can_not_be_had_say_why(examined: tuple[Places, Examination], tmp_path: Path) -> None:
    there, examination = examined
    file = tmp_path / "report.tar.gz"
    write(file, there, Broken(PortAudioMissing(MISSING)), replace(examination, case=None))
    texts = unpacked(file)
    assert "PortAudioMissing: PortAudio is not installed" in texts["voiced-report/devices.json"]
    assert texts["voiced-report/settings.txt"] == "(they could not be read)\n"
    assert "planted" not in "".join(texts.values())


def test_a_bundle_overwrites_nothing(examined: tuple[Places, Examination], tmp_path: Path) -> None:
    file = tmp_path / "letter.tar.gz"
    file.write_text("to a friend")
    with pytest.raises(ReportFailed, match="is there already; name another file"):
        write(file, examined[0], VirtualCard(), examined[1])
    assert file.read_text() == "to a friend"
    with pytest.raises(ReportFailed, match="can't be written"):
        write(tmp_path / "nowhere" / "x.tar.gz", examined[0], VirtualCard(), examined[1])


def test_on_a_full_disk_no_half_bundle_is_left(examined: tuple[Places, Examination], tmp_path: Path) -> None:
    file = tmp_path / "report.tar.gz"
    with full_disk(), pytest.raises(ReportFailed, match="can't be written"):
        write(file, examined[0], VirtualCard(), examined[1])
    assert not file.exists()


def test_its_usual_name() -> None:
    name = usual_name(1_795_900_000.0)
    assert str(name).startswith("voiced-report-20261")
    assert name.parent == Path()


def test_the_log_without_what_was_said() -> None:
    lines = [
        {"event": "turn", "turn": 1, "level": "info", "timestamp": "…"},
        {"event": "user heard", "text": "my secret", "level": "debug"},
        {"event": "plugin printed", "text": "my secret", "level": "info"},
        {"event": "edge.broke_down", "edge": "realtime", "level": "error"},
    ]
    text = "\n".join([*map(json.dumps, lines), "Traceback: my secret", "Started voiced.service", '["my secret"]'])
    shown = log_lines(text)
    assert "secret" not in shown
    assert [json.loads(line)["event"] for line in shown.splitlines()[:-1]] == ["turn", "edge.broke_down"]
    assert shown.splitlines()[-1].startswith("(5 lines are left out")


def test_names_and_homes() -> None:
    clean = cleaner(home="/home/pi", user="pi", host="kitchen.lan", secrets=["s3cret-word", "short"])
    assert clean("/home/pi/voiced on kitchen.lan, /home/pit, raspi, pi@kitchen") == (
        "~/voiced on HOST, /home/USER, raspi, USER@HOST"
    )
    assert clean("s3cret-word is short") == "[redacted] is short"
    assert clean('{"api_key": "abc", "token": ""}') == '{"api_key": "[redacted]", "token": ""}'
    assert clean(json.dumps({"what": '{"api_key": "abc"}'})) == json.dumps({"what": '{"api_key": "[redacted]"}'})
    assert clean('{"why": "token=abc"}') == '{"why": "token=[redacted]"}'
    assert clean('key_file = "/keys/mine"') == 'key_file = "/keys/mine"'


def test_the_names_of_others_and_of_their_devices() -> None:
    clean = cleaner(home="/root", user="root", host="localhost", secrets=[])
    assert clean("/home/ada/voiced/.venv/bin/voiced") == "/home/USER/voiced/.venv/bin/voiced"
    assert clean("bluez_output.AC_12_2F_50_00_FE.1 is AC:12:2F:50:00:FE") == "bluez_output.ADDRESS.1 is ADDRESS"
    assert clean("at 12:30:05 on 2026-11-29") == "at 12:30:05 on 2026-11-29"


def test_names_that_tell_nobody() -> None:
    clean = cleaner(home="/root", user="root", host="localhost", secrets=[])
    assert clean("root at localhost runs voiced in /root") == "root at localhost runs voiced in /root"


def unpacked(file: Path) -> dict[str, str]:
    texts = {}
    with tarfile.open(file) as bundle:
        for entry in bundle:
            data = bundle.extractfile(entry)
            assert data is not None
            texts[entry.name] = data.read().decode()
    return texts

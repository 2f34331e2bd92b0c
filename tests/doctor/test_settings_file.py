"""Settings that are wrong: what is told of them, and that what is right of them counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.doctor.conftest import MakePlaces
from voiced.doctor.finding import Finding
from voiced.doctor.settings_file import read, warnings


def test_an_unknown_key_with_the_one_that_was_meant(places: MakePlaces, tmp_path: Path) -> None:
    reading = read(places('[turn]\nhangover = 700\n[openai]\nkey_file = "/keys/mine"\n'))
    file = tmp_path / "voiced.toml"
    assert reading.findings == (
        Finding(
            "problem",
            "settings",
            f"{file}:2: no such setting: turn.hangover",
            "voiced does not start until that is mended.",
            f"nano +2 {file}   # it is hangover_ms, in milliseconds: write hangover_ms = 700",
        ),
    )
    assert reading.broken
    assert reading.loaded.config.openai.key_file == "/keys/mine", "what is right is in force"


def test_each_mistake_is_told_and_the_rest_is_in_force(places: MakePlaces) -> None:
    text = '[turn]\nhangover_ms = "long"\nonset_ms = 80\n[captrue]\ndevice = "x"\n[brain]\norder = ["offline"]\n'
    reading = read(places(text, VOICED_PLAYOUT__VOLUME="300"))
    assert len(reading.findings) == 3
    assert all(finding.mend for finding in reading.findings)
    assert reading.loaded.config.turn.onset_ms == 80
    assert reading.loaded.config.turn.hangover_ms == 500
    assert reading.loaded.config.brain.order == ("offline",)
    assert reading.loaded.config.playout.volume == 70


@pytest.mark.parametrize("text", ["[turn\n", "hangover_ms =\n", "\x00 = 1\n"])
def test_a_file_that_is_no_toml(text: str, places: MakePlaces, tmp_path: Path) -> None:
    reading = read(places(text))
    [finding] = reading.findings
    assert "this is not TOML" in finding.what
    assert finding.mend.startswith(f"nano +1 {tmp_path}/voiced.toml   # write lines like")
    assert reading.loaded.config.turn.onset_ms == 60


def test_a_file_that_is_a_folder(places: MakePlaces, tmp_path: Path) -> None:
    (tmp_path / "voiced.toml").mkdir()
    [finding] = read(places()).findings
    assert "this is a directory" in finding.what


def test_settings_that_are_fine(places: MakePlaces, tmp_path: Path) -> None:
    assert read(places()).findings == (Finding("ok", "settings", "no file of settings: all is as it comes"),)
    fine = read(places("[turn]\nonset_ms = 80\n"))
    assert fine.findings == (Finding("ok", "settings", f"{tmp_path}/voiced.toml, with nothing wrong"),)


def test_a_key_that_everybody_can_read(places: MakePlaces, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("sk-proj-0123456789")
    key.chmod(0o644)
    [finding] = warnings(read(places(f'[openai]\nkey_file = "{key}"\n')).loaded)
    assert (finding.level, finding.mend) == ("warning", f"chmod 600 {key}")


def test_a_key_in_the_settings_is_not_printed(places: MakePlaces) -> None:
    reading = read(places('[openai]\napi_key = "sk-proj-0123456789abcdef"\n'))
    assert "0123456789" not in str(reading.findings)

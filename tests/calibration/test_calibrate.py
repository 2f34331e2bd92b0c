"""`voiced calibrate`: from a virtual room to the settings in a file."""

from __future__ import annotations

import asyncio
import io
import json
import sys
import threading
from argparse import Namespace
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.full_disk import full_disk
from voiced.calibration.advice import advice
from voiced.calibration.chirp import Room, chirp, measure
from voiced.calibration.recording import Recorder
from voiced.cli.calibrate import of_card
from voiced.config import load_config
from voiced.config.writing import change, changed
from voiced.errors import ConfigError, DeviceFailed
from voiced.testing.sound_card import Echo, VirtualCard

QUIET = Room(True, 80.0, 12.0, 140.0, -70.0, -20.0, 0.0, False)


class Turning:
    """A virtual card that turns by itself while it is used, as fast as it can."""

    def __init__(self, echo: Echo | None, latency_s: float = 0.02) -> None:
        self.card = VirtualCard(echo=echo, latency_s=latency_s)
        self._over = False
        self._thread = threading.Thread(target=self._turn)

    def __enter__(self) -> VirtualCard:
        self._thread.start()
        return self.card

    def __exit__(self, *_: object) -> None:
        self._over = True
        self._thread.join()

    def _turn(self) -> None:
        while not self._over:
            self.card.step()


def arguments(file: Path, **more: object) -> Namespace:
    return Namespace(**{"config": file, "overrides": [], "yes": True, "dry_run": False, "json": False, **more})


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "voiced.toml"
    file.write_text('# mine\n[capture]\ndevice = ""  # the default\n')
    return file


def test_the_room_is_measured_and_its_settings_written(file: Path) -> None:
    out = io.StringIO()
    with Turning(Echo(delay_ms=80, gain_db=-12.0, decay_s=0.0)) as card:
        assert of_card(arguments(file), out, card) == 0
    assert "80.0 ms late, 12." in out.getvalue() or "80.0 ms late, 11." in out.getvalue()
    assert file.read_text().startswith('# mine\n[capture]\ndevice = ""  # the default\n')
    written = load_config(file, environ={}).config.capture
    assert written.echo in ("cancel", "half-duplex")
    assert written.above_noise_db == 4.0


def test_a_headset_is_told_what_to_do_and_nothing_is_written(file: Path) -> None:
    before, out = file.read_text(), io.StringIO()
    with Turning(None) as card:
        assert of_card(arguments(file), out, card) == 1
    assert 'capture.echo = "off"' in out.getvalue()
    assert file.read_text() == before


def test_a_dry_run_for_a_program_writes_nothing(file: Path) -> None:
    before, out = file.read_text(), io.StringIO()
    with Turning(Echo()) as card:
        assert of_card(arguments(file, dry_run=True, json=True), out, card) == 0
    assert json.loads(out.getvalue())["room"]["heard"]
    assert file.read_text() == before


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("typed", "written"), [("\n", True), ("y\n", True), ("n\n", False), ("", False)])
def test_what_is_typed_decides_and_ctrl_d_is_no_yes(
    file: Path, monkeypatch: pytest.MonkeyPatch, typed: str, written: bool
) -> None:
    before, out = file.read_text(), io.StringIO()
    monkeypatch.setattr(sys, "stdin", Terminal(typed))
    with Turning(Echo()) as card:
        assert of_card(arguments(file, yes=False), out, card) == 0
    assert (file.read_text() != before) == written
    assert ("nothing was written" in out.getvalue()) != written


def test_with_nobody_to_ask_nothing_is_played(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    with pytest.raises(ConfigError, match="--yes"):
        of_card(arguments(file, yes=False), out, VirtualCard())
    assert out.getvalue() == ""


def test_a_card_with_no_microphone_says_so(file: Path) -> None:
    card = VirtualCard()
    card.unplug("input")
    with pytest.raises(DeviceFailed, match="unplugged"):
        Recorder(chirp()).record(card, "", "")


def test_a_microphone_that_is_unplugged_meanwhile_is_told_at_once() -> None:
    recorder = Recorder(chirp())
    with Turning(Echo()) as card, ThreadPoolExecutor(1) as pool:
        recording = pool.submit(recorder.record, card, "", "")
        asyncio.run(card.until_open(2))
        card.unplug("input")
        with pytest.raises(DeviceFailed, match="unplugged"):
            recording.result(timeout=4)


def test_the_delay_is_that_of_the_room_whatever_the_devices_add() -> None:
    for latency_s in (0.01, 0.15):
        with Turning(Echo(delay_ms=33, decay_s=0.0), latency_s) as card:
            heard, begins = Recorder(chirp()).record(card, "", "")
        assert measure(heard, begins).delay_ms == pytest.approx(33.0, abs=0.2)


# What follows from it.


def test_an_echo_that_a_canceller_reaches_is_cancelled() -> None:
    found = advice(QUIET, canceller=True, volume=80)
    assert found.settings == {"capture.echo": "cancel", "capture.above_noise_db": 4.0}
    assert found.warnings == ()


@pytest.mark.parametrize(("canceller", "delay_ms", "tail_ms"), [(False, 80.0, 350), (True, 600.0, 850)])
def test_any_other_echo_is_waited_for_until_it_came_and_died_away(
    canceller: bool, delay_ms: float, tail_ms: int
) -> None:
    room = Room(True, delay_ms, 12.0, 140.0, -50.0, -20.0, 0.0, False)
    assert advice(room, canceller=canceller, volume=80).settings == {
        "capture.echo": "half-duplex",
        "capture.echo_tail_ms": tail_ms,
        "capture.above_noise_db": 6.0,
    }


def test_noise_and_clipping_are_warned_of() -> None:
    loud = Room(True, 80.0, -3.0, 140.0, -40.0, 0.0, 0.2, False)
    warnings = advice(loud, canceller=True, volume=80).warnings
    assert len(warnings) == 3
    assert "overdriven" in warnings[0]


def test_a_muted_microphone_is_no_headset() -> None:
    muted = Room(False, 0.0, 90.0, 0.0, -100.0, -100.0, 0.0, True)
    assert "muted" in advice(muted, canceller=True, volume=80).warnings[0]


# The file.


def test_all_else_in_the_file_stays() -> None:
    text = '# top\n[turn]\nhangover_ms = 700  # slow\n\n[plugin.weather]\nplace = "Oslo"\n'
    after = changed(text, {"turn.hangover_ms": 600, "capture.echo": "off"})
    assert after.startswith('# top\n[turn]\nhangover_ms = 600  # slow\n\n[plugin.weather]\nplace = "Oslo"\n')
    assert '[capture]\necho = "off"\n' in after


def test_what_is_no_toml_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "voiced.toml"
    file.write_text("this is not\n")
    with pytest.raises(ConfigError, match="no TOML"):
        change(file, {"capture.echo": "off"})
    assert file.read_text() == "this is not\n"


def test_a_file_that_is_not_there_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "new" / "voiced.toml"
    change(file, {"capture.echo": "off"})
    assert file.read_text() == '[capture]\necho = "off"\n'
    assert file.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in file.parent.iterdir()] == ["voiced.toml"]


def test_a_full_disk_leaves_what_was_there_and_nothing_else(file: Path) -> None:
    before = file.read_text()
    with full_disk(), pytest.raises(ConfigError, match="can't be written"):
        change(file, {"capture.echo": "off"})
    assert file.read_text() == before
    assert list(file.parent.iterdir()) == [file]


def test_a_place_that_can_not_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="--config"):
        change(tmp_path / "file" / "voiced.toml", {"capture.echo": "off"})

"""Wake words, keys, pages and engines that the settings ask for and that are not there, or not safe."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.doctor.conftest import MakePlaces
from voiced.config import Loaded
from voiced.doctor.finding import Finding
from voiced.doctor.listening import keys, look, missing
from voiced.keys.choosing import Surroundings

MakeLoaded = Callable[..., Loaded]

TOKEN = "a-token-that-is-long-enough"


def wrong(loaded: Loaded) -> list[Finding]:
    return [finding for finding in look(loaded) if finding.level in ("problem", "warning")]


def test_settings_as_they_come(loaded: MakeLoaded) -> None:
    [finding] = look(loaded())
    assert finding == Finding("ok", "listening", "it listens to whoever speaks")


def test_a_wake_word_that_is_not_installed(places: MakePlaces) -> None:
    complaint = "the wake word is not installed: pip install 'voiced[wake]' (or leave \"wake\" out of listen.modes)"
    finding = missing(complaint, places())
    assert (finding.level, finding.what) == ("problem", "the wake word is not installed")
    assert finding.mend.endswith("pip install 'voiced[wake]'")


def test_a_wake_word_that_nobody_knows(loaded: MakeLoaded) -> None:
    found = wrong(loaded('[listen]\nmodes = ["wake"]\n[wake]\nwords = ["hey_nobody"]\n'))
    assert "hey_nobody" in found[0].what or "not installed" in found[0].what
    assert found[0].mend


def test_lights_and_sounds_that_are_not_there(loaded: MakeLoaded, tmp_path: Path) -> None:
    [finding] = wrong(loaded(f'[earcons]\nheard = "{tmp_path}/ding.wav"\n'))
    assert finding.level == "problem"
    assert "ding.wav" in finding.what
    assert finding.mend.startswith(f"nano {tmp_path}/voiced.toml   # ")


@pytest.mark.parametrize("engine", ["sherpa-onnx", "faster-whisper"])
def test_an_engine_that_is_not_installed_or_has_no_model(engine: str, loaded: MakeLoaded) -> None:
    [finding] = wrong(loaded(f'[offline]\nrecogniser = "{engine}"\n'))
    assert (finding.level, finding.why) == ("problem", "voiced does not start.")
    assert f"voiced[{engine}]" in finding.mend or "offline.recogniser_model" in finding.mend


def test_push_to_talk_with_nothing_to_push(loaded: MakeLoaded) -> None:
    [finding] = wrong(loaded('[listen]\nmodes = ["ptt"]\n'))
    assert (finding.level, finding.what) == ("warning", "voiced listens only while a key is held, and there is none")
    assert finding.mend.endswith('   # below [keys] write: hotkey = "ctrl+alt+space"')
    [note] = look(loaded('[listen]\nmodes = ["ptt", "open"]\n'))
    assert note.level == "note"


KEYS = '[listen]\nmodes = ["ptt"]\n[keys]\nhotkey = "f9"\n'


@pytest.mark.parametrize(
    ("around", "mend"),
    [
        (Surroundings("x11", xlib=False), "install 'voiced[desktop]'"),
        (Surroundings("wayland", dbus=False), "install 'voiced[desktop]'"),
        (Surroundings("wayland"), "voiced ptt toggle   # bind this to a key"),
        (Surroundings("none"), 'sudo usermod -aG input "$USER"   # then log out, and in again'),
    ],
    ids=["X11 without its library", "Wayland without its library", "Wayland without the portal", "no desktop"],
)
def test_a_key_that_nobody_can_watch(around: Surroundings, mend: str, loaded: MakeLoaded) -> None:
    [finding] = keys(loaded(KEYS).config, around)
    assert (finding.level, finding.what) == ("problem", "the key to talk does not work here")
    assert mend in finding.mend


def test_a_key_that_works(loaded: MakeLoaded) -> None:
    assert list(keys(loaded(KEYS).config, Surroundings("x11"))) == []


# The kiosk page.


def test_a_page_that_is_open_to_the_network_by_mistake(loaded: MakeLoaded, tmp_path: Path) -> None:
    [finding] = wrong(loaded('[kiosk]\nhost = "0.0.0.0"\n'))
    assert (finding.level, finding.what) == ("problem", "kiosk.host 0.0.0.0 lets other machines see the page")
    assert finding.mend.startswith(f"nano {tmp_path}/voiced.toml   # if you want that, set kiosk.allow_remote = true")


def test_a_page_without_a_token(loaded: MakeLoaded) -> None:
    [finding] = wrong(loaded('[kiosk]\nhost = "0.0.0.0"\nallow_remote = true\n'))
    assert finding.what == "kiosk.host 0.0.0.0 lets other machines see the page, and there is no token"
    assert "set KIOSK_TOKEN" in finding.mend


def test_a_page_that_is_open_to_the_network_without_tls(loaded: MakeLoaded) -> None:
    [finding] = wrong(loaded('[kiosk]\nhost = "0.0.0.0"\nallow_remote = true\n', KIOSK_TOKEN=TOKEN))
    assert (finding.level, finding.what) == (
        "warning", "the kiosk page is open to the network at 0.0.0.0, without TLS",
    )  # fmt: skip
    assert finding.mend.startswith("ssh -L 8137:127.0.0.1:8137 THIS_MACHINE")
    assert TOKEN not in str(finding)


def test_a_page_with_a_certificate(loaded: MakeLoaded, tmp_path: Path) -> None:
    text = f'[kiosk]\nhost = "0.0.0.0"\nallow_remote = true\ncertificate_file = "{tmp_path}/page.pem"\n'
    [finding] = wrong(loaded(text, KIOSK_TOKEN=TOKEN))
    assert finding.what == f"{tmp_path}/page.pem, the certificate of the kiosk page, is not there"
    (tmp_path / "page.pem").touch()
    assert wrong(loaded(text, KIOSK_TOKEN=TOKEN)) == []

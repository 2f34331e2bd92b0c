"""`voiced setup`: what is asked, what is written, and a hello that is heard."""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
from argparse import Namespace
from collections import deque
from pathlib import Path

import pytest

from tests.calibration.test_calibrate import Turning
from tests.full_disk import full_disk
from voiced.cli.setup import of_card
from voiced.config import load_config
from voiced.errors import ConfigError
from voiced.first_run.questions import Person
from voiced.first_run.wizard import HELLO, Wishes, run
from voiced.sound_card import SoundCard
from voiced.testing.sound_card import VirtualCard

KEY = "sk-proj-0123456789abcdef"
BEEP = b"\x00\x10" * 2400


class Typist:
    """Somebody who types these answers; the prompts are kept."""

    def __init__(self, *answers: str) -> None:
        self.answers = deque(answers)
        self.out = io.StringIO()
        self.person = Person(self.out, self._read, self._read)

    def _read(self, prompt: str) -> str:
        self.out.write(prompt)
        if not self.answers:
            raise EOFError
        answer = self.answers.popleft()
        if answer == "^C":
            raise KeyboardInterrupt
        self.out.write(f"{answer}\n")
        return answer


def wizard(file: Path, typist: Typist, card: SoundCard | None = None, **wishes: object) -> int:
    known = Wishes(file, **wishes)  # type: ignore[arg-type]  # a test's own words
    if card is not None:
        return run(known, typist.person, card, lambda _: BEEP, BEEP)
    with Turning(None) as turning:
        return run(known, typist.person, turning, lambda _: BEEP, BEEP)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "voiced" / "voiced.toml"


def test_enter_all_the_way_is_what_is_usual(file: Path) -> None:
    typist = Typist("", "", "", "", "")
    assert wizard(file, typist) == 0
    config = load_config(file, environ={}).config
    assert (config.capture.device, config.playout.device, config.listen.modes) == ("", "", ("open",))
    assert config.openai.key_file == ""
    assert HELLO["open"] in typist.out.getvalue()


def test_what_is_chosen_is_written_and_the_key_is_for_its_owner_alone(file: Path) -> None:
    typist = Typist("2", "2", "y", KEY, "3")
    assert wizard(file, typist) == 0
    loaded = load_config(file, environ={})
    assert loaded.config.capture.device == "virtual microphone"
    assert loaded.config.playout.device == "virtual loudspeaker"
    assert loaded.config.listen.modes == ("ptt",)
    assert loaded.secrets.openai_key().get_secret_value() == KEY
    assert (file.parent / "openai_api_key").stat().st_mode & 0o777 == 0o600
    assert KEY not in file.read_text()
    assert HELLO["ptt"] in typist.out.getvalue()


@pytest.mark.parametrize(("words", "word"), [("", "okay nabu"), ('[wake]\nwords = ["hey_jarvis"]\n', "hey jarvis")])
def test_the_hello_has_the_wake_word_in_it(file: Path, words: str, word: str) -> None:
    file.parent.mkdir()
    file.write_text(words)
    typist = Typist("", "", "", "", "2")
    assert wizard(file, typist) == 0
    assert f"Say {word}, then ask me what time it is." in typist.out.getvalue()


def test_what_else_is_in_the_settings_stays(file: Path) -> None:
    file.parent.mkdir()
    file.write_text("# mine\n[turn]\nhangover_ms = 700\n")
    wizard(file, Typist("", "", "", "", ""))
    assert file.read_text().startswith("# mine\n[turn]\nhangover_ms = 700\n")


@pytest.mark.parametrize("answers", [("^C",), ("", "", "", "^C"), ("", "", "", KEY, "^C")])
def test_ctrl_c_leaves_everything_as_it_was(file: Path, answers: tuple[str, ...]) -> None:
    with pytest.raises(KeyboardInterrupt):
        wizard(file, Typist(*answers))
    assert not file.parent.exists()


def test_answers_that_end_too_early_write_nothing(file: Path) -> None:
    with pytest.raises(ConfigError, match="--yes"):
        wizard(file, Typist(""))
    assert not file.parent.exists()


def test_what_is_no_key_and_no_number_is_asked_again(file: Path) -> None:
    typist = Typist("9", "1", "x", "", "", f"{KEY} and more", "my-key", "n", KEY, "")
    assert wizard(file, typist) == 0
    assert "that holds more than a key" in typist.out.getvalue()
    assert "begins with sk-" in typist.out.getvalue()
    assert "from 1 to 2" in typist.out.getvalue()


def test_tones_that_nobody_heard_lead_to_another_loudspeaker(file: Path) -> None:
    assert wizard(file, Typist("", "", "n", "y", "2", "y", "", "")) == 0
    assert load_config(file, environ={}).config.playout.device == "virtual loudspeaker"


def test_without_devices_the_rest_is_set_up_all_the_same(file: Path) -> None:
    card = VirtualCard()
    card.unplug("input")
    card.rescan()
    typist = Typist("", "")
    assert wizard(file, typist, card) == 1
    assert "plug one in" in typist.out.getvalue()
    assert file.exists()


def test_settings_that_are_wrong_already_are_told_and_kept(file: Path) -> None:
    file.parent.mkdir()
    file.write_text("[turn]\nhangover = 3\n")
    with pytest.raises(ConfigError, match="hangover"):
        wizard(file, Typist("", "", "", KEY, ""))
    assert file.read_text() == "[turn]\nhangover = 3\n"
    assert not (file.parent / "openai_api_key").exists()


@pytest.mark.parametrize(("room", "complaint"), [(0, "settings can't be tried"), (500, "key can't be written")])
def test_on_a_full_disk_the_old_key_stays(file: Path, room: int, complaint: str) -> None:
    wizard(file, Typist("", "", "", KEY, ""))
    before, there = file.read_text(), sorted(file.parent.iterdir())
    with full_disk(room), pytest.raises(ConfigError, match=complaint):
        wizard(file, Typist("", "", "", f"{KEY}{'0' * 500}", ""))
    assert (file.parent / "openai_api_key").read_text() == f"{KEY}\n"
    assert (file.read_text(), sorted(file.parent.iterdir())) == (before, there)


def test_settings_that_are_no_text_are_told_and_kept(file: Path) -> None:
    file.parent.mkdir()
    file.write_bytes(b"\xff")
    with pytest.raises(ConfigError, match="UTF-8"):
        wizard(file, Typist("", "", "", "", ""))
    assert file.read_bytes() == b"\xff"


def test_a_device_that_is_not_there_is_named_with_those_that_are(file: Path) -> None:
    with pytest.raises(ConfigError, match="virtual microphone"):
        wizard(file, Typist(), microphone="blue")


def test_with_nobody_to_ask_it_says_hello_in_words(file: Path) -> None:
    out = io.StringIO()
    arguments = Namespace(
        config=file, yes=True, microphone=None, loudspeaker=None, key_file=None, listen=None, no_sound=False
    )
    with Turning(None) as card:
        assert of_card(arguments, out, card) == 0
        played = card.played.samples()
    loud = (abs(played.astype(int)) > 300).nonzero()[0]
    assert (loud[-1] - loud[0]) / card.rate > 1.5, "a sentence, spoken"


@pytest.mark.parametrize(
    ("held", "complaint"),
    [
        (b"", "is empty; put the key in it"),
        (b"sk-proj-0123456789 and more", "holds more than a key"),
        (b"\xef\xbb\xbfsk-proj-0123456789", "holds more than a key"),
        (b"\xff", "is not a key"),
        (None, "no key can be read from it"),
    ],
    ids=["empty", "two words", "a mark of Windows", "no text", "no file"],
)
def test_a_file_with_no_key_in_it_is_refused_before_anything_is_written(
    held: bytes | None, complaint: str, file: Path, tmp_path: Path
) -> None:
    key_file = tmp_path / "key"
    if held is not None:
        key_file.write_bytes(held)
    arguments = Namespace(
        config=file, yes=True, microphone=None, loudspeaker=None, key_file=key_file, listen=None, no_sound=True
    )
    with pytest.raises(ConfigError, match=complaint):
        of_card(arguments, io.StringIO(), VirtualCard())
    assert not file.parent.exists()


def test_a_stranger_at_a_terminal(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    environ = {**os.environ, "HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / "config")}
    command = [
        sys.executable,
        "-m",
        "voiced",
        "setup",
        "--no-sound",
        "--microphone",
        "",
        "--loudspeaker",
        "",
        "--listen",
        "open",
    ]
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environ) as process:
        os.close(theirs)
        shown = b""
        while b"none): " not in shown:
            shown += os.read(ours, 1024)
        os.write(ours, f"{KEY}\n".encode())
        while process.poll() is None or b"service install" not in shown:
            try:
                shown += os.read(ours, 1024)
            except OSError:
                break
    os.close(ours)
    assert KEY.encode() not in shown, "it is not shown"
    assert (tmp_path / "config/voiced/openai_api_key").read_text() == f"{KEY}\n"


def test_with_no_terminal_it_says_how(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "voiced", "setup"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env={**os.environ, "HOME": str(tmp_path)},
        check=False,
    )
    assert (done.returncode, "--yes" in done.stderr) == (2, True)

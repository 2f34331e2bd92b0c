"""What the running voiced, and systemd, say of it."""

from __future__ import annotations

import socket
import threading
from pathlib import Path
from typing import Any

import pytest

from voiced import __version__
from voiced.doctor.finding import Finding
from voiced.doctor.running import Running, ask, judged, judged_service

READY = {"state": "ready", "reason": ""}


def status(**changes: Any) -> dict[str, Any]:
    brain = {"name": "realtime", **READY}
    return {
        "version": __version__, "pid": 4321, "muted": False, "brain": brain, "brains": {"realtime": READY}, **changes,
    }  # fmt: skip


def told(**changes: Any) -> list[Finding]:
    return list(judged(Running(status(**changes))))


def test_one_that_is_well() -> None:
    assert told() == [Finding("ok", "voiced", f"{__version__} is running, and realtime is ready")]


def test_none(tmp_path: Path) -> None:
    running = ask([tmp_path / "nobody.sock"])
    assert running == Running()
    [finding] = judged(running)
    assert (finding.level, finding.what, finding.mend) == ("note", "none is running", "voiced run")


def test_one_that_hangs_up_without_an_answer(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def hang_up() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(4096)

        thread = threading.Thread(target=hang_up)
        thread.start()
        running = ask([path])
        thread.join()
    [finding] = judged(running)
    assert (finding.level, finding.what) == ("problem", "voiced ended before it answered")
    assert finding.mend.startswith("systemctl --user restart voiced")


def test_one_that_this_user_may_not_talk_to() -> None:
    complaint = (
        "/run/voiced/control.sock: you may not talk to this voiced; join its group: sudo usermod -aG voiced $USER"
    )
    [finding] = judged(Running(complaint=complaint))
    assert finding.what == "/run/voiced/control.sock: you may not talk to this voiced"
    assert finding.mend == "sudo usermod -aG voiced $USER   # then log out, and in again"


def test_one_that_can_not_answer() -> None:
    refused = {"state": "refused", "reason": "the server does not accept the API key"}
    [finding] = told(brain={"name": "realtime", **refused}, brains={"realtime": refused})
    assert (finding.level, finding.what) == (
        "problem",
        "the running voiced can't answer: realtime refused: the server does not accept the API key",
    )
    assert finding.mend.startswith("voiced reload")


def test_one_that_answers_by_another_brain() -> None:
    lost = {"state": "lost", "reason": "no network"}
    [finding] = told(brain={"name": "offline", **READY}, brains={"realtime": lost, "offline": READY})
    assert (finding.level, finding.why) == ("warning", "no network")
    assert finding.what == "realtime does not answer the running voiced; offline takes its place"


def test_one_whose_keys_do_not_work() -> None:
    taken = "another program has the hotkey f9 already: choose another one in [keys], or take it away there"
    _, finding = told(keys={"working": "", "problem": taken})
    assert (finding.level, finding.why) == ("problem", f"{taken}.")
    assert finding.mend.startswith("voiced ptt toggle ")
    assert told(keys={"working": "pause", "problem": taken})[1].what == "of its keys the running voiced has only pause"
    assert len(told(keys={"working": "f9", "problem": ""})) == len(told(keys={})) == 1


def test_one_that_is_muted() -> None:
    [muted] = [each for each in told(muted=True) if each.level != "ok"]
    assert (muted.level, muted.mend) == ("warning", "voiced unmute")


def test_one_of_another_version() -> None:
    [finding] = [each for each in told(version="0.0.9") if each.level == "warning"]
    assert finding.what == f"the running voiced is 0.0.9, and the one that is installed {__version__}"
    assert finding.mend == "kill 4321; voiced run"


@pytest.mark.parametrize(
    ("shown", "level", "what", "mend"),
    [
        ("ActiveState=failed\nExecMainStatus=1", "problem", "the service failed", "sudo journalctl -u voiced -e"),
        (
            "ActiveState=activating\nSubState=auto-restart\nExecMainStatus=1",
            "problem",
            "the service fails, and is started again and again",
            "sudo journalctl -u voiced -e",
        ),
        (
            "ActiveState=failed\nExecMainStatus=2",
            "problem",
            "the service ended because of wrong settings, and is not tried again",
            "voiced config check   # then: sudo systemctl start voiced",
        ),
        (
            "ActiveState=inactive\nUnitFileState=enabled",
            "warning",
            "the service is installed, and does not run",
            "sudo systemctl start voiced",
        ),
    ],
    ids=["failed", "again and again", "wrong settings", "stopped"],
)
def test_the_service(shown: str, level: str, what: str, mend: str) -> None:
    [finding] = judged_service("--system", f"LoadState=loaded\n{shown}\n")
    assert (finding.level, finding.what, finding.mend) == (level, what, mend)


@pytest.mark.parametrize("shown", ["", "LoadState=not-found", "LoadState=loaded\nActiveState=active", "nonsense"])
def test_a_service_of_which_there_is_nothing_to_tell(shown: str) -> None:
    assert list(judged_service("--user", shown)) == []

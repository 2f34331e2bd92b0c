"""The first run at a real sound server."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from voiced.first_run.wizard import HELLO

pytestmark = pytest.mark.device


@pytest.mark.usefixtures("pulse")
def test_it_says_hello_and_nothing_that_is_for_its_log(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "voiced", "setup", "--yes"],
        env={**os.environ, "HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    said = done.stdout + done.stderr
    assert HELLO["open"] in said
    assert "worker" not in said

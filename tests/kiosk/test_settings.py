"""What the settings of the page accept, where its token comes from, and what `voiced run --kiosk` makes of them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from voiced.config import Loaded, load_config
from voiced.errors import BadKey, ConfigError

TOKEN = "correct-horse-battery"


def loaded(tmp_path: Path, *overrides: str, environ: Mapping[str, str] | None = None) -> Loaded:
    return load_config(overrides=overrides, environ=environ or {}, system_file=tmp_path / "nowhere.toml")


def test_the_page_is_served_to_this_machine_alone_and_only_where_it_is_wanted(tmp_path: Path) -> None:
    kiosk = loaded(tmp_path).config.kiosk

    assert (kiosk.serve, kiosk.host, kiosk.allow_remote, kiosk.remote) == (False, "127.0.0.1", False, False)


@pytest.mark.parametrize(
    ("override", "complaint"),
    [
        pytest.param("kiosk.host=kitchen", "give an address, such as 127.0.0.1", id="a name for the address"),
        pytest.param("kiosk.port=70000", "65535", id="a port beyond all"),
        pytest.param('kiosk.names=["http://kiosk"]', "no name of a machine", id="an address for a name"),
        pytest.param("kiosk.sound=both", "device", id="another sound"),
        pytest.param("kiosk.language=fr", "en", id="another language"),
    ],
)
def test_what_can_not_be_is_one_clear_error(tmp_path: Path, override: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint) as error:
        loaded(tmp_path, override)
    assert "\n" not in str(error.value)


def test_the_token_is_in_a_variable_else_in_a_file_else_a_credential_of_systemd(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(f"{TOKEN}-file\n")
    (tmp_path / "kiosk_token").write_text(f"{TOKEN}-credential\n")
    (tmp_path / "kiosk_token").chmod(0o600)
    file = f"kiosk.token_file={tmp_path / 'token'}"
    credentials = {"CREDENTIALS_DIRECTORY": str(tmp_path)}

    def token(*overrides: str, **environ: str) -> str:
        return loaded(tmp_path, *overrides, environ=environ).secrets.kiosk_token().get_secret_value()

    assert token() == ""
    assert token(**credentials) == f"{TOKEN}-credential"
    assert token(file, **credentials) == f"{TOKEN}-file"
    assert token(file, **credentials, KIOSK_TOKEN=TOKEN) == TOKEN


def test_a_token_that_can_not_be_read_is_named_and_one_that_all_can_read_too(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("two words")
    (tmp_path / "token").chmod(0o644)
    with pytest.raises(BadKey, match="not an access token"):
        loaded(tmp_path, f"kiosk.token_file={tmp_path / 'token'}").secrets.kiosk_token()
    with pytest.raises(BadKey, match=r"no such file; kiosk.token_file names it"):
        loaded(tmp_path, f"kiosk.token_file={tmp_path / 'none'}").secrets.kiosk_token()
    assert any("chmod 600" in line for line in loaded(tmp_path, f"kiosk.token_file={tmp_path / 'token'}").warnings)


def test_run_with_kiosk_serves_the_page_over_what_the_file_says(tmp_path: Path) -> None:
    """The address is given away: it comes to no more than saying so."""
    file = tmp_path / "voiced.toml"
    file.write_text("[kiosk]\nserve = false\nhost = '192.0.2.1'\n")
    command = [sys.executable, "-m", "voiced", "run", "--kiosk", "--config", str(file)]

    ran = subprocess.run(command, env={"HOME": str(tmp_path)}, capture_output=True, text=True, timeout=60, check=False)

    assert ran.returncode == 2
    assert ran.stderr.splitlines()[-1].startswith("voiced: kiosk.host 192.0.2.1 lets other machines see the page; if")

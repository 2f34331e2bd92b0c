"""What is installed beside the code: the lock, the systemd units and the CI script say what the code says."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from configparser import ConfigParser
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from voiced.cli import USAGE
from voiced.cli.parser import parser
from voiced.config import load_config
from voiced.config.secrets import OpenAISettings, Secrets
from voiced.control.settings import ControlSettings

ROOT = Path(__file__).parents[1]
UNITS = [ROOT / "systemd/voiced.service", ROOT / "systemd/user/voiced.service"]


def unit(path: Path) -> ConfigParser:
    parsed = ConfigParser(interpolation=None, strict=False, comment_prefixes=("#",))
    parsed.optionxform = str  # type: ignore[assignment, method-assign]
    parsed.read(path)
    return parsed


@pytest.mark.parametrize("path", UNITS, ids=["system", "user"])
def test_a_unit_starts_a_command_that_exists_and_does_not_repeat_wrong_settings(path: Path) -> None:
    service = unit(path)["Service"]
    program, *arguments = service["ExecStart"].split()
    assert Path(program).name == "voiced"
    assert parser().parse_args(arguments).command
    assert (service["Type"], service["RestartPreventExitStatus"]) == ("notify", str(USAGE))
    assert "kill -HUP" in service["ExecReload"]


def test_the_system_service_and_the_command_line_agree_on_the_socket() -> None:
    service = unit(UNITS[0])["Service"]
    runtime = {"RUNTIME_DIRECTORY": f"/run/{service['RuntimeDirectory']}"}
    assert ControlSettings().path_to_serve(runtime) in ControlSettings().paths_to_try({})
    assert service["RuntimeDirectoryMode"] == "0750"  # which opens the socket to the group


def test_the_desktop_service_and_the_command_line_agree_on_the_socket() -> None:
    service = unit(UNITS[1])["Service"]
    desktop = {"XDG_RUNTIME_DIR": "/run/user/1000"}
    systemd = {**desktop, "RUNTIME_DIRECTORY": f"/run/user/1000/{service['RuntimeDirectory']}"}
    assert ControlSettings().path_to_serve(systemd) == ControlSettings().paths_to_try(desktop)[0]


def test_the_system_service_hands_over_the_key_under_the_name_that_is_looked_for(tmp_path: Path) -> None:
    name, _ = unit(UNITS[0])["Service"]["LoadCredential"].split(":")
    (tmp_path / name).write_text("the-key\n")
    secrets = Secrets(OpenAISettings(), {"CREDENTIALS_DIRECTORY": str(tmp_path)})
    assert secrets.openai_key().get_secret_value() == "the-key"


def test_the_desktop_service_tells_settings_that_work(tmp_path: Path) -> None:
    (written,) = re.findall(r"printf '(.*)' >", UNITS[1].read_text())
    file = tmp_path / "voiced.toml"
    file.write_text(written.replace("\\n", "\n"))
    assert load_config(file, environ={}).config.openai.key_file == "~/.config/voiced/openai_api_key"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
@pytest.mark.parametrize(("path", "manager"), [(UNITS[0], "--system"), (UNITS[1], "--user")], ids=["system", "user"])
def test_systemd_takes_the_unit(path: Path, manager: str, tmp_path: Path) -> None:
    installed = tmp_path / "voiced.service"
    installed.write_text(re.sub(r"^ExecStart=\S+", f"ExecStart={sys.executable}", path.read_text(), flags=re.MULTILINE))
    (tmp_path / "runtime").mkdir(mode=0o700)
    verified = subprocess.run(
        ["systemd-analyze", "verify", manager, "--man=no", "--recursive-errors=no", str(installed)],
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path / "runtime")},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (verified.returncode, verified.stderr) == (0, "")


# The lock.


def locked() -> dict[str, Any]:
    return tomllib.loads((ROOT / "uv.lock").read_text())


def test_the_lock_has_what_the_project_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    (ours,) = (package for package in locked()["package"] if package["name"] == "voiced")
    asked = [*project["project"]["dependencies"], *chain(*project["project"]["optional-dependencies"].values())]
    asked += [each for each in project["dependency-groups"]["dev"] if not each.startswith("voiced[")]
    noted = [*ours["metadata"]["requires-dist"], *ours["metadata"]["requires-dev"]["dev"]]
    found = {each["name"] + each.get("specifier", "") for each in noted if each["name"] != "voiced"}
    assert found == set(asked), "run: uv lock"


def test_everything_in_the_lock_comes_from_pypi() -> None:
    assert set(re.findall(r"[a-z]+://[^/\"]*", (ROOT / "uv.lock").read_text())) == {
        "https://pypi.org",
        "https://files.pythonhosted.org",
    }

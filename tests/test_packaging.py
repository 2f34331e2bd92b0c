"""What is installed beside the code: the lock, the systemd units and the CI script say what the code says."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping, Sequence
from configparser import ConfigParser
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from voiced.cli import USAGE
from voiced.cli.parser import parser
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


def test_services_never_give_up() -> None:
    for path in UNITS:
        parsed = unit(path)
        assert (parsed["Unit"]["StartLimitIntervalSec"], parsed["Service"]["RestartSec"]) == ("0", "5")
        assert parsed["Service"]["Restart"] == "on-failure"


def test_the_desktop_service_comes_and_goes_with_the_session_that_its_keys_and_notifications_need() -> None:
    parsed = unit(UNITS[1])
    assert parsed["Install"]["WantedBy"] == parsed["Unit"]["PartOf"] == "graphical-session.target"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_the_sandbox_of_the_system_service_is_as_tight_as_promised() -> None:
    judged = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", str(UNITS[0])],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    (exposure,) = re.findall(r"Overall exposure level for voiced\.service: ([\d.]+)", judged.stdout)
    assert float(exposure) <= 3.0


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


# The container, and the Debian package.


def test_the_container_runs_commands_that_exist_and_not_as_root() -> None:
    lines = (ROOT / ".ci/container/Containerfile").read_text().splitlines()
    commands = [json.loads(line[line.index("[") :]) for line in lines if "CMD [" in line]
    assert commands == [["voiced", "status"], ["voiced", "run"]]
    assert all(parser().parse_args(arguments).command for _, *arguments in commands)
    assert "USER voiced" in lines
    (environment,) = (line.removeprefix("ENV ").split() for line in lines if line.startswith("ENV "))
    runtime = dict(each.split("=", 1) for each in environment)
    assert ControlSettings().path_to_serve(runtime) in ControlSettings().paths_to_try({})


def test_the_scripts_of_the_debian_package_can_be_read() -> None:
    for name, shell in (("build", "bash"), ("postinst", "sh"), ("prerm", "sh"), ("postrm", "sh")):
        subprocess.run([shell, "-n", ROOT / ".ci/debian" / name], check=True)


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
    assert found == {each.partition(";")[0] for each in asked}, "run: uv lock"


def test_every_core_dependency_has_wheels_for_both_machines_and_both_pythons() -> None:
    """A Raspberry Pi, and a PC; Debian 12's Python, and Debian 13's. None of them has to have a compiler."""
    packages = locked()["package"]
    wheels = {
        name: [wheel["url"] for each in packages if each["name"] == name for wheel in each.get("wheels", ())]
        for name in needed(packages, "voiced")
    }
    lacking = [
        f"{name}: none for Python {python} on {machine}"
        for name in sorted(wheels)
        for machine in ("x86_64", "aarch64")
        for python in ((3, 11), (3, 13))
        if not any(fits(url, python, machine) for url in wheels[name])
    ]
    assert lacking == []


def needed(packages: Sequence[Mapping[str, Any]], name: str) -> set[str]:
    """What comes with it, its extras apart; whatever a marker says, but for other systems than Linux."""
    found: set[str] = set()
    names = [name]
    while names:
        wanted = names.pop()
        for each in chain(*(package.get("dependencies", ()) for package in packages if package["name"] == wanted)):
            if each["name"] not in found and not re.search(r"win32|Windows|darwin", each.get("marker", "")):
                found.add(each["name"])
                names.append(each["name"])
    return found


def fits(url: str, python: tuple[int, int], machine: str) -> bool:
    """Whether the wheel can be installed there (the compatibility tags of PEP 425, manylinux of PEP 600)."""
    *_, pythons, abis, platforms = url.rpartition("/")[2].removesuffix(".whl").split("-")
    own = f"cp{python[0]}{python[1]}"
    stable = [f"cp3{minor}" for minor in range(2, python[1] + 1)]
    right_python = any(
        (each in ("py3", "py2.py3") and abis == "none")
        or (each == own and own in abis)
        or (each in stable and abis == "abi3")
        for each in pythons.split(".")
    )
    right_machine = any(
        each == "any" or (each.startswith("manylinux") and each.endswith(machine)) for each in platforms.split(".")
    )
    return right_python and right_machine


@pytest.mark.parametrize(
    ("file", "right"),
    [
        ("numpy-2.1-cp311-cp311-manylinux_2_17_aarch64.manylinux2014_aarch64.whl", True),
        ("numpy-2.1-cp311-cp311-manylinux_2_17_x86_64.whl", False),
        ("numpy-2.1-cp313-cp313t-manylinux_2_17_aarch64.whl", False),
        ("numpy-2.1-cp311-cp311-musllinux_1_2_aarch64.whl", False),
        ("fast-5.0-cp38-abi3-manylinux_2_28_aarch64.whl", True),
        ("fast-5.0-cp312-abi3-manylinux_2_28_aarch64.whl", False),
        ("plain-1.0-py3-none-any.whl", True),
        ("library-0.2-py3-none-manylinux_2_17_aarch64.whl", True),
    ],
)
def test_a_wheel_is_told_from_one_that_does_not_fit(file: str, right: bool) -> None:
    assert fits(f"https://files.pythonhosted.org/packages/{file}", (3, 11), "aarch64") == right


def test_everything_in_the_lock_comes_from_pypi() -> None:
    assert set(re.findall(r"[a-z]+://[^/\"]*", (ROOT / "uv.lock").read_text())) == {
        "https://pypi.org",
        "https://files.pythonhosted.org",
    }

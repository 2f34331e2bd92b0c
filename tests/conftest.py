"""What all tests share: where shared data lies, and that nothing is skipped where everything is required."""

from __future__ import annotations

import os
import signal
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.standstill import TOO_LONG_S, MachineStoodStill, Watch

# Machines are shared and noisy: no example fails because it was slow.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

# A shell starts what runs in the background with Ctrl-C ignored, and so would the programs do that tests start.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder with recordings and speech: $VOICED_SHARED, or `shared` beside the checkout."""
    folder = Path(os.environ.get("VOICED_SHARED") or Path(__file__).parents[2] / "shared")
    if not folder.is_dir():
        pytest.skip(f"no shared data at {folder}; set VOICED_SHARED")
    return folder


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test in which real time passes and which failed while the machine stood still is run again, 4 times at most."""
    for item in items:
        if item.get_closest_marker("real_time"):
            item.add_marker(pytest.mark.flaky(reruns=4, only_rerun=MachineStoodStill.__name__))


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """Tell failures of the machine from those of voiced."""
    if not pyfuncitem.get_closest_marker("real_time"):
        return (yield)
    with Watch() as watch:
        try:
            return (yield)
        except (Exception, pytest.fail.Exception) as error:
            if (stood_s := watch.longest_s()) > TOO_LONG_S:
                raise MachineStoodStill(f"for {stood_s:.2f} s, meanwhile: {error}") from error
            raise


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Tests may skip on a machine that lacks what they need, but not under VOICED_REQUIRE_ALL=1."""
    report = yield
    if report.skipped and os.environ.get("VOICED_REQUIRE_ALL") == "1":
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped, and VOICED_REQUIRE_ALL=1 allows no skip: {report.longrepr}"
    return report

"""What systemd is told: over its socket, where it gave one, and nowhere else."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from voiced.systemd import ServiceManager


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(5)
        yield listening


def told(manager: socket.socket) -> list[str]:
    return manager.recv(4096).decode().splitlines()


def test_ready_reloading_stopping(manager: socket.socket) -> None:
    service = ServiceManager({"NOTIFY_SOCKET": manager.getsockname()})
    service.ready("listening")
    assert told(manager) == ["READY=1", "STATUS=listening"]
    service.reloading()
    assert told(manager)[0] == "RELOADING=1"
    service.stopping()
    assert told(manager) == ["STOPPING=1"]


async def test_the_watchdog_is_patted_twice_in_its_time(manager: socket.socket) -> None:
    service = ServiceManager({"NOTIFY_SOCKET": manager.getsockname(), "WATCHDOG_USEC": "40000"})
    patting = asyncio.create_task(service.keep_alive())
    for _ in range(3):
        assert await asyncio.to_thread(told, manager) == ["WATCHDOG=1"]
    patting.cancel()


async def test_the_watchdog_of_another_process_is_left_alone(manager: socket.socket) -> None:
    environ = {"NOTIFY_SOCKET": manager.getsockname(), "WATCHDOG_USEC": "40000", "WATCHDOG_PID": str(os.getpid() + 1)}
    await asyncio.wait_for(ServiceManager(environ).keep_alive(), 5)


async def test_elsewhere_nothing_is_told() -> None:
    service = ServiceManager({})
    service.ready("listening")
    await asyncio.wait_for(service.keep_alive(), 5)


def test_a_manager_that_is_gone_harms_nothing(tmp_path: Path) -> None:
    ServiceManager({"NOTIFY_SOCKET": str(tmp_path / "nobody")}).ready("listening")


async def test_the_watchdog_goes_hungry_while_something_is_broken_for_good(manager: socket.socket) -> None:
    found = ["", "the microphone hangs in its driver", "the microphone hangs in its driver", "", ""]
    service = ServiceManager({"NOTIFY_SOCKET": manager.getsockname(), "WATCHDOG_USEC": "2000"})
    patting = asyncio.create_task(service.keep_alive(lambda: found.pop(0) if found else ""))
    heard = [await asyncio.to_thread(told, manager) for _ in range(5)]
    patting.cancel()
    assert heard == [
        ["WATCHDOG=1"],
        ["STATUS=the microphone hangs in its driver"],
        ["WATCHDOG=1"],
        ["STATUS=listening"],
        ["WATCHDOG=1"],
    ]

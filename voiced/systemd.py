"""What systemd wants to hear of a service: ready, reloading, stopping, alive (sd_notify(3))."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Callable, Mapping

import structlog

log = structlog.get_logger(__name__)


class ServiceManager:
    """Tells systemd, where it asked to be told (`NOTIFY_SOCKET`, `WATCHDOG_USEC`); elsewhere does nothing."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        address = environ.get("NOTIFY_SOCKET", "")
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        own = environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        microseconds = environ.get("WATCHDOG_USEC", "")
        self._alive_every_s = int(microseconds) / 2e6 if own and microseconds.isdigit() else 0.0

    def ready(self, status: str) -> None:
        self._tell(f"READY=1\nSTATUS={status}")

    def reloading(self) -> None:
        self._tell(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        self._tell("STOPPING=1")

    async def keep_alive(self, trouble: Callable[[], str] = str) -> None:
        """Pat the watchdog from the event loop, so that a loop that hangs is restarted; and only while there is no
        `trouble()`, which says what does not heal by itself, or "". Ends at once if nobody asked."""
        told = ""
        while self._alive_every_s:
            found = trouble()
            if not found:
                self._tell("WATCHDOG=1")
            if found != told:
                told = found
                if found:
                    log.error("watchdog.not_fed", reason=found)
                self._tell(f"STATUS={found or 'listening'}")
            await asyncio.sleep(self._alive_every_s)

    def _tell(self, message: str) -> None:
        if not self._address:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC) as manager:
            try:
                manager.sendto(message.encode(), self._address)
            except OSError as error:
                log.warning("systemd.deaf", socket=self._address, error=str(error))

"""The session bus of a desktop: D-Bus through dbus-fast."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

from dbus_fast import DBusFastError, Message, MessageType
from dbus_fast.aio import MessageBus

from voiced.errors import VoicedError
from voiced.keys.bus_address import bus_address

ANSWER_WITHIN_S: Final = 10.0
"""A service that the bus has to start first takes a second or two."""

_BREAKS: Final = (DBusFastError, EOFError, OSError, TimeoutError, ValueError)
"""What dbus-fast raises when the connection does not come about, or ends."""


class BusError(VoicedError):
    """No session bus, nobody there who answers, or a refusal. `name` is D-Bus's own, empty where it has none."""

    def __init__(self, reason: str, name: str = "") -> None:
        super().__init__(reason)
        self.name = name


class SessionBus:
    """One connection. `gone` is done when it has ended; nobody cancels it."""

    def __init__(self, bus: MessageBus) -> None:
        self._bus = bus
        self.gone = asyncio.ensure_future(_end_of(bus))

    def connected(self) -> bool:
        """Whether it is, now: `gone` is done a little later."""
        return self._bus.connected

    @property
    def name(self) -> str:
        """Of this connection, on the bus."""
        return self._bus.unique_name or ""

    def hear(self, handler: Callable[[Message], None]) -> None:
        """Call `handler` with each message that comes."""
        self._bus.add_message_handler(handler)

    async def call(
        self, destination: str, path: str, method: str, signature: str = "", body: Sequence[Any] = ()
    ) -> list[Any]:
        """What the method answers. `method`: with its interface, "org.freedesktop.DBus.AddMatch". Raises BusError."""
        interface, _, member = method.rpartition(".")
        message = Message(
            destination=destination, path=path, interface=interface, member=member, signature=signature, body=list(body)
        )
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                reply = await self._bus.call(message)
        except _BREAKS as error:
            raise BusError(f"{destination} does not answer: {error or type(error).__name__}") from error
        if reply is None:
            raise BusError(f"{destination} does not answer: the session bus is gone")
        if reply.message_type is MessageType.ERROR:
            name = reply.error_name or ""
            raise BusError(f"{destination}: {reply.body[0] if reply.body else name}", name)
        return list(reply.body)


@asynccontextmanager
async def session_bus(environ: Mapping[str, str]) -> AsyncIterator[SessionBus]:
    """A connection of one's own. Raises BusError."""
    address = bus_address(environ)
    if not address:
        raise BusError("there is no session bus: DBUS_SESSION_BUS_ADDRESS is not set")
    try:
        async with asyncio.timeout(ANSWER_WITHIN_S):
            bus = await MessageBus(bus_address=address).connect()
    except _BREAKS as error:
        raise BusError(f"the session bus does not answer: {error or type(error).__name__}") from error
    connection = SessionBus(bus)
    try:
        yield connection
    finally:
        bus.disconnect()
        await asyncio.wait({connection.gone}, timeout=ANSWER_WITHIN_S)


async def _end_of(bus: MessageBus) -> None:
    with suppress(*_BREAKS):
        await bus.wait_for_disconnect()  # type: ignore[no-untyped-call]

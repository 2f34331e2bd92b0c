"""The session bus of a desktop: D-Bus through dbus-fast."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
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


@asynccontextmanager
async def session_bus(environ: Mapping[str, str]) -> AsyncIterator[MessageBus]:
    """A connection of one's own. Raises BusError."""
    address = bus_address(environ)
    if not address:
        raise BusError("there is no session bus: DBUS_SESSION_BUS_ADDRESS is not set")
    try:
        async with asyncio.timeout(ANSWER_WITHIN_S):
            bus = await MessageBus(bus_address=address).connect()
    except _BREAKS as error:
        raise BusError(f"the session bus does not answer: {error or type(error).__name__}") from error
    try:
        yield bus
    finally:
        bus.disconnect()
        with suppress(*_BREAKS):
            async with asyncio.timeout(ANSWER_WITHIN_S):
                await _end_of(bus)


async def call(
    bus: MessageBus, destination: str, path: str, method: str, signature: str = "", body: Sequence[Any] = ()
) -> list[Any]:
    """What the method answers. `method`: with its interface, "org.freedesktop.DBus.AddMatch". Raises BusError."""
    interface, _, member = method.rpartition(".")
    message = Message(
        destination=destination, path=path, interface=interface, member=member, signature=signature, body=list(body)
    )
    try:
        async with asyncio.timeout(ANSWER_WITHIN_S):
            reply = await bus.call(message)
    except _BREAKS as error:
        raise BusError(f"{destination} does not answer: {error or type(error).__name__}") from error
    if reply is None:
        raise BusError(f"{destination} does not answer: the session bus is gone")
    if reply.message_type is MessageType.ERROR:
        name = reply.error_name or ""
        raise BusError(f"{destination}: {reply.body[0] if reply.body else name}", name)
    return list(reply.body)


async def ended(bus: MessageBus) -> None:
    """Wait until the bus is gone."""
    with suppress(*_BREAKS):
        await asyncio.shield(_end_of(bus))


def _end_of(bus: MessageBus) -> Awaitable[None]:
    ending: Awaitable[None] = bus.wait_for_disconnect()  # type: ignore[no-untyped-call]
    return ending

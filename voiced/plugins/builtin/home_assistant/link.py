"""Keeps in touch with Home Assistant: the WebSocket while it lasts, HTTP while it does not.

connect → token → registries → state_changed → get_states → `house` is current, until the socket is lost
                     ↑ again after growing pauses; never with a token that was refused
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from voiced.api import ToolError
from voiced.plugins.builtin.home_assistant import messages
from voiced.plugins.builtin.home_assistant.connection import PING_S, Connection
from voiced.plugins.builtin.home_assistant.failures import Away, ServiceRefused, TokenRefused, Unclear, token_refused
from voiced.plugins.builtin.home_assistant.house import House
from voiced.plugins.builtin.home_assistant.messages import Fact, RegistryChanged, StateTold
from voiced.plugins.builtin.home_assistant.orders import ServiceCall
from voiced.plugins.builtin.home_assistant.rest import InThread, Rest

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

FIRST_PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 60.0
STEADY_S: Final = 60.0
"""A connection that held for so long was a good one: the next pause is the first again."""

LOADING_S: Final = 60.0
"""For one list of ten thousand devices, over a slow network."""

SETTLE_S: Final = 3.0
"""Changes of names come in swarms: they are looked at when so long no more came."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the link needs of the plugin. `renamed`: devices came, went or changed their names."""

    in_thread: InThread
    pause: Callable[[float], Awaitable[None]]
    renamed: Callable[[], None]
    refused: Callable[[], None]
    log: FilteringBoundLogger


class Link:
    """`run` in a task, until cancelled."""

    def __init__(self, url: str, token: str, house: House, around: Surroundings, *, ping_s: float = PING_S) -> None:
        self._url = url
        self._token = token
        self._house = house
        self._around = around
        self._ping_s = ping_s
        self._rest = Rest(url, token, around.in_thread)
        self._connection: Connection | None = None
        self._refused = False
        self._missed = False
        self._is_back = asyncio.Event()
        self._registry_changed = asyncio.Event()

    @property
    def connected(self) -> bool:
        """Whether `house` is current."""
        return self._connection is not None

    async def run(self) -> None:
        """Connect, and connect again; ends when the token is refused."""
        now = asyncio.get_running_loop().time
        pause_s = FIRST_PAUSE_S
        while not self._refused:
            began = now()
            try:
                await self._stay_connected()
            except TokenRefused:
                self._refuse()
                return
            except (Away, Unclear, ServiceRefused) as error:
                level = self._around.log.debug if self._missed else self._around.log.warning
                level("no connection to Home Assistant", reason=str(error))
                self._missed = True
            if now() - began > STEADY_S:
                pause_s = FIRST_PAUSE_S
            await self._pause(pause_s)
            pause_s = min(LONGEST_PAUSE_S, 2 * pause_s)

    async def call(self, call: ServiceCall) -> None:
        """Have it done, once. Raises ToolError where it was not, or where that is not known."""
        self._must_not_be_refused()
        if connection := self._connection:
            try:
                await connection.ask(
                    "call_service",
                    domain=call.domain,
                    service=call.service,
                    service_data=call.data,
                    target={"entity_id": list(call.entity_ids)},
                )
                return
            except Away:
                pass  # it was lost before anything was sent
            except Unclear:
                if not call.again or connection.lives:  # it is slow, and was told
                    raise
        data = {**call.data, "entity_id": list(call.entity_ids)}
        await self._over_http(self._rest.call(call.domain, call.service, data))

    async def refresh(self) -> None:
        """Make `house` current where the WebSocket does not. Raises ToolError."""
        self._must_not_be_refused()
        if not self.connected:
            self._house.begin(self._house.registry)
            await self._load_states(await self._over_http(self._rest.states()))

    async def _over_http(self, request: Awaitable[Any]) -> Any:
        try:
            answer = await request
        except TokenRefused:
            self._refuse()
            raise
        self._is_back.set()
        return answer

    def _must_not_be_refused(self) -> None:
        if self._refused:
            raise token_refused()

    def _refuse(self) -> None:
        if not self._refused:
            self._refused = True
            self._around.log.error("Home Assistant refuses the token; it is not tried again before a reload")
            self._around.refused()

    async def _pause(self, seconds: float) -> None:
        """For so long, or until HTTP found it to be back."""
        self._is_back.clear()
        waits = {asyncio.ensure_future(self._around.pause(seconds)), asyncio.ensure_future(self._is_back.wait())}
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.wait(waits)

    # Connected.

    async def _stay_connected(self) -> None:
        connection = await Connection.open(self._url, self._told, self._around.in_thread, ping_s=self._ping_s)
        try:
            await connection.authenticate(self._token)
            await self._converse(connection)
        finally:
            self._connection = None
            await connection.close()

    async def _converse(self, connection: Connection) -> None:
        failed: BaseException | None = None
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(connection.read())
                await self._load(connection)
                self._missed = False
                self._around.log.info("connected to Home Assistant", devices=len(self._house.devices))
                while True:
                    await self._registry_changed.wait()
                    await self._around.pause(SETTLE_S)
                    self._registry_changed.clear()
                    await self._load(connection)
        except* ToolError as several:  # reading and asking may both find it lost
            failed = several.exceptions[0]
        task = asyncio.current_task()
        if task and task.cancelling():  # before Python 3.13 a TaskGroup that has an error to tell forgets it
            raise asyncio.CancelledError
        if failed is not None:
            raise failed

    async def _load(self, connection: Connection) -> None:
        registries = [
            await self._listed(connection, f"config/{registry}_registry/list")
            for registry in ("area", "device", "entity")
        ]
        registry = await self._around.in_thread(partial(self._house.read_registry, *registries))
        if self._connection is None:
            for kind in (messages.STATES_CHANGED, *messages.REGISTRIES_CHANGED):
                await connection.ask("subscribe_events", LOADING_S, event_type=kind)
        self._house.begin(registry)
        await self._load_states(await connection.ask("get_states", LOADING_S))
        self._connection = connection

    async def _listed(self, connection: Connection, kind: str) -> Any:
        """A registry; none where this user or this version has none: devices have their own names then."""
        try:
            return await connection.ask(kind, LOADING_S)
        except ServiceRefused as error:
            self._around.log.warning("a registry of Home Assistant is not read", registry=kind, reason=str(error))
            return []

    async def _load_states(self, states: Any) -> None:
        house = self._house
        before = house.names()
        house.load(await self._around.in_thread(partial(house.read_states, states, house.registry)))
        if house.names() != before:
            self._around.renamed()

    def _told(self, fact: Fact) -> None:
        match fact:
            case StateTold(entity_id=entity_id, state=state):
                if self._house.told(entity_id, state):
                    self._around.renamed()
            case RegistryChanged():
                self._registry_changed.set()

"""The connection to Home Assistant, and what is done while there is none."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import pytest
import structlog

from tests.plugins.home_assistant.home import furnish
from tests.plugins.home_assistant.server import PATIENCE_S, Call, FakeHomeAssistant
from voiced.api import ToolError
from voiced.plugins.builtin.home_assistant.failures import Away, ServiceRefused, TokenRefused, Unclear
from voiced.plugins.builtin.home_assistant.house import House
from voiced.plugins.builtin.home_assistant.link import Link, Surroundings
from voiced.plugins.builtin.home_assistant.orders import ServiceCall
from voiced.plugins.builtin.home_assistant.settings import DOMAINS

T = TypeVar("T")

ON = ServiceCall("light", "turn_on", ["light.desk"])
TOGGLE = ServiceCall("light", "toggle", ["light.desk"], again=False)


class Client:
    """A link, and its surroundings as a test decides them: a pause is over when the test says so."""

    def __init__(self, server: FakeHomeAssistant, token: str = "a-long-lived-token", ping_s: float = 20) -> None:
        self.pauses: list[float] = []
        self.renamed = 0
        self.refused = 0
        self.house = House(DOMAINS)
        self._news = asyncio.Event()
        self._go_on = asyncio.Event()
        around = Surroundings(_in_thread, self._pause, self._on_renamed, self._on_refused, structlog.get_logger())
        self.link = Link(server.url, token, self.house, around, ping_s=ping_s)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.link.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait({task})
            assert task.cancelled() or task.exception() is None

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait for what the link is seen to do."""
        async with asyncio.timeout(PATIENCE_S):
            while not holds():
                self._news.clear()
                changed = asyncio.ensure_future(self._news.wait())
                await asyncio.wait({changed}, timeout=0.02)
                changed.cancel()

    def go_on(self) -> None:
        """The pause is over."""
        self._go_on.set()

    async def _pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self._news.set()
        self._go_on.clear()
        await self._go_on.wait()

    def _on_renamed(self) -> None:
        self.renamed += 1
        self._news.set()

    def _on_refused(self) -> None:
        self.refused += 1
        self._news.set()


async def _in_thread(function: Callable[[], T]) -> T:
    return await asyncio.to_thread(function)


@pytest.fixture
async def server() -> AsyncIterator[FakeHomeAssistant]:
    async with FakeHomeAssistant() as server:
        furnish(server)
        yield server


def state(client: Client, entity_id: str) -> str:
    return {device.entity_id: device.state for device in client.house.devices}.get(entity_id, "")


async def test_states_names_and_areas_are_read_and_followed(server: FakeHomeAssistant) -> None:
    client = Client(server)
    async with client.running():
        await client.until(lambda: client.link.connected)
        known = {device.entity_id: device for device in client.house.devices}
        assert known["light.desk"].area == "Living Room"  # its device's
        assert {"light.secret", "sensor.uptime", "lock.front"}.isdisjoint(known)
        assert state(client, "light.desk") == "off"
        server.set_state("light.desk", "on")
        await client.until(lambda: state(client, "light.desk") == "on")
        server.remove("light.desk")
        await client.until(lambda: state(client, "light.desk") == "")
    assert server.violations == []


async def test_names_are_told_to_have_changed_only_when_they_did(server: FakeHomeAssistant) -> None:
    client = Client(server)
    async with client.running():
        await client.until(lambda: client.link.connected)
        assert client.renamed == 1
        server.set_state("light.desk", "on")
        await client.until(lambda: state(client, "light.desk") == "on")
        assert client.renamed == 1
        server.set_state("light.desk", "on", friendly_name="Work Lamp")
        await client.until(lambda: client.renamed == 2)
        server.entities[0]["name"] = "Spotlights"
        server.fire("entity_registry_updated", {"action": "update", "entity_id": "light.spots"})
        await client.until(lambda: client.pauses == [3.0])
        client.go_on()
        await client.until(lambda: client.renamed == 3)
    assert "Spotlights" in {device.name for device in client.house.devices}


async def test_a_service_is_called_once(server: FakeHomeAssistant) -> None:
    client = Client(server)
    async with client.running():
        await client.until(lambda: client.link.connected)
        await client.link.call(ON)
        await client.link.call(ServiceCall("light", "turn_on", ["light.desk"], {"brightness_pct": 40}))
        await client.until(lambda: state(client, "light.desk") == "on")
    assert server.calls == [
        Call("light.turn_on", ("light.desk",)),
        Call("light.turn_on", ("light.desk",), {"brightness_pct": 40}),
    ]
    assert server.violations == []


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (ServiceCall("light", "explode", ["light.desk"]), "has nothing that could do that"),
        (ServiceCall("light", "turn_on", ["light.desk"], {"brightness_pct": 400}), "Home Assistant refused: "),
    ],
)
@pytest.mark.parametrize("websocket", [True, False])
async def test_what_is_refused_is_said(
    server: FakeHomeAssistant, call: ServiceCall, told: str, websocket: bool
) -> None:
    client = Client(server)
    if not websocket:
        with pytest.raises(ServiceRefused):
            await client.link.call(call)
        return
    async with client.running():
        await client.until(lambda: client.link.connected)
        with pytest.raises(ServiceRefused, match=told):
            await client.link.call(call)
    assert server.calls == []


async def test_without_a_websocket_it_goes_over_http(server: FakeHomeAssistant) -> None:
    server.websocket_status = 503
    client = Client(server)
    async with client.running():
        await client.until(lambda: client.pauses == [1.0])
        await client.link.call(ON)
        await client.link.refresh()
    assert server.calls == [Call("light.turn_on", ("light.desk",), {}, "http")]
    assert state(client, "light.desk") == "on"
    assert server.violations == []


async def test_the_websocket_is_tried_again_when_http_finds_it_back(server: FakeHomeAssistant) -> None:
    await server.stop()
    client = Client(server)
    async with client.running():
        await client.until(lambda: client.pauses == [1.0])
        await server.start()
        await client.link.refresh()
        await client.until(lambda: client.link.connected)


async def test_pauses_grow(server: FakeHomeAssistant) -> None:
    await server.stop()
    client = Client(server)
    async with client.running():
        for number in range(1, 9):
            await client.until(lambda number=number: len(client.pauses) == number)  # type: ignore[misc]
            client.go_on()
        assert client.pauses[:8] == [1, 2, 4, 8, 16, 32, 60, 60]
        with pytest.raises(Away, match="Home Assistant can't be reached at the moment"):
            await client.link.call(ON)


async def test_it_comes_back_after_a_restart(server: FakeHomeAssistant) -> None:
    client = Client(server)
    async with client.running():
        await client.until(lambda: client.link.connected)
        await server.stop()
        await client.until(lambda: client.pauses == [1.0])
        assert not client.link.connected
        server.states["light.desk"]["state"] = "on"
        await server.start()
        client.go_on()
        await client.until(lambda: client.link.connected)
        assert state(client, "light.desk") == "on"
        assert client.renamed == 1
    assert server.connections == 2


async def test_a_wrong_token_is_tried_once(server: FakeHomeAssistant) -> None:
    client = Client(server, token="wrong")
    async with client.running():
        await client.until(lambda: client.refused == 1)
        with pytest.raises(TokenRefused, match="Make a new long-lived access token"):
            await client.link.call(ON)
        with pytest.raises(TokenRefused):
            await client.link.refresh()
    assert server.connections == 1
    assert client.pauses == []


async def test_a_token_that_http_refuses_is_not_tried_again_either(server: FakeHomeAssistant) -> None:
    server.websocket_status = 503
    client = Client(server, token="wrong")
    async with client.running():
        await client.until(lambda: client.pauses == [1.0])
        with pytest.raises(TokenRefused):
            await client.link.refresh()
        with pytest.raises(TokenRefused):
            await client.link.refresh()
        client.go_on()
    assert client.refused == 1
    assert len(server.violations) == 1


async def test_on_is_said_again_where_the_answer_was_lost(server: FakeHomeAssistant) -> None:
    client = Client(server)
    async with client.running():
        await client.until(lambda: client.link.connected)
        server.answers_calls = False
        await client.link.call(ON)
    assert [call.over for call in server.calls] == ["websocket", "http"]
    assert server.states["light.desk"]["state"] == "on"


async def test_toggle_is_not(server: FakeHomeAssistant) -> None:
    client = Client(server)
    async with client.running():
        await client.until(lambda: client.link.connected)
        server.answers_calls = False
        with pytest.raises(Unclear, match="It may have done it"):
            await client.link.call(TOGGLE)
    assert server.calls == [Call("light.toggle", ("light.desk",))]
    assert server.states["light.desk"]["state"] == "on"


async def test_a_server_that_hangs_is_noticed(server: FakeHomeAssistant) -> None:
    server.deaf = True
    client = Client(server, ping_s=0.1)
    async with client.running():
        await client.until(lambda: client.pauses == [1.0])
        server.deaf = False
        client.go_on()
        await client.until(lambda: client.link.connected)


async def test_a_user_who_may_not_read_the_registries_has_devices_without_areas(server: FakeHomeAssistant) -> None:
    server.admin = False
    client = Client(server)
    async with client.running():
        await client.until(lambda: client.link.connected)
    assert {device.area for device in client.house.devices} == {""}
    assert state(client, "light.desk") == "off"


@pytest.mark.parametrize("status", [404, 200])
async def test_what_is_no_home_assistant_is_said(server: FakeHomeAssistant, status: int) -> None:
    server.websocket_status = status
    if status == 200:
        await server.stop()
        listener = await asyncio.start_server(_garbage, "127.0.0.1", int(server.url.rsplit(":", 1)[1]))
    server.http_status = 404
    client = Client(server)
    async with client.running():
        await client.until(lambda: client.pauses == [1.0])
        with pytest.raises(ToolError):
            await client.link.refresh()
    if status == 200:
        listener.close()
        await listener.wait_closed()


async def _garbage(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readline()
    writer.write(b"SSH-2.0-OpenSSH_9.2\r\n")
    writer.close()


async def test_of_ten_thousand_devices_the_first_ones_are_known(server: FakeHomeAssistant) -> None:
    for number in range(10_000):
        about: dict[str, Any] = {
            "supported_features": 44,
            "icon": "mdi:lamp",
            "colour_modes": ["xy", "color_temp"],
            "n": number,
        }
        server.entity(f"light.n{number}", f"Lamp number {number}", "off", area="hall", **about)
    client = Client(server)
    async with client.running():
        await client.until(lambda: client.link.connected)
        assert len(client.house.devices) == 5000
        server.set_state("light.n1", "on")
        await client.until(lambda: state(client, "light.n1") == "on")
    assert server.violations == []


async def test_a_flood_of_changes_is_followed_to_its_end(server: FakeHomeAssistant) -> None:
    client = Client(server)
    async with client.running():
        await client.until(lambda: client.link.connected)
        for number in range(5000):
            server.set_state("sensor.hall_temperature", str(number))
            server.set_state("sensor.unknown", str(number))
        server.set_state("light.desk", "on")
        await client.until(lambda: state(client, "light.desk") == "on")
        assert state(client, "sensor.hall_temperature") == "4999"
        await client.link.call(ON)


async def test_what_changes_while_all_states_are_read_is_not_lost(server: FakeHomeAssistant) -> None:
    house = House(DOMAINS)
    house.begin({})
    old = house.read_states(list(server.states.values()), {})
    house.told("light.desk", {"entity_id": "light.desk", "state": "on", "attributes": {"friendly_name": "Desk Lamp"}})
    house.told("light.spots", None)
    house.load(old)
    known = {device.entity_id: device.state for device in house.devices}
    assert known["light.desk"] == "on"
    assert "light.spots" not in known
    assert known["light.counter"] == "on"

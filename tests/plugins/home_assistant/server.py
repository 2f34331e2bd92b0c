"""A Home Assistant on loopback that takes and refuses what the real one does, over WebSocket and HTTP.

Its answers, error codes and the fields of its messages are those of the API's documentation (developers.home-assistant
.io: "WebSocket API", "REST API") and of Home Assistant 2024; where a command names an entity that is not there, it does
nothing and says that it is done, as the real one does.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Self

from aiohttp import WSCloseCode, WSMsgType, web

TOKEN: Final = "a-long-lived-token"

PATIENCE_S: Final = 60.0
"""Only reached by a test that fails."""

Json = dict[str, Any]

_FIELDS: Final[Mapping[str, tuple[set[str], set[str]]]] = {
    "ping": (set(), set()),
    "get_states": (set(), set()),
    "subscribe_events": (set(), {"event_type"}),
    "unsubscribe_events": ({"subscription"}, set()),
    "call_service": ({"domain", "service"}, {"service_data", "target", "return_response"}),
    "config/area_registry/list": (set(), set()),
    "config/device_registry/list": (set(), set()),
    "config/entity_registry/list": (set(), set()),
}
"""Required and optional fields of each command, beside id and type; others are refused."""

_SERVICES: Final[Mapping[str, Mapping[str, Callable[[Any], bool]]]] = {
    "light.turn_on": {"brightness_pct": lambda value: 0 <= value <= 100},
    "light.turn_off": {},
    "light.toggle": {},
    "switch.turn_on": {},
    "switch.turn_off": {},
    "switch.toggle": {},
    "fan.turn_on": {},
    "fan.turn_off": {},
    "fan.set_percentage": {"percentage": lambda value: 0 <= value <= 100},
    "cover.open_cover": {},
    "cover.close_cover": {},
    "cover.stop_cover": {},
    "cover.toggle": {},
    "cover.set_cover_position": {"position": lambda value: 0 <= value <= 100},
    "climate.turn_on": {},
    "climate.turn_off": {},
    "climate.set_temperature": {"temperature": lambda value: isinstance(value, int | float)},
    "media_player.turn_off": {},
    "media_player.media_stop": {},
    "media_player.volume_set": {"volume_level": lambda value: 0 <= value <= 1},
    "lock.lock": {},
    "lock.unlock": {},
    "scene.turn_on": {},
    "script.turn_on": {},
}

_BECOMES: Final = {
    "turn_on": "on",
    "turn_off": "off",
    "open_cover": "open",
    "close_cover": "closed",
    "lock": "locked",
    "unlock": "unlocked",
}
_OPPOSITE: Final = {"on": "off", "off": "on", "open": "closed", "closed": "open"}


@dataclass(frozen=True)
class Call:
    """A service that was called."""

    service: str
    entity_ids: tuple[str, ...]
    data: Json = field(default_factory=dict)
    over: str = "websocket"


class _Refusal(Exception):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class FakeHomeAssistant:
    """`violations`: what a client did that the real one refuses. `calls`: services that were called, in order."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.violations: list[str] = []
        self.connections = 0
        self.states: dict[str, Json] = {}
        self.areas: list[Json] = []
        self.devices: list[Json] = []
        self.entities: list[Json] = []
        # Faults.
        self.token = TOKEN
        self.websocket_status = 200
        self.http_status = 200
        self.deaf = False
        """Takes messages, and answers none."""
        self.answers_calls = True
        """Otherwise it does what it is told, and hangs up instead of saying so."""
        self.admin = True
        """Otherwise the registries are refused."""
        self._sockets: set[_Session] = set()
        self._changed = asyncio.Event()
        self._runner: web.AppRunner | None = None
        self._port = 0

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    async def start(self) -> None:
        """Listen, at the same port as before."""
        app = web.Application()
        app.router.add_get("/api/websocket", self._websocket)
        app.router.add_get("/api/", self._running)
        app.router.add_get("/api/states", self._all_states)
        app.router.add_get("/api/states/{entity_id}", self._one_state)
        app.router.add_post("/api/services/{domain}/{service}", self._call_over_http)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port, reuse_address=True)
        await site.start()
        self._port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """As when the machine that it runs on is switched off."""
        self.drop()
        if self._runner:
            await self._runner.cleanup()
            self._runner = None

    def drop(self) -> None:
        """Cut all WebSockets, with no goodbye."""
        for session in list(self._sockets):
            session.cut()

    # The home.

    def area(self, area_id: str, name: str) -> None:
        self.areas.append({"area_id": area_id, "name": name, "aliases": [], "floor_id": None, "icon": None})

    def device(self, device_id: str, area_id: str | None) -> None:
        self.devices.append({"id": device_id, "area_id": area_id, "name": device_id, "name_by_user": None})

    def entity(
        self,
        entity_id: str,
        name: str,
        state: str,
        *,
        area: str | None = None,
        device: str | None = None,
        listed: bool = True,
        registry: Mapping[str, Any] = {},
        **attributes: Any,
    ) -> None:
        """`listed`: in the registry. `registry`: what that says otherwise."""
        self.states[entity_id] = _state(entity_id, state, {"friendly_name": name, **attributes})
        if listed:
            entry = {"entity_id": entity_id, "area_id": area, "device_id": device, "name": None, "original_name": name}
            hidden = {"hidden_by": None, "disabled_by": None, "entity_category": None}
            self.entities.append({**entry, **hidden, "platform": "demo", **registry})

    def set_state(self, entity_id: str, state: str, **attributes: Any) -> None:
        """Somebody uses the device, or it comes anew."""
        before = self.states.get(entity_id)
        kept = {**(before["attributes"] if before else {}), **attributes}
        self.states[entity_id] = _state(entity_id, state, kept)
        self._state_changed(entity_id, before, self.states[entity_id])

    def remove(self, entity_id: str) -> None:
        self._state_changed(entity_id, self.states.pop(entity_id), None)

    def fire(self, event_type: str, data: Json) -> None:
        event = {"event_type": event_type, "data": data, "origin": "LOCAL", "time_fired": "2026-11-20T12:00:00+00:00"}
        for session in self._sockets:
            session.hear(event)

    # What a test waits for.

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until something is so, as far as what clients do makes it so."""
        async with asyncio.timeout(PATIENCE_S):
            while not holds():
                self._changed.clear()
                await self._changed.wait()

    async def subscribed(self, connections: int = 1) -> None:
        """Wait until so many connections were made, and the last one has all states."""
        await self.until(lambda: self.connections >= connections and any(s.has_states for s in self._sockets))

    def news(self) -> None:
        self._changed.set()

    # Services.

    def call(self, service: str, entity_ids: Sequence[str], data: Json, over: str) -> None:
        if service not in _SERVICES:
            raise _Refusal("not_found", "Service not found.")
        fits = _SERVICES[service]
        for name, value in data.items():
            if name not in fits or not fits[name](value):
                raise _Refusal("invalid_format", f"extra keys not allowed or value out of range @ data['{name}']")
        if not entity_ids:
            raise _Refusal("invalid_format", "must contain at least one of entity_id, device_id, area_id.")
        self.calls.append(Call(service, tuple(entity_ids), data, over))
        self.news()
        action = service.partition(".")[2]
        for entity_id in entity_ids:
            state = self.states.get(entity_id)
            if (
                state is None
                or state["state"] == "unavailable"
                or entity_id.partition(".")[0] != service.partition(".")[0]
            ):
                continue
            after = _OPPOSITE.get(state["state"], state["state"]) if action == "toggle" else _BECOMES.get(action)
            about = {"brightness": round(data["brightness_pct"] * 2.55)} if "brightness_pct" in data else {}
            self.set_state(entity_id, after or state["state"], **about)

    def violated(self, what: str) -> None:
        self.violations.append(what)
        self.news()

    def _state_changed(self, entity_id: str, before: Json | None, after: Json | None) -> None:
        self.fire("state_changed", {"entity_id": entity_id, "old_state": before, "new_state": after})

    # WebSocket.

    async def _websocket(self, request: web.Request) -> web.StreamResponse:
        if self.websocket_status != 200:
            return web.Response(status=self.websocket_status)
        socket = web.WebSocketResponse(autoping=not self.deaf)
        await socket.prepare(request)
        session = _Session(self, socket, request)
        self._sockets.add(session)
        try:
            await session.run()
        finally:
            self._sockets.discard(session)
            self.news()
        return socket

    # HTTP.

    def _checked(self, request: web.Request) -> None:
        if self.http_status != 200:
            raise _status(self.http_status)
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            self.violated(f"{request.method} {request.path} without the right token")
            raise web.HTTPUnauthorized(text="401: Unauthorized")

    async def _running(self, request: web.Request) -> web.Response:
        self._checked(request)
        return web.json_response({"message": "API running."})

    async def _all_states(self, request: web.Request) -> web.Response:
        self._checked(request)
        return web.json_response(list(self.states.values()))

    async def _one_state(self, request: web.Request) -> web.Response:
        self._checked(request)
        state = self.states.get(request.match_info["entity_id"])
        if state is None:
            return web.json_response({"message": "Entity not found."}, status=404)
        return web.json_response(state)

    async def _call_over_http(self, request: web.Request) -> web.Response:
        self._checked(request)
        try:
            data = json.loads(await request.text() or "{}")
        except ValueError:
            self.violated("a body that is no JSON")
            return web.json_response({"message": "Data should be valid JSON."}, status=400)
        service = f"{request.match_info['domain']}.{request.match_info['service']}"
        entity_ids = data.pop("entity_id", [])
        try:
            self.call(service, entity_ids if isinstance(entity_ids, list) else [entity_ids], data, "http")
        except _Refusal as refusal:
            self.violated(f"{service}: {refusal}")
            return web.Response(status=400, text="400: Bad Request")
        return web.json_response([])


class _Session:
    """One WebSocket."""

    def __init__(self, home: FakeHomeAssistant, socket: web.WebSocketResponse, request: web.Request) -> None:
        self.has_states = False
        self._home = home
        self._socket = socket
        self._request = request
        self._last_id = 0
        self._subscriptions: dict[int, str] = {}
        self._outbox: asyncio.Queue[Any] = asyncio.Queue()

    async def run(self) -> None:
        writer = asyncio.create_task(self._write())
        try:
            self._send({"type": "auth_required", "ha_version": "2024.6.0"})
            if await self._authenticated():
                self._home.connections += 1
                self._home.news()
                await self._commands()
        finally:
            await self._outbox.join()
            writer.cancel()
            await self._socket.close(code=WSCloseCode.OK)

    def cut(self) -> None:
        if transport := self._request.transport:
            transport.abort()

    def hear(self, event: Json) -> None:
        for number, kind in self._subscriptions.items():
            if kind in ("*", event["event_type"]):
                self._send({"id": number, "type": "event", "event": event})

    async def _authenticated(self) -> bool:
        message = await self._message()
        if message is None:
            return False
        if not (
            isinstance(message, dict) and message.get("type") == "auth" and message.keys() == {"type", "access_token"}
        ):
            self._home.violated(f"the first message is {message!r}")
            self._send({"type": "auth_invalid", "message": "Auth message incorrectly formatted"})
            return False
        if message["access_token"] != self._home.token:
            self._send({"type": "auth_invalid", "message": "Invalid access token or password"})
            self._home.connections += 1
            self._home.news()
            return False
        self._send({"type": "auth_ok", "ha_version": "2024.6.0"})
        return True

    async def _commands(self) -> None:
        while (message := await self._message()) is not None:
            if not self._home.deaf:
                self._command(message)

    def _command(self, message: Any) -> None:
        number = message.get("id") if isinstance(message, dict) else None
        try:
            if not isinstance(message, dict) or type(number) is not int or number < 1 or "type" not in message:
                raise _Refusal("invalid_format", "Message incorrectly formatted.")
            if number <= self._last_id:
                raise _Refusal("id_reuse", "Identifier values have to increase.")
            self._last_id = number
            if message["type"] not in _FIELDS:
                raise _Refusal("unknown_command", "Unknown command.")
            required, optional = _FIELDS[message["type"]]
            fields = message.keys() - {"id", "type"}
            if not required <= fields or not fields <= required | optional:
                raise _Refusal("invalid_format", f"required or extra keys: {sorted(fields ^ required)}")
            result = self._done(number, message)
        except _Refusal as refusal:
            if refusal.code not in ("unauthorized", "home_assistant_error"):
                self._home.violated(f"{message!r}: {refusal}")
            error = {"code": refusal.code, "message": str(refusal)}
            self._send({"id": number, "type": "result", "success": False, "error": error})
            return
        if message["type"] == "ping":
            self._send({"id": number, "type": "pong"})
        else:
            self._send({"id": number, "type": "result", "success": True, "result": result})

    def _done(self, number: int, message: Json) -> Any:
        match message["type"]:
            case "get_states":
                self.has_states = True
                self._home.news()
                return list(self._home.states.values())
            case "subscribe_events":
                self._subscriptions[number] = message.get("event_type", "*")
            case "unsubscribe_events":
                if self._subscriptions.pop(message["subscription"], None) is None:
                    raise _Refusal("not_found", "Subscription not found.")
            case "call_service":
                return self._called(message)
            case "config/area_registry/list":
                return self._registry(self._home.areas)
            case "config/device_registry/list":
                return self._registry(self._home.devices)
            case "config/entity_registry/list":
                return self._registry(self._home.entities)
        return None

    def _registry(self, entries: list[Json]) -> list[Json]:
        if not self._home.admin:
            raise _Refusal("unauthorized", "Unauthorized")
        return entries

    def _called(self, message: Json) -> Json:
        if message.get("return_response"):
            raise _Refusal("service_validation_error", "An action which does not return responses can't be called so.")
        target = message.get("target", {})
        if not isinstance(target, dict) or not target.keys() <= {"entity_id", "area_id", "device_id"}:
            raise _Refusal("invalid_format", "extra keys not allowed @ data['target']")
        entity_ids = target.get("entity_id", [])
        self._home.call(
            f"{message['domain']}.{message['service']}",
            entity_ids if isinstance(entity_ids, list) else [entity_ids],
            message.get("service_data", {}),
            "websocket",
        )
        if not self._home.answers_calls:
            self.cut()
        return {"context": {"id": "01", "parent_id": None, "user_id": "02"}, "response": None}

    async def _message(self) -> Any:
        """The next one, or None where there is none, or one that the real one hangs up at."""
        try:
            received = await self._socket.receive()
        except (ConnectionError, RuntimeError):
            return None
        if received.type in (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR):
            return None
        if received.type in (WSMsgType.PING, WSMsgType.PONG):
            return await self._message()
        if received.type != WSMsgType.TEXT:
            self._home.violated("a message that is no text")
            return None
        try:
            return json.loads(received.data)
        except ValueError:
            self._home.violated("a message that is no JSON")
            return None

    def _send(self, message: Json) -> None:
        self._outbox.put_nowait(message)

    async def _write(self) -> None:
        while True:
            message = await self._outbox.get()
            try:
                await self._socket.send_str(json.dumps(message))
            except (ConnectionError, RuntimeError):
                pass
            finally:
                self._outbox.task_done()


def _state(entity_id: str, state: str, attributes: Json) -> Json:
    moment = "2026-11-20T12:00:00+00:00"
    context = {"id": "01JD", "parent_id": None, "user_id": None}
    return {
        "entity_id": entity_id,
        "state": state,
        "attributes": attributes,
        "last_changed": moment,
        "last_reported": moment,
        "last_updated": moment,
        "context": context,
    }


def _status(status: int) -> web.HTTPException:
    kind = {404: web.HTTPNotFound, 500: web.HTTPInternalServerError, 503: web.HTTPServiceUnavailable}[status]
    return kind(text=f"{status}")

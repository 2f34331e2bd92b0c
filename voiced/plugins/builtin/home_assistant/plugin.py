"""Home Assistant: lights, covers, heating, scenes and sensors of a home, by the names and areas that they have there.

Off until `url` is set in [plugin.home_assistant], and there is a long-lived access token (made on the page of your
profile in Home Assistant): $VOICED_SECRET_HOME_ASSISTANT_TOKEN, the systemd credential voiced-home_assistant-token, or
the file that `token_file` names.

Without a cloud one says: "turn on the kitchen light", "switch off the kitchen lights", "open the blinds", "is the
window open", "set the desk lamp to 40 percent", "activate the movie night scene", with the names of Home Assistant.
Before something is unlocked, or a garage door, a gate or a door moves, a yes is asked for. Locks are left out unless
lock is among `domains`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import partial
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final, Literal, cast, get_args

from voiced.api import (
    DynamicTool,
    NotConfigured,
    NotPermitted,
    Plugin,
    Sentence,
    ToolContext,
    ToolError,
    ToolOptions,
    sentence,
    tool,
)
from voiced.plugins.builtin.home_assistant import names, orders, wording
from voiced.plugins.builtin.home_assistant.failures import token_refused
from voiced.plugins.builtin.home_assistant.house import Device, House, titles
from voiced.plugins.builtin.home_assistant.orders import LEVELLED, RUN, SWITCHED, Action, ServiceCall
from voiced.plugins.builtin.home_assistant.settings import HomeAssistantSettings
from voiced.plugins.builtin.spoken import listed

if TYPE_CHECKING:
    from voiced.plugins.builtin.home_assistant.link import Link

MOST_AT_ONCE: Final = 50
"""Devices of one order: more are a misunderstanding."""

MOST_LISTED: Final = 60

SETTLE_S: Final = 2.0
"""New names come in swarms while Home Assistant starts; the tools change once for each swarm."""

COLDEST: Final = 5
WARMEST: Final = 90
"""Of a thermostat, in whatever degrees Home Assistant counts."""

_NAME: Final = {
    "type": "string",
    "description": "Name, or area and kind, as the user says it: desk lamp, kitchen lights, all lights.",
}


class HomeAssistant(Plugin):
    """One home."""

    settings: HomeAssistantSettings
    permissions = ("network", "say", "listen")
    _task: asyncio.Task[None] | None = None

    async def setup(self, context: ToolContext) -> None:
        if not self.settings.url:
            raise NotConfigured("set url in [plugin.home_assistant], such as http://homeassistant.local:8123")
        token = await context.secret("token")
        self._context = context
        self._house = House(self.settings.domains)
        self._renaming = False
        self._offered = self._tools_for(())
        link = await context.in_thread(_link)
        around = link.Surroundings(context.in_thread, self._pause, self._renamed, self._refused, context.log)
        self._link: Link = link.Link(self.settings.url, token, self._house, around)
        self._task = asyncio.create_task(self._link.run(), name="home_assistant")

    async def teardown(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    @tool(idempotent=True)
    async def list_devices(self, area: str | None = None, kind: str | None = None) -> str:
        """List the devices at home, with their states.

        Args:
            area: Only those in this room or area; null for all.
            kind: Only light, switch, cover, climate, fan, media_player, scene, script, sensor or binary_sensor.
        """
        await self._link.refresh()
        wanted = frozenset(names.plain(area or ""))
        found = [
            device
            for device in self._house.devices
            if (not kind or device.domain == names.KINDS.get(kind, kind)) and wanted <= names.plain(device.area)
        ]
        if not found:
            areas = sorted({device.area for device in self._house.devices if device.area})
            raise ToolError(f"There is no such device. The areas are: {listed(areas) or 'none'}.")
        more = [f"and {len(found) - MOST_LISTED} more; ask for one area or kind"] if len(found) > MOST_LISTED else []
        return "\n".join([wording.brief(device) for device in found[:MOST_LISTED]] + more)

    @tool(when="_has_locks")
    async def lock_door(self, name: str, action: Literal["lock", "unlock"], context: ToolContext) -> str:
        """Lock or unlock a door. The user is asked for a yes before something is unlocked; do not ask as well.

        Args:
            name: Name of the lock, as the user says it.
            action: What to do.
        """
        devices = await self._find(name, ("lock",))
        await self._ask_for_a_yes(devices, action, context)
        await self._call([ServiceCall("lock", action, [device.entity_id for device in devices])])
        return wording.done(devices, f"{action}ed")

    def dynamic_tools(self) -> Sequence[DynamicTool]:
        """Those that have sentences with the names of this home."""
        return self._offered

    # Tools with names of devices in their sentences.

    def _tools_for(self, devices: Sequence[Device]) -> Sequence[DynamicTool]:
        """Thousands of devices take long: in a thread, please."""
        return (
            self._switch_tool(devices),
            self._read_tool(devices),
            *self._level_tools(devices),
            *self._scene_tools(devices),
        )

    def _switch_tool(self, devices: Sequence[Device]) -> DynamicTool:
        switched = self._sayable(devices, *(domain for domain in SWITCHED if domain != "cover"))
        covers = self._sayable(devices, "cover")
        said: list[Sentence] = []
        for action in ("on", "off"):
            if switched:
                said.append(sentence(f"(turn|switch) {action} [the] {{device:name}}", action=action))
                said.append(sentence(f"(turn|switch) [the] {{device:name}} {action}", action=action))
        if covers:
            said += [sentence(f"{action} [the] {{cover:name}}", action=action) for action in ("open", "close")]
        return DynamicTool(
            "switch_device",
            "Switch devices at home on or off, or open and close covers, blinds and garage doors. The user is asked "
            "for a yes before a garage door or gate moves; do not ask as well.",
            _schema(name=_NAME, action={"type": "string", "enum": list(get_args(Action))}),
            self._switch,
            ToolOptions(sentences=said, lists=_lists(device=switched, cover=covers)),
        )

    def _read_tool(self, devices: Sequence[Device]) -> DynamicTool:
        readable = self._sayable(devices, *SWITCHED, "binary_sensor", "sensor", "lock")
        said = [
            "(is|are) [the] {thing:name} (on|off|open|closed)",
            "(what's|what is) [the] {thing:name}",
            "(what's|what is) the state of [the] {thing:name}",
        ]
        return DynamicTool(
            "read_device",
            "Tell the state of a device or sensor at home: whether a light is on, a window open, how warm a room is.",
            _schema(name=_NAME),
            self._read,
            ToolOptions(sentences=said if readable else (), lists=_lists(thing=readable), idempotent=True),
        )

    def _level_tools(self, devices: Sequence[Device]) -> list[DynamicTool]:
        levelled = self._sayable(devices, *LEVELLED)
        heated = self._sayable(devices, "climate")
        tools = []
        if _has(devices, *LEVELLED):
            percent = {"type": "integer", "minimum": 0, "maximum": 100}
            said = ["(set|dim) [the] {device:name} to {number:percent} [percent]"]
            tools.append(
                DynamicTool(
                    "set_device_level",
                    "Set the brightness of a light, the position of a cover (100 is open), the speed of a fan or the "
                    "volume of a player, in percent.",
                    _schema(name=_NAME, percent=percent),
                    self._set_level,
                    ToolOptions(sentences=said if levelled else (), lists=_lists(device=levelled), idempotent=True),
                )
            )
        if _has(devices, "climate"):
            degrees = {"type": "number", "minimum": COLDEST, "maximum": WARMEST}
            said = ["set [the] {device:name} to {number:degrees} degrees"]
            tools.append(
                DynamicTool(
                    "set_device_temperature",
                    "Set the temperature that a thermostat, heating or air conditioner at home is to keep.",
                    _schema(name=_NAME, degrees=degrees),
                    self._set_temperature,
                    ToolOptions(sentences=said if heated else (), lists=_lists(device=heated), idempotent=True),
                )
            )
        return tools

    def _scene_tools(self, devices: Sequence[Device]) -> list[DynamicTool]:
        if not _has(devices, *RUN):
            return []
        scenes = self._sayable(devices, *RUN)
        said = ["(activate|start|run) [the] {scene:name} [scene|script]", "set the {scene:name} scene"]
        return [
            DynamicTool(
                "run_scene",
                "Activate a scene or run a script of the home, such as movie night.",
                _schema(name={"type": "string", "description": "Its name, as the user says it."}),
                self._run_scene,
                ToolOptions(sentences=said if scenes else (), lists=_lists(scene=scenes)),
            )
        ]

    async def _switch(self, arguments: Mapping[str, Any], context: ToolContext) -> str:
        action = cast(Action, arguments["action"])
        devices = await self._find(arguments["name"], SWITCHED)
        calls = orders.switching(devices, action)
        await self._ask_for_a_yes(devices, action, context)
        await self._call(calls)
        return self._switched(devices, action)

    async def _read(self, arguments: Mapping[str, Any], context: ToolContext) -> str:
        await self._link.refresh()
        return wording.told(await self._find(arguments["name"], self.settings.domains, reachable=False))

    async def _set_level(self, arguments: Mapping[str, Any], context: ToolContext) -> str:
        percent = int(arguments["percent"])
        devices = await self._find(arguments["name"], LEVELLED)
        await self._ask_for_a_yes(devices, "move", context)
        await self._call(orders.levelling(devices, percent))
        return wording.done(devices, f"at {percent} percent")

    async def _set_temperature(self, arguments: Mapping[str, Any], context: ToolContext) -> str:
        degrees = float(arguments["degrees"])
        devices = await self._find(arguments["name"], ("climate",))
        ids = [device.entity_id for device in devices]
        await self._call([ServiceCall("climate", "set_temperature", ids, {"temperature": degrees})])
        return wording.done(devices, f"set to {wording.number(degrees)} degrees")

    async def _run_scene(self, arguments: Mapping[str, Any], context: ToolContext) -> str:
        [device, *others] = await self._find(arguments["name"], RUN)
        if others:
            raise ToolError(f"Several are called {arguments['name']}. Say which one.")
        again = device.domain == "scene"
        await self._call([ServiceCall(device.domain, "turn_on", [device.entity_id], again=again)])
        return f"{wording.the(device.name)} {'is on' if device.domain == 'scene' else 'runs'}."

    # Doing it.

    async def _find(self, name: str, domains: Sequence[str], *, reachable: bool = True) -> list[Device]:
        """The devices that are meant; in a thread, for thousands of names take long to compare."""
        if not self._house.devices:
            await self._link.refresh()
        pool = [device for device in self._house.devices if device.domain in domains]
        found = await self._context.in_thread(partial(names.find, name, pool))
        if len(found) > MOST_AT_ONCE:
            raise ToolError(f"These are {len(found)} devices, which is too many at once. Name an area.")
        there = [device for device in found if device.reachable or not reachable]
        if not there:
            are = "is" if len(found) == 1 else "are"
            raise ToolError(f"{wording.the(listed(titles(found[:3])))} {are} not reachable at the moment.")
        return there

    async def _call(self, calls: Sequence[ServiceCall]) -> None:
        for call in calls:
            await self._link.call(call)

    def _switched(self, devices: Sequence[Device], action: Action) -> str:
        if action == "toggle":
            return " ".join(wording.state(self._house.now(device)) for device in devices[: wording.MOST_NAMED])
        if all(device.domain == "cover" for device in devices):
            moves: Mapping[Action, str] = {"on": "opening", "open": "opening", "off": "closing", "close": "closing"}
            return wording.done(devices, moves.get(action, "stopped"))
        return wording.done(devices, {"open": "on", "close": "off", "stop": "stopped"}.get(action, action))

    async def _ask_for_a_yes(self, devices: Sequence[Device], action: str, context: ToolContext) -> None:
        if not orders.needs_a_yes(devices, action):
            return
        what = {"on": "open", "off": "close", "toggle": "move"}.get(action, action)
        if not await context.confirm(f"Shall I {what} {wording.the(listed(titles(devices[:3]))).lower()}?"):
            raise ToolError("It was not done: the user did not say yes.")

    # Around it.

    def _has_locks(self) -> bool:
        return _has(self._house.devices, "lock")

    def _sayable(self, devices: Sequence[Device], *domains: str) -> dict[str, str]:
        pool = [device for device in devices if device.domain in domains]
        return names.sayable(pool, self.settings.most_names)

    async def _pause(self, seconds: float) -> None:
        over = asyncio.Event()

        async def end() -> None:
            over.set()

        appointment = self._context.call_after(timedelta(seconds=seconds), end)
        try:
            await over.wait()
        finally:
            appointment.cancel()

    def _renamed(self) -> None:
        if not self._renaming:
            self._renaming = True
            self._context.call_after(timedelta(seconds=SETTLE_S), self._offer_again)

    async def _offer_again(self) -> None:
        self._renaming = False
        self._offered = await self._context.in_thread(partial(self._tools_for, self._house.devices))
        self._context.tools_changed()

    def _refused(self) -> None:
        with contextlib.suppress(NotPermitted):
            self._context.announce(str(token_refused()))


def _has(devices: Sequence[Device], *domains: str) -> bool:
    return any(device.domain in domains for device in devices)


def _link() -> ModuleType:
    """Imported where there is a home alone, and in a thread: the WebSocket library takes its time."""
    from voiced.plugins.builtin.home_assistant import link

    return link


def _schema(**properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _lists(**lists: Mapping[str, str]) -> dict[str, Mapping[str, str]]:
    """Those with something in them: an empty one is a mistake."""
    return {name: words for name, words in lists.items() if words}

"""Settings of the key to talk."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Literal, Self

from pydantic import field_validator, model_validator

from voiced.keys.bus_address import bus_address
from voiced.keys.hotkey import Hotkey, hotkey_of
from voiced.settings import Settings, setting

KeyName = Literal["talk", "mute", "stop"]

SourceName = Literal["x11", "portal", "evdev", "gpio"]


class KeySettings(Settings):
    """A key to talk, wherever you are on the desktop, or a button on a Raspberry Pi. It works beside `voiced ptt`.

    With `listen.modes = ["ptt"]` voiced listens only while the key is held. docs/push-to-talk.md has a recipe for
    each desktop.
    """

    hotkey: str = setting(
        "",
        "The key to talk, such as 'ctrl+alt+space', 'f9', 'pause' or 'rightctrl'; empty: none. On a desktop: "
        "pip install 'voiced[desktop]'.",
    )
    style: Literal["hold", "toggle"] = setting(
        "hold", "hold: talk while you hold it. toggle: press it to begin, and again to end."
    )
    mute_hotkey: str = setting("", "Mutes the microphone, and opens it again; empty: none.")
    stop_hotkey: str = setting("", "Has the assistant be quiet; empty: none.")
    source: Literal["auto", "x11", "portal", "evdev", "gpio"] = setting(
        "auto",
        "Where keys come from. auto: x11 on X11; on Wayland the desktop's GlobalShortcuts portal, else evdev. evdev "
        "reads the keyboards themselves and needs the group 'input'; gpio is a button on a Raspberry Pi, "
        "pip install 'voiced[gpio]'.",
    )
    gpio_pin: int = setting(
        17, "The button's pin, by its BCM number; the button connects it to ground. For source = 'gpio'.", ge=2, le=27
    )
    notifications: Literal["auto", "on", "off"] = setting(
        "auto",
        "Notifications of the desktop: muted, microphone lost, a question that failed, offline. They never show what "
        "was said. auto: where there is a session bus, and 'voiced[desktop]' is installed.",
    )

    @field_validator("hotkey", "mute_hotkey", "stop_hotkey")
    @classmethod
    def _can_be_read(cls, text: str) -> str:
        if text:
            hotkey_of(text)
        return text

    @model_validator(mode="after")
    def _agree(self) -> Self:
        hotkeys = self.hotkeys
        if self.source == "gpio" and hotkeys:
            raise ValueError("source = 'gpio' is a button and knows no hotkeys; take them away, or choose 'auto'")
        names = list(hotkeys)
        for at, name in enumerate(names):
            if same := [other for other in names[:at] if hotkeys[other] == hotkeys[name]]:
                raise ValueError(
                    f"{_SETTING[name]} and {_SETTING[same[0]]} are both {hotkeys[name]}; choose another key for one"
                )
        return self

    @property
    def hotkeys(self) -> dict[KeyName, Hotkey]:
        """Those that were given."""
        given: dict[KeyName, str] = {"talk": self.hotkey, "mute": self.mute_hotkey, "stop": self.stop_hotkey}
        return {name: hotkey_of(text) for name, text in given.items() if text}

    @property
    def wanted(self) -> bool:
        """Whether there is a key or a button at all."""
        return self.source == "gpio" or bool(self.hotkeys)

    def notifies(self, environ: Mapping[str, str]) -> bool:
        """Whether this desktop is told."""
        if self.notifications == "auto":
            return bool(bus_address(environ)) and find_spec("dbus_fast") is not None
        return self.notifications == "on"


_SETTING: dict[KeyName, str] = {"talk": "hotkey", "mute": "mute_hotkey", "stop": "stop_hotkey"}

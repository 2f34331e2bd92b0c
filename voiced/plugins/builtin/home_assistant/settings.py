"""Settings of the plugin home_assistant, the table [plugin.home_assistant]."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from voiced.api import PluginSettings

DOMAINS: Final = (
    "light",
    "switch",
    "fan",
    "cover",
    "climate",
    "scene",
    "script",
    "media_player",
    "sensor",
    "binary_sensor",
)
"""No lock and no alarm_control_panel: what they do to a home, somebody should have wanted in writing."""


class HomeAssistantSettings(PluginSettings):
    """A Home Assistant at home. With an empty url the plugin is off."""

    url: str = Field("", description="Its address as in a browser, such as http://homeassistant.local:8123.")
    token_file: str = Field(
        "", description="A file with nothing but the long-lived access token in it, where no other place holds it."
    )
    domains: tuple[str, ...] = Field(
        DOMAINS, description="The kinds of devices that may be read and switched. Add lock to lock and unlock by voice."
    )
    most_names: int = Field(
        100, ge=0, le=500, description="So many names are understood with no cloud; more make mistakes likelier."
    )

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, url: str) -> str:
        parts = urlsplit(url)
        if url and (parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment):
            raise ValueError("write it as http://homeassistant.local:8123")
        return url.rstrip("/")

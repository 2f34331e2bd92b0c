"""Settings of the plugin media, the table [plugin.media]."""

from __future__ import annotations

from pydantic import Field

from voiced.api import PluginSettings


class MediaSettings(PluginSettings):
    """Music that MPD, the Music Player Daemon, plays. With an empty host the plugin is off."""

    host: str = Field("", description="Where MPD runs: a name or address, or the path of its socket.")
    port: int = Field(6600, ge=1, le=65535, description="Its port; of no meaning where host is a path.")
    password_file: str = Field(
        "", description="A file with nothing but MPD's password in it, where it has one and no other place holds it."
    )
    duck_percent: int = Field(
        25,
        ge=0,
        le=100,
        description="While somebody speaks with the assistant, the music has this much of its volume. 100: all of it.",
    )

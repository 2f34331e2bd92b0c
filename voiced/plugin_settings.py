"""What the settings of every plugin share; a part of `voiced.api` that is only imported where it is used."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class PluginSettings(BaseModel):
    """Base of a plugin's settings, the table [plugin.NAME] of voiced's own: unknown keys are mistakes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

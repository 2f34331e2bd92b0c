"""What every settings model shares: frozen, no unknown key, and a unit and a reason for each field."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Settings(BaseModel):
    """Base of each room's settings; they are put together in `voiced.config`.

    The class docstring becomes the comment above its section in `config/voiced.toml`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, validate_default=True)


def setting(default: Any, doc: str, *, unit: str = "", **limits: Any) -> Any:
    """One setting. `doc` says what it does and why this default; `unit` is ms, s, Hz, dB …; `limits` are pydantic's.

    Names of durations end in their unit (`hangover_ms`, `timeout_s`).
    """
    return Field(default, description=doc, json_schema_extra={"unit": unit} if unit else None, **limits)

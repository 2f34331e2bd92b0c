"""Settings of the API as plugins and `voiced api` use it."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from pydantic import field_validator

from voiced.ai.endpoint import OPENAI
from voiced.ai.presets import PRESETS, Helper
from voiced.settings import Settings, setting


class ProviderSettings(Settings):
    """One provider. Of a known one everything may be left out but the models."""

    base_url: str = setting("", "Where it is; empty: where the known one of this name is.")
    key_file: str = setting(
        "",
        "A file with its key, readable by voiced's user alone; NAME_API_KEY and the systemd credential name_api_key do "
        "too. A key is sent to no other host.",
    )
    models: dict[Helper, str] = setting(
        {}, "Which model each helper uses there where none is named, such as chat; for Azure its deployment."
    )

    @field_validator("base_url")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        if not value:
            return value
        try:
            parts = urlsplit(value)
            known = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        except ValueError:  # of a port that is no number
            known = False
        if not known:
            raise ValueError(f"give an address such as {OPENAI}")
        if parts.username is not None or parts.password is not None:
            raise ValueError("leave name and password out of it: the key is configured by itself")
        return value


class AiSettings(Settings):
    """The API for plugins that may (permission api), and for `voiced api`. It costs money, which is counted."""

    order: tuple[str, ...] = setting(
        ("openai",),
        "Providers, in the order in which they are asked: the next one where one is down, busy for long, or has no "
        f"such model. Known are {', '.join(PRESETS)}; others need an address.",
        min_length=1,
    )
    orders: dict[Helper, tuple[str, ...]] = setting({}, "Another order for single helpers, such as chat.")
    providers: dict[str, ProviderSettings] = setting({}, "The providers, by name, such as [ai.providers.deepseek].")
    timeout_s: float = setting(
        60.0, "For one request, and between two pieces of a stream. Files get more.", unit="s", gt=0, le=3600
    )
    retries: int = setting(3, "How often a request is made again where that may help.", ge=0, le=10)
    longest_wait_s: float = setting(
        20.0,
        "How long a busy server may make a request wait. Where it asks for more, the request fails and says so.",
        unit="s",
        ge=0,
        le=3600,
    )

    @field_validator("order", "orders")
    @classmethod
    def _names(cls, value: Any) -> Any:
        lists = value.values() if isinstance(value, dict) else (value,)
        for names in lists:
            if not names or not all(names):
                raise ValueError("name at least one provider, and none without a name")
        return value

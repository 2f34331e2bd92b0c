"""Settings of the API as plugins and `voiced api` use it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from pydantic import ValidationInfo, field_validator

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

    providers: dict[str, ProviderSettings] = setting({}, "The providers, by name, such as [ai.providers.deepseek].")
    order: tuple[str, ...] = setting(
        ("openai",),
        "Providers, in the order in which they are asked: the next one where one is down, busy for long, or has no "
        f"such model. Known are {', '.join(PRESETS)}; others need an address.",
        min_length=1,
    )
    orders: dict[Helper, tuple[str, ...]] = setting({}, "Another order for single helpers, such as chat.")
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

    @field_validator("providers")
    @classmethod
    def _have_addresses(cls, value: dict[str, ProviderSettings]) -> dict[str, ProviderSettings]:
        for name, given in value.items():
            if not given.base_url and not (name in PRESETS and PRESETS[name].base_url):
                raise ValueError(no_address(name))
        return value

    @field_validator("order", "orders")
    @classmethod
    def _are_known(cls, value: Any, info: ValidationInfo) -> Any:
        known = info.data.get("providers")
        for names in value.values() if isinstance(value, dict) else (value,):
            if not names:
                raise ValueError("name at least one provider")
            for name in names:
                if known is not None and name not in known:
                    if name not in PRESETS:
                        raise ValueError(no_such_provider(name, known))
                    if not PRESETS[name].base_url:
                        raise ValueError(no_address(name))
        return value


def no_address(name: str) -> str:
    """What to do about a provider that nobody knows the address of."""
    example = "https://RESOURCE.openai.azure.com/openai/v1" if name == "azure" else "http://192.168.1.2:8000/v1"
    return f"{name} has no address: write ai.providers.{name}.base_url, such as {example}"


def no_such_provider(name: str, configured: Iterable[str]) -> str:
    """What to do about a name that is none."""
    known = [*dict.fromkeys([*configured, *PRESETS])]
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}; others need ai.providers.{name}"
    return f"there is no provider {name!r}: {hint}"

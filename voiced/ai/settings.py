"""Settings of the API as plugins use it."""

from __future__ import annotations

from urllib.parse import urlsplit

from pydantic import field_validator

from voiced.ai.endpoint import OPENAI
from voiced.settings import Settings, setting


class AiSettings(Settings):
    """The API as plugins use it, those that may (permission api) and were told to. It costs money, which is counted."""

    base_url: str = setting(
        OPENAI,
        "Where it is. It gets the key that [openai] or [cascade] has for this host, and no other; a server of your own "
        "needs none.",
    )
    embedding_model: str = setting(
        "text-embedding-3-small",
        "Turns texts into vectors that are near where they mean alike. After a change plugins make theirs anew.",
        min_length=1,
    )
    timeout_s: float = setting(10.0, "For one request.", unit="s", gt=0, le=300)

    @field_validator("base_url")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
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

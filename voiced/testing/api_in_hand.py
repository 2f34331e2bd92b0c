"""The API as plugins have it, at a server that a test runs."""

from __future__ import annotations

from typing import Final

from voiced.ai.settings import AiSettings, ProviderSettings
from voiced.plugins.ai import HostAi
from voiced.ports import Post

KEY: Final = "sk-test"


def api_at(base_url: str, post: Post) -> HostAi:
    """Close it. `post` is told what is used. What fails is not asked again: each fault of the server is seen."""
    settings = AiSettings(providers={"openai": ProviderSettings(base_url=base_url)}, retries=0)
    return HostAi(lambda: settings, lambda _: KEY, thrift=lambda: "none", post=post)

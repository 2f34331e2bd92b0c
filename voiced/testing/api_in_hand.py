"""The API as plugins have it, at a server that a test runs."""

from __future__ import annotations

from typing import Final

from voiced.ai.settings import AiSettings, ProviderSettings
from voiced.plugins.ai import HostAi
from voiced.ports import Post

KEY: Final = "sk-test"


def api_at(base_url: str, post: Post) -> HostAi:
    """Close it. `post` is told what is used. What fails is not asked again, and nothing is waited for."""
    openai = ProviderSettings(base_url=base_url)
    settings = AiSettings(providers={"openai": openai}, retries=0, longest_wait_s=0.0)
    return HostAi(lambda: settings, lambda _: KEY, thrift=lambda: "none", post=post)

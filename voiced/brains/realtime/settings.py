"""Settings of the Realtime brain."""

from __future__ import annotations

from typing import Literal
from urllib.parse import urlsplit

from pydantic import field_validator

from voiced.conversation.events import Thrift
from voiced.settings import Settings, setting

_HEADER = r"^[\x21-\x7e]*$"
"""What may stand in a header: printable ASCII, no blank, no line break."""


class RealtimeSettings(Settings):
    """Realtime: the brain that hears and speaks by itself."""

    base_url: str = setting(
        "https://api.openai.com/v1",
        "Where the API is; http, https, ws or wss. For Azure: https://RESOURCE.openai.azure.com.",
    )
    dialect: Literal["ga", "beta", "auto"] = setting(
        "ga",
        "OpenAI and Azure speak ga; some local servers still speak beta. auto listens to what the server says.",
    )
    model: str = setting("gpt-realtime-2.1", "The model; for Azure the name of the deployment.", min_length=1)
    voice: str = setting("marin", "The assistant's voice.", min_length=1)
    instructions: str = setting(
        "You are a voice assistant in a room. Answer aloud in one or two short sentences, in the language that you "
        "were spoken to. Use a tool where one helps, and never claim to have done what no tool did.",
        "Who the assistant is and how it talks.",
    )
    speed: float = setting(1.0, "How fast it talks, 1 is normal.", ge=0.25, le=1.5)
    transcription_model: str = setting(
        "gpt-transcribe",
        "Writes down what the user said, for the history that the next session or brain gets; empty: nobody does. "
        "For Azure the name of a deployment. whisper-1 and gpt-4o-transcribe retire in February 2027.",
    )
    transcription_language: str = setting(
        "", "Language of the user, such as en; empty: the transcription finds out.", pattern=r"^([a-z]{2,3})?$"
    )
    noise_reduction: Literal["off", "near_field", "far_field"] = setting(
        "far_field", "Noise reduction on the server: near_field for a headset, far_field for a microphone in a room."
    )
    eagerness: Literal["auto", "low", "medium", "high"] = setting(
        "auto", "How soon semantic turn-taking takes a pause for the end: at the latest after 8 (low), 4 or 2 s (high)."
    )
    server_silence_ms: int = setting(
        500,
        "Silence that ends a turn where the server decides; below 400 slow speakers are cut off.",
        unit="ms",
        ge=100,
    )
    idle_timeout_ms: int = setting(
        0,
        "Where the server ends turns: the assistant speaks up after so long a silence (5000 to 30000); 0 never.",
        unit="ms",
        ge=0,
        le=30_000,
    )
    reasoning_effort: Literal["", "minimal", "low", "medium", "high", "xhigh"] = setting(
        "", "How long gpt-realtime-2 models think; empty: the model's own default. Other models refuse it."
    )
    max_output_tokens: int = setting(0, "Longest reply; 0: as the model likes.", unit="tokens", ge=0, le=4096)
    retention_ratio: float = setting(
        0.8,
        "What is kept when the context is full: dropping a fifth at once keeps the prompt cache useful for longer than "
        "dropping a little in each turn.",
        gt=0,
        le=1,
    )
    context_tokens: int = setting(
        0,
        "The context counts as full at so many tokens, to limit the cost; 0: at the model's limit.",
        unit="tokens",
        ge=0,
    )
    connect_timeout_s: float = setting(10.0, "To connect, and again to configure the session.", unit="s", gt=0)
    ping_s: float = setting(
        5.0, "A ping so often, to be answered within as long: a dead network is noticed in twice that.", unit="s", gt=0
    )
    silent_timeout_s: float = setting(
        20.0,
        "A server that owes a reply and says nothing at all for so long is lost. More for a high reasoning_effort.",
        unit="s",
        gt=0,
    )
    safety_identifier: str = setting(
        "", "Sent as OpenAI-Safety-Identifier: a hash that names the user.", pattern=_HEADER
    )
    organization: str = setting("", "Sent as OpenAI-Organization, where a key belongs to several.", pattern=_HEADER)
    project: str = setting("", "Sent as OpenAI-Project, where a key belongs to several.", pattern=_HEADER)

    thrifty_model: str = setting(
        "gpt-realtime-2.1-mini", "Used in the place of model when most of a budget is spent; empty: the same."
    )
    thrifty_context_tokens: int = setting(
        8000,
        "The context counts as full at so many tokens when a good part of a budget is spent.",
        unit="tokens",
        ge=1000,
    )

    def at(self, thrift: Thrift) -> RealtimeSettings:
        """These settings, made to cost less."""
        if thrift == "none":
            return self
        context = min(self.context_tokens or self.thrifty_context_tokens, self.thrifty_context_tokens)
        model = self.model if thrift == "short" else self.thrifty_model or self.model
        return self.model_copy(update={"context_tokens": context, "model": model})

    @field_validator("base_url")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https", "ws", "wss") or not parts.hostname:
            raise ValueError("give an address such as https://api.openai.com/v1")
        if parts.username is not None or parts.password is not None:
            raise ValueError("leave name and password out of it: the key is configured by itself")
        return value

    @field_validator("idle_timeout_ms")
    @classmethod
    def _is_an_idle_timeout(cls, value: int) -> int:
        if 0 < value < 5000:
            raise ValueError("use 0, or 5000 to 30000")
        return value

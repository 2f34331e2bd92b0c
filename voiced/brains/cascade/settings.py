"""Settings of the cascade brain."""

from __future__ import annotations

from typing import Literal
from urllib.parse import urlsplit

from pydantic import field_validator

from voiced.settings import Settings, setting

Service = Literal["stt", "chat", "tts"]
"""Transcription, the model that thinks, speech."""

_KEY_FILE = (
    "A file with the key for {0}, readable by voiced's user alone. {1} and the systemd credential {2} do too. "
    "A key is sent to no other host than the one it is for."
)


class CascadeSettings(Settings):
    """The cascade: transcription, chat and speech in three requests; takes over where Realtime does not answer. Each
    may have a server of its own (Ollama, Speaches, DeepSeek, Azure); one that is not OpenAI's or Azure's needs no key.
    """

    base_url: str = setting(
        "https://api.openai.com/v1",
        "Where the API is, for what has no address of its own. For Azure: https://RESOURCE.openai.azure.com/openai/v1.",
    )
    key_file: str = setting(
        "",
        _KEY_FILE.format("base_url", "CASCADE_API_KEY", "cascade_api_key")
        + " Empty: that of [openai], if base_url is OpenAI's or on the host of realtime.base_url.",
    )
    stt_base_url: str = setting("", "Where transcription is; empty: base_url.")
    stt_key_file: str = setting("", _KEY_FILE.format("stt_base_url", "CASCADE_STT_API_KEY", "cascade_stt_api_key"))
    stt_models: tuple[str, ...] = setting(
        ("whisper-1", "gpt-transcribe", "gpt-4o-mini-transcribe"),
        "Models that write down what was said, tried in this order where one is retired or unknown.",
        min_length=1,
    )
    stt_language: str = setting(
        "", "Language of the user, such as en; empty: the transcription finds out.", pattern=r"^([a-z]{2,3})?$"
    )
    stt_prompt: str = setting("", "Words that the transcription should expect, such as names.")
    stt_timeout_s: float = setting(15.0, "For a transcription; a long utterance gets more.", unit="s", gt=0, le=300)
    chat_base_url: str = setting("", "Where the model that thinks is; empty: base_url.")
    chat_key_file: str = setting("", _KEY_FILE.format("chat_base_url", "CASCADE_CHAT_API_KEY", "cascade_chat_api_key"))
    chat_models: tuple[str, ...] = setting(
        ("gpt-5.4-mini", "gpt-5.6-luna", "gpt-4.1-mini"),
        "Models that think, tried in this order where one is retired or unknown. Quick ones: somebody waits.",
        min_length=1,
    )
    chat_models_small: tuple[str, ...] = setting(
        ("gpt-5.4-nano", "gpt-5.4-mini"), "The same, where spending nears a cap; none: chat_models."
    )
    instructions: str = setting("", "Who the assistant is and how it talks; empty: realtime.instructions.")
    chat_reasoning_effort: Literal["", "none", "minimal", "low", "medium", "high", "xhigh"] = setting(
        "", "How long the model thinks; empty: its own default. OpenAI's take tools with 'none' alone here."
    )
    chat_temperature: float = setting(
        -1.0, "0 (always the same) to 2 (wild); -1: the model's own. Models that reason refuse it.", ge=-1, le=2
    )
    chat_max_tokens: int = setting(0, "Longest answer; 0: as the model likes.", unit="tokens", ge=0)
    chat_timeout_s: float = setting(
        20.0, "To the next word of an answer. More for a model on a slow machine.", unit="s", gt=0, le=300
    )
    history_turns: int = setting(30, "Turns that the model is told of; 0: all.", ge=0, le=200)
    history_turns_short: int = setting(4, "The same, where spending nears a cap.", ge=1, le=200)
    tts_base_url: str = setting("", "Where speech is made; empty: base_url.")
    tts_key_file: str = setting("", _KEY_FILE.format("tts_base_url", "CASCADE_TTS_API_KEY", "cascade_tts_api_key"))
    tts_models: tuple[str, ...] = setting(
        ("tts-1", "gpt-4o-mini-tts"),
        "Models that speak, tried in this order. All of OpenAI's retire on 2027-01-06, with no successor named yet.",
        min_length=1,
    )
    tts_voice: str = setting("coral", "The assistant's voice. marin and cedar need gpt-4o-mini-tts.", min_length=1)
    tts_speed: float = setting(1.0, "How fast it talks, 1 is normal.", ge=0.25, le=4)
    tts_instructions: str = setting("", "How it talks: calm, in a whisper … For gpt-4o-mini-tts alone.")
    tts_rate: int = setting(
        24_000, "Rate of the server's PCM. OpenAI's is 24000; a WAV file tells its own.", unit="Hz", ge=8000, le=96_000
    )
    tts_timeout_s: float = setting(10.0, "To the next piece of sound.", unit="s", gt=0, le=300)
    connect_timeout_s: float = setting(4.0, "To connect to any of the three.", unit="s", gt=0, le=60)

    def url_of(self, service: Service) -> str:
        """The address of a service."""
        own = {"stt": self.stt_base_url, "chat": self.chat_base_url, "tts": self.tts_base_url}[service]
        return own or self.base_url

    @field_validator("base_url", "stt_base_url", "chat_base_url", "tts_base_url")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        try:
            parts = urlsplit(value)
            port = parts.port
        except ValueError:
            port = 0
        if port == 0:
            raise ValueError("the port is no number; give an address such as http://localhost:8000/v1")
        if value and (parts.scheme not in ("http", "https") or not parts.hostname):
            raise ValueError("give an address such as https://api.openai.com/v1")
        if parts.username is not None or parts.password is not None:
            raise ValueError("leave name and password out of it: the key is configured by itself")
        return value

    @field_validator("base_url")
    @classmethod
    def _is_given(cls, value: str) -> str:
        if not value:
            raise ValueError("give an address such as https://api.openai.com/v1")
        return value

    @field_validator("stt_models", "chat_models", "chat_models_small", "tts_models")
    @classmethod
    def _are_names(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if any(not name.strip() for name in value):
            raise ValueError("a name of a model is empty; write one or take it out")
        return value

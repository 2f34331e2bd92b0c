"""Where settings lead, with which headers, and which keys are no keys."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from voiced.brains.realtime.address import address
from voiced.brains.realtime.settings import RealtimeSettings
from voiced.errors import ConfigError

KEY = "sk-test"


@pytest.mark.parametrize(
    ("base_url", "url"),
    [
        ("https://api.openai.com/v1", "wss://api.openai.com/v1/realtime?model=gpt-realtime-2.1"),
        ("https://api.openai.com/v1/", "wss://api.openai.com/v1/realtime?model=gpt-realtime-2.1"),
        ("http://127.0.0.1:8000/v1", "ws://127.0.0.1:8000/v1/realtime?model=gpt-realtime-2.1"),
        ("ws://pi.local/v1", "ws://pi.local/v1/realtime?model=gpt-realtime-2.1"),
        ("wss://pi.local?room=a%20b", "wss://pi.local/realtime?room=a+b&model=gpt-realtime-2.1"),
        ("https://res.openai.azure.com", "wss://res.openai.azure.com/openai/v1/realtime?model=gpt-realtime-2.1"),
        (
            "https://res.openai.azure.com/openai/v1",
            "wss://res.openai.azure.com/openai/v1/realtime?model=gpt-realtime-2.1",
        ),
    ],
)
def test_urls(base_url: str, url: str) -> None:
    assert address(RealtimeSettings(base_url=base_url), "ga", KEY).url == url


def test_openai_gets_a_bearer_key_and_no_beta_header() -> None:
    assert address(RealtimeSettings(), "ga", KEY).headers == {"Authorization": "Bearer sk-test"}


def test_azure_gets_its_own_header() -> None:
    settings = RealtimeSettings(base_url="https://res.openai.azure.com")
    assert address(settings, "ga", KEY).headers == {"api-key": "sk-test"}


def test_beta_asks_for_beta() -> None:
    assert address(RealtimeSettings(), "beta", KEY).headers["OpenAI-Beta"] == "realtime=v1"


def test_identifiers_are_sent_where_set() -> None:
    settings = RealtimeSettings(safety_identifier="u1", organization="org-1", project="proj-1")
    assert address(settings, "ga", KEY).headers == {
        "OpenAI-Safety-Identifier": "u1",
        "OpenAI-Organization": "org-1",
        "OpenAI-Project": "proj-1",
        "Authorization": "Bearer sk-test",
    }


def test_a_local_server_needs_no_key() -> None:
    assert address(RealtimeSettings(base_url="http://127.0.0.1/v1"), "ga", "").headers == {}


@pytest.mark.parametrize("base_url", ["https://api.openai.com/v1", "https://res.openai.azure.com"])
@pytest.mark.parametrize("key", ["", "  \n"])
def test_openai_and_azure_do(base_url: str, key: str) -> None:
    with pytest.raises(ConfigError, match="no OpenAI key: set OPENAI_API_KEY"):
        address(RealtimeSettings(base_url=base_url), "ga", key)


def test_a_line_break_at_the_end_of_a_key_is_the_files_not_the_keys() -> None:
    assert address(RealtimeSettings(), "ga", "sk-test\n").headers == {"Authorization": "Bearer sk-test"}


@pytest.mark.parametrize("key", ["sk-a\nsk-b", "sk-a\r\nX-Evil: 1", "sk a", "sk-ä", "sk\x00"])
def test_a_key_that_no_header_can_carry_is_not_sent_nor_shown(key: str) -> None:
    with pytest.raises(ConfigError, match="copy it again") as caught:
        address(RealtimeSettings(), "ga", key)
    assert key not in str(caught.value)


def test_the_key_does_not_print() -> None:
    assert KEY not in repr(address(RealtimeSettings(), "ga", KEY))


@pytest.mark.parametrize(
    "wrong",
    [
        {"base_url": "api.openai.com"},
        {"base_url": "ftp://api.openai.com"},
        {"base_url": "https://me:secret@api.openai.com"},
        {"idle_timeout_ms": 4000},
        {"speed": 2.0},
        {"organization": "a\nb"},
        {"dialect": "gamma"},
    ],
)
def test_wrong_settings_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        RealtimeSettings.model_validate(wrong)

"""A key goes to the server that it is for, in the header that this server wants, or nobody asks for one."""

from __future__ import annotations

import pytest

from voiced.ai.endpoint import OPENAI, Endpoint
from voiced.errors import ConfigError

KEY = "sk-test-0123456789"


@pytest.mark.parametrize(
    ("base_url", "root", "headers"),
    [
        (OPENAI, OPENAI, {"Authorization": f"Bearer {KEY}"}),
        ("https://eu.api.openai.com/v1/", "https://eu.api.openai.com/v1", {"Authorization": f"Bearer {KEY}"}),
        ("https://res.openai.azure.com", "https://res.openai.azure.com/openai/v1", {"api-key": KEY}),
        ("https://res.openai.azure.com/openai/v1", "https://res.openai.azure.com/openai/v1", {"api-key": KEY}),
        ("http://localhost:11434/v1", "http://localhost:11434/v1", {"Authorization": f"Bearer {KEY}"}),
    ],
)
def test_where_requests_go_and_with_which_key(base_url: str, root: str, headers: dict[str, str]) -> None:
    endpoint = Endpoint(base_url, KEY)
    assert (endpoint.root, endpoint.authorization) == (root, headers)


def test_a_server_of_ones_own_needs_no_key() -> None:
    assert Endpoint("http://localhost:8000/v1").authorization == {}


@pytest.mark.parametrize(
    ("base_url", "name", "called"),
    [
        ("http://192.168.1.2:8000/v1", "attic", "attic at 192.168.1.2"),
        ("https://api.moonshot.ai/v1", "kimi", "kimi at api.moonshot.ai"),
        ("https://api.deepseek.com/v1", "deepseek", "api.deepseek.com"),
        ("http://192.168.1.2:8000/v1", "", "192.168.1.2"),
    ],
    ids=["own", "known", "told-by-its-host", "no-provider"],
)
def test_what_an_error_calls_it(base_url: str, name: str, called: str) -> None:
    assert Endpoint(base_url, KEY, name=name).called == called


@pytest.mark.parametrize("base_url", [OPENAI, "https://res.openai.azure.com/openai/v1"])
def test_openai_and_azure_need_one(base_url: str) -> None:
    with pytest.raises(ConfigError, match="no API key for "):
        Endpoint(base_url)


@pytest.mark.parametrize("key", ["sk-a b", "sk-ä", "sk-a\nb"])
def test_what_can_be_no_key_is_told_without_showing_it(key: str) -> None:
    with pytest.raises(ConfigError, match="copy it again") as raised:
        Endpoint(OPENAI, key)
    assert key not in str(raised.value)


def test_the_key_never_prints() -> None:
    assert KEY not in repr(Endpoint(OPENAI, KEY))


@pytest.mark.parametrize("base_url", ["", "api.openai.com/v1", "ftp://api.openai.com"])
def test_an_address_must_be_one(base_url: str) -> None:
    with pytest.raises(ConfigError, match="is no address of an API"):
        Endpoint(base_url, KEY)

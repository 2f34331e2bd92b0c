"""Where the API is that plugins use."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from voiced.ai.settings import AiSettings, ProviderSettings


@pytest.mark.parametrize("url", ["https://api.openai.com/v1", "http://127.0.0.1:8000/v1", "http://[::1]:11434/v1"])
def test_an_address(url: str) -> None:
    assert ProviderSettings(base_url=url).base_url == url


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("api.openai.com/v1", "give an address such as https://api.openai.com/v1"),
        ("wss://api.openai.com/v1", "give an address"),
        ("http://localhost:eighty/v1", "give an address"),
        ("http://[::1", "give an address"),
        ("http://me:secret@localhost/v1", "leave name and password out of it"),
    ],
)
def test_what_is_no_address(url: str, complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        ProviderSettings(base_url=url)


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"order": ()}, "at least 1 item"),
        ({"orders": {"chat": ()}}, "name at least one provider"),
        ({"order": ("openai", "")}, "there is no provider ''"),
        ({"order": ("openia",)}, "there is no provider 'openia': did you mean openai?"),
        ({"order": ("mine",)}, "there is no provider 'mine': known are openai, azure, deepseek"),
        ({"orders": {"chat": ("kimmi",)}}, "there is no provider 'kimmi': did you mean kimi?"),
        ({"order": ("azure",)}, "azure has no address: write ai.providers.azure.base_url, such as https://RESOURCE"),
        ({"providers": {"azure": ProviderSettings()}}, "azure has no address"),
        ({"providers": {"mine": ProviderSettings()}}, "mine has no address: write ai.providers.mine.base_url, such as"),
    ],
)
def test_an_order_names_those_that_there_are(given: Any, complaint: str) -> None:
    with pytest.raises(ValidationError) as raised:
        AiSettings(**given)
    assert complaint in str(raised.value)


def test_a_provider_of_ones_own_needs_an_address_and_nothing_else() -> None:
    mine = ProviderSettings(base_url="http://192.168.1.2:8000/v1")
    assert AiSettings(providers={"mine": mine}, order=("mine", "openai")).providers == {"mine": mine}


def test_an_order_of_a_helper_that_there_is_not() -> None:
    with pytest.raises(ValidationError, match=r"orders\.thinking"):
        AiSettings(orders={"thinking": ("openai",)})  # type: ignore[dict-item]  # for the test

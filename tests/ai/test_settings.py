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


@pytest.mark.parametrize("given", [{"order": ()}, {"order": ("",)}, {"orders": {"chat": ()}}])
def test_an_order_names_somebody(given: Any) -> None:
    with pytest.raises(ValidationError, match=r"at least 1 item|name at least one provider"):
        AiSettings(**given)


def test_an_order_of_a_helper_that_there_is_not() -> None:
    with pytest.raises(ValidationError, match=r"orders\.thinking"):
        AiSettings(orders={"thinking": ("openai",)})  # type: ignore[dict-item]  # for the test

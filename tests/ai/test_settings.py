"""Where the API is that plugins use."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from voiced.ai.settings import AiSettings


@pytest.mark.parametrize("url", ["https://api.openai.com/v1", "http://127.0.0.1:8000/v1", "http://[::1]:11434/v1"])
def test_an_address(url: str) -> None:
    assert AiSettings(base_url=url).base_url == url


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("", "give an address such as https://api.openai.com/v1"),
        ("api.openai.com/v1", "give an address"),
        ("wss://api.openai.com/v1", "give an address"),
        ("http://localhost:eighty/v1", "give an address"),
        ("http://[::1", "give an address"),
        ("http://me:secret@localhost/v1", "leave name and password out of it"),
    ],
)
def test_what_is_no_address(url: str, complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        AiSettings(base_url=url)

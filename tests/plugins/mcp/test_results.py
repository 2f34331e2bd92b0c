"""What the model is told of an answer."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest
from mcp.types import (
    AudioContent,
    BlobResourceContents,
    CallToolResult,
    EmbeddedResource,
    ImageContent,
    ResourceLink,
    TextContent,
    TextResourceContents,
)

from voiced.api import Image, Result, ToolError
from voiced.plugins.builtin.mcp import results

PNG = b"\x89PNG\r\n\x1a\n and so on"


def image(data: bytes | str = PNG, kind: str = "image/png") -> ImageContent:
    return ImageContent(data=data if isinstance(data, str) else b64encode(data).decode(), mime_type=kind)


def text(words: str) -> TextContent:
    return TextContent(text=words)


@pytest.mark.parametrize(
    ("content", "value"),
    [
        ([], "done"),
        ([text("")], "done"),
        ([text("One."), text("Two.")], "One.\nTwo."),
        ([AudioContent(data="", mime_type="audio/wav")], "[A sound that can't be played: audio/wav.]"),
        ([ResourceLink(name="a", uri="file:///a")], "[a: file:///a]"),
        ([ResourceLink(name="a", title="A", description="It is", uri="x:y")], "[A, It is: x:y]"),
        ([EmbeddedResource(resource=TextResourceContents(uri="x:y", text="All."))], "All."),
        ([EmbeddedResource(resource=BlobResourceContents(uri="x:y", blob=""))], "[A file that is no text: x:y.]"),
        ([image("%%%")], "[A picture that can't be shown: image/png.]"),
        ([image(b"GIF89a", "image/gif")], "[A picture that can't be shown: image/gif.]"),
        ([image(PNG + bytes(5_000_000))], "[A picture that can't be shown: image/png.]"),
        ([ResourceLink(name="n" * 999, uri="x:y")], f"[{'n' * 199}…: x:y]"),
    ],
)
def test_everything_is_told_in_words(content: list[Any], value: str) -> None:
    assert results.read(CallToolResult(content=content)) == Result(value)


def test_pictures_are_shown() -> None:
    assert results.read(CallToolResult(content=[image()])) == Result("Here it is.", images=(Image(PNG),))
    given = results.read(CallToolResult(content=[text("Five."), *[image()] * 5]))
    assert given == Result("Five.\n[A picture that can't be shown: image/png.]", images=(Image(PNG),) * 4)


def test_a_structure_counts_where_there_are_no_words() -> None:
    assert results.read(CallToolResult(content=[], structured_content={"on": True})) == Result({"on": True})
    both = CallToolResult(content=[text("On.")], structured_content={"on": True})
    assert results.read(both) == Result("On.")


def test_a_failure_has_the_server_s_words() -> None:
    with pytest.raises(ToolError, match=r"^The fuse is blown\.$"):
        results.read(CallToolResult(content=[text("The fuse is blown.")], is_error=True))
    with pytest.raises(ToolError, match=r"^It failed, and does not say why\.$"):
        results.read(CallToolResult(content=[], is_error=True))

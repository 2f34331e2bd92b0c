"""What a response cost: its tokens, and what the server's own tools did."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from voiced.ai.token_usage import TokenUsage, estimated, most_tokens, read_usage
from voiced.usage import Usage

DRAWING_MODEL: Final = "gpt-image-1.5"
"""What draws where the tool names nothing: the server does not tell, and this is the dearest of those that it has."""

_TOKENS: Final[Mapping[str, tuple[int, int]]] = {"low": (272, 408), "medium": (1056, 1584), "high": (4160, 6240)}
"""Of a picture: square, and longer (developers.openai.com/api/docs/guides/image-generation)."""

DRAWN_PIXELS: Final = 1024 * 1536
"""The larger of those; larger pictures cost more by their area."""

Item = Mapping[str, Any]


def usage_of(raw: Any, body: Mapping[str, Any]) -> TokenUsage:
    """Tokens of a whole response to `body`; rather too much where the server does not tell."""
    told = read_usage(getattr(raw, "usage", None))
    if told is not None:
        return told
    said = [{**item.to_dict(warnings=False), "result": ""} for item in raw.output]
    return estimated(most_tokens(body), most_tokens(said))


def costs(raw: Any, body: Mapping[str, Any], model: str) -> list[Usage]:
    """All that is paid for of a response that is done."""
    if raw.status == "failed" and read_usage(getattr(raw, "usage", None)) is None:
        return []  # nothing came of it, and the server says of no costs
    found = [usage_of(raw, body).of(model)]
    output = [item.to_dict(warnings=False) for item in raw.output]
    used = getattr(raw, "tool_usage", None)
    searches = sum(_is_search(item) for item in _of(output, "web_search_call"))
    containers = {item.get("container_id") for item in _of(output, "code_interpreter_call")}
    counted = {
        "web_search": _count(getattr(used, "web_search", None), "num_requests") or searches,
        "file_search": sum(1 for _ in _of(output, "file_search_call")),
        "code_interpreter": len(containers),
    }
    found += [Usage(name, calls=calls) for name, calls in counted.items() if calls]
    if drawn := [item for item in _of(output, "image_generation_call") if item.get("result")]:
        tools = body.get("tools") or [tool.to_dict(warnings=False) for tool in getattr(raw, "tools", None) or ()]
        found.append(_drawing(drawn, getattr(used, "image_gen", None), tools))
    return found


def _drawing(drawn: Sequence[Item], used: Any, tools: Sequence[Item]) -> Usage:
    tool: Item = next((tool for tool in tools if tool.get("type") == "image_generation"), {})
    model = str(tool.get("model") or DRAWING_MODEL)
    read, made = getattr(used, "input_tokens_details", None), _count(used, "output_tokens")
    if made:
        return Usage(model, text_in=_count(read, "text_tokens"), image_in=_count(read, "image_tokens"), image_out=made)
    prompts = sum(most_tokens(str(item.get("revised_prompt") or "")) for item in drawn)
    return Usage(model, text_in=prompts, image_out=sum(_estimated(item, tool) for item in drawn))


def _estimated(item: Item, tool: Item) -> int:
    """Rather too much: high quality and the longer size, where it is not known."""
    quality = item.get("quality") or tool.get("quality")
    square, longer = _TOKENS.get(str(quality), _TOKENS["high"])
    width, _, height = str(item.get("size") or tool.get("size") or "").partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        return longer
    pixels = int(width) * int(height)
    return square if pixels <= 1024 * 1024 else longer * max(1, -(-pixels // DRAWN_PIXELS))


def _is_search(item: Item) -> bool:
    """Opening a page that was found costs nothing more."""
    return bool((item.get("action") or {}).get("type", "search") == "search")


def _of(output: Sequence[Item], kind: str) -> Iterator[Item]:
    return (item for item in output if item.get("type") == kind)


def _count(fields: object, name: str) -> int:
    """Also of what the library has no type for, and keeps as a dict."""
    value = fields.get(name) if isinstance(fields, Mapping) else getattr(fields, name, None)
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0

"""What the tools of the server itself do in a scripted response, and what the text after them cites."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final

from voiced.testing.http.pictures import Format, picture
from voiced.testing.http.responses_input import Item
from voiced.testing.http.responses_outputs import Draw, Hosted, RunCode, SearchFiles, SearchWeb
from voiced.testing.http.responses_request import SEARCHES_OF_THE_WEB

SIZE: Final = "1024x1024"
"""Of a picture where none, or "auto", was asked for."""

MOST_FOUND: Final = 20
"""Passages, where nothing is said of it."""

TOOL_OF: Final[Mapping[type, tuple[str, ...]]] = {
    SearchWeb: SEARCHES_OF_THE_WEB,
    RunCode: ("code_interpreter",),
    SearchFiles: ("file_search",),
    Draw: ("image_generation",),
}
"""Which tools of the request each output needs: one of them."""

_LINK: Final = re.compile(r"\[([^\]]+)\]\((https?://[^\s)]+)\)")


def hosted(
    output: Hosted, tools: Mapping[str, dict[str, Any]], include: Collection[str], new_id: Callable[[str], str]
) -> tuple[Item, list[Item]]:
    """The item of what a tool did, and what the next text may cite of it. `tools`: those of the request, by type."""
    match output:
        case SearchWeb():
            return _search(output, include, new_id), [{"type": "url_citation"}]
        case RunCode():
            return _run(output, tools["code_interpreter"], include, new_id)
        case SearchFiles():
            return _find(output, tools["file_search"], include, new_id)
        case Draw():
            return _draw(output, tools["image_generation"], new_id), []


def cited_by(text: str, cited: Sequence[Item]) -> list[Item]:
    """What a text cites: [title](address) where the web was searched before it, and files."""
    found: list[Item] = []
    if any(each["type"] == "url_citation" for each in cited):
        for link in _LINK.finditer(text):
            place = {"start_index": link.start(), "end_index": link.end()}
            found.append({"type": "url_citation", "url": link[2], "title": link[1], **place})
    for each in cited:
        if each["type"] == "file_citation":
            found.append(each | {"index": len(text)})
        elif each["type"] == "container_file_citation":
            at = max(0, text.find(each["filename"]))
            found.append(each | {"start_index": at, "end_index": at + len(each["filename"])})
    return found


def _search(output: SearchWeb, include: Collection[str], new_id: Callable[[str], str]) -> Item:
    action: Item = {"type": "search", "query": output.query, "queries": [output.query]}
    if "web_search_call.action.sources" in include:
        action["sources"] = [{"type": "url", "url": url} for url in output.sources]
    return {"id": new_id("ws_"), "type": "web_search_call", "status": "completed", "action": action}


def _run(
    output: RunCode, tool: dict[str, Any], include: Collection[str], new_id: Callable[[str], str]
) -> tuple[Item, list[Item]]:
    container_id = tool["container"] if isinstance(tool["container"], str) else new_id("cntr_")
    logs = [{"type": "logs", "logs": output.logs}] if output.logs else []
    item = {
        "id": new_id("ci_"),
        "type": "code_interpreter_call",
        "status": "completed",
        "code": output.code,
        "container_id": container_id,
        "outputs": logs if "code_interpreter_call.outputs" in include else None,
    }
    cited = {"type": "container_file_citation", "container_id": container_id, "filename": output.file}
    return item, [cited | {"file_id": new_id("cfile_")}] if output.file else []


def _find(
    output: SearchFiles, tool: dict[str, Any], include: Collection[str], new_id: Callable[[str], str]
) -> tuple[Item, list[Item]]:
    found = output.found[: tool.get("max_num_results") or MOST_FOUND]
    results = [
        {
            "file_id": each.file_id,
            "filename": each.filename,
            "text": each.text,
            "score": each.score,
            "attributes": dict(each.attributes),
        }
        for each in found
    ]
    item = {
        "id": new_id("fs_"),
        "type": "file_search_call",
        "status": "completed",
        "queries": [output.query],
        "results": results if "file_search_call.results" in include else None,
    }
    return item, [{"type": "file_citation", "file_id": each.file_id, "filename": each.filename} for each in found]


def _draw(output: Draw, tool: dict[str, Any], new_id: Callable[[str], str]) -> Item:
    size = _chosen(tool, "size", SIZE)
    kind: Format = tool.get("output_format") or "png"
    width, height = map(int, size.split("x"))
    data = output.data or picture(kind, width, height, output.prompt)
    return {
        "id": new_id("ig_"),
        "type": "image_generation_call",
        "status": "completed",
        "background": _chosen(tool, "background", "opaque"),
        "output_format": kind,
        "quality": _chosen(tool, "quality", "medium"),
        "result": base64.b64encode(data).decode(),
        "revised_prompt": output.prompt,
        "size": size,
    }


def _chosen(tool: dict[str, Any], name: str, instead: str) -> str:
    """What was asked for; `instead` where the server chooses."""
    given = tool.get(name)
    return instead if given in (None, "auto") else str(given)

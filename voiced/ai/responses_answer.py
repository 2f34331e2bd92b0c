"""What came of a response."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from voiced.ai.answer_fields import text_of
from voiced.ai.failures import failure
from voiced.ai.functions import FunctionCall
from voiced.ai.picture import Picture, picture_of_bytes
from voiced.ai.providers import Server
from voiced.ai.response_format import json_of
from voiced.ai.token_usage import TokenUsage
from voiced.errors import ApiError, ApiUnreachable

if TYPE_CHECKING:
    from openai.types.responses import Response

Item = dict[str, Any]

WAITING: Final = ("queued", "in_progress")
"""What is not done yet."""

_FINISH: Final = {"max_output_tokens": "length"}
"""Reasons as chat completions call them."""


@dataclass(frozen=True, slots=True)
class Citation:
    """Where a part of the text is from: a page (`url`, `title`), or a file (`file_id`, `filename`) of a vector store or
    of a container (`container_id`). `start`, `end`: which characters of the text cite it, both 0 where that is unknown.
    """

    url: str = ""
    title: str = ""
    file_id: str = ""
    filename: str = ""
    container_id: str = ""
    start: int = 0
    end: int = 0


@dataclass(frozen=True, slots=True)
class CodeRun:
    """Python that the server ran. `logs`: what it printed. `images`: addresses of pictures that it made."""

    code: str = field(repr=False)
    logs: str = field(default="", repr=False)
    images: tuple[str, ...] = ()
    container_id: str = ""


@dataclass(frozen=True, slots=True)
class FoundPassage:
    """A passage that a file search found. `score`: how well it fits, from 0 to 1."""

    file_id: str
    filename: str
    text: str = field(repr=False)
    score: float = 0.0
    attributes: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class ResponseAnswer:
    """`id`: to go on with it as `previous_response_id`, where the server keeps it. `output`: its items, to go on with
    them where it does not. `calls`: functions that the model wants to be called.

    `status`: completed; incomplete, with the `incomplete_reason` max_output_tokens or content_filter; in the background
    also queued, in_progress, cancelled, and failed with its `error`. `refusal`: why the model answers nothing, in its
    words. `thoughts`: summaries, where they were asked for. `searches`: what the web was searched for. `pictures`: what
    was drawn. `code`: what ran. `found`: in files. `usage`: of all rounds where functions were called. `shortened`: the
    server left out the oldest of the input, for it was too long. `raw`: what the library has of it.
    """

    id: str
    text: str = field(repr=False)
    status: str
    usage: TokenUsage
    model: str
    provider: str
    incomplete_reason: str = ""
    refusal: str = field(default="", repr=False)
    error: ApiError | None = None
    calls: tuple[FunctionCall, ...] = ()
    citations: tuple[Citation, ...] = field(default=(), repr=False)
    pictures: tuple[Picture, ...] = ()
    code: tuple[CodeRun, ...] = ()
    found: tuple[FoundPassage, ...] = ()
    searches: tuple[str, ...] = field(default=(), repr=False)
    thoughts: tuple[str, ...] = field(default=(), repr=False)
    shortened: bool = False
    stored: bool = True
    output: Sequence[Item] = field(default=(), repr=False)
    raw: Any = field(default=None, repr=False, compare=False)

    @property
    def done(self) -> bool:
        """Whether nothing more comes of it."""
        return self.status not in WAITING

    @property
    def images(self) -> list[bytes]:
        """The files of the pictures that were drawn."""
        return [picture.data for picture in self.pictures]

    @property
    def finish_reason(self) -> str:
        """Why it ended, as chat completions say it: stop, tool_calls, length, content_filter; empty before."""
        if self.incomplete_reason or self.status != "completed":
            return _FINISH.get(self.incomplete_reason, self.incomplete_reason)
        return "tool_calls" if self.calls else "stop"

    def json(self) -> Any:
        """What the text holds as JSON. Raises AnswerUnusable where it was refused, is cut off or no JSON."""
        return json_of(self.text, self.finish_reason, self.refusal, "responses")


def read_answer(
    raw: Response, server: Server, usage: TokenUsage, *, stored: bool = True, shortened: bool = False
) -> ResponseAnswer:
    """Raises AttributeError, KeyError, TypeError or ValueError where it is no response."""
    output = [item.to_dict(warnings=False) for item in raw.output]  # warnings quote what was said
    parts = list(_parts(output))
    if not isinstance(raw.id, str) or not isinstance(raw.status, str | None):
        raise TypeError("no response")
    reason = getattr(raw.incomplete_details, "reason", None)
    return ResponseAnswer(
        text_of(raw.id),
        "".join(_text(part, "text") for _, part in parts if part.get("type") == "output_text"),
        raw.status or "completed",
        usage,
        server.model or str(raw.model),
        server.provider.name,
        str(reason or "unknown") if raw.status == "incomplete" else "",
        "".join(_text(part, "refusal") for _, part in parts if part.get("type") == "refusal"),
        failed(raw, server),
        tuple(
            FunctionCall(str(item["call_id"]), str(item["name"]), _text(item, "arguments"))
            for item in _of(output, "function_call")
        ),
        tuple(_citation(each, before) for before, part in parts for each in part.get("annotations") or ()),
        tuple(_picture(item) for item in _of(output, "image_generation_call") if item.get("result")),
        tuple(_run(item) for item in _of(output, "code_interpreter_call")),
        tuple(_passage(each) for item in _of(output, "file_search_call") for each in item.get("results") or ()),
        tuple(query for item in _of(output, "web_search_call") for query in _queries(item)),
        tuple(_text(part, "text") for item in _of(output, "reasoning") for part in item.get("summary") or () if part),
        shortened,
        stored,
        output,
        raw,
    )


def failed(raw: Response, server: Server) -> ApiError | None:
    """Why a response failed; None where it did not."""
    if raw.status != "failed":
        return None
    code, message = getattr(raw.error, "code", None), getattr(raw.error, "message", None)
    return told(server, code or "server_error", message or "it failed")


def told(server: Server, code: object, message: object, param: object = None) -> ApiError:
    """What the server said went wrong, after HTTP has said 200."""
    import httpx2
    from openai import APIError

    endpoint = server.client.endpoint
    body = {"code": code, "message": message, "param": param}
    error = failure(APIError(str(message), httpx2.Request("POST", endpoint.root), body=body), "responses", endpoint)
    return error or ApiUnreachable(f"responses: {endpoint.called} failed")


def _parts(output: Sequence[Item]) -> Iterator[tuple[int, Item]]:
    """What messages consist of, and how many characters of text there are before each."""
    before = 0
    for item in _of(output, "message"):
        for part in item.get("content") or ():
            yield before, part
            before += len(_text(part, "text")) if part.get("type") == "output_text" else 0


def _of(output: Sequence[Item], kind: str) -> Iterator[Item]:
    return (item for item in output if item.get("type") == kind)


def _text(fields: Item, name: str) -> str:
    """A text, anything else as none."""
    return text_of(fields.get(name))


def _citation(given: Item, before: int) -> Citation:
    at, end = given.get("start_index"), given.get("end_index")
    known = isinstance(at, int) and isinstance(end, int)
    texts = {name: _text(given, name) for name in ("url", "title", "file_id", "filename", "container_id")}
    return Citation(**texts, start=before + at if known else 0, end=before + end if known else 0)  # type: ignore[operator]  # known


def _picture(item: Item) -> Picture:
    picture = picture_of_bytes(item["result"])
    return Picture(picture.data, revised_prompt=_text(item, "revised_prompt"), kind=picture.kind)


def _run(item: Item) -> CodeRun:
    outputs = item.get("outputs") or ()
    return CodeRun(
        _text(item, "code"),
        "".join(_text(each, "logs") for each in outputs),
        tuple(_text(each, "url") for each in outputs if each.get("type") == "image"),
        _text(item, "container_id"),
    )


def _passage(given: Item) -> FoundPassage:
    score = given.get("score")
    return FoundPassage(
        _text(given, "file_id"),
        _text(given, "filename"),
        _text(given, "text"),
        float(score) if isinstance(score, int | float) else 0.0,
        given.get("attributes") or {},
    )


def _queries(item: Item) -> Sequence[str]:
    action = item.get("action") or {}
    if action.get("type") != "search":
        return ()
    return action.get("queries") or [query for query in [_text(action, "query")] if query]

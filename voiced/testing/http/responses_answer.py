"""Answers of /responses as they go over the wire, streamed and whole."""

from __future__ import annotations

import base64
import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from voiced.testing.http.catalogue import CREATED
from voiced.testing.http.responses_hosted import TOOL_OF, cited_by, hosted
from voiced.testing.http.responses_input import Item, pictures, words
from voiced.testing.http.responses_outputs import Draw, Fail, Refuse, RunCode, SearchFiles, SearchWeb, Think
from voiced.testing.http.responses_request import reasons
from voiced.testing.http.script import CallTool, Finish, Output, Pause, Say
from voiced.testing.loopback.usage import CACHE_BLOCK, IMAGE_TOKENS, text_tokens

Event = dict[str, Any]
Step = Event | Pause
NewId = Callable[[str], str]

DRAWN_TOKENS: Final = 1056
"""Of any picture; the real number depends on its size and quality."""

THOUGHT_TOKENS: Final = 64


class ResponseAnswer:
    """One answer to the request `body`. `context`: all that the model read. `new_id`: from a prefix.

    Raises ValueError for what no model does with this request.
    """

    def __init__(self, outputs: Sequence[Output], body: dict[str, Any], context: Sequence[Item], new_id: NewId) -> None:
        self._body = body
        self._context = context
        self._new_id = new_id
        self._include = body.get("include") or []
        self._tools = {tool["type"]: tool for tool in body.get("tools") or []}
        self._outputs = _with_thoughts(outputs, body)
        self._check()
        self._ended = next((output for output in self._outputs if isinstance(output, Finish | Fail)), None)
        self.id = new_id("resp_")
        self.items = list(self._items())

    @property
    def pause_s(self) -> float:
        """All pauses together."""
        return sum(output.seconds for output in self._outputs if isinstance(output, Pause))

    @property
    def failed(self) -> Fail | None:
        return self._ended if isinstance(self._ended, Fail) else None

    def response(self, status: str | None = None) -> Item:
        """The response at its end, or while it has another `status`, in which it says nothing yet."""
        final = status is None
        status = status or self._status
        body, reasoning = self._body, self._body.get("reasoning") or {}
        failed = self.failed if final else None
        details = {"reason": self._reason} if final and isinstance(self._ended, Finish) else None
        thinks = reasons(body)
        found: Item = {
            "id": self.id,
            "object": "response",
            "created_at": CREATED,
            "status": status,
            "background": bool(body.get("background")),
            "completed_at": CREATED + 1 if status == "completed" else None,
            "error": {"code": failed.code, "message": failed.message} if failed else None,
            "incomplete_details": details,
            "instructions": body.get("instructions"),
            "max_output_tokens": body.get("max_output_tokens"),
            "max_tool_calls": body.get("max_tool_calls"),
            "model": body["model"],
            "output": self.items if final and not failed else [],
            "parallel_tool_calls": body.get("parallel_tool_calls") is not False,
            "previous_response_id": body.get("previous_response_id"),
            "prompt_cache_key": body.get("prompt_cache_key"),
            "reasoning": {
                "effort": reasoning.get("effort") or ("medium" if thinks else None),
                "summary": reasoning.get("summary"),
            },
            "safety_identifier": body.get("safety_identifier"),
            "service_tier": "default" if final else body.get("service_tier") or "auto",
            "store": body.get("store") is not False,
            "temperature": 1.0 if body.get("temperature") is None else body["temperature"],
            "text": {
                "format": (body.get("text") or {}).get("format") or {"type": "text"},
                "verbosity": (body.get("text") or {}).get("verbosity") or "medium",
            },
            "tool_choice": body.get("tool_choice", "auto"),
            "tools": [_told(tool) for tool in body.get("tools") or []],
            "top_logprobs": body.get("top_logprobs") or 0,
            "top_p": 1.0 if body.get("top_p") is None else body["top_p"],
            "truncation": body.get("truncation") or "disabled",
            "metadata": body.get("metadata") or {},
        }
        if "user" in body:
            found["user"] = body["user"]
        if final and not failed:
            found["usage"] = self._usage()
            if used := self._tool_usage():
                found["tool_usage"] = used
        return found

    def stream(self) -> Iterator[Step]:
        """The events of a streamed answer, and the pauses between them."""
        numbers = itertools.count()

        def event(kind: str, **fields: Any) -> Event:
            return {"type": kind, **fields, "sequence_number": next(numbers)}

        started = "queued" if self._body.get("background") else "in_progress"
        yield event("response.created", response=self.response(started))
        if started == "queued":
            yield event("response.queued", response=self.response("queued"))
        yield event("response.in_progress", response=self.response("in_progress"))
        for step in self._steps():
            yield step if isinstance(step, Pause) else event(**step)
        if self.failed and self.failed.bare:
            yield event("error", code=self.failed.code, message=self.failed.message, param=None)
        else:
            yield event(f"response.{self._status}", response=self.response())

    @property
    def _status(self) -> str:
        match self._ended:
            case Fail():
                return "failed"
            case Finish():
                return "incomplete"
        return "completed"

    @property
    def _reason(self) -> str:
        reason = self._ended.reason if isinstance(self._ended, Finish) else ""
        return "max_output_tokens" if reason == "length" else reason

    def _check(self) -> None:
        said = [output for output in self._outputs if not isinstance(output, Pause)]
        if any(isinstance(output, Fail) for output in said[:-1]):
            raise ValueError("nothing comes after Fail")
        for output in said:
            wanted = TOOL_OF.get(type(output))
            if wanted and not self._tools.keys() & set(wanted):
                raise ValueError(f"{type(output).__name__} needs the tool {wanted[0]} in the request")

    # Items, each as it is at its end.

    def _items(self) -> Iterator[Item]:
        citations: list[Item] = []
        spoken = [output for output in self._outputs if not isinstance(output, Pause | Finish | Fail)]
        for place, output in enumerate(spoken):
            cut = place == len(spoken) - 1 and isinstance(self._ended, Finish)
            match output:
                case Think():
                    yield self._thought(output)
                case Say():
                    part: Item = {"type": "output_text", "text": output.text}
                    part["annotations"] = cited_by(output.text, citations)
                    part["logprobs"] = self._logprobs(output)
                    yield self._message(part, cut)
                    citations = []
                case Refuse():
                    yield self._message({"type": "refusal", "refusal": output.text}, cut)
                case CallTool():
                    yield {
                        "id": self._new_id("fc_"),
                        "type": "function_call",
                        "status": "incomplete" if cut else "completed",
                        "arguments": output.arguments,
                        "call_id": self._new_id("call_") if output.call_id is None else output.call_id,
                        "name": output.name,
                    }
                case SearchWeb() | RunCode() | SearchFiles() | Draw():
                    item, cited = hosted(output, self._tools, self._include, self._new_id)
                    yield item
                    citations += cited
                case _:
                    raise AssertionError(output)

    def _thought(self, output: Think) -> Item:
        wanted = (self._body.get("reasoning") or {}).get("summary")
        summary = [{"type": "summary_text", "text": output.summary}] if wanted and output.summary else []
        item = {"id": self._new_id("rs_"), "type": "reasoning", "summary": summary}
        if "reasoning.encrypted_content" in self._include:
            item["encrypted_content"] = base64.b64encode(f"thought {item['id']}".encode()).decode()
        return item

    def _message(self, part: Item, cut: bool) -> Item:
        return {
            "id": self._new_id("msg_"),
            "type": "message",
            "status": "incomplete" if cut else "completed",
            "content": [part],
            "role": "assistant",
        }

    def _logprobs(self, output: Say) -> list[Item]:
        if "message.output_text.logprobs" not in self._include:
            return []
        return [
            {"token": piece, "logprob": -0.125, "bytes": list(piece.encode()), "top_logprobs": []}
            for piece in output.cut()
        ]

    # The events in which they come.

    def _steps(self) -> Iterator[dict[str, Any] | Pause]:
        places = itertools.count()
        for output in self._outputs:
            if isinstance(output, Pause):
                yield output
            elif not isinstance(output, Finish | Fail):
                place = next(places)
                item = self.items[place]
                yield {"kind": "response.output_item.added", "output_index": place, "item": _begun(item)}
                for step in self._between(item, output):
                    yield {"kind": step.pop("kind"), "item_id": item["id"], "output_index": place, **step}
                yield {"kind": "response.output_item.done", "output_index": place, "item": item}

    def _between(self, item: Item, output: Output) -> Iterator[dict[str, Any]]:
        """From the item's beginning to its end."""
        match output:
            case Say():
                yield from self._said(item["content"][0], output)
            case Refuse():
                part = {"type": "refusal", "refusal": ""}
                yield {"kind": "response.content_part.added", "content_index": 0, "part": part}
                for piece in Say(output.text).cut():
                    yield {"kind": "response.refusal.delta", "content_index": 0, "delta": piece}
                yield {"kind": "response.refusal.done", "content_index": 0, "refusal": output.text}
                yield {"kind": "response.content_part.done", "content_index": 0, "part": item["content"][0]}
            case CallTool():
                for piece in output.cut():
                    yield {"kind": "response.function_call_arguments.delta", "delta": piece, **self._padding(piece)}
                yield {
                    "kind": "response.function_call_arguments.done",
                    "arguments": output.arguments,
                    "name": output.name,
                }
            case Think():
                for place, part in enumerate(item["summary"]):
                    kind = "response.reasoning_summary"
                    empty = part | {"text": ""}
                    yield {"kind": f"{kind}_part.added", "summary_index": place, "part": empty}
                    for piece in Say(part["text"]).cut():
                        yield {"kind": f"{kind}_text.delta", "summary_index": place, "delta": piece}
                    yield {"kind": f"{kind}_text.done", "summary_index": place, "text": part["text"]}
                    yield {"kind": f"{kind}_part.done", "summary_index": place, "part": part}
            case SearchWeb() | SearchFiles():
                for status in ("in_progress", "searching", "completed"):
                    yield {"kind": f"response.{item['type']}.{status}"}
            case RunCode():
                kind = "response.code_interpreter_call"
                yield {"kind": f"{kind}.in_progress"}
                for piece in Say(output.code).cut():
                    yield {"kind": f"{kind}_code.delta", "delta": piece}
                yield {"kind": f"{kind}_code.done", "code": output.code}
                yield {"kind": f"{kind}.interpreting"}
                yield {"kind": f"{kind}.completed"}
            case Draw():
                kind = "response.image_generation_call"
                yield {"kind": f"{kind}.in_progress"}
                yield {"kind": f"{kind}.generating"}
                for number in range(self._tools["image_generation"].get("partial_images") or 0):
                    shown = {"partial_image_index": number, "partial_image_b64": item["result"]}
                    yield {"kind": f"{kind}.partial_image", **shown}
                yield {"kind": f"{kind}.completed"}

    def _said(self, part: Item, output: Say) -> Iterator[dict[str, Any]]:
        empty = part | {"text": "", "annotations": [], "logprobs": []}
        yield {"kind": "response.content_part.added", "content_index": 0, "part": empty}
        for place, piece in enumerate(output.cut()):
            logprobs = part["logprobs"][place : place + 1]
            yield {
                "kind": "response.output_text.delta",
                "content_index": 0,
                "delta": piece,
                "logprobs": logprobs,
                **self._padding(piece),
            }
        for place, annotation in enumerate(part["annotations"]):
            yield {
                "kind": "response.output_text.annotation.added",
                "content_index": 0,
                "annotation_index": place,
                "annotation": annotation,
            }
        done = {"text": part["text"], "logprobs": part["logprobs"]}
        yield {"kind": "response.output_text.done", "content_index": 0, **done}
        yield {"kind": "response.content_part.done", "content_index": 0, "part": part}

    def _padding(self, piece: str) -> dict[str, str]:
        """Deltas are filled up, so that their length tells nothing; the real server does so too."""
        options = self._body.get("stream_options") or {}
        return {"obfuscation": "x" * (16 - len(piece) % 16)} if options.get("include_obfuscation", True) else {}

    # What it costs.

    def _usage(self) -> Item:
        prompt = text_tokens(words(self._context) + (self._body.get("instructions") or ""))
        prompt += text_tokens(json.dumps(self._body["tools"])) if self._body.get("tools") else 0
        prompt += IMAGE_TOKENS * pictures(self._context)
        thought = THOUGHT_TOKENS * sum(item["type"] == "reasoning" for item in self.items)
        said = text_tokens(words([item for item in self.items if item["type"] != "reasoning"]))
        cached = (prompt // CACHE_BLOCK * CACHE_BLOCK) // 2
        return {
            "input_tokens": prompt,
            "input_tokens_details": {"cached_tokens": cached, "cache_write_tokens": 0},
            "output_tokens": said + thought,
            "output_tokens_details": {"reasoning_tokens": thought},
            "total_tokens": prompt + said + thought,
        }

    def _tool_usage(self) -> Item | None:
        """What the tools of the server used: where none did, nothing."""
        drawn = [item for item in self.items if item["type"] == "image_generation_call"]
        searches = sum(item["type"] == "web_search_call" for item in self.items)
        if not drawn and not searches:
            return None
        read = sum(text_tokens(item["revised_prompt"]) for item in drawn)
        made = DRAWN_TOKENS * len(drawn)
        image_gen = {
            "input_tokens": read,
            "input_tokens_details": {"image_tokens": 0, "text_tokens": read},
            "output_tokens": made,
            "output_tokens_details": {"image_tokens": made, "text_tokens": 0},
            "total_tokens": read + made,
        }
        return {"image_gen": image_gen, "web_search": {"num_requests": searches}}


def _with_thoughts(outputs: Sequence[Output], body: dict[str, Any]) -> list[Output]:
    """A model that reasons begins with a thought."""
    said = [output for output in outputs if not isinstance(output, Pause)]
    if reasons(body) and not any(isinstance(output, Think | Fail) for output in said):
        return [Think(), *outputs]
    return list(outputs)


def _begun(item: Item) -> Item:
    """The item as it is announced."""
    begun = dict(item)
    match item["type"]:
        case "message":
            begun |= {"content": []}
        case "function_call":
            begun |= {"arguments": ""}
        case "reasoning":
            return begun | {"summary": []}
        case "code_interpreter_call":
            begun |= {"code": "", "outputs": None}
        case "file_search_call":
            begun |= {"queries": [], "results": None}
        case "image_generation_call":
            begun |= {"result": None}
    return begun | {"status": "in_progress"}


def _told(tool: dict[str, Any]) -> dict[str, Any]:
    """A tool as the response names it, with what was left out."""
    match tool["type"]:
        case "function":
            return {"description": None, "strict": True} | tool
        case "web_search" | "web_search_2025_08_26":
            location = {"type": "approximate", "country": "US", "region": None, "city": None, "timezone": None}
            return {"filters": None, "search_context_size": "medium", "user_location": location} | tool
    return tool

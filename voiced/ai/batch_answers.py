"""What came of the calls of a batch: answers and failures, as the files of its server have them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

from voiced.ai.failures import one_line
from voiced.ai.jsonl import parsed
from voiced.ai.token_usage import TokenUsage, estimated, most_tokens, read_usage
from voiced.errors import AnswerUnusable, ApiError
from voiced.usage import Usage

if TYPE_CHECKING:
    from voiced.ai.chat_answer import ChatAnswer

FREE: Final = frozenset({"/v1/moderations"})
"""Endpoints that cost nothing."""

OF_PICTURES: Final = "/v1/images/"
"""Endpoints whose answers are paid by the picture or by its tokens."""


@dataclass(frozen=True, slots=True)
class BatchAnswer:
    """The answer to one call. `url`: of the endpoint. `body`: what the endpoint answered, as JSON."""

    custom_id: str
    url: str
    body: Mapping[str, Any] = field(repr=False)
    provider: str = ""

    @property
    def model(self) -> str:
        """That answered."""
        model = self.body.get("model")
        return model if isinstance(model, str) else ""

    @property
    def text(self) -> str:
        """What the model wrote; empty for endpoints that write nothing."""
        return "".join(_texts(self.body))

    @property
    def vectors(self) -> list[list[float]]:
        """Of embeddings, one for each text, in their order; of other endpoints none."""
        members = [each for each in _list(self.body.get("data")) if isinstance(each.get("embedding"), list)]
        return [each["embedding"] for each in sorted(members, key=lambda each: _count(each, "index"))]

    @property
    def usage(self) -> TokenUsage:
        """Where the server does not tell, of what was written, rather too much."""
        return self.told_usage or estimated(0, most_tokens(dict(self.body)))

    @property
    def told_usage(self) -> TokenUsage | None:
        """What the server tells; None where it does not."""
        usage = self.body.get("usage")
        return read_usage(_as_object(usage)) if isinstance(usage, dict) else None

    @property
    def raw(self) -> Any:
        """As the library has it: a ChatCompletion, a Response and so on; where it has no type for it, the body."""
        from openai import types

        kinds: dict[str, Any] = {
            "/v1/chat/completions": types.chat.ChatCompletion,
            "/v1/responses": types.responses.Response,
            "/v1/completions": types.Completion,
            "/v1/embeddings": types.CreateEmbeddingResponse,
            "/v1/moderations": types.ModerationCreateResponse,
            "/v1/images/generations": types.ImagesResponse,
            "/v1/images/edits": types.ImagesResponse,
        }
        return kinds[self.url].construct(**self.body) if self.url in kinds else self.body

    @property
    def chat(self) -> ChatAnswer:
        """All that there is of an answer of a chat. Raises AnswerUnusable for anything else."""
        from voiced.ai.chat_answer import ChatAnswer, read_choices

        try:
            raw = self.raw
            choices = read_choices(raw)
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            raise AnswerUnusable(f"batches: {self.custom_id} is no answer of a chat: look at its body") from error
        fingerprint = getattr(raw, "system_fingerprint", None) or ""
        return ChatAnswer(choices, self.usage, self.model, self.provider, fingerprint=fingerprint, raw=raw)


@dataclass(frozen=True, slots=True)
class BatchFailure:
    """Why one call has no answer. `code`: the server's own; "batch_expired", "batch_cancelled" and "no_answer" where it
    was not done. `status`: of HTTP, 0 where there was none.
    """

    custom_id: str
    code: str
    message: str
    status: int = 0
    param: str = ""

    def __str__(self) -> str:
        return f"{self.custom_id}: {self.message}"


def read_files(
    lines: Iterable[bytes], url: str, provider: str
) -> tuple[dict[str, BatchAnswer], dict[str, BatchFailure]]:
    """What the lines of an output and an error file have, by custom_id. What makes no sense is left out."""
    answers: dict[str, BatchAnswer] = {}
    failed: dict[str, BatchFailure] = {}
    for line in lines:
        try:
            entry = parsed(line)
        except ValueError:
            continue
        custom_id = entry.get("custom_id")
        if not isinstance(custom_id, str):
            continue
        response = entry["response"] if isinstance(entry.get("response"), dict) else {}
        status, body = response.get("status_code"), response.get("body")
        status = status if isinstance(status, int) else 200 if isinstance(body, dict) and "error" not in body else 0
        if isinstance(body, dict) and status == 200 and not entry.get("error"):
            answers[custom_id] = BatchAnswer(custom_id, url, body, provider)
        else:
            failed[custom_id] = _failure(custom_id, status, entry.get("error"), body)
    return answers, {custom_id: failure for custom_id, failure in failed.items() if custom_id not in answers}


def not_done(custom_id: str, status: str) -> BatchFailure:
    """For a call of which a batch that ended with this status says nothing."""
    match status:
        case "expired":
            return BatchFailure(custom_id, "batch_expired", "it was not done before the batch expired: ask it again")
        case "cancelled":
            return BatchFailure(custom_id, "batch_cancelled", "it was not done before the batch was cancelled")
        case _:
            return BatchFailure(custom_id, "no_answer", "the server tells nothing about it: ask it again")


def failure_of(custom_id: str, error: ApiError) -> BatchFailure:
    return BatchFailure(custom_id, error.code, str(error), error.status, error.param)


def is_paid_by_text(url: str) -> bool:
    """Whether an endpoint takes tokens of text, and money for them."""
    return url not in FREE and not url.startswith(OF_PICTURES)


def spent(
    answers: Iterable[BatchAnswer], asked_bytes: int, name: Callable[[str], str] = lambda model: model
) -> list[Usage]:
    """What is to be paid for these answers, by model; `name`: that of a model in what is spent.

    `asked_bytes`: of all the calls, for a server that does not tell what it read: no token is less than a byte.
    """
    texts: dict[str, TokenUsage] = {}
    others: list[Usage] = []
    unread = asked_bytes
    for answer in answers:
        model = name(answer.model)
        if answer.url.startswith(OF_PICTURES):
            others.append(_drawn(answer, model))
        if not is_paid_by_text(answer.url):
            continue
        usage = answer.usage
        if usage.estimated:
            usage, unread = usage + estimated(unread, 0), 0
        texts[model] = texts.get(model, TokenUsage()) + usage
        if answer.url == "/v1/responses":
            others += _of_tools(answer)
    return [usage.of(model) for model, usage in texts.items()] + others


def _of_tools(answer: BatchAnswer) -> list[Usage]:
    """What the server's own tools did costs as much as ever."""
    from voiced.ai.responses_cost import costs

    try:
        return costs(answer.raw, {}, answer.model)[1:]
    except (AttributeError, KeyError, TypeError, ValueError):  # it is no response
        return []


def _drawn(answer: BatchAnswer, model: str) -> Usage:
    """Pictures are paid by the token, or by the piece where no tokens are told."""
    usage = answer.body.get("usage")
    if not isinstance(usage, dict):
        return Usage(model, calls=len(_list(answer.body.get("data"))))
    details = usage["input_tokens_details"] if isinstance(usage.get("input_tokens_details"), dict) else {}
    image_in = _count(details, "image_tokens")
    return Usage(
        model,
        text_in=max(_count(usage, "input_tokens") - image_in, 0),
        image_in=image_in,
        image_out=_count(usage, "output_tokens"),
    )


def _failure(custom_id: str, status: int, error: object, body: object) -> BatchFailure:
    """`error`: of the line. `body`: of the response, which has an error of its own."""
    inner = body.get("error") if isinstance(body, dict) else None
    found = next((each for each in (error, inner) if isinstance(each, dict)), {})
    code, param = (str(found.get(name) or "") for name in ("code", "param"))
    message = found.get("message") or (inner if isinstance(inner, str) else "")
    told = one_line(str(message)) if message else f"the server has no answer (HTTP {status})"
    return BatchFailure(custom_id, code or (f"http_{status}" if status else "no_answer"), told, status, param)


def _texts(body: Mapping[str, Any]) -> Iterable[str]:
    """Of the first choice, or of all that a response says."""
    for choice in _list(body.get("choices"))[:1]:
        message = choice["message"] if isinstance(choice.get("message"), dict) else choice
        yield from (text for text in (message.get("content"), message.get("text")) if isinstance(text, str))
    for item in _list(body.get("output")):
        for part in _list(item.get("content")):
            if part.get("type") == "output_text" and isinstance(part.get("text"), str):
                yield part["text"]


def _list(value: object) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _count(fields: Mapping[str, Any], name: str) -> int:
    value = fields.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def _as_object(value: Mapping[str, Any]) -> Any:
    """With attributes, as the library has it."""
    return json.loads(json.dumps(value), object_hook=lambda fields: SimpleNamespace(**fields))

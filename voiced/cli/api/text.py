"""`voiced api ask` and `respond`: a question, and the answer as it comes."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Final, TextIO

from voiced.cli.api import reading
from voiced.cli.api.printing import Result, plain, result, warn
from voiced.cli.api.session import Session, session
from voiced.errors import AnswerUnusable

ANSWER: Final = "answer"
"""What a schema is called where its file does not say."""

_ANSWER: Final = ("text", "finish_reason", "refusal", "model", "provider", "usage")


def ask(arguments: Namespace, out: TextIO) -> int:
    if arguments.web_search:  # chat has none
        return respond(arguments, out)
    question, options = _question(arguments)
    if schema := _schema(arguments.json_schema):
        options["response_format"] = {"type": "json_schema", "json_schema": schema}
    options |= _given(max_tokens=arguments.max_tokens, reasoning_effort=arguments.effort)
    with session(arguments) as api, result(arguments, out) as to:
        chat, options = api.ai.chat, {**options, **api.model}
        if _is_streamed(arguments, to):
            answer = _printed(api, to, chat.stream(question, **options))
        else:
            answer = api.run(chat.ask(question, **options))
            _tell(arguments, to, answer, _ANSWER)
        if answer.shortened:
            warn("the question was too long: the model saw only a part of it")
        _judge(answer.refusal, cut=answer.finish_reason == "length")
    return 0


def respond(arguments: Namespace, out: TextIO) -> int:
    from voiced.ai.responses_tools import code_interpreter, file_search, web_search

    question, options = _question(arguments)
    if schema := _schema(arguments.json_schema):
        options["text"] = {"format": {"type": "json_schema", **schema}}
    tools = [web_search()] if arguments.web_search else []
    if arguments.code:
        tools.append(code_interpreter())
    if arguments.file_search:
        tools.append(file_search(arguments.file_search))
    options |= _given(
        tools=tools,
        max_output_tokens=arguments.max_tokens,
        reasoning_effort=arguments.effort,
        previous_response_id=arguments.previous,
    )
    with session(arguments) as api, result(arguments, out) as to:
        responses, options = api.ai.responses, {**options, **api.model}
        if _is_streamed(arguments, to):
            answer = _printed(api, to, responses.stream(question, **options))
        else:
            answer = api.run(responses.ask(question, **options))
            _tell(arguments, to, answer, ("id", *_ANSWER, "citations", "code", "found", "searches"))
        if not arguments.json:
            for line in _sources(answer):
                to.line(line)
        _judge(answer.refusal, cut=answer.finish_reason == "length")
    return 0


def _question(arguments: Namespace) -> tuple[str, dict[str, Any]]:
    """What is asked, and what goes with it to either endpoint."""
    images = reading.pictures(arguments.image)
    text = reading.text(arguments.text, "question")
    given = _given(
        instructions=reading.checked(arguments.system, "--system"), images=images, temperature=arguments.temperature
    )
    return text, {**given, "detail": arguments.detail}


def _given(**options: Any) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value not in (None, "", [])}


def _schema(path: Path | None) -> dict[str, Any]:
    """As chat has it: a schema, or one with its name in {"name": …, "schema": …}."""
    if path is None:
        return {}
    value = reading.json_object(path, "--json-schema")
    if isinstance(value.get("schema"), dict):
        return {"name": ANSWER, "strict": True, **value}
    return {"name": ANSWER, "strict": True, "schema": value}


def _is_streamed(arguments: Namespace, to: Result) -> bool:
    if arguments.json:
        return False
    return to.to_terminal if arguments.stream is None else bool(arguments.stream)


def _printed(api: Session, to: Result, stream: AbstractAsyncContextManager[Any]) -> Any:
    """The answer of a stream that is printed as it comes."""
    end = "\n"

    async def read() -> Any:
        nonlocal end
        async with stream as pieces:
            async for piece in pieces:
                to.text(piece)
                end = piece[-1:]
            return pieces.answer

    try:
        return api.run(read())
    finally:
        if end != "\n":  # also of an answer that was cut off: what comes next has a line of its own
            to.text("\n")


def _tell(arguments: Namespace, to: Result, answer: Any, fields: tuple[str, ...]) -> None:
    if arguments.json:
        to.json({name: plain(getattr(answer, name)) for name in fields})
    elif answer.text:
        to.line(answer.text)


def _sources(answer: Any) -> Iterator[str]:
    """Where a web search found it, each page once."""
    found = {each.url: each.title for each in answer.citations if getattr(each, "url", "")}
    if found:
        yield ""
    for url, title in found.items():
        yield f"{title}: {url}" if title else url


def _judge(refusal: str, *, cut: bool) -> None:
    if refusal:
        raise AnswerUnusable(f"the model refuses to answer: {' '.join(refusal.split())}", code="refusal")
    if cut:
        warn("the answer is cut off: allow more with --max-tokens")

"""What a batch is asked: calls, one a line, judged as its server would."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from voiced.ai.attachments import size_of
from voiced.ai.chat_fit import takes_max_tokens
from voiced.ai.jsonl import Problem, dumped, listed, parsed
from voiced.ai.presets import Helper
from voiced.errors import RequestRejected

MOST_CALLS: Final = 50_000
MOST_BYTES: Final = 200 * 1024 * 1024
MOST_EMBEDDED: Final = 50_000
"""Texts in all calls of one batch. These three are OpenAI's limits."""

MOST_PROBLEMS: Final = 1000
"""That are looked for in one file."""

LONGEST_NAMED: Final = 64
"""Characters of a file's own words that an error repeats."""

HELPER_OF: Final[Mapping[str, Helper]] = {
    "/v1/chat/completions": "chat",
    "/v1/responses": "responses",
    "/v1/completions": "completions",
    "/v1/embeddings": "embeddings",
    "/v1/moderations": "moderations",
    "/v1/images/generations": "images",
    "/v1/images/edits": "images",
}
"""Endpoints that take batches, and whose models they have."""

ENDPOINTS: Final = (*HELPER_OF, "/v1/videos")


@dataclass(frozen=True, slots=True)
class BatchCall:
    """One request of a batch. `custom_id`: which answer is its own. `url`: "/v1/chat/completions". `body`: its JSON,
    in which the model may be left out.
    """

    custom_id: str
    url: str
    body: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class BatchCheck:
    """What a file for a batch has. `endpoint`, `model`: of its first call. With `problems` no server takes it."""

    calls: int
    endpoint: str
    model: str
    problems: Sequence[Problem] = ()

    def judge(self, name: str) -> None:
        """Raises RequestRejected, with the lines, where there are problems."""
        if self.problems:
            raise RequestRejected(f"batches: {name}: {listed(self.problems)}")


def check_file(path: Path) -> BatchCheck:
    """What the file has. Blocks for the disk. Raises RequestRejected where it can't be read, or is too large."""
    size_of(path, "batches", most_bytes=MOST_BYTES, kinds=("jsonl",))
    try:
        with path.open("rb") as file:
            return check(file)
    except OSError as error:
        raise RequestRejected(f"batches: {path} can't be read ({error.strerror})") from None


def listed_calls(calls: Iterable[BatchCall]) -> list[BatchCall]:
    """All of them. Raises RequestRejected where one is something else."""
    given = list(calls)
    for number, call in enumerate(given, 1):
        if not isinstance(call, BatchCall):
            raise RequestRejected(f"batches: call {number} is no BatchCall: make it with ai.batches.chat and the like")
    return given


def written(calls: Iterable[BatchCall], model: str) -> tuple[bytes, BatchCheck]:
    """The file with these calls, in which `model` stands where a call names none. Raises RequestRejected."""
    try:
        data = dumped(_line(call, model) for call in calls)
    except (TypeError, ValueError, RecursionError):
        raise RequestRejected("batches: a body has something in it that is no JSON") from None
    if len(data) > MOST_BYTES:
        raise RequestRejected(
            f"batches: the calls have {len(data) / 2**20:.0f} MiB, at most {MOST_BYTES // 2**20} are taken: make two"
        )
    return data, check(io.BytesIO(data))


def ids_in(lines: Iterable[bytes]) -> list[str]:
    """The custom_id of each line that has one."""
    found = []
    for line in lines:
        try:
            custom_id = parsed(line).get("custom_id")
        except ValueError:
            continue
        if isinstance(custom_id, str):
            found.append(custom_id)
    return found


def check(lines: Iterable[bytes]) -> BatchCheck:
    """What the lines of a file have."""
    judge = _Judge()
    for number, line in enumerate(lines, 1):
        if len(judge.problems) >= MOST_PROBLEMS:
            judge.problems.append(Problem(0, "there is more that is wrong"))
            break
        judge.line(number, line)
    judge.end()
    return BatchCheck(judge.calls, judge.first.get("url", ""), judge.first.get("body.model", ""), judge.problems)


class _Judge:
    """Goes through a file once."""

    def __init__(self) -> None:
        self.calls = 0
        self.problems: list[Problem] = []
        self.first: dict[str, str] = {}
        self._line_of: dict[str, int] = {}
        self._texts = 0

    def line(self, number: int, line: bytes) -> None:
        self.calls += 1
        try:
            call = parsed(line)
        except ValueError as error:
            self._wrong(number, str(error))
            return
        self._custom_id(number, call.get("custom_id"))
        if call.get("method") != "POST":
            self._wrong(number, 'method must be "POST"' if "method" in call else 'method is missing: write "POST"')
        self._url(number, call.get("url"))
        self._body(number, call.get("body"), call.get("url"))

    def end(self) -> None:
        if not self.calls:
            self._wrong(0, "the file is empty: write one call on each line")
        if self.calls > MOST_CALLS:
            self._wrong(0, f"{self.calls} calls are too many, {MOST_CALLS} are taken: make several batches")
        if self._texts > MOST_EMBEDDED:
            self._wrong(
                0, f"{self._texts} texts are too many to be embedded, {MOST_EMBEDDED} are: make several batches"
            )

    def _custom_id(self, number: int, custom_id: object) -> None:
        if custom_id is None:
            self._wrong(number, "custom_id is missing: give each call one of its own")
        elif not isinstance(custom_id, str) or not custom_id:
            self._wrong(number, "custom_id must be a text that is not empty")
        elif (before := self._line_of.setdefault(custom_id, number)) != number:
            self._wrong(number, f"custom_id is that of line {before} too: give each call one of its own")

    def _url(self, number: int, url: object) -> None:
        if url is None:
            self._wrong(number, "url is missing: write that of the endpoint, such as /v1/chat/completions")
        elif url not in ENDPOINTS:
            self._wrong(number, f"url is none that takes batches: {', '.join(ENDPOINTS)} do")
        elif (first := self.first.setdefault("url", str(url))) != url:
            self._wrong(number, f"url is not {first}, as it is in the lines before: make one batch for each endpoint")

    def _body(self, number: int, body: object, url: object) -> None:
        if not isinstance(body, dict):
            self._wrong(number, "body must be the JSON object that the endpoint takes")
            return
        model = body.get("model")
        if not isinstance(model, str) or not model:
            self._wrong(number, "body.model is missing: name the model")
        elif (first := self.first.setdefault("body.model", model)) != model:
            named = first[:LONGEST_NAMED]
            self._wrong(
                number, f"body.model is not {named}, as it is in the lines before: make one batch for each model"
            )
        if body.get("stream"):
            self._wrong(number, "body.stream must be left out: a batch streams nothing")
        if url == "/v1/embeddings":
            texts = body.get("input")
            several = isinstance(texts, list) and not all(isinstance(each, int) for each in texts)
            self._texts += len(texts) if isinstance(texts, list) and several else 1

    def _wrong(self, number: int, what: str) -> None:
        self.problems.append(Problem(number, what))


def _line(call: BatchCall, model: str) -> Mapping[str, Any]:
    return {"custom_id": call.custom_id, "method": "POST", "url": call.url, "body": completed(call, model)}


def completed(call: BatchCall, model: str) -> dict[str, Any]:
    """The body, with `model` where it names none, as this model takes it."""
    body = dict(call.body)
    if not body.get("model") and model:
        body = {"model": model, **{name: value for name, value in body.items() if name != "model"}}
    if "max_tokens" in body and HELPER_OF.get(call.url) == "chat" and not takes_max_tokens(str(body.get("model", ""))):
        body["max_completion_tokens"] = body.pop("max_tokens")
    return body

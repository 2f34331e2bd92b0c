"""Examples that a model learns from, one a line, judged as its server would."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from voiced.ai.attachments import size_of
from voiced.ai.jsonl import Problem, listed, parsed
from voiced.ai.training_messages import Tools, judge_messages, judge_tools
from voiced.errors import RequestRejected

Shape = Literal["chat", "preference", "reinforcement", "completions"]
"""Of the examples: conversations; two answers to one of them (dpo); conversations that a grader judges; and prompts
with completions, which only babbage-002 and davinci-002 learn from.
"""

MOST_BYTES: Final = 512 * 1024 * 1024
FEWEST_EXAMPLES: Final = 10
LONGEST_EXAMPLE: Final = 65_536
"""Tokens. What is beyond is cut off. These three are OpenAI's limits."""

MOST_PROBLEMS: Final = 1000
"""That are told of one file; and as many warnings."""

_OF_OLD: Final = ("babbage-002", "davinci-002")
_KEYS: Final[Mapping[Shape, Sequence[str]]] = {
    "chat": ("messages", "tools", "functions", "parallel_tool_calls"),
    "preference": ("input", "preferred_output", "non_preferred_output"),
    "completions": ("prompt", "completion"),
}


@dataclass(frozen=True, slots=True)
class TrainingCheck:
    """What a file of examples has. `tokens`: estimated, of going through it once. With `problems` no server takes it;
    `warnings` are for whoever wrote it.
    """

    examples: int
    tokens: int
    problems: Sequence[Problem] = ()
    warnings: Sequence[Problem] = ()

    def judge(self, name: str) -> None:
        """Raises RequestRejected, with the lines, where there are problems."""
        if self.problems:
            raise RequestRejected(f"fine_tuning: {name}: {listed(self.problems)}")


def shape_of(method: str, model: str) -> Shape:
    """What a model learns from with a method."""
    if model in _OF_OLD:
        return "completions"
    match method:
        case "dpo":
            return "preference"
        case "reinforcement":
            return "reinforcement"
        case _:
            return "chat"


def check_file(path: Path, shape: Shape = "chat", *, fewest: int = FEWEST_EXAMPLES) -> TrainingCheck:
    """What the file has. Blocks for the disk. Raises RequestRejected where it can't be read, or is too large."""
    size_of(path, "fine_tuning", most_bytes=MOST_BYTES, kinds=("jsonl",))
    try:
        with path.open("rb") as file:
            return check(file, shape, fewest=fewest)
    except OSError as error:
        raise RequestRejected(f"fine_tuning: {path} can't be read ({error.strerror})") from None


def check_data(data: bytes, shape: Shape = "chat", *, fewest: int = FEWEST_EXAMPLES) -> TrainingCheck:
    """The same for what is in memory."""
    return check(io.BytesIO(data), shape, fewest=fewest)


def check(lines: Iterable[bytes], shape: Shape = "chat", *, fewest: int = FEWEST_EXAMPLES) -> TrainingCheck:
    """What the lines of a file have."""
    judge = _Judge(shape)
    for number, line in enumerate(lines, 1):
        if len(judge.problems) >= MOST_PROBLEMS:
            judge.problems.append(Problem(0, "there is more that is wrong"))
            break
        judge.line(number, line)
    if judge.examples < fewest:
        had = f"{judge.examples} examples are too few" if judge.examples else "the file is empty"
        judge.problems.append(Problem(0, f"{had}: give at least {fewest}"))
    return TrainingCheck(judge.examples, judge.tokens, judge.problems, judge.warnings)


def tokens_of(value: Any) -> int:
    """About how many tokens the texts in it have: a fourth of its ASCII letters, and each other letter.

    >>> tokens_of({"role": "user", "content": "Guten Morgen, Jörg!"})
    7
    """
    match value:
        case str():
            plain = sum(letter.isascii() for letter in value)
            return -(-plain // 4) + len(value) - plain
        case dict():
            return sum(tokens_of(member) for member in value.values())
        case list():
            return sum(map(tokens_of, value))
        case _:
            return 0


class _Judge:
    """Goes through a file once."""

    def __init__(self, shape: Shape) -> None:
        self.examples = 0
        self.tokens = 0
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []
        self._shape = shape
        self._line_of: dict[bytes, int] = {}

    def line(self, number: int, line: bytes) -> None:
        self.examples += 1
        try:
            example = parsed(line)
        except ValueError as error:
            self.problems.append(Problem(number, str(error)))
            return
        for what in self._wrong(example):
            self.problems.append(Problem(number, what))
        try:
            self._look(number, example)
        except RecursionError:
            self.problems.append(Problem(number, "it has too many brackets in each other"))

    def _wrong(self, example: dict[str, Any]) -> Iterable[str]:
        """What is wrong with one example."""
        legacy = "prompt" in example and "completion" in example
        if legacy and self._shape != "completions":
            yield "prompt and completion are of the old way: make messages of them with prepare"
            return
        if (known := _KEYS.get(self._shape)) is not None:
            unknown = [name for name in example if name not in known]
            if unknown:
                yield f"it has keys that no example has: keep {', '.join(known)}"
        match self._shape:
            case "chat":
                tools = yield from judge_tools(example)
                yield from judge_messages(example.get("messages"), tools, ends="assistant")
            case "reinforcement":
                tools = yield from judge_tools(example)
                yield from judge_messages(example.get("messages"), tools, ends="user")
            case "preference":
                yield from _wrong_preference(example)
            case "completions":
                yield from _wrong_completion(example)

    def _look(self, number: int, example: dict[str, Any]) -> None:
        """What is right, and may be no good."""
        messages = example.get("messages")
        tokens = tokens_of(example) + 3 * (len(messages) if isinstance(messages, list) else 0) + 3
        self.tokens += min(tokens, LONGEST_EXAMPLE)
        if tokens > LONGEST_EXAMPLE:
            self._warn(Problem(number, f"about {tokens} tokens: what is beyond {LONGEST_EXAMPLE} is cut off"))
        digest = hashlib.sha256(json.dumps(example, sort_keys=True).encode("utf-8", "replace")).digest()
        if (before := self._line_of.setdefault(digest, number)) != number:
            self._warn(Problem(number, f"it is the same as line {before}"))

    def _warn(self, warning: Problem) -> None:
        if len(self.warnings) < MOST_PROBLEMS:
            self.warnings.append(warning)


def _wrong_preference(example: dict[str, Any]) -> Iterable[str]:
    given, tools = example.get("input"), Tools()
    if not isinstance(given, dict):
        yield "input must be an object with messages"
    else:
        tools = yield from judge_tools(given)
        yield from judge_messages(given.get("messages"), tools, ends="user", where="input.messages")
    for name in ("preferred_output", "non_preferred_output"):
        output = example.get(name)
        if not isinstance(output, list) or len(output) != 1:
            yield f"{name} must be a list with one message of the assistant"
        else:
            yield from judge_messages(output, tools, ends="assistant", where=name)


def _wrong_completion(example: dict[str, Any]) -> Iterable[str]:
    if not isinstance(example.get("prompt"), str):
        yield "prompt must be a text"
    if not isinstance(example.get("completion"), str) or not example["completion"]:
        yield "completion must be a text that is not empty"

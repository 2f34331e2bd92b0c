"""Python functions that a model may call: told to it as tools, and run when it wants them."""

from __future__ import annotations

import asyncio
import difflib
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from voiced.ai.own_thread import in_own_thread
from voiced.ai.signature import Signature, Wrong, json_object, read_signature, told
from voiced.ai.tool_text import as_text
from voiced.errors import RequestRejected, ToolError, ToolSchemaError

Function = Callable[..., Any]
"""With type hints and a docstring; `async`, or plain: that runs in a thread."""

ToolChoice = str | Function | Mapping[str, Any]
""""none", "auto", "required", the name of a function, the function itself, or what the server takes as it is."""

MOST_FUNCTIONS: Final = 128
"""In one request (OpenAI's limit)."""

MOST_OUTPUT_BYTES: Final = 100_000
"""Of UTF-8 that a function may return; what is beyond is cut off, and the model is told."""

_MODES: Final = ("none", "auto", "required")


@dataclass(frozen=True, slots=True)
class FunctionCall:
    """A call as a model wants it. `arguments`: JSON text as the model wrote it, which need not be JSON."""

    id: str
    name: str
    arguments: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class FunctionOutput:
    """What the model is told of a call. `failed`: the text says what went wrong."""

    call: FunctionCall
    text: str = field(repr=False)
    failed: bool = False


def listed(tools: object, what: str) -> list[Any]:
    """The tools, which need not be functions. Raises RequestRejected where they are no list, such as one function."""
    if isinstance(tools, str | Mapping) or not isinstance(tools, Iterable):
        raise RequestRejected(f"{what}: tools must be a list: write [{getattr(tools, '__name__', '...')}]")
    return list(tools)


class Functions:
    """Functions by the names that a model knows them by. `what` names the helper in errors: "chat".

    Raises RequestRejected for a function that no model can be told of, with what to write instead.
    """

    def __init__(self, functions: Sequence[Function], what: str) -> None:
        self._what = what
        self._known: dict[str, tuple[Function, Signature]] = {}
        if len(functions) > MOST_FUNCTIONS:
            raise RequestRejected(f"{what}: {len(functions)} functions are too many; {MOST_FUNCTIONS} are taken")
        for function in functions:
            signature = _signature(function, what)
            if signature.name in self._known:
                raise RequestRejected(f"{what}: two functions have the name {signature.name}: rename one")
            self._known[signature.name] = function, signature

    def __bool__(self) -> bool:
        return bool(self._known)

    @property
    def names(self) -> list[str]:
        return list(self._known)

    @property
    def chat_tools(self) -> list[dict[str, Any]]:
        """As chat completions take them in `tools`."""
        return [{"type": "function", "function": told_of(signature)} for _, signature in self._known.values()]

    @property
    def responses_tools(self) -> list[dict[str, Any]]:
        """As Responses take them in `tools`."""
        return [{"type": "function", **told_of(signature)} for _, signature in self._known.values()]

    def chat_choice(self, choice: ToolChoice) -> str | dict[str, Any]:
        """`tool_choice` of chat completions. Raises RequestRejected for a function that is not among these."""
        named = self._choice(choice)
        return {"type": "function", "function": {"name": named[0]}} if isinstance(named, tuple) else named

    def responses_choice(self, choice: ToolChoice) -> str | dict[str, Any]:
        """`tool_choice` of Responses. Raises RequestRejected for a function that is not among these."""
        named = self._choice(choice)
        return {"type": "function", "name": named[0]} if isinstance(named, tuple) else named

    async def run(self, call: FunctionCall) -> FunctionOutput:
        """What came of one call. Raises what the function raises, other than ToolError."""
        try:
            return FunctionOutput(call, await self._returned(call))
        except ToolError as error:
            return FunctionOutput(call, str(error) or "It failed.", failed=True)
        except (asyncio.CancelledError, SystemExit) as error:
            task = asyncio.current_task()
            if isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling():
                raise
            raise RuntimeError(f"{call.name} raised {type(error).__name__}") from error  # and nobody else wants it

    async def _returned(self, call: FunctionCall) -> str:
        if call.name not in self._known:
            raise ToolError(f"There is no function {call.name!r}; there are: {', '.join(self._known) or 'none'}.")
        function, signature = self._known[call.name]
        try:
            arguments = signature.arguments(json_object(call.arguments))
        except Wrong as wrong:
            raise told(wrong, call.name, signature.schema) from wrong
        if inspect.iscoroutinefunction(function):
            returned = await function(**arguments)
        else:
            returned = await in_own_thread(lambda: function(**arguments), call.name)
            if inspect.isawaitable(returned):
                returned = await returned
        return as_text(returned, MOST_OUTPUT_BYTES)

    def _choice(self, choice: ToolChoice) -> str | dict[str, Any] | tuple[str]:
        """A mode or a mapping as it is; of a function its name, in a tuple."""
        if isinstance(choice, Mapping):
            return dict(choice)
        if not isinstance(choice, str) and not callable(choice):
            raise self._no_such(repr(choice))
        if callable(choice):
            for name, (function, _) in self._known.items():
                if function == choice:
                    return (name,)
            raise self._no_such(getattr(choice, "__name__", repr(choice)))
        if choice in _MODES:
            return choice
        if choice in self._known:
            return (choice,)
        raise self._no_such(choice)

    def _no_such(self, name: str) -> RequestRejected:
        near = difflib.get_close_matches(name, [*self._known, *_MODES], n=1, cutoff=0.6)
        hint = f"did you mean {near[0]}?" if near else f"known are {', '.join([*self._known, *_MODES])}"
        return RequestRejected(f"{self._what}: tool_choice: there is no function {name!r}: {hint}")


async def run_calls(functions: Functions, calls: Sequence[FunctionCall]) -> list[FunctionOutput]:
    """Run all at one time; the outputs are in the order of the calls.

    What is a ToolError, wrong arguments and an unknown name go to the model. Anything else that a function raises is
    raised here, after the other calls were cancelled; a plain function that is cancelled runs on in its thread.
    """
    try:
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(functions.run(call)) for call in calls]
    except BaseExceptionGroup as group:
        raise group.exceptions[0] from None
    return [task.result() for task in running]


def told_of(signature: Signature) -> dict[str, Any]:
    """What both APIs are told of a function."""
    return {
        "name": signature.name,
        "description": signature.description,
        "parameters": signature.schema,
        "strict": True,
    }


def _signature(function: Function, what: str) -> Signature:
    name = getattr(function, "__qualname__", repr(function))
    if not callable(function) or inspect.isclass(function):
        raise RequestRejected(f"{what}: {name} is no function: give functions with type hints and a docstring")
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise RequestRejected(f"{what}: the function {name} yields: write one that returns")
    try:
        return read_signature(function)
    except ToolSchemaError as error:
        raise RequestRejected(f"{what}: the function {name}: {error}") from error

"""A tool as the host runs it: JSON text in, a function called with checked arguments, its result out."""

from __future__ import annotations

import functools
import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import structlog

from voiced.ai import strict_schema as schema
from voiced.ai.signature import DESCRIPTION_LIMIT, Wrong, check_name, json_object, read_signature, told
from voiced.ai.signature import where as where_of
from voiced.api import DynamicTool, Plugin, Progress, ToolContext, ToolOptions
from voiced.conversation.events import ToolSpec
from voiced.errors import ToolSchemaError
from voiced.plugins import dynamic_parameters, foreign_schema, permissions, sentences, templates
from voiced.plugins import options as tool_options
from voiced.plugins.generators import Next
from voiced.plugins.permissions import Permissions
from voiced.plugins.steps import CRASHES, one_line

_log = structlog.get_logger()

BACKGROUND_TIMEOUT_S: Final = 600.0
"""Of a background tool that does not say its own."""


class Reader(Protocol):
    """Turns the object that a model wrote into arguments. Raises Wrong."""

    def __call__(self, given: dict[str, Any]) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Tool:
    """One function that the model may call. `where` is its file, line and name, for people.

    `is_async`: it runs on the event loop, else in a thread. `permissions`: all that it declared, itself or its plugin.
    """

    spec: ToolSpec
    where: str
    options: ToolOptions
    permissions: Permissions
    is_async: bool
    _call: Callable[[Mapping[str, Any], ToolContext], Any] = field(repr=False)
    _read: Reader = field(repr=False)
    _defaults: Mapping[str, Any] = field(repr=False)
    _yields: bool = False
    _owner: Plugin | None = field(default=None, repr=False)

    @property
    def timeout_s(self) -> float | None:
        """None: as the settings have it."""
        return self.options.timeout_s or (BACKGROUND_TIMEOUT_S if self.options.background else None)

    def arguments(self, text: str) -> dict[str, Any]:
        """The function's arguments, from the JSON text as the model wrote it.

        Raises ToolError with each mistake, and what is expected instead.
        """
        try:
            return self._read(json_object(text))
        except Wrong as wrong:
            raise told(wrong, self.spec.name, self.spec.parameters) from wrong

    def phrase(self, template: str, arguments: Mapping[str, Any], **more: Any) -> str:
        """One of its templates, filled in. Raises whatever the formatting of the values raises."""
        return templates.fill(template, {**self._defaults, **arguments, **more})

    async def run(self, arguments: Mapping[str, Any], context: ToolContext, tell: Callable[[str], None]) -> Any:
        """What an async one returns; `tell` gets what it says of its progress. Raises what it raises."""
        returned = self._call(arguments, context)
        if not self._yields:
            return await returned
        result: Any = None
        has_result = False
        try:
            while True:
                step = await Next(returned)
                if isinstance(step, Progress):
                    tell(step.text)
                elif has_result:
                    raise TypeError(f"{self.spec.name} yielded two results; yield Progress(...), and the result last")
                else:
                    result, has_result = step, True
        except StopAsyncIteration:
            return result
        finally:
            await returned.aclose()

    def run_plain(self, arguments: Mapping[str, Any], context: ToolContext, tell: Callable[[str], None]) -> Any:
        """The same of a plain one."""
        returned = self._call(arguments, context)
        if not self._yields:
            return returned
        while True:
            try:
                step = next(returned)
            except StopIteration as end:
                return end.value
            if not isinstance(step, Progress):
                raise TypeError(
                    f"{self.spec.name} yielded a {type(step).__name__}; yield Progress(...), return the result"
                )
            tell(step.text)

    def is_offered(self, report: Callable[[str], None]) -> bool:
        """Whether its `when` is true now. One that crashes is not; `report` is told."""
        if self.options.when is None:
            return True
        try:
            wanted = tool_options.condition(self.options.when, self._owner)
            if inspect.iscoroutine(wanted):
                wanted.close()
                raise TypeError("it is async, and is asked at once")
            return bool(wanted)
        except CRASHES as error:
            report(f"{self.where}: it is not offered, its when crashed: {one_line(error)}")
            return False


def describe_tool(function: Callable[..., Any], options: ToolOptions) -> Tool:
    """Read signature, type hints and docstring. Raises ToolSchemaError with file, function and what to write."""
    where = where_of(function)
    try:
        return _describe(function, options, where)
    except ToolSchemaError as error:
        raise ToolSchemaError(f"{where}: {error}") from error


def describe_dynamic(dynamic: DynamicTool, where: str, owner: Plugin | None = None) -> Tool:
    """A tool that `owner` gave at run time; `where` is its place. Raises ToolSchemaError."""
    try:
        return _describe_dynamic(dynamic, f"{where} {dynamic.name}", owner)
    except ToolSchemaError as error:
        raise ToolSchemaError(f"{where}: the dynamic tool {dynamic.name!r}: {error}") from error


def _describe(function: Callable[..., Any], options: ToolOptions, where: str) -> Tool:
    signature = read_signature(function, name=options.name, context=ToolContext)
    owner = getattr(function, "__self__", None)
    plugin = owner if isinstance(owner, Plugin) else None
    tool_options.check(options, signature.parameters, plugin)
    said = sentences.read(options, signature.parameters)

    def call(arguments: Mapping[str, Any], context: ToolContext) -> Any:
        return function(**arguments, **({signature.context: context} if signature.context else {}))

    return Tool(
        _spec(signature.name, signature.description, signature.schema, options, said),
        where,
        options,
        _permissions(options, plugin),
        inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function),
        call,
        signature.arguments,
        signature.defaults,
        inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function),
        plugin,
    )


def _describe_dynamic(dynamic: DynamicTool, where: str, owner: Plugin | None) -> Tool:
    options = dynamic.options
    check_name(dynamic.name, "give it such a name")
    if options.name:
        raise ToolSchemaError("its options have a name too; leave that out")
    if not isinstance(dynamic.parameters, Mapping) or not isinstance(dynamic.description, str):
        raise ToolSchemaError("description must be a string, and parameters a JSON schema")
    shape = foreign_schema.arguments(dynamic.parameters)
    tool_options.check(options, shape.schema["properties"], owner)
    properties = shape.schema["properties"]
    known = dynamic_parameters.parameters(dynamic.parameters, properties) if options.sentences else {}
    said = sentences.read(options, known)

    async def call(arguments: Mapping[str, Any], context: ToolContext) -> Any:
        return await dynamic.call(arguments, context)

    def read(given: dict[str, Any]) -> dict[str, Any]:
        try:
            found: dict[str, Any] = shape.read(given, "")
            return found
        except foreign_schema.Unfit as unfit:
            raise Wrong(*unfit.mistakes) from unfit

    description = " ".join(dynamic.description.split()) or dynamic.name.replace("_", " ")
    if len(description) > DESCRIPTION_LIMIT:
        _say_that_it_is_cut(where, len(description))
        description = f"{description[: DESCRIPTION_LIMIT - 1]}…"
    try:
        json.dumps([description, shape.schema], ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise ToolSchemaError("its description or parameters hold half a character; models take UTF-8") from error
    return Tool(
        _spec(dynamic.name, description, shape.schema, options, said),
        where,
        options,
        _permissions(options, owner),
        True,
        call,
        read,
        dict.fromkeys(properties),
        _owner=owner,
    )


def _spec(
    name: str, description: str, parameters: schema.Schema, options: ToolOptions, said: sentences.Said | None = None
) -> ToolSpec:
    said = said or sentences.Said()
    return ToolSpec(
        name,
        description,
        parameters,
        said.sentences,
        said.lists,
        options.local,
        options.on_barge_in,
        options.idempotent,
    )


def _permissions(options: ToolOptions, owner: Plugin | None) -> Permissions:
    own = permissions.declared(options.permissions)
    return own | permissions.declared(owner.permissions) if owner else own


@functools.lru_cache(maxsize=1024)  # a server tells its tools again and again
def _say_that_it_is_cut(where: str, characters: int) -> None:
    _log.warning("description of a tool is cut", where=where, characters=characters, limit=DESCRIPTION_LIMIT)

"""What `@tool(...)` was given, checked when the plugin is loaded, so that its author reads what is wrong."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Collection
from typing import Any, Final, get_args

from voiced.api import OnBargeIn, Plugin, ToolOptions
from voiced.errors import ToolSchemaError
from voiced.plugins import templates

LONGEST_TIMEOUT_S: Final = 3600.0
LONGEST_FILLER_AFTER_S: Final = 600.0


def check(options: ToolOptions, arguments: Collection[str], owner: Plugin | None) -> None:
    """Raises ToolSchemaError, with what to write. `owner`: the plugin that the tool is a method of.

    `name`, `sentences`, `lists` and `permissions` are checked where they are read.
    """
    for flag in ("local", "idempotent", "background"):
        if not isinstance(value := getattr(options, flag), bool):
            raise ToolSchemaError(f"{flag} is {value!r}; write True or False")
    if options.timeout_s is not None:
        _check_seconds("timeout_s", options.timeout_s, LONGEST_TIMEOUT_S, zero=False)
    _check_seconds("filler_after_s", options.filler_after_s, LONGEST_FILLER_AFTER_S, zero=True)
    if options.on_barge_in not in get_args(OnBargeIn):
        raise ToolSchemaError(f'on_barge_in is {options.on_barge_in!r}; write "cancel", "finish" or "keep"')
    templates.check("spoken", options.spoken, [*arguments, "result"])
    templates.check("confirm", options.confirm, arguments)
    templates.check("filler", options.filler, arguments)
    if options.background:
        _check_background(options)
    _check_when(options.when, owner)


def _check_background(options: ToolOptions) -> None:
    if options.local:
        raise ToolSchemaError(
            "local=True is for what is done at once, background=True for what takes minutes; drop one"
        )
    if options.filler:
        raise ToolSchemaError("nobody waits for a background tool, so nothing fills the time; leave filler out")
    if options.on_barge_in == "cancel":
        raise ToolSchemaError(
            'a background tool is answered at once, and no barge-in ends it; drop on_barge_in="cancel"'
        )


def _check_when(when: object, owner: Plugin | None) -> None:
    match when:
        case None:
            return
        case str() if owner is None:
            raise ToolSchemaError(
                f"when={when!r} names an attribute of a Plugin, and this is no method; give a function"
            )
        case str():
            if not when.isidentifier():
                raise ToolSchemaError(f"when={when!r} is no name; write the name of an attribute or method")
            _check_condition(getattr(owner, when, None))
        case _ if callable(when):
            _check_condition(when)
        case _:
            raise ToolSchemaError(f"when is {when!r}; give a function, or the name of an attribute or method")


def _check_condition(condition: object) -> None:
    if not callable(condition):
        return
    if inspect.iscoroutinefunction(condition):
        raise ToolSchemaError("when is an async function; it is asked at once, so write it with def")
    try:
        needed = [
            parameter.name
            for parameter in inspect.signature(condition).parameters.values()
            if parameter.default is parameter.empty
            and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        ]
    except (TypeError, ValueError):  # of something built in
        return
    if needed:
        raise ToolSchemaError(f"when is called with nothing, and needs {', '.join(needed)}")


def _check_seconds(name: str, value: object, most: float, *, zero: bool) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not number or not (0 <= value <= most if zero else 0 < value <= most):  # type: ignore[operator]
        least = "0" if zero else "more than 0"
        raise ToolSchemaError(f"{name} is {value!r}; write seconds, {least} to {most:g}")


def condition(when: Callable[[], bool] | str | None, owner: Plugin | None) -> Any:
    """What `when` says now, true or not. Raises whatever the plugin's code raises, and AttributeError."""
    found = getattr(owner, when) if isinstance(when, str) else when
    return found() if callable(found) else found

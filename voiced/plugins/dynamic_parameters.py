"""The arguments of a dynamic tool, for the check of its sentences: from its JSON schema, as far as that says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import Field, TypeAdapter

from voiced.ai.parameters import Parameter

_TYPES: Final[Mapping[str, Any]] = {"string": str, "integer": int, "number": float, "boolean": bool}


def parameters(foreign: Mapping[str, Any], strict: Mapping[str, Any]) -> dict[str, Parameter]:
    """`foreign`: as the plugin wrote them. `strict`: the properties that models are held to."""
    required = foreign.get("required", ())
    return {
        name: Parameter(
            _adapter(foreign.get("properties", {}).get(name)), name in required, name not in required, shape
        )
        for name, shape in strict.items()
    }


def _adapter(node: Any) -> TypeAdapter[Any]:
    hint: Any = Any
    match node:
        case {"enum": [*values]} if values and all(isinstance(value, str | int | bool) for value in values):
            hint = Literal[tuple(values)]
        case {"type": "integer" | "number" as kind}:
            limits = {ours: node[theirs] for theirs, ours in (("minimum", "ge"), ("maximum", "le")) if theirs in node}
            hint = Annotated[_TYPES[kind], Field(**limits)]
        case {"type": "string" | "boolean" as kind}:
            hint = _TYPES[kind]
    return TypeAdapter(hint)

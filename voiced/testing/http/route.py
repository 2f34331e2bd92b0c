"""What a module of endpoints gives the server: routes, and functions that answer requests which were read."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from voiced.testing.http.catalogue import Catalogue, Stage
from voiced.testing.http.form import Part
from voiced.testing.http.pace import Pace
from voiced.testing.http.refusal import MAX_FILE_BYTES
from voiced.testing.http.script import Script

if TYPE_CHECKING:
    from voiced.testing.http.emission import Emission

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Request:
    """A request that was read. `ids`: what stands in the path for {name}. `body`: its JSON, None where it had none.
    `form`: the fields of a form.
    """

    method: str
    ids: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    form: Sequence[Part] = ()
    headers: Mapping[str, str] = field(default_factory=dict)


class World:
    """What the answers of one server depend on.

    `whole`: what this server answers to a JSON request at a path ("/v1/chat/completions"): status and body, as a batch
    wants it. The request counts for nothing else. `assistants`: whether there still are some.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        script: Script,
        pace: Pace,
        whole: Callable[[str, Any], tuple[int, dict[str, Any]]],
        *,
        assistants: bool = False,
    ) -> None:
        self.catalogue = catalogue
        self.script = script
        self.pace = pace
        self.whole = whole
        self.assistants = assistants
        self._things: dict[type[Any], Any] = {}
        self._named = 0

    def of(self, kind: type[T]) -> T:
        """The one `kind` of this server: a class that keeps what was made, called with no arguments at first."""
        if kind not in self._things:
            self._things[kind] = kind()
        thing: T = self._things[kind]
        return thing

    def new_id(self, prefix: str) -> str:
        """An identifier that no other thing of this server has: "file-000000000001" for "file-"."""
        self._named += 1
        return f"{prefix}{self._named:012d}"


@dataclass(frozen=True)
class Route:
    """One endpoint. `path`: below /v1/, with {name} for what varies. `answer` raises `Refusal` for a wrong request.

    `takes`: what the body is; "maybe json": it may have none. `most_bytes`: of a form's files. `key`: whether whoever
    asks must show one; "none": he must not.
    """

    method: Literal["GET", "POST", "DELETE"]
    path: str
    stage: Stage
    answer: Callable[[Request, World], Emission]
    takes: Literal["nothing", "json", "maybe json", "form"] = "nothing"
    most_bytes: int = MAX_FILE_BYTES
    key: Literal["needed", "none"] = "needed"

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        parts = re.split(r"\{(\w+)\}", self.path)
        return re.compile(
            "".join(f"(?P<{part}>[^/]+)" if index % 2 else re.escape(part) for index, part in enumerate(parts))
        )

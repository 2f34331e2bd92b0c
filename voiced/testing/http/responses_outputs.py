"""What a scripted reply to /responses may hold beside text and function calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Think:
    """A reasoning item with this summary, where one was asked for. Models that reason make an empty one by
    themselves.
    """

    summary: str = ""


@dataclass(frozen=True, slots=True)
class Refuse:
    """The model says `text` in place of an answer."""

    text: str


@dataclass(frozen=True, slots=True)
class SearchWeb:
    """A search with the tool web_search. `sources`: addresses that it read.

    A `Say` after it cites what it names as [title](https://…).
    """

    query: str
    sources: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class RunCode:
    """A run of the tool code_interpreter. `logs`: what it printed. `file`: the name of one that it wrote, which the
    next `Say` cites.
    """

    code: str
    logs: str = ""
    file: str = ""


@dataclass(frozen=True, slots=True)
class FoundText:
    """A passage of a file in a vector store. `score`: from 0 to 1."""

    file_id: str
    filename: str
    text: str
    score: float = 0.9
    attributes: Mapping[str, str | float | bool] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SearchFiles:
    """A search with the tool file_search; the next `Say` cites each file that was found."""

    query: str
    found: Sequence[FoundText] = ()


@dataclass(frozen=True, slots=True)
class Draw:
    """A picture of the tool image_generation. `data`: its bytes; without them those of one as it was asked for."""

    prompt: str = "A picture."
    data: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Fail:
    """The response fails; must be the last output. `code`: "server_error", "rate_limit_exceeded", "invalid_prompt" …

    `bare`: a stream ends with an event `error` alone, as where the server lost the response itself.
    """

    code: str = "server_error"
    message: str = "An error occurred while processing your request."
    bare: bool = False


Hosted = SearchWeb | RunCode | SearchFiles | Draw
"""What tools do that the server has itself."""

ResponseOutput = Hosted | Think | Refuse | Fail

"""What the services answer: transcripts, chat replies, sounds, vectors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from voiced.testing.http.embeddings import of_words
from voiced.testing.http.responses_outputs import ResponseOutput
from voiced.testing.http.tones import spoken
from voiced.testing.in_turn import in_turn


@dataclass(frozen=True, slots=True)
class Say:
    """Text of the model. `pieces`: how it is cut for the stream; by default after each word."""

    text: str
    pieces: Sequence[str] = ()

    def __post_init__(self) -> None:
        if self.pieces and "".join(self.pieces) != self.text:
            raise ValueError(f"the pieces {self.pieces} do not make up the text {self.text!r}")

    def cut(self) -> Sequence[str]:
        """The pieces as they are streamed."""
        if self.pieces:
            return self.pieces
        words = self.text.split(" ")
        return [word if number == 0 else f" {word}" for number, word in enumerate(words)] if self.text else []


@dataclass(frozen=True, slots=True)
class Pause:
    """The stream waits, in seconds of the loop's clock; an answer that is not streamed comes so much later."""

    seconds: float


@dataclass(frozen=True, slots=True)
class CallTool:
    """A function call; `arguments` is the JSON text exactly as the model wrote it.

    `call_id`: None for a new one like OpenAI's; Ollama and others repeat theirs. `pieces`: how the arguments are cut.
    """

    name: str
    arguments: str = "{}"
    call_id: str | None = None
    pieces: Sequence[str] = ()

    def __post_init__(self) -> None:
        if self.pieces and "".join(self.pieces) != self.arguments:
            raise ValueError(f"the pieces {self.pieces} do not make up the arguments {self.arguments!r}")

    def cut(self) -> Sequence[str]:
        """The pieces as they are streamed: six characters each, or as the script says."""
        return self.pieces or [self.arguments[at : at + 6] for at in range(0, len(self.arguments), 6)]


@dataclass(frozen=True, slots=True)
class Finish:
    """The answer ends for another `reason` than that all was said; must be the last output."""

    reason: Literal["length", "content_filter"] = "length"


Output = Say | Pause | CallTool | Finish | ResponseOutput
Reply = str | Output | Sequence[str | Output]
"""A text alone is a `Say`. A `ResponseOutput` is for /responses alone."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A file to be transcribed.

    `pcm`: the sound of a WAV file as it is, empty for other formats. `rate`: Hz. `seconds`: its length; 0.0 for formats
    that are not looked into. `form`: the other fields of the form; a name with [] has a list.
    """

    pcm: bytes = field(repr=False)
    rate: int
    channels: int
    seconds: float
    form: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """A chat request that is right. `body`: all of it."""

    body: dict[str, Any] = field(repr=False)

    @property
    def messages(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.body["messages"]
        return found

    @property
    def text(self) -> str:
        """What the user said last."""
        return next((text_of(message) for message in reversed(self.messages) if message["role"] == "user"), "")

    @property
    def tool_outputs(self) -> dict[str, str]:
        """Call id → output, of the tool messages at the end."""
        found: dict[str, str] = {}
        for message in reversed(self.messages):
            if message["role"] != "tool":
                break
            found[message["tool_call_id"]] = text_of(message)
        return dict(reversed(found.items()))


class ScriptExhausted(LookupError):
    """More answers were asked for than the script has replies."""


class Script:
    """Transcripts, chat replies, sounds and vectors.

    Each is a list to be consumed in order of the requests, or a function.

    `replies`: one Reply for each answer that is asked for, of chat, Responses and completions alike, or
    `Asked -> Reply`. Without any the model repeats what it was told; a request after the last is answered with 500 and
    is a violation.
    `transcripts`: one text for each file, "" for no speech, or `Heard -> str`. Without any, or after the last, the
    transcript tells how long the sound is.
    `sound`: text → PCM16 at 24 kHz; without it, tones that `tones.recognise` knows again.
    `embedding`: text → vector, cut or filled up to what was asked for; without it, texts are near where they have words
    in common.
    """

    def __init__(
        self,
        replies: Iterable[Reply] | Callable[[Asked], Reply] | None = None,
        transcripts: Iterable[str] | Callable[[Heard], str] | None = None,
        sound: Callable[[str], bytes] = spoken,
        embedding: Callable[[str], Sequence[float]] = of_words,
    ) -> None:
        self._answer: Callable[[Asked], Reply] = _repeat if replies is None else in_turn(replies, _exhausted)
        self._understand: Callable[[Heard], str] = in_turn(transcripts or (), _measure)
        self._sound = sound
        self._embedding = embedding

    def reply(self, asked: Asked) -> list[Output]:
        """The outputs of the next chat answer. Raises `ScriptExhausted`; ValueError for what no model writes."""
        reply = self._answer(asked)
        outputs: list[Output]
        if isinstance(reply, str):
            outputs = [Say(reply)]
        elif isinstance(reply, Output):
            outputs = [reply]
        else:
            outputs = [Say(output) if isinstance(output, str) else output for output in reply]
        kinds = [type(output) for output in outputs if not isinstance(output, Pause)]
        if CallTool in kinds and Say in kinds[kinds.index(CallTool) :]:
            raise ValueError("a model says what it says before it calls tools; put Say first")
        if Finish in kinds[:-1]:
            raise ValueError("nothing comes after Finish")
        return outputs

    def transcript(self, heard: Heard) -> str:
        return self._understand(heard)

    def speech(self, text: str) -> bytes:
        """PCM16 at 24 kHz."""
        return self._sound(text)

    def embedding(self, text: str) -> Sequence[float]:
        """A vector of any length."""
        return self._embedding(text)


def text_of(message: dict[str, Any]) -> str:
    """The text of a message, that of its parts together."""
    content = message.get("content")
    if isinstance(content, list):
        return " ".join(part["text"] for part in content if part["type"] == "text")
    return content or ""


def _repeat(asked: Asked) -> Reply:
    if asked.tool_outputs:
        return Say(" ".join(asked.tool_outputs.values()))
    return Say(f"You said: {asked.text}")


def _measure(heard: Heard) -> str:
    return f"speech of {heard.seconds * 1000:.0f} ms"


def _exhausted(asked: Asked) -> Reply:
    raise ScriptExhausted("the script has no reply left; give it one for each chat request")

"""What the server answers, and what it understands of the user."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from voiced.testing.in_turn import in_turn
from voiced.testing.loopback.coded_audio import BYTES_PER_MS, spoken
from voiced.testing.loopback.conversation import Item

Phase = Literal["commentary", "final_answer"]


@dataclass(frozen=True, slots=True)
class Say:
    """An assistant message: `text` as a transcript with audio, or as text when the response has no audio.

    `pcm`: PCM16 at 24 kHz; without it the server makes audio whose every stretch tells its position
    (`coded_audio.position_of`). `phase`: what reasoning models add to their messages. A commentary does not wait
    for its end: the output after it starts in between.
    """

    text: str
    pcm: bytes | None = field(default=None, repr=False)
    phase: Phase | None = None

    def __post_init__(self) -> None:
        if self.pcm is not None and len(self.pcm) % 2:
            raise ValueError(f"pcm has {len(self.pcm)} bytes; PCM16 has two for each sample")

    def audio(self) -> bytes:
        """PCM16 at 24 kHz."""
        return spoken(self.text) if self.pcm is None else self.pcm


@dataclass(frozen=True, slots=True)
class CallTool:
    """A function call; `arguments` is the JSON text exactly as the model wrote it."""

    name: str
    arguments: str = "{}"


@dataclass(frozen=True, slots=True)
class Fail:
    """The response ends as failed, after the outputs before it.

    Real codes: `insufficient_quota`, `rate_limit_exceeded`, `server_error`.
    """

    code: str = "server_error"
    message: str = "The server had an error while processing your request."


@dataclass(frozen=True, slots=True)
class Incomplete:
    """The response ends as incomplete, after the outputs before it."""

    reason: Literal["max_output_tokens", "content_filter"] = "max_output_tokens"


@dataclass(frozen=True, slots=True)
class Silence:
    """`response.created`, then nothing until the client cancels."""


Output = Say | CallTool | Fail | Incomplete | Silence
Reply = Output | Sequence[Output]


@dataclass(frozen=True, slots=True)
class Turn:
    """What a script may look at before it answers.

    `items`: the conversation in order. `transcript`: what the user said last, typed or spoken. `pcm`: audio of the
    last spoken user turn, PCM16 at 24 kHz, empty when it was typed. `tool_outputs`: call id → output, of the outputs
    since the last reply. `params`: the `response` object of `response.create` in GA names, empty for automatic replies.
    """

    items: Sequence[Item]
    transcript: str
    pcm: bytes = field(repr=False)
    tool_outputs: dict[str, str]
    params: dict[str, Any]
    session: dict[str, Any] = field(repr=False)


class ScriptExhausted(LookupError):
    """More responses were asked for than the script has replies."""


class Script:
    """Replies and user transcripts, each as a list to be consumed in order or as a function.

    `replies`: one Reply for each response, or `Turn -> Reply`. Without any the server repeats what it understood.
    `transcripts`: one text for each spoken user turn, or `pcm -> text` (PCM16 at 24 kHz); a `Fail` makes the
    transcription fail. Without any, or after the last, the transcript tells how long the user spoke.
    """

    def __init__(
        self,
        replies: Iterable[Reply] | Callable[[Turn], Reply] | None = None,
        transcripts: Iterable[str | Fail] | Callable[[bytes], str | Fail] | None = None,
    ) -> None:
        if replies is not None and not callable(replies):
            replies = tuple(replies)
        self._known: tuple[Reply, ...] = replies if isinstance(replies, tuple) else ()
        self._answer: Callable[[Turn], Reply] = _repeat if replies is None else in_turn(replies, _exhausted)
        self._understand: Callable[[bytes], str | Fail] = in_turn(transcripts or (), _measure)

    @property
    def known_replies(self) -> Sequence[Reply]:
        """The replies that are sure to come, for a server that wants to encode their audio ahead."""
        return self._known

    def reply(self, turn: Turn) -> list[Output]:
        """The outputs of the next response. Raises `ScriptExhausted`."""
        reply = self._answer(turn)
        return list(reply) if isinstance(reply, Sequence) else [reply]

    def transcript(self, pcm: bytes) -> str | Fail:
        """What the user said in `pcm`, PCM16 at 24 kHz, or why that could not be told."""
        return self._understand(pcm)


def _repeat(turn: Turn) -> Reply:
    if turn.tool_outputs:
        return Say(" ".join(turn.tool_outputs.values()))
    return Say(f"You said: {turn.transcript}")


def _measure(pcm: bytes) -> str:
    return f"speech of {len(pcm) // BYTES_PER_MS} ms"


def _exhausted(turn: Turn) -> Reply:
    raise ScriptExhausted("the script has no reply left; give it one for each response")

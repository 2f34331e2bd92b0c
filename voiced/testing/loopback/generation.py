"""One response: its events in the order of the wire, cut short when somebody stops it."""

from __future__ import annotations

import base64
import functools
import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from voiced.testing.loopback.coded_audio import BYTES_PER_MS
from voiced.testing.loopback.configuration import is_reasoning
from voiced.testing.loopback.conversation import Conversation, Item, Part
from voiced.testing.loopback.events import Event, Step, Wait
from voiced.testing.loopback.pace import Pace
from voiced.testing.loopback.script import CallTool, Fail, Incomplete, Output, Say, Silence
from voiced.testing.loopback.usage import Tokens, output_tokens, usage

StopReason = Literal["client_cancelled", "turn_detected"]

PADDED_LENGTH: Final = 16
"""Characters of a text delta together with its `obfuscation`."""


@dataclass(slots=True)
class Generation:
    """A response while it is made.

    `settings`: the session's with those of `response.create` over them. `prompt`, `cached`: what its input counts.
    `conversation`: None keeps its items out of any conversation (`"conversation":"none"`). `finished` is called just
    before `response.done` leaves.
    """

    id: str
    outputs: Sequence[Output]
    settings: Event
    conversation: Conversation | None
    pace: Pace
    prompt: Tokens
    cached: Tokens
    new_id: Callable[[str], str]
    finished: Callable[[Generation], None]
    says_content: bool = False
    """Azure repeats `part` as `content`."""
    metadata: dict[str, str] | None = None
    items: list[Item] = field(default_factory=list)
    stopped: StopReason | None = None
    deltas_left: float = math.inf

    @property
    def speaks(self) -> bool:
        """Whether the response is audio rather than text."""
        return bool(self.settings["output_modalities"] == ["audio"])

    @property
    def call_ids(self) -> list[str | None]:
        """Of the function calls in it so far."""
        return [item.call_id for item in self.items if item.type == "function_call"]

    def stop(self, reason: StopReason) -> None:
        """Cut it short; the deltas that are under way still come."""
        self.stopped = reason
        self.deltas_left = self.pace.late_deltas

    def run(self) -> Iterator[Step]:
        """Everything from `response.created` to `response.done`."""
        yield {"type": "response.created", "response": self._response("in_progress", None, None)}
        yield from self._pause(self.pace.first_delta_delay_s)
        yield from self._outputs()
        status, details = self._ending()
        counted = usage(self.prompt, self.cached, output_tokens(self.items), is_reasoning(self.settings["model"]))
        done = {"type": "response.done", "response": self._response(status, details, counted)}
        self.finished(self)
        yield done

    def _outputs(self) -> Iterator[Step]:
        running: list[Iterator[Step]] = []
        for index, output in enumerate(self.outputs):
            if self.stopped:
                break
            match output:
                case Say():
                    running.append(self._message(index, output))
                case CallTool():
                    running.append(self._call(index, output))
                case Silence():
                    yield from self._pause(math.inf)
                case Fail() | Incomplete():
                    break
            if not (isinstance(output, Say) and output.phase == "commentary"):
                yield from _in_turns(running)
                running.clear()
        yield from _in_turns(running)

    def _message(self, index: int, say: Say) -> Iterator[Step]:
        item = Item(self.new_id("item"), "message", "in_progress", role="assistant", phase=say.phase)
        yield from self._begin(index, item)
        part = Part("output_audio", transcript="") if self.speaks else Part("output_text", text="")
        item.content.append(part)
        where = {"response_id": self.id, "item_id": item.id, "output_index": index, "content_index": 0}
        yield {"type": "response.content_part.added", **where, **self._part(part)}
        if self.speaks:
            yield from self._speak(say, item, part, where)
            yield {"type": "response.output_audio.done", **where}
            transcript = part.transcript or ""
            yield {"type": "response.output_audio_transcript.done", **where, "transcript": transcript}
        else:
            for piece in self._deltas(pieces(say.text)):
                part.text = (part.text or "") + piece
                yield {"type": "response.output_text.delta", **where, **padded(piece)}
            yield {"type": "response.output_text.done", **where, "text": part.text}
        yield {"type": "response.content_part.done", **where, **self._part(part)}
        yield from self._end(index, item)

    def _speak(self, say: Say, item: Item, part: Part, where: Event) -> Iterator[Step]:
        pcm = say.audio()
        chunk_bytes = self.pace.chunk_ms * BYTES_PER_MS
        chunks = encoded_chunks(pcm, chunk_bytes)
        words = pieces(say.text)
        said = 0
        for number, chunk in enumerate(chunks):
            # The transcript runs one chunk ahead of the audio, as in the recordings.
            until = math.ceil(len(words) * min(1.0, (number + 2) / len(chunks)))
            yield from self._transcribe(words[said:until], item, part, where)
            said = until
            if number:
                yield from self._pause(self.pace.chunk_s)
            for delta in self._deltas([chunk]):
                if item.truncated_ms is None:
                    part.add_audio(pcm[number * chunk_bytes : (number + 1) * chunk_bytes])
                yield {"type": "response.output_audio.delta", **where, "delta": delta}
        yield from self._transcribe(words[said:], item, part, where)

    def _transcribe(self, words: Sequence[str], item: Item, part: Part, where: Event) -> Iterator[Step]:
        for piece in self._deltas(words):
            if item.truncated_ms is None:
                part.transcript = (part.transcript or "") + piece
            yield {"type": "response.output_audio_transcript.delta", **where, **padded(piece)}

    def _call(self, index: int, call: CallTool) -> Iterator[Step]:
        call_id = self.new_id("call")
        item = Item(self.new_id("item"), "function_call", "in_progress", name=call.name, call_id=call_id, arguments="")
        yield from self._begin(index, item)
        where = {"response_id": self.id, "item_id": item.id, "output_index": index, "call_id": call_id}
        for piece in self._deltas(pieces(call.arguments)):
            item.arguments = (item.arguments or "") + piece
            yield {"type": "response.function_call_arguments.delta", **where, **padded(piece)}
        if item.arguments == call.arguments:
            yield {
                "type": "response.function_call_arguments.done",
                **where,
                "name": call.name,
                "arguments": call.arguments,
            }
        yield from self._end(index, item)

    def _begin(self, index: int, item: Item) -> Iterator[Step]:
        self.items.append(item)
        yield self._item_event("response.output_item.added", index, item)
        if self.conversation is not None:
            previous = self.conversation.add(item)
            yield {"type": "conversation.item.added", "previous_item_id": previous, "item": item.wire()}

    def _end(self, index: int, item: Item) -> Iterator[Step]:
        cut_short = self.stopped or any(
            isinstance(output, Incomplete) for output in self.outputs[index + 1 : index + 2]
        )
        item.status = "incomplete" if cut_short else "completed"
        if self.conversation is not None:
            yield {"type": "conversation.item.done", "previous_item_id": None, "item": item.wire()}
        yield self._item_event("response.output_item.done", index, item)

    def _deltas(self, given: Sequence[str]) -> Iterator[str]:
        """As many of `given` as may still leave."""
        for delta in given:
            if self.deltas_left <= 0:
                return
            self.deltas_left -= 1
            yield delta

    def _pause(self, seconds: float) -> Iterator[Step]:
        # What comes after a stop is under way already, and waits for nothing.
        if seconds > 0 and not self.stopped:
            yield Wait(seconds)

    def _ending(self) -> tuple[str, Event | None]:
        if self.stopped:
            return "cancelled", {"type": "cancelled", "reason": self.stopped}
        for output in self.outputs:
            match output:
                case Fail(code, message):
                    error = {"type": code, "code": code, "message": message}
                    return "failed", {"type": "failed", "error": error}
                case Incomplete(reason):
                    return "incomplete", {"type": "incomplete", "reason": reason}
        return "completed", None

    def _response(self, status: str, details: Event | None, counted: Event | None) -> Event:
        speaks = self.settings["audio"]["output"]
        return {
            "object": "realtime.response",
            "id": self.id,
            "status": status,
            "status_details": details,
            "output": [item.wire() for item in self.items],
            "conversation_id": self.conversation.id if self.conversation else None,
            "output_modalities": self.settings["output_modalities"],
            "max_output_tokens": self.settings["max_output_tokens"],
            "audio": {"output": {"format": speaks["format"], "voice": speaks["voice"]}},
            "usage": counted,
            "metadata": self.metadata,
        }

    def _item_event(self, kind: str, index: int, item: Item) -> Event:
        return {"type": kind, "response_id": self.id, "output_index": index, "item": item.wire()}

    def _part(self, part: Part) -> Event:
        shown = (
            {"type": "audio", "transcript": part.transcript} if part.is_audio else {"type": "text", "text": part.text}
        )
        return {"part": shown, "content": shown} if self.says_content else {"part": shown}


def pieces(text: str) -> list[str]:
    """`text` in words with the space before them; together they are `text` again."""
    return re.findall(r"\s*\S+|\s+$", text)


def padded(piece: str) -> Event:
    """A text delta and the padding that hides its length on the wire."""
    return {"delta": piece, "obfuscation": "x" * max(1, PADDED_LENGTH - len(piece))}


@functools.lru_cache(maxsize=64)
def encoded_chunks(pcm: bytes, chunk_bytes: int) -> tuple[str, ...]:
    """`pcm` as the base64 of its deltas; kept, so that a reply that was prepared costs nothing when it is due."""
    return tuple(
        base64.b64encode(pcm[start : start + chunk_bytes]).decode() for start in range(0, len(pcm), chunk_bytes)
    )


def _in_turns(running: Iterable[Iterator[Step]]) -> Iterator[Step]:
    """Events of several outputs interleaved; each begins when the one before it has sent a delta."""
    begun: list[Iterator[Step]] = []
    for output in running:
        begun.append(output)
        for step in output:
            yield step
            if isinstance(step, dict) and step["type"].endswith(".delta"):
                break
    while begun:
        for output in list(begun):
            step_or_end = next(output, None)
            if step_or_end is None:
                begun.remove(output)
            else:
                yield step_or_end

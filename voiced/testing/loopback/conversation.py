"""The server's side of the conversation: items in order, cut to what the client said was heard."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from voiced.testing.loopback import rejection
from voiced.testing.loopback.coded_audio import BYTES_PER_MS
from voiced.testing.loopback.events import Event
from voiced.testing.loopback.rejection import Rejection

MAX_ITEMS: Final = 1_000
"""The oldest go first."""

MAX_MEDIA_BYTES: Final = 64 * 1024 * 1024
"""Audio and images of all items together; the oldest lose theirs first. The length of the audio stays."""

Status = Literal["in_progress", "completed", "incomplete"]


@dataclass(slots=True)
class Part:
    """A piece of a message's content, in GA names.

    `pcm`: PCM16 at 24 kHz, of audio parts. `audio_ms`: its length, kept when the audio itself is let go.
    """

    type: str
    text: str | None = None
    transcript: str | None = None
    image_url: str | None = None
    detail: str | None = None
    pcm: bytearray = field(default_factory=bytearray, repr=False)
    audio_bytes: int = 0

    @property
    def is_audio(self) -> bool:
        return self.type in ("input_audio", "output_audio")

    @property
    def audio_ms(self) -> int:
        """Whole milliseconds of audio, rounded down."""
        return self.audio_bytes // BYTES_PER_MS

    def add_audio(self, pcm: bytes) -> None:
        self.pcm += pcm
        self.audio_bytes += len(pcm)

    def cut(self, audio_end_ms: int) -> None:
        """Keep the audio up to `audio_end_ms`, and nothing of the transcript."""
        self.audio_bytes = audio_end_ms * BYTES_PER_MS
        del self.pcm[self.audio_bytes :]
        self.transcript = None

    def let_go(self) -> None:
        """Forget the audio or the image, not how long it was."""
        self.pcm.clear()
        self.image_url = None

    def wire(self, with_audio: bool = False) -> Event:
        part: Event = {"type": self.type}
        if self.is_audio:
            if with_audio:
                part["audio"] = base64.b64encode(self.pcm).decode()
            part["transcript"] = self.transcript
        elif self.type == "input_image":
            part |= {"image_url": self.image_url, "detail": self.detail or "auto"}
        else:
            part["text"] = self.text
        return part


@dataclass(slots=True)
class Item:
    """A message, a function call or its output.

    `truncated_ms`: where the client cut its audio, None when it did not. `understood`: what the script makes of
    the user's audio, whether or not the client asked for a transcription.
    """

    id: str
    type: str
    status: Status = "completed"
    role: str | None = None
    phase: str | None = None
    content: list[Part] = field(default_factory=list)
    name: str | None = None
    call_id: str | None = None
    arguments: str | None = None
    output: str | None = None
    truncated_ms: int | None = None
    understood: str = ""

    @property
    def text(self) -> str:
        """What was said or written in it, as far as the server still knows."""
        return " ".join(part.text or part.transcript or "" for part in self.content).strip()

    @property
    def audio_ms(self) -> int:
        """Whole milliseconds of audio in it: after a truncation, what was heard."""
        return sum(part.audio_ms for part in self.content)

    def wire(self, with_audio: bool = False) -> Event:
        """As the protocol shows it, in GA names."""
        item: Event = {"id": self.id, "type": self.type}
        if self.type == "function_call_output":
            return item | {"call_id": self.call_id, "output": self.output}
        item["status"] = self.status
        if self.type == "function_call":
            return item | {"name": self.name, "call_id": self.call_id, "arguments": self.arguments}
        item["role"] = self.role
        if self.phase is not None:
            item["phase"] = self.phase
        item["content"] = [part.wire(with_audio) for part in self.content]
        return item


class Conversation:
    """Items in order; `id` as in `conversation_id`."""

    def __init__(self, conversation_id: str) -> None:
        self.id = conversation_id
        self.items: list[Item] = []

    def find(self, item_id: str, param: str = "item_id") -> Item:
        """Raises `Rejection` (`item_not_found`)."""
        for item in self.items:
            if item.id == item_id:
                return item
        raise rejection.item_not_found(item_id, param)

    def has(self, item_id: str) -> bool:
        return any(item.id == item_id for item in self.items)

    def has_call(self, call_id: str | None) -> bool:
        return any(item.type == "function_call" and item.call_id == call_id for item in self.items)

    def add(self, item: Item, after: str | None = None) -> str | None:
        """Insert `item` after the item `after`, first for "root", last for None; returns the id before it.

        Raises `Rejection` when `after` is not there.
        """
        if after == "root":
            index = 0
        elif after is None:
            index = len(self.items)
        else:
            index = self.items.index(self.find(after, "previous_item_id")) + 1
        self.items.insert(index, item)
        previous = self.items[index - 1].id if index else None
        self._stay_small()
        return previous

    def delete(self, item_id: str) -> None:
        self.items.remove(self.find(item_id))

    def truncate(self, item_id: str, content_index: int, audio_end_ms: int) -> None:
        """Cut an assistant's audio to `audio_end_ms`. Raises `Rejection` where the real server would."""
        item = self.find(item_id)
        parts = item.content[content_index : content_index + 1]
        part = parts[0] if parts else None
        if item.role != "assistant" or part is None or part.type != "output_audio" or not part.audio_bytes:
            raise Rejection("Only model output audio messages can be truncated")
        if audio_end_ms > part.audio_ms:
            raise Rejection(f"Audio content of {part.audio_ms}ms is already shorter than {audio_end_ms}ms")
        part.cut(audio_end_ms)
        item.truncated_ms = audio_end_ms

    def has_assistant_audio(self) -> bool:
        return any(part.type == "output_audio" and part.audio_bytes for item in self.items for part in item.content)

    def _stay_small(self) -> None:
        del self.items[:-MAX_ITEMS]
        held = 0
        for item in reversed(self.items):
            for part in item.content:
                size = len(part.pcm) + len(part.image_url or "")
                if held + size > MAX_MEDIA_BYTES:
                    part.let_go()
                else:
                    held += size


def item_from_client(given: dict[str, Any], item_id: str) -> Item:
    """The item of a checked `conversation.item.create`, in GA names."""
    return Item(
        id=item_id,
        type=given["type"],
        role=given.get("role"),
        phase=given.get("phase"),
        content=[_part(part) for part in given.get("content", [])],
        name=given.get("name"),
        call_id=given.get("call_id"),
        arguments=given.get("arguments"),
        output=given.get("output"),
    )


def _part(given: dict[str, Any]) -> Part:
    part = Part(
        type=given["type"],
        text=given.get("text"),
        transcript=given.get("transcript"),
        image_url=given.get("image_url"),
        detail=given.get("detail"),
    )
    part.add_audio(base64.b64decode(given.get("audio", "")))
    return part

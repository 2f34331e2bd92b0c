"""A sound file that somebody names: whether it is one, and of which kind, before anything is sent."""

from __future__ import annotations

import io
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final

from voiced.ai.attachments import FileSource, legible, place_of, size_of
from voiced.ai.wav_file import NoWav, WavFile, read_header
from voiced.errors import RequestRejected

MOST_BYTES: Final = 25 * 2**20
"""Of a file that is sent (OpenAI's limit)."""

SHORTEST_S: Final = 0.1
"""Of the sound in it, which servers require."""

KINDS: Final = {
    "wav": "WAV",
    "flac": "FLAC",
    "ogg": "Ogg",
    "oga": "Ogg",
    "opus": "Ogg",
    "webm": "WebM",
    "mp4": "MP4",
    "m4a": "MP4",
    "mp3": "MP3",
    "mpga": "MP3",
    "mpeg": "MP3",
}
"""Suffix → what is inside."""

_SENT_AS: Final = {"oga": "ogg", "opus": "ogg"}
"""Servers go by the suffix, and not every one knows these."""

_MOST_ON_DISK: Final = 2**40
"""Bytes of a file that is sent in parts: no limit, but one number more than there is sound."""

_HEAD: Final = 2**16
"""Bytes in which an MP3 comes to its first frame, and nearly every WAV to its sound."""

_LONGEST_HEAD: Final = 2**24
"""Of a WAV: some have pictures before the sound."""


@dataclass(frozen=True, slots=True)
class EncodedFile:
    """A file that is not PCM. `source`: where it is, or its bytes."""

    name: str
    suffix: str
    size: int
    source: Path | bytes = field(repr=False)

    @property
    def sent_as(self) -> str:
        """A name that tells the kind, and nothing about anybody."""
        return f"sound.{_SENT_AS.get(self.suffix, self.suffix)}"

    def read(self) -> bytes:
        """Blocks for the disk. Raises OSError."""
        return self.source if isinstance(self.source, bytes) else self.source.read_bytes()


def open_sound(source: FileSource, what: str) -> WavFile | EncodedFile:
    """The sound in a file. Blocks for the disk; close a `WavFile`. Raises RequestRejected."""
    path = place_of(source, what)
    if isinstance(path, tuple):
        name, data = path
        if not data:
            raise RequestRejected(f"{what}: {name} is empty")
        return _judged(io.BytesIO(data), name, len(data), data, what)
    name = legible(str(path))
    size = size_of(path, what, most_bytes=_MOST_ON_DISK)
    with told(name, what):
        file = path.open("rb")
    try:
        with told(name, what):
            found = _judged(file, name, size, path, what)
    except BaseException:
        file.close()
        raise
    if isinstance(found, EncodedFile):
        file.close()
    return found


def too_large(file: EncodedFile, what: str) -> RequestRejected:
    """It is longer than what may be sent, and can't be cut here."""
    return RequestRejected(
        f"{what}: {file.name} has {file.size / 2**20:.1f} MiB and at most {MOST_BYTES / 2**20:.0f} MiB are taken: make "
        f"a WAV of it, which is sent in parts ({as_wav(file.name)}), or install voiced[video], which decodes it"
    )


def as_wav(name: str) -> str:
    """The command that makes a WAV of a file."""
    return f"ffmpeg -i {shlex.quote(name)} -ac 1 -ar 16000 {shlex.quote(str(Path(name).with_suffix('.wav')))}"


@contextmanager
def told(name: object, what: str) -> Iterator[None]:
    """An error of the disk inside it is a RequestRejected."""
    try:
        yield
    except OSError as error:
        raise RequestRejected(f"{what}: {name} can't be read ({error.strerror})") from error


def _judged(file: BinaryIO, name: str, size: int, source: Path | bytes, what: str) -> WavFile | EncodedFile:
    suffix = Path(name).suffix.lower().removeprefix(".")
    if suffix not in KINDS:
        raise RequestRejected(f"{what}: {name} is of another kind than is taken: {', '.join(sorted(KINDS))}")
    head = file.read(_HEAD)
    inside = kind_of(head) or ("MP3" if KINDS[suffix] == "MP3" and _has_frame(head) else "")
    if inside != KINDS[suffix]:
        if inside:
            better = next(each for each, kind in KINDS.items() if kind == inside)
            raise RequestRejected(f"{what}: {name} holds {inside}, whatever it is called: name it .{better}")
        raise RequestRejected(f"{what}: {name} holds no {KINDS[suffix]}: give a sound file")
    if inside != "WAV":
        return EncodedFile(name, suffix, size, source)
    try:
        while (header := read_header(head)) is None and len(head) < min(size, _LONGEST_HEAD):
            head += file.read(len(head))
    except NoWav as error:
        raise RequestRejected(f"{what}: {name} is no good WAV: {error}") from None
    if header is None:
        raise RequestRejected(f"{what}: {name} is a WAV with no sound in it")
    if header.format is None:
        return EncodedFile(name, suffix, size, source)
    wav = WavFile(file, header.format, header)
    if not wav.size:
        raise RequestRejected(f"{what}: {name} is a WAV with no sound in it")
    if wav.size < SHORTEST_S * header.format.bytes_per_s:
        seconds = wav.size / header.format.bytes_per_s
        raise RequestRejected(f"{what}: {name} has {seconds:.3f} s of sound; at least {SHORTEST_S} s are needed")
    return wav


def kind_of(head: bytes) -> str:
    """What a file is by its first bytes, in the words of `KINDS`; empty where it is none of them."""
    if head[:4] in (b"RIFF", b"RF64") and head[8:12] == b"WAVE":
        return "WAV"
    for magic, kind in ((b"fLaC", "FLAC"), (b"OggS", "Ogg"), (b"\x1aE\xdf\xa3", "WebM")):
        if head.startswith(magic):
            return kind
    if head[4:8] == b"ftyp":
        return "MP4"
    if head.startswith((b"ID3", b"\x00\x00\x01\xba")) or _is_frame(head, 0):
        return "MP3"
    return ""


def _has_frame(head: bytes) -> bool:
    """Whether a frame of an MP3 is in it, perhaps behind what is no sound."""
    at = head.find(b"\xff")
    while at >= 0 and not _is_frame(head, at):
        at = head.find(b"\xff", at + 1)
    return at >= 0


def _is_frame(head: bytes, at: int) -> bool:
    """Whether a frame of an MP3 begins here: eleven ones, then no value that is reserved."""
    if len(head) < at + 3 or head[at] != 0xFF:
        return False
    second, third = head[at + 1], head[at + 2]
    layered = second >> 5 == 0b111 and second >> 3 & 3 != 1 and second >> 1 & 3 != 0
    return layered and third >> 4 not in (0, 15) and third >> 2 & 3 != 3

"""What speech servers send, looked at, and joined to one sound where its format can be."""

from __future__ import annotations

from typing import Final, Literal, Protocol, get_args

from voiced.ai.mp3_frame import Mp3Frames
from voiced.ai.wav_file import UNKNOWN_SIZE, NoWav, PcmFormat, read_header
from voiced.audio import RATE
from voiced.errors import AnswerUnusable
from voiced.resample import Resampler

SpeechFormat = Literal["mp3", "opus", "aac", "flac", "wav", "pcm"]

SPEECH_FORMATS: Final[tuple[SpeechFormat, ...]] = get_args(SpeechFormat)

NOT_JOINED: Final = frozenset[SpeechFormat]({"flac"})
"""Of these one can't follow another in a file."""

PCM: Final = PcmFormat(1, RATE, 16)
"""What `pcm` is."""

_SNIFFED: Final = 16
"""Bytes that tell what was sent."""

_LONGEST_HEADER: Final = 2**16
"""Of a WAV."""


class SpeechSound:
    """One sound out of the answers to several requests: for each `begin`, `feed` what comes, `end`.

    `format_`: as it was asked for; `parts`: how many answers there will be. `pcm` comes out as whole samples of 24 kHz,
    mono, also of a server that sends a WAV. A `wav` has one header, at its beginning, which knows no length: `header`
    does, at the end. Raises AnswerUnusable for what is no such sound.
    """

    def __init__(self, format_: SpeechFormat, parts: int = 1) -> None:
        self._format: SpeechFormat = format_
        self._parts = parts
        self._host = self._content_type = ""
        self._held = b""
        self._part: _Part | None = None
        self._wav: PcmFormat | None = None
        self._sounded = False
        self.given = 0
        """Bytes that came out so far."""

    def begin(self, host: str, content_type: str = "") -> None:
        """The next answer comes from `host`."""
        self._host, self._content_type = host, content_type.partition(";")[0].strip().lower()
        self._held, self._part, self._sounded = b"", None, False

    def feed(self, data: bytes) -> bytes:
        """What can be given on of it, and of what was held back before."""
        if self._part is None:
            data, self._held = self._held + data, b""
            if len(data) < _SNIFFED:
                self._held = data
                return b""
            self._part = self._sniffed(data)
        return self._given(self._part.feed(data))

    def end(self) -> bytes:
        """What is left of this answer. A part of a sample is dropped."""
        data = b""
        if self._part is None and self._held:
            self._part = self._sniffed(self._held)
            data = self._part.feed(self._held)
        if self._part is not None:
            data += self._part.end()
        found = self._given(data)
        if not self._sounded:
            raise AnswerUnusable(f"speech: {self._host} sent no sound")
        return found

    @property
    def header(self) -> bytes:
        """Of a `wav` as long as what came out; empty for other formats."""
        if self._format != "wav" or self._wav is None:
            return b""
        return self._wav.header(self.given - len(self._wav.header(0)))

    def _given(self, data: bytes) -> bytes:
        if data:
            self._sounded = True
            if self._format == "wav" and not self.given:
                assert isinstance(self._part, _Samples)
                self._wav = self._part.format
                data = self._wav.header(UNKNOWN_SIZE) + data
        self.given += len(data)
        return data

    def _sniffed(self, data: bytes) -> _Part:
        found = _kind(data, self._content_type, self._format)
        if found != self._format and not (self._format == "pcm" and found in ("wav", "")):
            sent = found or "something else"
            raise AnswerUnusable(f"speech: {self._host} sent {sent} instead of {self._format}")
        match self._format:
            case "pcm" | "wav":
                return _Samples(self._host, self._format, self._wav, header=found == "wav")
            case "mp3" if self._parts > 1:
                return Mp3Frames()
            case _:
                return _AsItIs()


class _Part(Protocol):
    """The sound of one answer."""

    def feed(self, data: bytes) -> bytes: ...
    def end(self) -> bytes: ...


class _AsItIs:
    def feed(self, data: bytes) -> bytes:
        return data

    def end(self) -> bytes:
        return b""


class _Samples:
    """The sound in a WAV, or PCM; `pcm` is brought to 24 kHz. `before`: how the parts before it lie."""

    def __init__(self, host: str, wanted: SpeechFormat, before: PcmFormat | None, *, header: bool) -> None:
        self._host = host
        self._wanted = wanted
        self._before = before
        self._held = b""
        self._left: int | None = None
        self._resampler = Resampler(RATE, RATE)
        self._header_comes = header
        self.format = PCM

    def feed(self, data: bytes) -> bytes:
        data, self._held = self._held + data, b""
        if self._header_comes:
            start = self._past_header(data)
            if start is None:
                self._held = data
                return b""
            data, self._header_comes = data[start:], False
        if self._left is not None:  # what follows the sound in a WAV is about it
            data = data[: self._left]
        whole = len(data) // self.format.block * self.format.block
        data, self._held = data[:whole], data[whole:]
        if self._left is not None:
            self._left -= whole
        return self._resampler.process(data) if data and self._wanted == "pcm" else data

    def end(self) -> bytes:
        return b""

    def _past_header(self, data: bytes) -> int | None:
        """Where the sound begins, once the header is there."""
        try:
            header = read_header(data)
        except NoWav as error:
            raise AnswerUnusable(f"speech: {self._host} sent a bad WAV: {error}") from error
        if header is None:
            if len(data) > _LONGEST_HEADER:
                raise AnswerUnusable(f"speech: {self._host} sent a WAV with no sound in it")
            return None
        if header.format is None or (self._before is not None and _layout(header.format) != _layout(self._before)):
            raise AnswerUnusable(f"speech: {self._host} sent a WAV that can't be joined: its sound lies in another way")
        self.format, self._left = header.format, header.size
        if self._wanted == "pcm":
            if (self.format.channels, self.format.bits, self.format.floating) != (1, 16, False):
                raise AnswerUnusable(f"speech: {self._host} sent a WAV that is not mono with 16 bits instead of pcm")
            self._resampler = Resampler(self.format.rate, RATE)
        return header.start


def _layout(format_: PcmFormat) -> tuple[int, int, int, bool]:
    return format_.channels, format_.rate, format_.bits, format_.floating


def _kind(data: bytes, content_type: str, wanted: SpeechFormat) -> str:
    """The format, or "a web page", "JSON"; empty where it is none that can be known again, as PCM is."""
    start = data.lstrip()[:_SNIFFED].lower()
    if content_type in ("text/html", "application/xhtml+xml") or start.startswith((b"<!doctype", b"<html", b"<?xml")):
        return "a web page"
    if content_type.endswith("json") or start.startswith((b'{"', b"{\n", b"[{")):
        return "JSON"
    if data[:4] == b"RIFF" and data[8:12] == b"WAVE":
        return "wav"
    for magic, kind in ((b"OggS", "opus"), (b"fLaC", "flac"), (b"ID3", "mp3")):
        if data.startswith(magic):
            return kind
    return _CODED.get(content_type, "") if wanted == "pcm" else _framed(data)


_CODED: Final = {"audio/mpeg": "mp3", "audio/mp3": "mp3", "audio/aac": "aac"}
"""PCM may begin as frames do."""


def _framed(data: bytes) -> str:
    """Which of the formats that are nothing but frames: each begins with eleven ones."""
    if data[0] != 0xFF or data[1] >> 5 != 0b111:
        return ""
    layer = data[1] >> 1 & 3
    return "mp3" if layer else "aac" if data[1] >> 4 == 0b1111 else ""

"""What speech servers send, looked at, and joined to one sound where its format can be."""

from __future__ import annotations

from typing import Final, Literal, Protocol, get_args

from voiced.ai.flac_encoding import FlacEncoder, load, takes
from voiced.ai.mp3_frame import Mp3Frames
from voiced.ai.wav_file import UNKNOWN_SIZE, NoWav, PcmFormat, read_header
from voiced.audio import RATE
from voiced.errors import AnswerUnusable
from voiced.resample import Resampler

SpeechFormat = Literal["mp3", "opus", "aac", "flac", "wav", "pcm"]

SPEECH_FORMATS: Final[tuple[SpeechFormat, ...]] = get_args(SpeechFormat)

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
    does, at the end; of a `flac` of several parts too. Call `finish` at the end. Raises AnswerUnusable for what is no
    such sound.

    `asked`: the format that servers are to send. No FLAC can follow another in a file: of several parts one is made
    here, of WAVs, which takes time; `encodes` is True then. Call `prepare` first, in a thread, as all the others.
    """

    def __init__(self, format_: SpeechFormat, parts: int = 1) -> None:
        self.encodes = format_ == "flac" and parts > 1
        self.asked: SpeechFormat = "wav" if self.encodes else format_
        self._parts = parts
        self._host = self._content_type = ""
        self._held = b""
        self._part: _Part | None = None
        self._file: _File | None = None
        self._sounded = False
        self.given = 0
        """Bytes that came out so far."""

    def prepare(self) -> None:
        """Blocks for the disk. Raises ApiDenied where what encodes is not installed."""
        if self.encodes:
            load()

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

    def finish(self) -> bytes:
        """What is left of the whole."""
        data = self._file.end() if self._file is not None else b""
        self.given += len(data)
        return data

    @property
    def header(self) -> bytes:
        """Of a file as long as what came out; empty for formats whose beginning does not tell that."""
        return self._file.header if self._file is not None else b""

    def _given(self, data: bytes) -> bytes:
        if data:
            self._sounded = True
            if self.asked == "wav":
                assert isinstance(self._part, _Samples)
                if self._file is None:
                    self._file = self._begun(self._part.format)
                data = self._file.feed(data)
        self.given += len(data)
        return data

    def _begun(self, format_: PcmFormat) -> _File:
        if not self.encodes:
            return _Wav(format_)
        if not takes(format_):
            raise AnswerUnusable(
                f"speech: {self._host} sent sound of {format_.channels} channels, {format_.bits} bits and "
                f"{format_.rate} Hz, of which no FLAC can be made here: use wav"
            )
        return FlacEncoder(format_)

    def _sniffed(self, data: bytes) -> _Part:
        found = _kind(data, self._content_type, self.asked)
        if found != self.asked and not (self.asked == "pcm" and found in ("wav", "")):
            sent = found or "something else"
            raise AnswerUnusable(f"speech: {self._host} sent {sent} instead of {self.asked}")
        match self.asked:
            case "pcm" | "wav":
                before = self._file.format if self._file is not None else None
                return _Samples(self._host, self.asked, before, header=found == "wav")
            case "mp3" if self._parts > 1:
                return Mp3Frames()
            case _:
                return _AsItIs()


class _Part(Protocol):
    """The sound of one answer."""

    def feed(self, data: bytes) -> bytes: ...
    def end(self) -> bytes: ...


class _File(Protocol):
    """What samples are written to, as they come. `format`: how they lie."""

    @property
    def format(self) -> PcmFormat: ...
    @property
    def header(self) -> bytes: ...
    def feed(self, pcm: bytes) -> bytes: ...
    def end(self) -> bytes: ...


class _Wav:
    def __init__(self, format_: PcmFormat) -> None:
        self.format = format_
        self._size = 0

    @property
    def header(self) -> bytes:
        return self.format.header(self._size)

    def feed(self, pcm: bytes) -> bytes:
        begin = b"" if self._size else self.format.header(UNKNOWN_SIZE)
        self._size += len(pcm)
        return begin + pcm

    def end(self) -> bytes:
        return b""


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

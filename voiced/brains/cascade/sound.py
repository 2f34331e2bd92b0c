"""What a speech server sends, as the PCM that voiced speaks; or a clear word that it is something else."""

from __future__ import annotations

import re
import struct
from typing import Final

from voiced.audio import RATE, SAMPLE_BYTES
from voiced.errors import AnswerUnusable, ApiUnreachable
from voiced.resample import Resampler

LONGEST_HEADER: Final = 65_536
"""Bytes in which a WAV file must come to its sound."""

_RATE_TOLD: Final = re.compile(r"(?i)^audio/(?:l16|pcm)\b.*;\s*rate=(\d{4,6})\b")
_SNIFFED: Final = 16
_FLOAT, _PCM, _EXTENSIBLE = 3, 1, 0xFFFE


class SpeechSound:
    """Bytes as they come over the network in, PCM16 at 24 kHz in whole samples out.

    `rate`: Hz of plain PCM, which says nothing of itself, unless `content_type`, of the HTTP answer, does. A WAV
    file is understood by its header (`was_wav`), any other kind raises `AnswerUnusable`; a page or a JSON text, which
    may come from a proxy that will be gone later, raises `ApiUnreachable`.
    """

    def __init__(self, rate: int, content_type: str = "", host: str = "the server") -> None:
        told = _RATE_TOLD.search(content_type)
        self._resampler = Resampler(int(told[1]) if told else rate, RATE)
        self._content_type = content_type.partition(";")[0].strip().lower()
        self._host = host
        self._held = b""
        self._state = "unknown"
        self._channels = 1
        self._wav_left: int | None = None
        self.was_wav = False
        self.samples = 0

    def feed(self, data: bytes) -> bytes:
        """The sound in `data`, as far as it is whole."""
        data = self._held + data
        self._held = b""
        if self._state == "unknown":
            if len(data) < _SNIFFED:
                self._held = data
                return b""
            self._sniff(data)
        if self._state == "header":
            start = self._past_header(data)
            if start is None:
                self._held = data
                return b""
            data = data[start:]
            self._state = "sound"
        return self._sound(data)

    def end(self) -> bytes:
        """What is left, once no more comes. An odd byte is dropped."""
        data, self._held = self._held, b""
        if self._state == "unknown" and data:
            self._sniff(data)
        return self._sound(data) if self._state == "sound" else b""

    def _sniff(self, data: bytes) -> None:
        kind = _kind(data, self._content_type)
        if kind == "WAV":
            self.was_wav = True
            self._state = "header"
        elif kind == "PCM":
            self._state = "sound"
        elif kind in ("a page", "JSON"):
            raise ApiUnreachable(f"speech: {self._host} sent {kind} instead of sound")
        else:
            raise AnswerUnusable(
                f"speech: {self._host} sent {kind} instead of PCM: mend cascade.tts_base_url or cascade.tts_models",
                cause="settings",
            )

    def _sound(self, data: bytes) -> bytes:
        frame = SAMPLE_BYTES * self._channels
        if self._wav_left is not None:  # what follows the sound in a WAV file is about it
            data = data[: self._wav_left]
        whole = len(data) // frame * frame
        self._held = data[whole:]
        data = data[:whole]
        if self._wav_left is not None:
            self._wav_left -= whole
        if self._channels > 1:
            data = b"".join(data[at : at + SAMPLE_BYTES] for at in range(0, len(data), frame))
        pcm = self._resampler.process(data) if data else b""
        self.samples += len(pcm) // SAMPLE_BYTES
        return pcm

    def _past_header(self, data: bytes) -> int | None:
        """Where the sound begins, once the header is complete."""
        at = 12
        while at + 8 <= len(data):
            name, size = struct.unpack_from("<4sI", data, at)
            if name == b"data":
                # Who streams does not know the length and writes 0, or the greatest number there is.
                self._wav_left = size if 0 < size < 0x7FFFFF00 else None
                return at + 8
            if name == b"fmt " and at + 24 <= len(data):
                kind, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", data, at + 8)
                if (
                    kind not in (_PCM, _EXTENSIBLE)
                    or bits != 16
                    or not 1 <= channels <= 8
                    or not 4000 <= rate <= 192_000
                ):
                    what = "floating-point" if kind == _FLOAT else f"{bits}-bit"
                    raise AnswerUnusable(
                        f"speech: {self._host} sent a WAV file with {what} sound of {rate} Hz; it must be 16-bit PCM",
                        cause="settings",
                    )
                self._channels = channels
                self._resampler = Resampler(rate, RATE)
            at += 8 + size + size % 2
        if len(data) > LONGEST_HEADER:
            raise AnswerUnusable(f"speech: {self._host} sent a WAV file with no sound in it", cause="settings")
        return None


def _kind(data: bytes, content_type: str) -> str:
    start = data.lstrip()[:_SNIFFED].lower()
    if data[:4] == b"RIFF" and data[8:12] == b"WAVE":
        return "WAV"
    if content_type in ("text/html", "application/xhtml+xml") or start.startswith((b"<!doctype", b"<html", b"<?xml")):
        return "a page"
    if content_type.endswith("json") or start.startswith((b'{"', b"{\n", b"[{")):
        return "JSON"
    if data[:3] == b"ID3" or content_type in ("audio/mpeg", "audio/mp3") or _is_mp3(data):
        return "MP3"
    for magic, kind in ((b"OggS", "Ogg"), (b"fLaC", "FLAC"), (b"\x1aE\xdf\xa3", "WebM")):
        if data.startswith(magic):
            return kind
    if content_type in ("audio/ogg", "audio/opus", "audio/flac", "audio/aac", "audio/webm", "audio/mp4"):
        return content_type.partition("/")[2].upper()
    return "PCM"


_BITRATES: Final = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)


def _is_mp3(data: bytes) -> bool:
    """Whether it begins with an MPEG layer III header as encoders write it at the start of a stream.

    Quiet PCM may begin with 0xff too; what follows in a header is no sound: no CRC, a known bit rate and sample rate.
    """
    return (
        len(data) >= 4
        and data[0] == 0xFF
        and data[1] in (0xFB, 0xF3, 0xE3)
        and 0 < data[2] >> 4 < len(_BITRATES)
        and data[2] >> 2 & 3 != 3
        and data[3] & 3 == 0
        and not any(data[4:12])  # the side information of a first, silent frame
    )

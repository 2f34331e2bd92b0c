"""A sound file as what may be sent: as it is, or cut where it is quiet, a window of it in memory at a time."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Final, Protocol

from voiced.ai.attachments import FileSource
from voiced.ai.saving import to_its_end
from voiced.ai.silences import first_pause, loud_part, quiet_place
from voiced.ai.sound_decoding import Decoded, can_decode
from voiced.ai.sound_file import MOST_BYTES, EncodedFile, as_wav, open_sound, told, too_large
from voiced.ai.wav_file import PcmFormat, WavFile
from voiced.errors import RequestRejected

LEFT_S: Final = 0.5
"""At least so much is left for the last piece: servers take none of nearly nothing."""

BYTES_PER_S: Final = 2000
"""Of a coded file whose length nobody tells: few, and so rather too many seconds are paid for."""

AROUND_S: Final = 0.1
"""Before the first and behind the last frame that is loud, which may be in the middle of a word."""


@dataclass(frozen=True, slots=True)
class Cut:
    """How long a piece is: at most `longest_s` and `most_bytes`. It ends in the longest pause of its last `search_s`.

    `apart_s`: where the times are wanted, it ends at the first pause that is so long; only of PCM there is a piece
    then.
    """

    longest_s: float
    search_s: float
    most_bytes: int = MOST_BYTES - 2**20
    apart_s: float = 0.0

    @property
    def apart(self) -> bool:
        return self.apart_s > 0


LONG: Final = Cut(longest_s=1200.0, search_s=60.0)
"""The rest of a request needs room too, and some servers take 25 minutes."""

MINUTES: Final = Cut(longest_s=300.0, search_s=60.0)
"""For models that write 2000 tokens at most, and leave out what does not fit without a word: eight minutes of speech,
fewer where somebody talks fast, or in a language that takes more of them.
"""

PHRASES: Final = Cut(longest_s=10.0, search_s=7.0, apart_s=0.8)
"""As long as a subtitle may be, and one for what is said in one breath or two."""


@dataclass(frozen=True, slots=True)
class Piece:
    """`start_s`: where it begins in the sound. `seconds`: its length, 0 where that is not known; `about_s`: a guess, if
    rather too much. `loud`: from when to when there may be speech in it, None where that was not looked for. `silent`:
    there is none. `done`, `total`: bytes of the sound, to the end of this piece and in all.
    """

    name: str
    data: bytes = field(repr=False)
    start_s: float = 0.0
    seconds: float = 0.0
    about_s: float = 0.0
    loud: tuple[float, float] | None = None
    silent: bool = False
    done: int = 1
    total: int = 1


class _Pcm(Protocol):
    """Sound that is read from its beginning to its end. `size`: its bytes, or about."""

    @property
    def format(self) -> PcmFormat: ...
    @property
    def size(self) -> int: ...
    def read(self, count: int) -> bytes: ...
    def close(self) -> None: ...


async def pieces(source: FileSource, what: str, cut: Cut = LONG) -> AsyncGenerator[Piece]:
    """The pieces in their order, none where a file that was decoded has no sound.

    The disk is read and sound decoded in threads. Close it (`aclosing`). Raises RequestRejected.
    """
    with ExitStack() as opened:
        found = await to_its_end(lambda: _opened(source, what, cut, opened))
        while (piece := await to_its_end(lambda: next(found, None))) is not None:
            yield piece


def _opened(source: FileSource, what: str, cut: Cut, opened: ExitStack) -> Iterator[Piece]:
    sound = open_sound(source, what)
    if isinstance(sound, WavFile):
        opened.callback(sound.close)
        return _told(_cut(sound, cut), source, what)
    small = sound.size <= MOST_BYTES and not cut.apart
    if small and (sound.size <= cut.longest_s * BYTES_PER_S or not can_decode()):
        return iter([_as_it_is(sound, what)])
    if not can_decode():
        raise _only_a_wav(sound, what) if cut.apart else too_large(sound, what)
    decoded = Decoded(sound, what)
    opened.callback(decoded.close)
    if small and decoded.size <= cut.longest_s * decoded.format.bytes_per_s:
        return iter([_as_it_is(sound, what)])
    return _cut(decoded, cut)


def _told(found: Iterator[Piece], source: FileSource, what: str) -> Iterator[Piece]:
    with told(source[0] if isinstance(source, tuple) else source, what):
        yield from found


def _as_it_is(file: EncodedFile, what: str) -> Piece:
    with told(file.name, what):
        data = file.read()
    return Piece(file.sent_as, data, about_s=len(data) / BYTES_PER_S, done=len(data), total=len(data))


def _only_a_wav(file: EncodedFile, what: str) -> RequestRejected:
    return RequestRejected(
        f"{what}: {file.name}: this model tells no times; where it is to be cut for them, it must be a WAV "
        f"({as_wav(file.name)}), or install voiced[video], which decodes it; or name a Whisper model"
    )


def _cut(pcm: _Pcm, cut: Cut) -> Iterator[Piece]:
    format_ = pcm.format
    most = _bytes(min(cut.longest_s, cut.most_bytes / format_.bytes_per_s), format_)
    left = min(_bytes(LEFT_S, format_), most // 8)
    search = min(_bytes(cut.search_s, format_), most * 3 // 4)
    held, start = b"", 0
    while True:
        wanted = most + left - len(held)
        held += (more := pcm.read(wanted))
        latest = min(most, len(held) - left) // format_.block * format_.block
        pause = first_pause(held[: max(0, latest)], format_, cut.apart_s) if cut.apart else None
        if pause is None and len(more) < wanted and len(held) <= most:
            break
        earliest = (latest - search) // format_.block * format_.block
        end = pause or earliest + quiet_place(held[earliest:latest], format_)
        yield _piece(held[:end], start, pcm.size, format_, cut)
        start, held = start + end, held[end:]
    held = held[: len(held) // format_.block * format_.block]
    if held:
        yield _piece(held, start, start + len(held), format_, cut)


def _piece(sound: bytes, start: int, total: int, format_: PcmFormat, cut: Cut) -> Piece:
    """`start`: the byte at which it begins."""
    seconds = len(sound) / format_.bytes_per_s
    loud = loud_part(sound, format_) if cut.apart else None
    silent = cut.apart and loud is None
    if loud is not None:
        loud = max(0.0, loud[0] - AROUND_S), min(seconds, loud[1] + AROUND_S)
    file = format_.header(len(sound)) + sound + bytes(len(sound) % 2)
    start_s, done = start / format_.bytes_per_s, start + len(sound)
    return Piece("sound.wav", file, start_s, seconds, seconds, loud, silent, done, max(done, total))


def _bytes(seconds: float, format_: PcmFormat) -> int:
    return int(seconds * format_.rate) * format_.block

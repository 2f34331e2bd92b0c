"""The voice that is always there: espeak-ng, from the package espeakng-loader.

espeak-ng is under the GPL, version 3, voiced is not: the library is loaded in a worker's process only, which the
daemon talks to through pipes. Import this module nowhere else.
"""

from __future__ import annotations

import ctypes
import os
import queue
import threading
from collections.abc import Iterator
from typing import Any, Final

import espeakng_loader

from voiced.brains.offline.engines import EngineError

CHUNK_MS: Final = 60
"""What the library gives at a time; the first one is there after less than 1 ms."""

CHUNKS_AHEAD: Final = 8
"""Synthesised and not yet asked for."""

LONGEST_PATH: Final = 150
"""espeak-ng keeps the path of its data in 160 bytes."""

_SYNCHRONOUS: Final = 2  # AUDIO_OUTPUT_SYNCHRONOUS
_DO_NOT_EXIT: Final = 0x8000  # espeakINITIALIZE_DONT_EXIT
_UTF_8: Final = 1  # espeakCHARS_UTF8; without espeakSSML and espeakPHONEMES markup is text like any other
_CHARACTERS: Final = 1  # POS_CHARACTER
_RATE, _VOLUME, _PITCH = 1, 2, 3  # espeak_PARAMETER

_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)


class EspeakVoice:
    """`engines.Voice` over espeak-ng, 22.05 kHz. One of them in a process: the library has global state.

    `voice`: its name, such as en-us or en-us+f3. `words_per_minute`: 80 to 450. `pitch`: 0 to 100. `level`: 0 to 200,
    100 is -21 dBFS. Raises EngineError.
    """

    def __init__(self, voice: str = "en-us", words_per_minute: int = 165, pitch: int = 50, level: int = 100) -> None:
        self._library = _library()
        self._rate: int = self._library.espeak_Initialize(_SYNCHRONOUS, CHUNK_MS, _data(), _DO_NOT_EXIT)
        if self._rate <= 0:
            raise EngineError("espeak-ng does not find its data; install the package espeakng-loader anew")
        if self._library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise EngineError(f"espeak-ng has no voice {voice!r}; try en-us, en or en-us+f3")
        for parameter, value in ((_RATE, words_per_minute), (_VOLUME, level), (_PITCH, pitch)):
            self._library.espeak_SetParameter(parameter, value, 0)
        self._speech: _Speech | None = None
        self._callback = _Callback(self._synthesised)  # the library keeps no reference to it
        self._library.espeak_SetSynthCallback(self._callback)

    @property
    def rate(self) -> int:
        return self._rate

    def speak(self, text: str) -> Iterator[bytes]:
        """As the protocol says. Markup is read out; NUL and other control characters count as blanks."""
        text = "".join(character if character.isprintable() else " " for character in text)
        if not text.strip():
            return
        self._speech = speech = _Speech()
        synthesis = threading.Thread(target=self._synthesise, args=(text, speech), name="espeak-ng", daemon=True)
        synthesis.start()
        try:
            yield from speech.chunks()
        finally:
            speech.stop()
            synthesis.join()

    def _synthesise(self, text: str, speech: _Speech) -> None:
        """In a thread of its own: the library returns when all is said, and is asked for one chunk at a time."""
        encoded = text.encode("utf-8", "replace") + b"\0"
        code = self._library.espeak_Synth(encoded, len(encoded), 0, _CHARACTERS, 0, _UTF_8, None, None)
        speech.end("" if code == 0 else f"espeak-ng can't say that (code {code})")

    def _synthesised(self, samples: int | None, count: int, _events: int | None) -> int:
        speech = self._speech
        if speech is None or speech.stopped:
            return 1
        if samples and count > 0:
            speech.add(ctypes.string_at(samples, count * 2))
        return 0


class _Speech:
    """Between the thread that synthesises and the one that asks."""

    def __init__(self) -> None:
        self.stopped = False
        self._chunks: queue.Queue[bytes | None] = queue.Queue(CHUNKS_AHEAD)
        self._error = ""

    def add(self, chunk: bytes) -> None:
        self._chunks.put(chunk)

    def end(self, error: str) -> None:
        self._error = error
        self._chunks.put(None)

    def stop(self) -> None:
        self.stopped = True
        while not self._chunks.empty():  # makes room, should the other thread wait for it
            self._chunks.get_nowait()

    def chunks(self) -> Iterator[bytes]:
        while (chunk := self._chunks.get()) is not None:
            yield chunk
        if self._error:
            raise EngineError(self._error)


def _library() -> Any:
    try:
        library = ctypes.CDLL(espeakng_loader.get_library_path())
    except OSError as error:
        raise EngineError("espeak-ng does not load; install the package espeakng-loader anew") from error
    library.espeak_Initialize.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_char_p, ctypes.c_int]
    library.espeak_SetVoiceByName.argtypes = [ctypes.c_char_p]
    library.espeak_SetParameter.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int]
    library.espeak_SetSynthCallback.argtypes = [_Callback]
    library.espeak_Synth.argtypes = [
        ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint, ctypes.c_int, ctypes.c_uint, ctypes.c_uint,
        ctypes.c_void_p, ctypes.c_void_p,
    ]  # fmt: skip
    return library


def _data() -> bytes:
    path = os.fsencode(espeakng_loader.get_data_path())
    if len(path) <= LONGEST_PATH:
        return path
    folder, name = os.path.split(path)
    os.chdir(folder)  # of a process that has no other use for it
    return os.path.join(b".", name)

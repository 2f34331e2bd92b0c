"""`voiced api transcribe`, `translate` and `speak`: sound into text, and text into sound."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING, Any, Final, TextIO

from voiced.cli.api import reading
from voiced.cli.api.printing import Result, check_writable, is_special, plain, result, target, warn
from voiced.cli.api.progress import progress
from voiced.cli.api.session import Session, session

if TYPE_CHECKING:
    from voiced.ai.transcription import Transcription

_SUFFIXES: Final = {
    "mp3": "mp3",
    "ogg": "opus",
    "opus": "opus",
    "aac": "aac",
    "flac": "flac",
    "wav": "wav",
    "pcm": "pcm",
}


def transcribe(arguments: Namespace, out: TextIO) -> int:
    with reading.file(arguments.file) as file, session(arguments) as api, result(arguments, out) as to:
        with progress("writing down", "B") as told:
            heard = api.run(
                api.ai.audio.transcribe(
                    file,
                    language=arguments.language,
                    prompt=reading.checked(arguments.prompt, "--prompt"),
                    format=arguments.format,
                    progress=told,
                    **api.model,
                )
            )
        _tell(arguments, to, heard)
    return 0


def translate(arguments: Namespace, out: TextIO) -> int:
    with reading.file(arguments.file) as file, session(arguments) as api, result(arguments, out) as to:
        prompt = reading.checked(arguments.prompt, "--prompt")
        with progress("translating", "B") as told:
            heard = api.run(
                api.ai.audio.translate(file, prompt=prompt, format=arguments.format, progress=told, **api.model)
            )
        _tell(arguments, to, heard)
    return 0


def speak(arguments: Namespace, out: TextIO) -> int:
    text = reading.text(arguments.text, "text")
    path = target(arguments)
    said = {"speed": arguments.speed, "instructions": reading.checked(arguments.instructions, "--instructions")}
    if arguments.voice:
        said["voice"] = arguments.voice
    said["format"] = arguments.format or (
        _SUFFIXES.get(path.suffix.lower().removeprefix("."), "mp3") if path else "mp3"
    )
    if path is not None and not is_special(path):
        check_writable(path)
        if not arguments.format and path.suffix.lower().removeprefix(".") not in _SUFFIXES:
            warn(f"{path}: this becomes an MP3, whatever its name says; --format chooses another")
        with session(arguments) as api:
            api.run(api.ai.audio.save_speech(text, path.resolve(), **said, **api.model))
        return 0
    with result(arguments, out, binary=True) as to, session(arguments) as api:
        api.run(_spoken(api, to, text, {**said, **api.model}))
    return 0


async def _spoken(api: Session, to: Result, text: str, options: dict[str, Any]) -> None:
    """Into the pipe as it comes: somebody hears the beginning while the end is made."""
    async with api.ai.audio.stream_speech(text, **options) as pieces:
        async for piece in pieces:
            to.data(piece)


def _tell(arguments: Namespace, to: Result, heard: Transcription) -> None:
    if arguments.json:
        to.json({name: value for name, value in plain(heard).items() if name != "formatted"})
    else:
        to.text(heard.formatted)

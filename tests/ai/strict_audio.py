"""Every request that `ai.audio` can make."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path

from voiced.ai.service import AiService
from voiced.ai.speech_sound import SPEECH_FORMATS
from voiced.ai.transcription import FORMATS
from voiced.errors import ApiError

from .sounds import tone, wav


async def everything(ai: AiService) -> None:
    """What the server answers is of the right form, and makes no sense."""
    file = ("talk.wav", wav(tone(1.0)))
    for model in ("gpt-transcribe", "whisper-1", "gpt-4o-mini-transcribe"):
        for kind in FORMATS[:5]:
            with contextlib.suppress(ApiError):
                await ai.audio.transcribe(file, format=kind, model=model)
    with contextlib.suppress(ApiError):
        await ai.audio.transcribe(file, format="diarized_json", model="gpt-4o-transcribe-diarize")
    with contextlib.suppress(ApiError):
        await ai.audio.transcribe(
            file, language="en", prompt="Names: Ann.", temperature=0.2, words=True, model="whisper-1"
        )
    with contextlib.suppress(ApiError):
        await ai.audio.transcribe(file, languages=["en", "de"], keywords=["voiced"])
    with contextlib.suppress(ApiError):
        await ai.audio.transcribe(("talk.mp3", b"ID3" + bytes(200)))
    for model in ("gpt-transcribe", "whisper-1"):
        with contextlib.suppress(ApiError):
            async with ai.audio.transcribe_stream(file, language="en", temperature=0.0, model=model) as texts:
                async for _ in texts:
                    pass
    for kind in FORMATS[:5]:
        with contextlib.suppress(ApiError):
            await ai.audio.translate(file, prompt="Polite.", temperature=1.0, format=kind)
    for sound in SPEECH_FORMATS:
        with contextlib.suppress(ApiError):
            await ai.audio.speak("Hello.", format=sound)
    with contextlib.suppress(ApiError):
        await ai.audio.speak("Hello.", voice="marin", speed=1.5, instructions="Whisper.")
    with contextlib.suppress(ApiError):
        await ai.audio.speak("Hello.", voice={"id": "voice_1234"}, model="tts-1-hd")
    with contextlib.suppress(ApiError):
        async with ai.audio.stream_speech("Hello. " * 700) as pieces:
            async for _ in pieces:
                pass
    with tempfile.TemporaryDirectory() as folder, contextlib.suppress(ApiError):
        await ai.audio.save_speech("Hello.", Path(folder) / "hello.mp3")

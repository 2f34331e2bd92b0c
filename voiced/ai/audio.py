"""Speech to text, to English, and text to speech."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from voiced.ai import speech, transcribing
from voiced.ai.attachments import FileSource
from voiced.ai.providers import Providers
from voiced.ai.sending import Progress
from voiced.ai.speech import VOICE, Speaking, SpeechStream, SpeechWish, Voice
from voiced.ai.speech_sound import SpeechFormat
from voiced.ai.transcribing import TranscriptionStream, Writing
from voiced.ai.transcription import Format, Transcription
from voiced.ai.transcription_wish import Wish


class Audio:
    """`ai.audio`. Each method raises ApiError; what is wrong before anything is sent is a RequestRejected.

    A sound file is a path, or a name and bytes: flac, m4a, mp3, mp4, mpeg, mpga, ogg, opus, wav or webm, at most 25 MB.
    A WAV may have any length: it is sent in parts that end in silences, of which one is in memory at a time. So may
    any other file where voiced[video] is installed. Models that are not Whisper get five minutes at a time, since what
    they write has a bound; of a coded file that is longer they may leave out the end where it can't be cut.

    `model`, `provider`: "" for those of the settings. `within_s`: for one part of the file or text, None for
    ai.timeout_s and the time to send the file.
    """

    def __init__(self, providers: Providers) -> None:
        self._providers = providers

    async def transcribe(
        self,
        file: FileSource,
        *,
        language: str = "",
        languages: Sequence[str] = (),
        keywords: Sequence[str] = (),
        prompt: str = "",
        temperature: float | None = None,
        format: Format = "json",
        words: bool = False,
        progress: Progress | None = None,
        model: str = "",
        provider: str = "",
        within_s: float | None = None,
    ) -> Transcription:
        """What is said in a sound file.

        `language`: its code, such as "de", where it is known; `languages`: those that it may be in, and `keywords` that
        may occur, for gpt-transcribe. `prompt`: how to write it, or what was said before. `temperature`: 0 to 1.

        `format`: of `Transcription.formatted`: json, text, srt, vtt or verbose_json, and diarized_json (who speaks) of
        gpt-4o-transcribe-diarize. Those with times have segments, and with `words` the times of words as well, which
        Whisper alone tells. Of a model that tells no times (gpt-transcribe) a WAV is cut into phrases, of which each is
        a segment: more requests, at the same price.

        `progress`: called with the bytes of sound that are done, and those there are in all, after each part. Where a
        later part does not reach the server, StreamCut has the text so far.
        """
        wish = Wish("transcription", format, language, languages, keywords, prompt, temperature, words)
        writing = Writing(
            self._providers, "transcription", wish,
            progress=progress, model=model, provider=provider, within_s=within_s,
        )  # fmt: skip
        return await writing.whole(file)

    def transcribe_stream(
        self,
        file: FileSource,
        *,
        language: str = "",
        languages: Sequence[str] = (),
        keywords: Sequence[str] = (),
        prompt: str = "",
        temperature: float | None = None,
        progress: Progress | None = None,
        model: str = "",
        provider: str = "",
        within_s: float | None = None,
    ) -> AbstractAsyncContextManager[TranscriptionStream]:
        """The text while it is written; of Whisper, which does not stream, each part of the file at once.

            async with ai.audio.transcribe_stream("talk.wav") as stream:
                async for text in stream:
                    print(text, end="")
            print(stream.transcription.language)

        Raises StreamCut with the text so far where it breaks off.
        """
        wish = Wish("transcription", "json", language, languages, keywords, prompt, temperature)
        writing = Writing(
            self._providers, "transcription", wish,
            progress=progress, model=model, provider=provider, within_s=within_s,
        )  # fmt: skip
        return transcribing.streaming(writing, file)

    async def translate(
        self,
        file: FileSource,
        *,
        prompt: str = "",
        temperature: float | None = None,
        format: Format = "json",
        progress: Progress | None = None,
        model: str = "",
        provider: str = "",
        within_s: float | None = None,
    ) -> Transcription:
        """What is said in a sound file, in English; see `transcribe`. Only Whisper does; `prompt` is in English."""
        wish = Wish("translation", format, prompt=prompt, temperature=temperature)
        writing = Writing(
            self._providers, "translation", wish,
            progress=progress, model=model, provider=provider, within_s=within_s,
        )  # fmt: skip
        return await writing.whole(file)

    async def speak(
        self,
        text: str,
        *,
        voice: Voice = VOICE,
        format: SpeechFormat = "mp3",
        speed: float = 1.0,
        instructions: str = "",
        model: str = "",
        provider: str = "",
        within_s: float | None = None,
    ) -> bytes:
        """The sound of a text: a whole file, or with "pcm" 16 bits, mono, at 24 kHz.

        `voice`: at OpenAI alloy, ash, ballad, cedar, coral, echo, fable, marin, nova, onyx, sage, shimmer, verse, or
        {"id": "voice_..."} for one of your own; at another server what it has. `format`: mp3, opus (in Ogg), aac, flac,
        wav or pcm. `speed`: 0.25 to 4. `instructions`: how to say it, which tts-1 does not take.

        A text of more than 4096 characters, or some 2000 tokens, is spoken in parts that end with sentences, and put
        together again. Where it is to be flac, that takes voiced[video], and the parts are asked for as wav.
        """
        speaking = Speaking(
            self._providers, text, SpeechWish(format, voice, speed, instructions),
            model=model, provider=provider, within_s=within_s,
        )  # fmt: skip
        return await speaking.whole()

    def stream_speech(
        self,
        text: str,
        *,
        voice: Voice = VOICE,
        format: SpeechFormat = "pcm",
        speed: float = 1.0,
        instructions: str = "",
        model: str = "",
        provider: str = "",
        within_s: float | None = None,
    ) -> AbstractAsyncContextManager[SpeechStream]:
        """The sound of a text while it is made; see `speak`. The next part is made while the former is heard.

            async with ctx.ai.audio.stream_speech("Once upon a time ...") as sound:
                await ctx.play(sound)

        Of PCM each piece has whole samples. A WAV begins with a header that does not know its length. Raises StreamCut
        where it breaks off; its `so_far` is the text of the parts that came whole.
        """
        speaking = Speaking(
            self._providers, text, SpeechWish(format, voice, speed, instructions),
            model=model, provider=provider, within_s=within_s,
        )  # fmt: skip
        return speech.streaming(speaking)

    async def save_speech(
        self,
        text: str,
        path: str | os.PathLike[str],
        *,
        voice: Voice = VOICE,
        format: SpeechFormat | None = None,
        speed: float = 1.0,
        instructions: str = "",
        model: str = "",
        provider: str = "",
        within_s: float | None = None,
    ) -> Path:
        """Write the sound of a text to a file while it comes; see `speak`. The file is there whole or not at all.

        `format`: None for the one that the suffix says.
        """
        target = Path(path)
        wish = SpeechWish(format or speech.format_of(target), voice, speed, instructions)
        speaking = Speaking(self._providers, text, wish, model=model, provider=provider, within_s=within_s)
        await speech.save(speaking, target)
        return target

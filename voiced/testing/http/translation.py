"""Translation of speech into English: what the form may say, and what comes back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from voiced.testing.http import transcript
from voiced.testing.http.catalogue import MODELS, Catalogue
from voiced.testing.http.emission import Emission, halves
from voiced.testing.http.form import Part
from voiced.testing.http.refusal import Refusal, bad_request
from voiced.testing.http.route import Request, Route, World
from voiced.testing.http.script import Heard, Pause
from voiced.testing.http.transcription import JSON, TEXT, between_0_and_1, encoded, heard_in, read_form
from voiced.testing.loopback import rejection

FORMATS: Final = ("json", "text", "srt", "verbose_json", "vtt")

_PLAIN: Final = ("model", "prompt", "response_format", "temperature")

PARAMETERS: Final = frozenset({"file", *_PLAIN})
"""All that a request may have."""


def check(parts: Sequence[Part], catalogue: Catalogue) -> Heard:
    """The file and its form when they are right. Raises `Refusal`."""
    form, file = read_form(parts, _PLAIN)
    model = form.get("model")
    catalogue.judge(model, "transcription")
    if model in MODELS and model != "whisper-1":
        raise bad_request(f"Invalid model {model}. Only whisper-1 translates.", "model", "invalid_value")
    heard = heard_in(file, form)
    if (wanted := form.get("response_format", "json")) not in FORMATS:
        raise Refusal(400, rejection.wrong_value("response_format", wanted, FORMATS))
    if "temperature" in form:
        between_0_and_1(form["temperature"])
    return heard


def answer(text: str, heard: Heard) -> tuple[bytes, str]:
    """Body and content type."""
    match heard.form.get("response_format", "json"):
        case "text":
            return f"{text}\n".encode(), TEXT
        case "srt":
            return transcript.srt(transcript.sentences(text, heard)).encode(), TEXT
        case "vtt":
            return transcript.vtt(transcript.sentences(text, heard)).encode(), TEXT
        case "verbose_json":
            verbose: dict[str, Any] = {
                "task": "translate",
                "language": "english",
                "duration": heard.seconds,
                "text": text,
                "segments": transcript.segments(text, heard),
            }
            return encoded(verbose), JSON
        case _:
            return encoded({"text": text}), JSON


def _translate(request: Request, world: World) -> Emission:
    heard = check(request.form, world.catalogue)
    data, content_type = answer(world.script.transcript(heard), heard)
    return Emission(content_type, (Pause(world.pace.transcription_s), *halves(data)), streamed=False)


ROUTES: Final = (Route("POST", "audio/translations", "translation", _translate, takes="form"),)

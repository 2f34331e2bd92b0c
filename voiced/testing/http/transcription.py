"""Transcription: what the form may say, and what comes back."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from voiced.testing.http.catalogue import Catalogue
from voiced.testing.http.form import Part
from voiced.testing.http.refusal import MAX_FILE_BYTES, Refusal, bad_request, file_too_large, not_on_loopback
from voiced.testing.http.script import Heard
from voiced.testing.http.sound_file import read
from voiced.testing.loopback import rejection
from voiced.testing.loopback.usage import MS_PER_INPUT_AUDIO_TOKEN, text_tokens

LONGEST_S: Final = 1500
"""Of a file for the models that are not Whisper."""

_FORMATS: Final = ("json", "text", "srt", "verbose_json", "vtt", "diarized_json")
_LISTS: Final = ("timestamp_granularities[]", "include[]", "languages[]", "keywords[]")
_FIELDS: Final = ("model", "language", "prompt", "response_format", "temperature", "stream", "chunking_strategy")
_TEXT: Final = "text/plain; charset=utf-8"
_JSON: Final = "application/json"


def check(parts: Sequence[Part], catalogue: Catalogue) -> Heard:
    """The file and its form when they are right. Raises `Refusal`."""
    form: dict[str, Any] = {}
    file: Part | None = None
    for part in parts:
        if part.name == "file":
            if part.filename is None:
                raise Refusal(400, rejection.wrong_type("file", "a file", ""))
            file = part
        elif part.name in _LISTS:
            form.setdefault(part.name, []).append(part.text())
        elif part.name not in _FIELDS:
            raise Refusal(400, rejection.unknown(part.name))
        elif part.name in form:
            raise bad_request(f"Duplicate parameter: '{part.name}'.", part.name, "duplicate_parameter")
        else:
            form[part.name] = part.text()
    catalogue.judge(form.get("model"), "transcription")
    if file is None:
        raise Refusal(400, rejection.missing("file"))
    if len(file.data) > MAX_FILE_BYTES:
        raise file_too_large(len(file.data))
    _options(form)
    found = read(file.filename, file.data)
    if found.seconds > LONGEST_S and form["model"] != "whisper-1":
        message = (
            f"audio duration {found.seconds:.0f} seconds is longer than {LONGEST_S} seconds which is the maximum for "
            "this model"
        )
        raise bad_request(message, None, "invalid_value")
    return Heard(found.pcm, found.rate, found.channels, found.seconds, form)


def _options(form: dict[str, Any]) -> None:
    model, wanted = form["model"], form.get("response_format", "json")
    whisper = model == "whisper-1"
    if wanted not in _FORMATS:
        raise Refusal(400, rejection.wrong_value("response_format", wanted, _FORMATS))
    if _is_of_openai(model) and (wanted == "diarized_json" or (not whisper and wanted not in ("json", "text"))):
        message = f"response_format '{wanted}' is not compatible with model '{model}'. Use 'json' or 'text' instead."
        raise bad_request(message, "response_format", "unsupported_value")
    if wanted in ("srt", "vtt", "diarized_json"):
        raise not_on_loopback(f"writes no {wanted}")
    for language in [form.get("language", "en"), *form.get("languages[]", [])]:
        if not re.fullmatch(r"[a-z]{2,3}", language):
            message = f"Invalid language '{language}'. Language parameter must be specified in ISO-639-1 format."
            raise bad_request(message, "language", "invalid_language_format")
    if "temperature" in form:
        _between_0_and_1(form["temperature"])
    if form.get("stream", "false") not in ("true", "false"):
        raise Refusal(400, rejection.wrong_type("stream", "a boolean", form["stream"]))
    _of_some_models(form, model, wanted)


def _of_some_models(form: dict[str, Any], model: str, wanted: str) -> None:
    granularities = form.get("timestamp_granularities[]", [])
    for value in granularities:
        if value not in ("word", "segment"):
            raise Refusal(400, rejection.wrong_value("timestamp_granularities[]", value, ("word", "segment")))
    if granularities and wanted != "verbose_json":
        message = "'timestamp_granularities' needs response_format 'verbose_json'."
        raise bad_request(message, "timestamp_granularities", "invalid_value")
    for name in ("languages[]", "keywords[]"):
        if name in form and _is_of_openai(model) and model != "gpt-transcribe":
            raise bad_request(f"{name[:-2]} is not supported with model '{model}'.", name[:-2], "unsupported_parameter")
    for value in form.get("include[]", []):
        if value != "logprobs":
            raise Refusal(400, rejection.wrong_value("include[]", value, ("logprobs",)))
        if model in ("whisper-1", "gpt-transcribe") or wanted != "json":
            message = f"include 'logprobs' is not compatible with model '{model}' and response_format '{wanted}'."
            raise bad_request(message, "include", "unsupported_value")


def _between_0_and_1(text: str) -> None:
    try:
        value = float(text)
    except ValueError:
        raise Refusal(400, rejection.wrong_type("temperature", "a decimal number", text)) from None
    if not 0 <= value <= 1:
        limit = (
            rejection.above("temperature", "decimal", 1, value)
            if value > 1
            else rejection.below("temperature", "decimal", 0, value)
        )
        raise Refusal(400, limit)


def is_streamed(heard: Heard) -> bool:
    """Whether the answer is a stream of events: Whisper's never is."""
    return heard.form.get("stream") == "true" and heard.form["model"] != "whisper-1"


def answer(text: str, heard: Heard) -> tuple[bytes, str]:
    """Body and content type of an answer that is not streamed."""
    match heard.form.get("response_format", "json"):
        case "text":
            return f"{text}\n".encode(), _TEXT
        case "verbose_json":
            return _encoded(_verbose(text, heard)), _JSON
        case _:
            return _encoded(_plain(text, heard)), _JSON


def stream(text: str, heard: Heard) -> Iterator[dict[str, Any]]:
    """The events of a streamed answer."""
    for number, word in enumerate(text.split(" ") if text else []):
        yield {"type": "transcript.text.delta", "delta": word if number == 0 else f" {word}"}
    yield {"type": "transcript.text.done", "text": text, "usage": usage(text, heard)}


def usage(text: str, heard: Heard) -> dict[str, Any]:
    """Whisper bills seconds, the others tokens."""
    if heard.form["model"] == "whisper-1":
        return {"type": "duration", "seconds": math.ceil(heard.seconds)}
    sound = math.ceil(heard.seconds * 1000 / MS_PER_INPUT_AUDIO_TOKEN)
    told = text_tokens(heard.form.get("prompt", ""))
    said = text_tokens(text)
    return {
        "type": "tokens",
        "input_tokens": sound + told,
        "input_token_details": {"text_tokens": told, "audio_tokens": sound},
        "output_tokens": said,
        "total_tokens": sound + told + said,
    }


def _plain(text: str, heard: Heard) -> dict[str, Any]:
    found: dict[str, Any] = {"text": text, "usage": usage(text, heard)}
    if heard.form["model"] == "gpt-transcribe":
        found["languages"] = [{"code": heard.form.get("languages[]", ["en"])[0]}]
    if heard.form.get("include[]"):
        found["logprobs"] = [
            {"token": word, "logprob": -0.01, "bytes": list(word.encode())} for word in re.findall(r"\s*\S+", text)
        ]
    return found


def _verbose(text: str, heard: Heard) -> dict[str, Any]:
    wanted = heard.form.get("timestamp_granularities[]", ["segment"])
    found: dict[str, Any] = {
        "task": "transcribe",
        "language": "english",
        "duration": heard.seconds,
        "text": text,
        "usage": usage(text, heard),
    }
    words = text.split()
    if "segment" in wanted:
        found["segments"] = [_segment(text, heard)] if words else []
    if "word" in wanted:
        each = heard.seconds / max(1, len(words))
        found["words"] = [
            {"word": word, "start": round(each * place, 2), "end": round(each * (place + 1), 2)}
            for place, word in enumerate(words)
        ]
    return found


def _segment(text: str, heard: Heard) -> dict[str, Any]:
    return {
        "id": 0,
        "seek": 0,
        "start": 0.0,
        "end": heard.seconds,
        "text": f" {text}",
        "tokens": [50364, 50414],
        "temperature": 0.0,
        "avg_logprob": -0.2,
        "compression_ratio": 0.9,
        "no_speech_prob": 0.01,
    }


def _encoded(body: dict[str, Any]) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode()


def _is_of_openai(model: str) -> bool:
    return model == "whisper-1" or model.startswith("gpt-")

"""Transcription: what the form may say, and what comes back."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final

from voiced.testing.http import transcript
from voiced.testing.http.catalogue import Catalogue
from voiced.testing.http.form import Part
from voiced.testing.http.refusal import MAX_FILE_BYTES, Refusal, bad_request, file_too_large
from voiced.testing.http.script import Heard
from voiced.testing.http.sound_file import read
from voiced.testing.loopback import rejection
from voiced.testing.loopback.usage import MS_PER_INPUT_AUDIO_TOKEN, text_tokens

LONGEST_S: Final = 1500
"""Of a file for the models that are not Whisper."""

FORMATS: Final = ("json", "text", "srt", "verbose_json", "vtt", "diarized_json")
DIARIZES: Final = "gpt-4o-transcribe-diarize"
"""The model that tells who speaks."""

UNCUT_S: Final = 30
"""Of a file that DIARIZES takes without a chunking_strategy."""

MOST_SPEAKERS: Final = 4
"""That it may know."""

_PLAIN: Final = ("model", "language", "prompt", "response_format", "temperature", "stream", "chunking_strategy")
_LISTS: Final = (
    "timestamp_granularities", "include", "languages", "keywords", "known_speaker_names", "known_speaker_references",
)  # fmt: skip
_VAD: Final = tuple(
    f"chunking_strategy[{name}]" for name in ("type", "prefix_padding_ms", "silence_duration_ms", "threshold")
)
"""How the library writes an object into a form."""

PARAMETERS: Final = frozenset({"file", *_PLAIN, *_LISTS})
"""All that a request may have."""

TEXT: Final = "text/plain; charset=utf-8"
JSON: Final = "application/json"


def check(parts: Sequence[Part], catalogue: Catalogue) -> Heard:
    """The file and its form when they are right. Raises `Refusal`."""
    form, file = read_form(parts, (*_PLAIN, *_VAD), _LISTS)
    catalogue.judge(form.get("model"), "transcription")
    heard = heard_in(file, form)
    _options(form)
    _of_diarization(form, heard.seconds)
    if heard.seconds > LONGEST_S and form["model"] != "whisper-1":
        message = (
            f"audio duration {heard.seconds:.0f} seconds is longer than {LONGEST_S} seconds which is the maximum for "
            "this model"
        )
        raise bad_request(message, None, "invalid_value")
    return heard


def read_form(
    parts: Sequence[Part], plain: Collection[str], lists: Collection[str] = ()
) -> tuple[dict[str, Any], Part | None]:
    """The fields, and the file where there is one; those of `lists` stand under their name with []."""
    form: dict[str, Any] = {}
    file: Part | None = None
    for part in parts:
        if part.name == "file":
            if part.filename is None:
                raise Refusal(400, rejection.wrong_type("file", "a file", ""))
            file = part
        elif part.name.endswith("[]") and part.name[:-2] in lists:
            form.setdefault(part.name, []).append(part.text())
        elif part.name not in plain:
            raise Refusal(400, rejection.unknown(part.name))
        elif part.name in form:
            raise bad_request(f"Duplicate parameter: '{part.name}'.", part.name, "duplicate_parameter")
        else:
            form[part.name] = part.text()
    return form, file


def heard_in(file: Part | None, form: dict[str, Any]) -> Heard:
    """What the file holds. Raises `Refusal`."""
    if file is None:
        raise Refusal(400, rejection.missing("file"))
    if len(file.data) > MAX_FILE_BYTES:
        raise file_too_large(len(file.data))
    found = read(file.filename, file.data)
    return Heard(found.pcm, found.rate, found.channels, found.seconds, form)


def _options(form: dict[str, Any]) -> None:
    model, wanted = form["model"], form.get("response_format", "json")
    if wanted not in FORMATS:
        raise Refusal(400, rejection.wrong_value("response_format", wanted, FORMATS))
    if (can := _formats_of(model)) and wanted not in can:
        message = (
            f"response_format '{wanted}' is not compatible with model '{model}'. Use "
            f"{' or '.join(repr(each) for each in can)} instead."
        )
        raise bad_request(message, "response_format", "unsupported_value")
    for language in [form.get("language", "en"), *form.get("languages[]", [])]:
        if not re.fullmatch(r"[a-z]{2,3}", language):
            message = f"Invalid language '{language}'. Language parameter must be specified in ISO-639-1 format."
            raise bad_request(message, "language", "invalid_language_format")
    if "temperature" in form:
        between_0_and_1(form["temperature"])
    if form.get("stream", "false") not in ("true", "false"):
        raise Refusal(400, rejection.wrong_type("stream", "a boolean", form["stream"]))
    if form.get("chunking_strategy", "auto") != "auto":
        raise Refusal(400, rejection.wrong_value("chunking_strategy", form["chunking_strategy"], ("auto",)))
    if form.get(_VAD[0], "server_vad") != "server_vad":
        raise Refusal(400, rejection.wrong_value("chunking_strategy.type", form[_VAD[0]], ("server_vad",)))
    _of_some_models(form, model, wanted)


def _formats_of(model: str) -> Sequence[str]:
    """What a model of OpenAI's can answer with; none where that is not known."""
    if model == DIARIZES:
        return ("json", "text", "diarized_json")
    if model == "whisper-1":
        return ("json", "text", "srt", "verbose_json", "vtt")
    return ("json", "text") if _is_of_openai(model) else ()


def _of_diarization(form: dict[str, Any], seconds: float) -> None:
    names, references = form.get("known_speaker_names[]", []), form.get("known_speaker_references[]", [])
    for name, values in (("known_speaker_names", names), ("known_speaker_references", references)):
        if len(values) > MOST_SPEAKERS:
            message = f"Invalid '{name}': array too long. Expected at most {MOST_SPEAKERS}, but got {len(values)}."
            raise bad_request(message, name, "array_above_max_length")
    if len(names) != len(references):
        message = "'known_speaker_names' and 'known_speaker_references' must be of the same length."
        raise bad_request(message, "known_speaker_names", "invalid_value")
    if form["model"] != DIARIZES:
        if names and _is_of_openai(form["model"]):
            message = f"known_speaker_names is not supported with model '{form['model']}'."
            raise bad_request(message, "known_speaker_names", "unsupported_parameter")
        return
    for name in ("prompt", "include[]", "timestamp_granularities[]"):
        if name in form:
            message = f"{name.removesuffix('[]')} is not supported with model '{DIARIZES}'."
            raise bad_request(message, name.removesuffix("[]"), "unsupported_parameter")
    if seconds > UNCUT_S and not form.keys() & {"chunking_strategy", _VAD[0]}:
        message = (
            f"chunking_strategy is required for diarization models when the audio is longer than {UNCUT_S} seconds."
        )
        raise bad_request(message, "chunking_strategy", "missing_required_parameter")


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


def between_0_and_1(text: str) -> None:
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
            return f"{text}\n".encode(), TEXT
        case "srt":
            return transcript.srt(transcript.sentences(text, heard)).encode(), TEXT
        case "vtt":
            return transcript.vtt(transcript.sentences(text, heard)).encode(), TEXT
        case "verbose_json":
            return encoded(_verbose(text, heard)), JSON
        case "diarized_json":
            return encoded(_diarized(text, heard)), JSON
        case _:
            return encoded(_plain(text, heard)), JSON


def stream(text: str, heard: Heard) -> Iterator[dict[str, Any]]:
    """The events of a streamed answer."""
    if heard.form.get("response_format") == "diarized_json":
        yield from _speakers(text, heard)
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
    if "segment" in wanted:
        found["segments"] = transcript.segments(text, heard)
    if "word" in wanted:
        found["words"] = [
            {"word": word.text, "start": word.start, "end": word.end} for word in transcript.words(text, heard)
        ]
    return found


def _diarized(text: str, heard: Heard) -> dict[str, Any]:
    return {
        "task": "transcribe",
        "duration": heard.seconds,
        "text": text,
        "segments": _speakers(text, heard),
        "usage": usage(text, heard),
    }


def _speakers(text: str, heard: Heard) -> list[dict[str, Any]]:
    """Two take turns."""
    names = heard.form.get("known_speaker_names[]") or ["A", "B"]
    return [
        {
            "type": "transcript.text.segment",
            "id": f"seg_{number:03}",
            "start": sentence.start,
            "end": sentence.end,
            "text": f" {sentence.text}",
            "speaker": names[number % len(names)],
        }
        for number, sentence in enumerate(transcript.sentences(text, heard))
    ]


def encoded(body: dict[str, Any]) -> bytes:
    """JSON."""
    return json.dumps(body, ensure_ascii=False).encode()


def _is_of_openai(model: str) -> bool:
    return model == "whisper-1" or model.startswith("gpt-")

"""What the HTTP server on loopback hears and translates is what the API's own description allows."""

from __future__ import annotations

from typing import Any

from voiced.testing.http import HttpLoopback, Script, transcription, translation

from .http_client import raw_of
from .shared_data import described_schemas, needs_description
from .test_http_schema import complaints

pytestmark = needs_description

TEXT = "Good morning. How are you?"


async def test_who_speaks() -> None:
    asked: Any = {"model": transcription.DIARIZES, "response_format": "diarized_json"}
    async with HttpLoopback(Script(transcripts=lambda _: TEXT)) as server, raw_of(server) as raw:
        diarized = (await raw.transcribe(**asked)).json
        one, other, *deltas, done = (await raw.transcribe(**asked, stream="true")).events
    assert complaints("CreateTranscriptionResponseDiarizedJson", diarized) == []
    assert complaints("TranscriptionDiarizedSegment", *diarized["segments"]) == []
    assert complaints("TranscriptTextSegmentEvent", one, other) == []
    assert complaints("TranscriptTextDeltaEvent", *deltas) == []
    assert complaints("TranscriptTextDoneEvent", done) == []


async def test_times() -> None:
    both: Any = {"response_format": "verbose_json", "timestamp_granularities": ["word", "segment"]}
    async with HttpLoopback(Script(transcripts=lambda _: TEXT)) as server, raw_of(server) as raw:
        verbose = (await raw.transcribe(**both)).json
    assert complaints("TranscriptionSegment", *verbose["segments"]) == []
    assert complaints("TranscriptionWord", *verbose["words"]) == []


async def test_translation() -> None:
    path = "audio/translations"
    async with HttpLoopback(Script(transcripts=lambda _: TEXT)) as server, raw_of(server) as raw:
        plain = (await raw.transcribe(path=path)).json
        verbose = (await raw.transcribe(path=path, response_format="verbose_json")).json
    assert complaints("CreateTranslationResponseJson", plain) == []
    assert verbose.pop("task") == "translate"  # on the wire since Whisper
    assert complaints("CreateTranslationResponseVerboseJson", verbose) == []
    assert complaints("TranscriptionSegment", *verbose["segments"]) == []


def test_the_forms_have_what_is_described_and_nothing_else() -> None:
    schemas = described_schemas()
    assert set(schemas["CreateTranscriptionRequest"]["properties"]) == transcription.PARAMETERS
    assert set(schemas["CreateTranslationRequest"]["properties"]) == translation.PARAMETERS
    assert set(schemas["AudioResponseFormat"]["enum"]) == set(transcription.FORMATS)
    assert set(schemas["CreateTranslationRequest"]["properties"]["response_format"]["enum"]) == set(translation.FORMATS)

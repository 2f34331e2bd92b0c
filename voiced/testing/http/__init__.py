"""OpenAI's HTTP endpoints on loopback, as strict as the real ones.

Transcription, chat, speech, embeddings and the list of models:

    from voiced.testing.http import CallTool, HttpLoopback, Say

    async with HttpLoopback(
        [CallTool("lamp", '{"on": true}'), "The lamp is on."],  # one reply for each chat request
        transcripts=["Switch the lamp on."],                    # one text for each file; "" for no speech
        valid_key="sk-test",
    ) as server:
        ...  # run a client against server.base_url (or server.azure_base_url, with the header api-key)
        assert server.violations == ()
        assert [entry.body["input"] for entry in server.of("speech")] == ["The lamp is on."]

A reply is a text, a `Say` (whose `pieces` are the stream's), a `CallTool`, or a list of these with `Pause`s between,
at its end a `Finish` where the model did not come to its own. Without a script the model repeats what it was told,
and a transcript tells how long the sound is. Functions do as well as lists: see `Script`.

/responses is answered by the same replies, which may hold more there: `Think`, `Refuse`, `Fail`, and what tools of the
server did, `SearchWeb("weather Oslo")`, `RunCode("print(42)", logs="42")`, `SearchFiles`, `Draw`. A `Say` after them
cites [pages](https://example.org) and files. `server.kept(responses.Responses)` is what the server keeps.

`Pace` says when: `Pace(transcription_s=0.3, chat_s=0.4, piece_s=0.03, speech_s=0.2, speed=4)`. All waiting is the
loop's, so a test that hurries its loop's clock hurries the server.

Speech sounds of four tones for each text, as long as saying it takes; `recognise(tape, texts)` tells which texts
sound on a tape and when, `spoken(text)` is the sound itself. Embeddings are near where texts have words in common.

`Fault(action, on=stage, nth=1, every=False)` says what goes wrong, on "transcription", "chat", "speech", "embeddings"
or "models": `wrong_key()`, `no_credit()`, `rate_limited(7)`, `unavailable()`, `html_page()` … or any `Answer`;
`Drop()`, `Stall()` at once or `after` some pieces, `End(after=2)`, `SendError(after=2)`,
`Garble(garbage.invalid_json, piece=1)`, `Instead(garbage.as_wav)`. `server.add_fault`, `clear_faults`,
`refuse_connections` and `accept_connections` do so in mid-test.

`server.requests` and `server.of(stage)` are a journal: bodies, times, sounds, and how each request ended: "abandoned"
where the client hung up. `await server.wait_for("chat", count=2, outcome="abandoned")` waits for it.

It needs aiohttp, which `pip install 'voiced[test]'` brings.
"""

from voiced.testing.http import garbage
from voiced.testing.http.catalogue import MODELS, Stage
from voiced.testing.http.faults import (
    Answer,
    Drop,
    End,
    Fault,
    Garble,
    Instead,
    SendError,
    Stall,
    context_too_long,
    forbidden,
    html_page,
    moderation_blocked,
    no_credit,
    no_such_model,
    rate_limited,
    server_error,
    unavailable,
    wrong_key,
)
from voiced.testing.http.journal import Entry, Outcome, Violation
from voiced.testing.http.pace import Pace
from voiced.testing.http.responses_outputs import Draw, Fail, FoundText, Refuse, RunCode, SearchFiles, SearchWeb, Think
from voiced.testing.http.script import Asked, CallTool, Finish, Heard, Output, Pause, Reply, Say, Script
from voiced.testing.http.server import HttpLoopback
from voiced.testing.http.tones import Sounded, recognise, spoken

__all__ = [
    "MODELS",
    "Answer",
    "Asked",
    "CallTool",
    "Draw",
    "Drop",
    "End",
    "Entry",
    "Fail",
    "Fault",
    "Finish",
    "FoundText",
    "Garble",
    "Heard",
    "HttpLoopback",
    "Instead",
    "Outcome",
    "Output",
    "Pace",
    "Pause",
    "Refuse",
    "Reply",
    "RunCode",
    "Say",
    "Script",
    "SearchFiles",
    "SearchWeb",
    "SendError",
    "Sounded",
    "Stage",
    "Stall",
    "Think",
    "Violation",
    "context_too_long",
    "forbidden",
    "garbage",
    "html_page",
    "moderation_blocked",
    "no_credit",
    "no_such_model",
    "rate_limited",
    "recognise",
    "server_error",
    "spoken",
    "unavailable",
    "wrong_key",
]

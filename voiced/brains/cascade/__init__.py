"""The cascade: transcription, chat and speech, each a request to a server of its own, made to behave like Realtime.

    CommitUtterance ─> stt ─text─> chat ─pieces─> thinking ─> sentences ─> mouth ─> tts ─PCM─> ReplyAudio
                                     └─ tool calls ─> ToolCalled

A session keeps its history itself (`memory`), as a Realtime server would, and knows how much of each sentence went out.
The first sentence is spoken while the model still writes; the next one is synthesised while the last is still coming.
Pure: `sentences`, `spoken`, `thinking`, `tool_calls`, `memory`, `messages`, `noise`, `sound`, `wav`.
"""

"""The world of the examples of the page about the API: the files that they read, and what the server answers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import av
import numpy as np

from tests.testing.http_client import wav
from voiced.testing.http import CallTool, Say, Script, SearchWeb
from voiced.testing.http.pictures import png


def furnish(folder: Path) -> None:
    """Put the files there."""
    (folder / "door.png").write_bytes(png(64, 64))
    (folder / "fox.png").write_bytes(png(1024, 1024))
    (folder / "mask.png").write_bytes(png(1024, 1024, b"\0\0\0\0"))
    _film(folder / "door.mp4")
    (folder / "memo.wav").write_bytes(wav(2.0))
    (folder / "manual.pdf").write_bytes(b"%PDF-1.7\n")
    (folder / "manual.md").write_text("To reset the heating hold the red button for ten seconds.")


def _film(path: Path) -> None:
    """Three seconds of grey."""
    with av.open(path, "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 128, np.uint8), "rgb24")
        for packet in (packet for picture in [*[frame] * 75, None] for packet in stream.encode(picture)):
            container.mux(packet)


SCRIPTS: Final[Mapping[str, Script]] = {
    "chat": Script(["Oslo.", "Stockholm.", '{"colours": ["red", "green", "blue"]}', "Tom", "Felix"]),
    "streams": Script([Say("One, two, three.")]),
    "structured-output": Script([json.dumps({"kind": "bill", "sender": "Waterworks", "amounts": [20]})]),
    "functions": Script(
        [
            [CallTool("temperature", '{"city": "Oslo"}'), CallTool("temperature", '{"city": "Rome"}')],
            "In Rome, by 15 degrees.",
        ]
    ),
    "responses": Script(
        [
            "Hello, Tom!",
            "Tom.",
            [SearchWeb("news Oslo"), Say("The opera opens again ([opera](https://example.org/opera)).")],
            CallTool("shelf", '{"title": "Moby Dick"}'),
            "On the third shelf.",
            "One, two, three.",
            "Once upon a time.",
        ]
    ),
    "transcription": Script(transcripts=["Buy bread and milk."] * 4),
    "video-frames": Script(["Somebody leaves a parcel."]),
    "assistants": Script([CallTool("shelf", '{"title": "Moby Dick"}'), "On the third shelf.", "Good night."]),
    "batches": Script(lambda asked: "yes" if "fox" in asked.text else "no"),
    "pictures-in-a-question": Script(["Yes, a postman."]),
}
"""By the section of the page."""

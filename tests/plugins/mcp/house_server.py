"""An MCP server as somebody might have one at home, by the official package: over stdio, or over HTTP at a port.

`house_server.py stdio`, or `house_server.py http PORT [json]`: it prints a line once it listens. What the tests must
know of its life is in the folder $HOUSE: a line in `starts` for each start, one in `calls` for each call of `switch`.
While there is a file `wait` it does not start.
"""

from __future__ import annotations

import os
import sys
import time
from base64 import b64decode
from pathlib import Path
from typing import Any

import anyio
from mcp.server.mcpserver import Audio, Context, Image, MCPServer
from mcp.types import ResourceLink, ToolAnnotations

HOUSE = Path(os.environ["HOUSE"])
PIXEL = b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")

server = MCPServer("house")


def note(file: str, line: str) -> None:
    with (HOUSE / file).open("a") as notes:
        notes.write(f"{line}\n")


@server.tool(annotations=ToolAnnotations(read_only_hint=True))
def lamps(room: str) -> str:
    """Tell which lamps of a room are on."""
    return f"In the {room} all lamps are off."


@server.tool()
def switch(room: str, on: bool = True) -> str:
    """Switch the lamps of a room."""
    note("calls", room)
    return f"The {room} is {'bright' if on else 'dark'}."


@server.tool(annotations=ToolAnnotations(destructive_hint=True), title="Forget a room")
def forget(room: str) -> str:
    """Forget a room and all of its lamps."""
    return f"The {room} is forgotten."


@server.tool(structured_output=False)
def camera() -> list[Any]:
    """Look at the door."""
    return ["The door.", Image(data=PIXEL, format="png"), Audio(data=b"RIFF", format="wav")]


@server.tool()
def manual() -> ResourceLink:
    """Where the manual is."""
    return ResourceLink(name="manual", uri="https://house.example/manual", description="All of it")


@server.tool()
def measure() -> dict[str, float]:
    """Measure the temperatures."""
    return {"kitchen": 20.5}


@server.tool()
def fuse() -> str:
    """Break."""
    raise ValueError("the fuse is blown")


@server.tool()
async def hang() -> str:
    """Never answer."""
    await anyio.sleep_forever()
    return ""


@server.tool()
def freeze() -> str:
    """Never answer, nor let anything else do so."""
    note("calls", "freeze")
    os.kill(os.getpid(), 19)  # SIGSTOP
    return ""


@server.tool()
def die() -> str:
    """End at once."""
    note("calls", "die")
    os._exit(3)


@server.tool()
async def grow(context: Context) -> str:
    """Have one more tool."""
    server.add_tool(lamps, name="lanterns", description="Tell which lanterns are on.")
    server.remove_tool("manual")
    await context.notify_tools_changed()
    return "I have grown."


if __name__ == "__main__":
    while (HOUSE / "wait").exists():
        time.sleep(0.01)
    note("starts", str(os.getpid()))
    if sys.argv[1] == "stdio":
        server.run()
    else:
        import uvicorn

        class Server(uvicorn.Server):
            async def startup(self, sockets: Any = None) -> None:
                await super().startup(sockets)
                print("listening", flush=True)

        app = server.streamable_http_app(json_response="json" in sys.argv)
        Server(uvicorn.Config(app, port=int(sys.argv[2]), log_level="error")).run()

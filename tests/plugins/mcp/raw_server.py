"""An MCP server over stdio that is as bad as its first argument says; it needs no package.

Its life is told in the folder $HOUSE: a line with its process in `starts` for each start.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from itertools import count
from pathlib import Path
from typing import Any

HOUSE = Path(os.environ["HOUSE"])
BAD = sys.argv[1]


def tool(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "description": f"Do {name}.", "inputSchema": {"type": "object"}, **more}


def send(**message: Any) -> None:
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


def note(file: str, line: object) -> None:
    with (HOUSE / file).open("a") as notes:
        notes.write(f"{line}\n")


def page(cursor: str) -> dict[str, Any]:
    match BAD:
        case "has many tools":
            return {"tools": [tool(f"tool_{number}", outputSchema={"type": "object"}) for number in range(3000)]}
        case "has pages":
            number = int(cursor or 0)
            return {"tools": [tool(f"tool_{number}")]} | ({"nextCursor": str(number + 1)} if number < 3 else {})
        case "has endless pages":
            note("pages", cursor)
            return {"tools": [tool("one")], "nextCursor": "again"}
        case "changes its tools":
            return {"tools": [tool(f"tool_{(HOUSE / 'version').read_text()}")]}
        case "describes at length":
            return {
                "tools": [
                    tool("long", description="word " * 1000),
                    tool("hidden", description="Do \u200b\U000e0041it.\x00"),
                    tool("huge", inputSchema={"type": "object", "description": "x" * 20_000}),
                    tool("bad/name.of a tool"),
                    tool("bad", inputSchema={"type": "object", "properties": {"x": {"type": "spoon"}}}),
                ]
            }
        case "lists nonsense":
            return {"tools": [{"name": 7}]}
    return {"tools": [tool("one"), tool("two")]}


def result(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    if BAD == "answers at length":
        return {"content": [{"type": "text", "text": "word " * 400_000}]}
    if BAD == "answers nonsense":
        return {"content": "nothing"}
    return {"content": [{"type": "text", "text": f"{name} {json.dumps(arguments)}"}]}


def main() -> None:
    note("starts", os.getpid())
    match BAD:
        case "prints garbage":
            print("Hello!\n\n{\n[]\n\xff\x00", flush=True)
        case "ends at once":
            sys.exit(4)
        case "never answers":
            time.sleep(3600)
        case "does not read":
            for number in count():
                send(id=f"{number}{'x' * 1000}", method="ping")
        case "stays":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)"])
            note("starts", child.pid)
        case "writes errors":
            if os.fork() == 0:
                while True:
                    os.write(2, b"secret error\n" * 1000)
        case "sends without end":
            while True:
                sys.stdout.write("x" * 65536)
        case "is full of items":
            while True:
                sys.stdout.write('{"jsonrpc":"2.0","id":1,"result":{"x":[' + "0," * 100_000 + "0]}}\n")
    for line in sys.stdin:
        message = json.loads(line)
        match message.get("method"):
            case "initialize":
                send(
                    id=message["id"],
                    result={
                        "protocolVersion": "2025-06-18",
                        "capabilities": {"tools": {"listChanged": True}},
                        "serverInfo": {"name": "raw", "version": "1"},
                    },
                )
            case "notifications/initialized" if BAD == "notifies without end":
                while True:
                    send(method="notifications/tools/list_changed")
            case "notifications/initialized" if BAD == "chatters":
                for _ in range(500):
                    send(method="notifications/message", params={"level": "error", "data": "chatter"})
                    send(method="notifications/progress", params={"progressToken": 1, "progress": 1})
            case "tools/list":
                send(id=message["id"], result=page(message.get("params", {}).get("cursor", "")))
            case "tools/call":
                if BAD == "changes its tools":
                    version = int((HOUSE / "version").read_text())
                    (HOUSE / "version").write_text(str(version + 1))
                    send(method="notifications/tools/list_changed")
                    send(method="notifications/tools/list_changed")
                params = message["params"]
                send(id=message["id"], result=result(params["name"], params.get("arguments", {})))
            case str() if "id" in message:
                send(id=message["id"], error={"code": -32601, "message": "Method not found"})
    if BAD == "stays":
        time.sleep(3600)


main()

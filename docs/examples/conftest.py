"""A web server on loopback, in place of those that the examples ask."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest


class Web:
    """Answers each path with what `pages` has for it: a file, what has a JSON form, or the number of an error."""

    def __init__(self) -> None:
        self.pages: dict[str, Any] = {}
        self.asked: list[str] = []
        self.go_on = threading.Event()
        """Clear it to let whoever asks wait."""
        self.go_on.set()
        self.url = ""


@pytest.fixture
def web() -> Iterator[Web]:
    """A server at `web.url`."""
    here = Web()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            here.asked.append(self.path)
            here.go_on.wait(timeout=10)
            page = here.pages.get(path, 404)
            self.send_response(page if isinstance(page, int) else 200)
            self.end_headers()
            if not isinstance(page, int):
                self.wfile.write(page if isinstance(page, bytes) else json.dumps(page).encode())

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        here.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield here
        here.go_on.set()
        server.shutdown()
        thread.join()

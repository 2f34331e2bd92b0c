"""A server on loopback that answers as no API does: any status, date and certificate."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Final, Self

CERTIFICATES: Final = Path(__file__).with_name("certificates")

MODELS: Final = b'{"object": "list", "data": [{"id": "gpt-realtime-2.1"}]}'


class Stranger:
    """Enter it and it serves. `certificate`: a file in `certificates`. `off`: how wrong its clock is."""

    def __init__(
        self,
        *,
        status: int = 200,
        body: bytes = MODELS,
        headers: Mapping[str, str] | None = None,
        certificate: str = "",
        off: timedelta = timedelta(),
    ) -> None:
        self.keys: list[str | None] = []
        stranger = self

        class Answers(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                stranger.keys.append(self.headers.get("Authorization"))
                self.send_response(status)
                for name, value in (headers or {}).items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_HEAD = do_CONNECT = do_GET  # noqa: N815  # as the library has them

            def date_time_string(self, timestamp: float | None = None) -> str:
                return format_datetime(datetime.now(UTC) + off, usegmt=True)

            def log_message(self, format: str, *args: object) -> None:
                """Nobody reads it."""

        self._server = _Server(("127.0.0.1", 0), Answers)
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(CERTIFICATES / certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._scheme = "https" if certificate else "http"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def port(self) -> int:
        return self._server.server_address[1]

    @property
    def base_url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self.port}/v1"


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that does not believe the certificate hangs up; that is what is tried."""

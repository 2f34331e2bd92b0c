"""Models against a server on loopback: fetched, resumed, refused where they are not what was meant."""

from __future__ import annotations

import asyncio
import hashlib
import io
import re
import tarfile
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from voiced.brains.offline.fetching import fetch, shown_on
from voiced.brains.offline.models import BLOCK, Model, ModelError, cache_folder
from voiced.brains.offline.settings import OfflineSettings
from voiced.brains.offline.worker_process import Engine, Worker
from voiced.errors import ConfigError

VOICE = bytes(range(256)) * 4096  # 1 MB
CONFIG = b'{"sample_rate": 22050}'


class Shelf:
    """A server with files. `cut_after`: the connection ends after so many bytes of a body. `ranges`: honoured."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {"/en.onnx": VOICE, "/en.onnx.json": CONFIG}
        self.cut_after: int | None = None
        self.ranges = True
        self.asked: list[tuple[str, str | None]] = []
        shelf = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                shelf.asked.append((self.path, self.headers["Range"]))
                body = shelf.files.get(self.path)
                if body is None:
                    self.send_error(404)
                    return
                start = 0
                if shelf.ranges and (asked := re.fullmatch(r"bytes=(\d+)-", self.headers["Range"] or "")):
                    start = int(asked[1])
                    if start >= len(body):
                        self.send_error(416)
                        return
                self.send_response(206 if start else 200)
                self.send_header("Content-Length", str(len(body) - start))
                self.end_headers()
                with suppress(ConnectionError):
                    self.wfile.write(body[start:] if shelf.cut_after is None else body[start:][: shelf.cut_after])

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def address(self, path: str, sha256: str = "") -> str:
        digest = sha256 or hashlib.sha256(self.files[path]).hexdigest()
        return f"http://127.0.0.1:{self._server.server_address[1]}{path}#sha256={digest}"

    def voice(self, cache: Path) -> Model:
        return Model([self.address("/en.onnx"), self.address("/en.onnx.json")], cache)


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    shelf = Shelf()
    yield shelf
    shelf.close()


def silent(_name: str, _have: int, _total: int) -> None:
    pass


def inside(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_model_is_fetched_whole_and_once(shelf: Shelf, tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    model = shelf.voice(tmp_path)
    assert not model.there
    model.fetch(lambda *progress: told.append(progress))
    model.fetch(silent)
    assert (model.there, inside(model.folder)) == (True, {"en.onnx": VOICE, "en.onnx.json": CONFIG})
    assert shelf.asked == [("/en.onnx", None), ("/en.onnx.json", None)]
    assert told[:2] == [("en.onnx", BLOCK, len(VOICE)), ("en.onnx", 2 * BLOCK, len(VOICE))]
    assert told[-1] == ("en.onnx.json", len(CONFIG), len(CONFIG))
    assert list((tmp_path / "models").iterdir()) == [model.folder]


@pytest.mark.parametrize("ranges", [True, False], ids=["resumes", "begins again"])
def test_what_was_interrupted_goes_on_where_it_was(shelf: Shelf, tmp_path: Path, ranges: bool) -> None:
    shelf.cut_after, shelf.ranges = 300_000, ranges
    model = shelf.voice(tmp_path)
    with pytest.raises(ModelError, match="goes on where it was"):
        model.fetch(silent)
    assert not model.there
    shelf.cut_after = None
    model.fetch(silent)
    assert inside(model.folder)["en.onnx"] == VOICE
    assert shelf.asked[1][1] is not None
    assert shelf.asked[1][1].startswith("bytes=")


def test_what_was_there_but_not_yet_checked_is_not_fetched_again(shelf: Shelf, tmp_path: Path) -> None:
    model = shelf.voice(tmp_path)
    coming = model.folder.with_name(f"{model.folder.name}.coming")
    coming.mkdir(parents=True)
    (coming / "en.onnx.part").write_bytes(VOICE)
    model.fetch(silent)
    assert inside(model.folder)["en.onnx"] == VOICE


def test_a_file_that_is_another_one_is_refused_and_forgotten(shelf: Shelf, tmp_path: Path) -> None:
    address = shelf.address("/en.onnx")
    shelf.files["/en.onnx"] = b"something else"
    model = Model([address], tmp_path)
    with pytest.raises(ModelError, match="is not the file that was meant: its sha256 is"):
        model.fetch(silent)
    assert not model.there
    assert inside(tmp_path) == {}
    shelf.files["/en.onnx"] = VOICE
    model.fetch(silent)
    assert model.there


def test_a_rest_that_does_not_fit_is_noticed(shelf: Shelf, tmp_path: Path) -> None:
    model = shelf.voice(tmp_path)
    coming = model.folder.with_name(f"{model.folder.name}.coming")
    coming.mkdir(parents=True)
    (coming / "en.onnx.part").write_bytes(b"from another day")
    with pytest.raises(ModelError, match="not the file"):
        model.fetch(silent)
    model.fetch(silent)
    assert inside(model.folder)["en.onnx"] == VOICE


def test_offline_and_a_wrong_address_say_what_to_do(shelf: Shelf, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="404 Not Found; is the address right"):
        Model([shelf.address("/nowhere.onnx", "0" * 64)], tmp_path).fetch(silent)
    with pytest.raises(ModelError, match="it takes a network once"):
        Model([f"http://127.0.0.1:9/x.onnx#sha256={'0' * 64}"], tmp_path).fetch(silent)
    with pytest.raises(ModelError, match="there is no folder"):
        Model([str(tmp_path / "nowhere")], tmp_path).fetch(silent)


def test_nobody_waits_any_more(shelf: Shelf, tmp_path: Path) -> None:
    model = shelf.voice(tmp_path)
    model.fetch(silent, stopped=lambda: True)
    assert not model.there


def test_a_cache_that_can_not_be_written_is_named(shelf: Shelf, tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file")
    with pytest.raises(ModelError, match="can't be kept in"):
        shelf.voice(tmp_path).fetch(silent)


def packed(files: dict[str, bytes]) -> bytes:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:bz2") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return archive.getvalue()


def test_an_archive_is_unpacked_without_the_folder_around_it(shelf: Shelf, tmp_path: Path) -> None:
    shelf.files["/vits-en.tar.bz2"] = packed({"vits-en/en.onnx": VOICE, "vits-en/data/a": b"a"})
    model = Model([shelf.address("/vits-en.tar.bz2")], tmp_path)
    model.fetch(silent)
    assert inside(model.folder) == {"en.onnx": VOICE, "data/a": b"a"}


def test_an_archive_writes_nowhere_else(shelf: Shelf, tmp_path: Path) -> None:
    shelf.files["/evil.tar.bz2"] = packed({"../../../evil": b"!"})
    with pytest.raises(ModelError, match="can't be unpacked"):
        Model([shelf.address("/evil.tar.bz2")], tmp_path / "cache").fetch(silent)
    assert not (tmp_path / "evil").exists()


def test_a_broken_archive_says_so(shelf: Shelf, tmp_path: Path) -> None:
    shelf.files["/broken.tar.bz2"] = b"no archive"
    with pytest.raises(ModelError, match="can't be unpacked"):
        Model([shelf.address("/broken.tar.bz2")], tmp_path).fetch(silent)


def test_a_folder_of_ones_own_needs_no_network(tmp_path: Path) -> None:
    model = Model([str(tmp_path)], tmp_path / "cache")
    model.fetch(silent)
    assert (model.there, model.folder) == (True, tmp_path)


def test_models_lie_in_the_cache_of_the_service_or_of_the_user() -> None:
    assert cache_folder({"CACHE_DIRECTORY": "/var/cache/voiced:/x", "HOME": "/h"}) == Path("/var/cache/voiced")
    assert cache_folder({"XDG_CACHE_HOME": "/c", "HOME": "/h"}) == Path("/c/voiced")
    assert cache_folder({"HOME": "/h"}) == Path("/h/.cache/voiced")


# Settings.

HASH = "0" * 64


@pytest.mark.parametrize(
    ("model", "mistake"),
    [
        (("https://example.org/a.onnx",), "needs the hash"),
        (("https://example.org/a.onnx#sha256=12",), "needs the hash"),
        ((f"ftp://example.org/a.onnx#sha256={HASH}",), "is no address of a file"),
        ((f"https://example.org/#sha256={HASH}",), "is no address of a file"),
        ((f"https://example.org/..%2f..%2fx/..#sha256={HASH}",), "is no address of a file"),
        (("/a", f"https://example.org/a#sha256={HASH}"), "not both"),
        (("/a", "/b"), "one folder"),
    ],
)
def test_a_model_without_a_hash_or_a_place_is_a_mistake(model: tuple[str, ...], mistake: str) -> None:
    with pytest.raises(ValueError, match=mistake):
        OfflineSettings(voice_model=model)


def test_a_name_from_an_address_is_no_path() -> None:
    with pytest.raises(ConfigError, match="is no address of a file"):
        Model([f"https://example.org/a%2F..%2F..#sha256={HASH}"], Path("/cache"))


# In the daemon.


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_a_bar_and_the_log_a_line_for_each_tenth() -> None:
    terminal = Terminal()
    draw = shown_on(terminal)
    draw("en.onnx", 500_000, 1_000_000)
    draw("en.onnx", 1_000_000, 1_000_000)
    assert terminal.getvalue() == (
        "\ren.onnx ███████████████░░░░░░░░░░░░░░░  50% 0.5 MB\ren.onnx ██████████████████████████████ 100% 1.0 MB\n"
    )
    with capture_logs() as logs:
        tell = shown_on(io.StringIO())
        for have in range(0, 1001, 10):
            tell("en.onnx", have, 1000)
        tell("endless", 20_000_000, 0)
    assert [line["part"] for line in logs] == [*(f"{tenth * 10} %" for tenth in range(11)), "size unknown"]


async def test_who_stands_in_speaks_until_the_model_is_there(shelf: Shelf, tmp_path: Path) -> None:
    model = shelf.voice(tmp_path)
    on_demand = "tests.brains.offline.engines_on_demand"
    worker = Worker(Engine("stand-in", f"{on_demand}:Mouth"))
    wanted = Engine("wanted", f"{on_demand}:Mouth")
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(worker.run())
        await worker.up()
        with capture_logs() as logs:
            await fetch(model, wanted, worker)
        await worker.up()
        assert (worker.engine, model.there) == (wanted, True)
        running.cancel()
    assert logs[0]["event"] == "offline.model_is_fetched"


async def test_who_stands_in_stays_where_the_model_can_not_be_had(tmp_path: Path) -> None:
    model = Model([f"http://127.0.0.1:9/x.onnx#sha256={HASH}"], tmp_path)
    stand_in = Engine("stand-in", "tests.brains.offline.engines_on_demand:Mouth")
    worker = Worker(stand_in)
    with capture_logs() as logs:
        await fetch(model, Engine("wanted", "x:y"), worker)
    assert worker.engine is stand_in
    assert [line["event"] for line in logs] == ["offline.model_is_fetched", "offline.no_model"]

"""What goes with a request is looked at before anything is sent."""

from __future__ import annotations

import base64
import io
import os
import threading
from pathlib import Path
from typing import Any, ClassVar

import pytest

from voiced.ai.attachments import MOST_IMAGE_BYTES, FileSource, ImageSource, image_url, read
from voiced.api import Image
from voiced.errors import RequestRejected

PNG = b"\x89PNG\r\n\x1a\n" + bytes(8)
AS_URL = "data:image/png;base64," + base64.b64encode(PNG).decode()


async def test_a_file_is_read_from_a_path_or_given_with_its_name(tmp_path: Path) -> None:
    path = tmp_path / "note.txt"
    path.write_bytes(b"Buy milk.")
    for source in (path, str(path), ("elsewhere/note.txt", b"Buy milk.")):
        found = await read(source, "files", most_bytes=100)
        assert found.part == ("note.txt", b"Buy milk.")


async def test_a_name_that_is_no_text_can_be_sent(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.txt")
    (tmp_path / name).write_bytes(b"x")
    assert (await read(tmp_path / name, "files", most_bytes=100)).name == "caf�.txt"
    assert (await read((name, b"x"), "files", most_bytes=100)).name.encode() == "caf�.txt".encode()


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("nowhere.txt", "files: nowhere.txt: there is no such file"),
        (os.curdir, "files: . is a folder: name a file"),
        (("a.txt", b""), "files: a.txt is empty"),
        (("a.txt", bytes(2 * 1024 * 1024)), "files: a.txt has 2.0 MiB; at most 1 MiB are taken"),
        (("a.exe", b"x"), "files: a.exe is of another kind than is taken: jsonl, txt"),
    ],
)
async def test_a_file_that_can_not_be_sent(source: FileSource, complaint: str, tmp_path: Path) -> None:
    with pytest.raises(RequestRejected) as raised:
        await read(source, "files", most_bytes=1024 * 1024, kinds={"txt", "jsonl"})
    assert str(raised.value) == complaint


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        (io.BytesIO(b"x"), "files: BytesIO is no file: give its path, or its name and its bytes"),
        (b"x", "files: bytes is no file: give its path, or its name and its bytes"),
        (None, "files: NoneType is no file: give its path, or its name and its bytes"),
        (("a.txt", "x"), "files: tuple is no file: give its path, or its name and its bytes"),
        ("x" * 10_000, "files: a text of 10000 characters is no path: give its path, or its name and its bytes"),
    ],
    ids=["open", "bytes", "none", "text", "long"],
)
async def test_what_is_no_file_at_all_is_told_and_not_quoted(source: Any, complaint: str) -> None:
    with pytest.raises(RequestRejected) as raised:
        await read(source, "files", most_bytes=100)
    assert str(raised.value) == complaint


async def test_a_picture_is_an_address_or_becomes_one(tmp_path: Path) -> None:
    path = tmp_path / "door.png"
    path.write_bytes(PNG)
    address = "https://example.org/door.png"
    assert await image_url(address) == address
    coded = AS_URL.removeprefix("data:image/png;base64,")
    sources: list[Any] = [AS_URL, PNG, Image(PNG), path, str(path), coded, bytearray(PNG), memoryview(PNG)]
    assert [await image_url(source) for source in sources] == [AS_URL] * 8


@pytest.mark.parametrize(
    ("data", "kind"), [(b"\xff\xd8\xff\xe0", "jpeg"), (b"GIF89a", "gif"), (b"RIFF\0\0\0\0WEBP", "webp")]
)
async def test_base64_of_every_kind_is_known(data: bytes, kind: str) -> None:
    coded = base64.b64encode(data + bytes(100)).decode()
    in_lines = base64.encodebytes(data + bytes(100)).decode()
    assert [await image_url(each) for each in (coded, in_lines)] == [f"data:image/{kind};base64,{coded}"] * 2


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        (PNG + bytes(21 * 1024 * 1024), "image: the picture has 21.0 MiB; at most 20 MiB are taken"),
        ("data:image/png;base64," + "A" * (MOST_IMAGE_BYTES // 3 * 4 + 8), "at most 20 MiB are taken"),
        (b"hello", "is no picture that a model can see: give a PNG, JPEG, WEBP or GIF"),
        (b"", "image: the picture is empty"),
        ("iVBORw0KGgo" + "A" * (MOST_IMAGE_BYTES // 3 * 4 + 8), "at most 20 MiB are taken"),
        ("data:text/plain,hello", "a data URL of a picture begins with data:image/png;base64,"),
        ("nowhere.png", "nowhere.png: there is no such file"),
        (None, "image: NoneType is no file"),
    ],
)
async def test_what_no_model_can_see(source: ImageSource, complaint: str) -> None:
    with pytest.raises(RequestRejected) as raised:
        await image_url(source)
    assert complaint in str(raised.value)


async def test_a_picture_is_read_looked_at_and_coded_in_a_thread() -> None:
    class Camera:
        threads: ClassVar[set[int]] = set()

        @property
        def data(self) -> bytes:
            self.threads.add(threading.get_ident())
            return PNG

    assert await image_url(Camera()) == AS_URL
    assert threading.get_ident() not in Camera.threads

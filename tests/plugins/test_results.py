"""What tools return, as the model gets it: text, pictures, and words for who has no model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from voiced.api import Image, Result, ToolError
from voiced.conversation import events
from voiced.plugins.results import IMAGE_BYTES, Returned, read

PNG = b"\x89PNG\r\n\x1a\n" + bytes(8)
JPEG = b"\xff\xd8\xff\xe0" + bytes(8)
MAX_BYTES = 1000


def told(returned: object) -> Returned:
    return read(returned, MAX_BYTES)


def test_a_value_is_told_as_text() -> None:
    assert told({"degrees": 5}) == Returned({"degrees": 5}, '{"degrees":5}')
    assert told(Result({"degrees": 5}, spoken="Five degrees.")) == Returned(
        {"degrees": 5}, '{"degrees":5}', "Five degrees."
    )
    assert told(Result(None)) == Returned(None, "done")


@pytest.mark.parametrize(
    ("returned", "value", "text", "kinds"),
    [
        (Image(PNG), None, "A picture is attached.", ["image/png"]),
        (Image(JPEG), None, "A picture is attached.", ["image/jpeg"]),
        ([Image(PNG), Image(JPEG)], None, "2 pictures are attached.", ["image/png", "image/jpeg"]),
        (["At the door:", Image(PNG)], "At the door:", "At the door:\nA picture is attached.", ["image/png"]),
        ([1, Image(PNG), 2], [1, 2], "[1,2]\nA picture is attached.", ["image/png"]),
        (Result("Two.", images=[Image(PNG)] * 2), "Two.", "Two.\n2 pictures are attached.", ["image/png"] * 2),
        (Result(Image(JPEG), images=(Image(PNG),)), None, "2 pictures are attached.", ["image/jpeg", "image/png"]),
    ],
)
def test_pictures_go_beside_text_that_says_so(returned: object, value: object, text: str, kinds: list[str]) -> None:
    found = told(returned)
    assert (found.value, found.text) == (value, text)
    assert [image.media_type for image in found.images] == kinds
    assert all(image.data in (PNG, JPEG) for image in found.images)


GIF = Image(b"GIF89a")
HUGE = Image(PNG + bytes(IMAGE_BYTES))


@pytest.mark.parametrize(
    ("returned", "text"),
    [
        (["Here:", GIF], "Here:\nPicture 1 is left out: it is neither PNG nor JPEG."),
        ([Image(PNG), GIF], "A picture is attached.\nPicture 2 is left out: it is neither PNG nor JPEG."),
        (["Here:", HUGE], "Here:\nPicture 1 is left out: it has more than 5 MB."),
        ([Image(PNG)] * 5, "4 pictures are attached.\nPicture 5 is left out: 4 are allowed."),
        (Result("Here:", images=["a.png"]), "Here:\nPicture 1 is left out: it is neither PNG nor JPEG."),  # type: ignore[list-item]
        (Result("Here:", images=[Image("x")]), "Here:\nPicture 1 is left out: it is neither PNG nor JPEG."),  # type: ignore[arg-type]
    ],
)
def test_what_is_wrong_with_a_picture_is_told(returned: object, text: str) -> None:
    assert told(returned).text == text


def test_a_thousand_bad_pictures_are_few_words() -> None:
    found = told([Image(PNG)] * 1000)
    assert len(found.images) == 4
    assert found.text.endswith("992 more are left out.")


@pytest.mark.parametrize("returned", [GIF, [GIF, HUGE], Result(HUGE)])
def test_a_result_of_bad_pictures_alone_is_none(returned: object) -> None:
    with pytest.raises(ToolError, match="The tool ran, but picture 1 is left out: it"):
        told(returned)


@pytest.mark.parametrize("result", [Result(1, spoken=5), Result(1, images=PNG), Result(1, images=Image(PNG))])  # type: ignore[arg-type]
def test_a_result_that_is_none_is_a_mistake(result: Result) -> None:
    with pytest.raises(ToolError, match="its Result is wrong: spoken is text, images is a list of Images"):
        told(result)


def test_a_picture_is_read_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "door.png").write_bytes(PNG)
    found = told(Image.from_file(tmp_path / "door.png"))
    assert found.images == (events.Image("image/png", PNG),)


def test_long_text_beside_pictures_is_cut() -> None:
    found: Any = told(["x" * 5000, Image(PNG)])
    assert "[Cut here: the answer has 5000 bytes" in found.text
    assert found.text.endswith("A picture is attached.")

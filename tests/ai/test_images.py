"""Pictures: drawn, changed, varied, and refused before they cost anything."""

from __future__ import annotations

import asyncio
import os
import struct
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.stalls import PATIENCE_S, patience_passes
from voiced.ai.images import TOKENS_A_PICTURE, TOKENS_A_PICTURE_IN
from voiced.ai.picture import Picture
from voiced.ai.picture_header import read_header
from voiced.ai.settings import ProviderSettings
from voiced.api import Image
from voiced.errors import AnswerUnusable, ApiError, ApiUnreachable, ModelUnknown, RequestRejected, StreamCut
from voiced.testing.http import (
    MODELS,
    Answer,
    Drop,
    End,
    Fault,
    HttpLoopback,
    SendError,
    Stall,
    moderation_blocked,
    no_such_model,
    unavailable,
)
from voiced.testing.http.pictures import picture, png
from voiced.usage import Usage

from .desk import Desk, desk

OLD = (*MODELS, "dall-e-2", "dall-e-3")
OTHERS = (*MODELS, "sd-3.5")
CAT = png(64, 64)
SEEN_THROUGH = png(64, 64, b"\0\0\0\0")


@pytest.fixture
async def here(server: HttpLoopback) -> AsyncIterator[Desk]:
    async with desk(server) as here:
        yield here
        assert server.violations == ()


def size_of(data: bytes) -> tuple[str, int, int]:
    header = read_header(data)
    assert header is not None
    return header.kind, header.width, header.height


async def refused(wait: Any) -> str:
    with pytest.raises(RequestRejected) as caught:
        await wait
    assert caught.value.status == 0
    return str(caught.value)


# Drawing.


async def test_a_picture_is_drawn(here: Desk, server: HttpLoopback, tmp_path: Path) -> None:
    (drawn,) = await here.ai.images.generate("A cat on a sofa", size="1536x1024", quality="low")
    assert size_of(drawn.data) == ("png", 1536, 1024)
    assert (drawn.kind, drawn.url, drawn.revised_prompt) == ("png", "", "")
    assert await drawn.load() == drawn.data
    assert (await drawn.save(tmp_path / "cat.png")).read_bytes() == drawn.data
    (asked,) = server.of("images")
    assert asked.body == {
        "model": "gpt-image-2", "prompt": "A cat on a sofa", "size": "1536x1024", "quality": "low"
    }  # fmt: skip
    assert here.spent == [Usage("gpt-image-2", text_in=4, image_out=408)]


async def test_every_option_is_passed_on(here: Desk, server: HttpLoopback) -> None:
    drawn = await here.ai.images.generate(
        "A cat",
        n=2,
        size="1024x1536",
        quality="high",
        background="transparent",
        format="webp",
        compression=80,
        moderation="low",
        user="somebody",
        model="gpt-image-1.5",
    )
    assert [each.kind for each in drawn] == ["webp", "webp"]
    (asked,) = server.of("images")
    assert asked.body == {
        "model": "gpt-image-1.5", "prompt": "A cat", "n": 2, "size": "1024x1536", "quality": "high",
        "background": "transparent", "output_format": "webp", "output_compression": 80, "moderation": "low",
        "user": "somebody",
    }  # fmt: skip
    assert here.spent == [Usage("gpt-image-1.5", text_in=2, image_out=2 * 6240)]


async def test_a_transparent_picture_is_one(here: Desk) -> None:
    (drawn,) = await here.ai.images.generate("A cat", background="transparent")
    header = read_header(drawn.data)
    assert header is not None
    assert header.alpha


async def test_the_same_prompt_does_not_show_in_what_is_printed(here: Desk) -> None:
    (drawn,) = await here.ai.images.generate("A secret")
    assert repr(drawn) == "Picture(kind='png')"


async def test_anything_else_is_passed_on_too() -> None:
    async with HttpLoopback(models=OTHERS) as server, desk(server) as here:
        with pytest.raises(RequestRejected, match="Unknown parameter: 'steps'"):
            await here.ai.images.generate("A cat", extra={"steps": 20}, model="sd-3.5")
        assert server.of("images")[0].body["steps"] == 20


async def test_an_address_is_fetched_with_no_key(tmp_path: Path) -> None:
    async with HttpLoopback(models=OLD) as server, desk(server) as here:
        (drawn,) = await here.ai.images.generate(
            "A cat", model="dall-e-3", style="natural", quality="hd", size="1792x1024"
        )
        assert drawn.data == b""
        assert drawn.url.startswith(f"http://127.0.0.1:{server.port}/")
        assert drawn.revised_prompt == "A picture of this: A cat"
        assert drawn.url not in repr(drawn)
        assert size_of(await drawn.load()) == ("png", 1792, 1024)
        assert size_of((await drawn.save(tmp_path / "cat.png")).read_bytes()) == ("png", 1792, 1024)
        assert here.spent == [Usage("dall-e-3", calls=1)]
        assert server.violations == ()  # a key would have been refused


async def test_bytes_are_to_be_had_of_dall_e_too() -> None:
    async with HttpLoopback(models=OLD) as server, desk(server) as here:
        drawn = await here.ai.images.generate(
            "A cat", model="dall-e-2", n=3, size="256x256", response_format="b64_json"
        )
        assert [size_of(each.data) for each in drawn] == [("png", 256, 256)] * 3
        assert len({each.data for each in drawn}) == 3
        assert here.spent == [Usage("dall-e-2", calls=3)]


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://example.org/cat.png", "nothing is fetched"),
        ("file:///etc/passwd", "nothing is fetched"),
        ("ftp://127.0.0.1/cat.png", "nothing is fetched"),
        ("https://", "nothing is fetched"),
        ("http://127.0.0.1:0x/cat.png", "nothing is fetched"),
    ],
)
async def test_an_address_from_which_nothing_is_fetched(url: str, why: str) -> None:
    answer = Answer(200, {"created": 1, "data": [{"url": url}]})
    async with HttpLoopback(models=OTHERS, faults=[Fault(answer, "images")]) as server, desk(server) as here:
        (drawn,) = await here.ai.images.generate("A cat", model="sd-3.5")
        with pytest.raises(AnswerUnusable, match=why):
            await drawn.load()


@pytest.mark.parametrize(
    ("action", "kind", "why"),
    [
        (Answer(403), RequestRejected, "was good for an hour"),
        (Answer(404), RequestRejected, "was good for an hour"),
        (Answer(503), ApiUnreachable, "in trouble"),
        (Answer(302, headers={"Location": "http://127.0.0.1:1/"}), AnswerUnusable, "HTTP 302"),
        (Answer(200, b"<html>"), AnswerUnusable, "is none"),
        (Answer(200, b""), AnswerUnusable, "is none"),
        (Drop(), ApiUnreachable, "broke off"),
        (Drop(after=1), ApiUnreachable, "broke off"),
    ],
)
async def test_an_address_where_no_picture_is(action: Any, kind: type[ApiError], why: str) -> None:
    faults = [Fault(action, "images", nth=2)]
    async with HttpLoopback(models=OTHERS, faults=faults) as server, desk(server) as here:
        (drawn,) = await here.ai.images.generate("A cat", model="sd-3.5")
        with pytest.raises(kind, match=why):
            await drawn.load()


async def test_a_picture_that_is_too_much_to_fetch() -> None:
    flood = Answer(200, b"\x89PNG\r\n\x1a\n" + bytes(65 * 1024 * 1024))
    async with HttpLoopback(models=OTHERS, faults=[Fault(flood, "images", nth=2)]) as server, desk(server) as here:
        (drawn,) = await here.ai.images.generate("A cat", model="sd-3.5")
        with pytest.raises(AnswerUnusable, match="more than 64 MiB"):
            await drawn.load()


# What does not fit a model.


@pytest.mark.parametrize(
    ("model", "options", "why"),
    [
        ("gpt-image-2", {"style": "vivid"}, "gpt-image-2 takes no style: leave it out; say it in the prompt"),
        ("gpt-image-2", {"response_format": "url"}, "gpt-image-2 takes no response_format"),
        ("gpt-image-2", {"quality": "hd"}, "quality 'hd': gpt-image-2 takes auto, low, medium, high"),
        ("gpt-image-2", {"quality": "xhigh"}, "gpt-image-2 takes auto, low"),
        ("gpt-image-1.5", {"size": "256x256"}, "gpt-image-1.5 takes auto, 1024x1024, 1536x1024, 1024x1536"),
        ("gpt-image-2", {"size": "1000x1000"}, "both divisible by 16"),
        ("gpt-image-2", {"size": "3200x1024"}, "thrice"),
        ("gpt-image-2", {"size": "3840x3840"}, "at most 3840x2160"),
        ("gpt-image-2", {"size": "large"}, "WIDTHxHEIGHT"),
        ("gpt-image-2", {"n": 11}, "n is 11: gpt-image-2 draws 1 to 10 at a time"),
        ("gpt-image-2", {"n": 0}, "n is 0"),
        ("gpt-image-2", {"format": "bmp"}, "format 'bmp': gpt-image-2 takes png, jpeg, webp"),
        ("gpt-image-2", {"format": "jpeg", "background": "transparent"}, "needs the format png or webp"),
        ("gpt-image-2", {"compression": 50}, "compression is for the formats jpeg and webp"),
        ("gpt-image-2", {"format": "webp", "compression": 101}, "from 0 to 100"),
        ("gpt-image-2", {"background": "red"}, "background 'red'"),
        ("gpt-image-2", {"moderation": "none"}, "moderation 'none'"),
        ("gpt-image-2", {"prompt": "x" * 32_001}, "the prompt has 32001 characters"),
        ("dall-e-3", {"n": 2}, "n is 2: dall-e-3 draws 1 at a time"),
        ("dall-e-3", {"quality": "high"}, "quality 'high': dall-e-3 takes standard, hd"),
        ("dall-e-3", {"style": "grim"}, "style 'grim': dall-e-3 takes vivid, natural"),
        ("dall-e-3", {"size": "512x512"}, "dall-e-3 takes 1024x1024, 1792x1024, 1024x1792"),
        ("dall-e-3", {"background": "opaque"}, "dall-e-3 takes no background: leave it out; a gpt-image model does"),
        ("dall-e-3", {"format": "png"}, "dall-e-3 takes no format"),
        ("dall-e-2", {"style": "vivid"}, "dall-e-2 takes no style"),
        ("dall-e-2", {"quality": "standard"}, "dall-e-2 takes no quality"),
        ("dall-e-2", {"response_format": "png"}, "response_format 'png': dall-e-2 takes url, b64_json"),
        ("dall-e-2", {"size": "1792x1024"}, "dall-e-2 takes 256x256, 512x512, 1024x1024"),
        ("dall-e-2", {"prompt": "x" * 1001}, "dall-e-2 reads 1000"),
        ("sd-3.5", {"size": "large"}, "sd-3.5 takes WIDTHxHEIGHT"),
        ("gpt-image-2", {"prompt": ""}, "the prompt is empty"),
        ("gpt-image-2", {"prompt": " \n"}, "the prompt is empty"),
    ],
)
async def test_what_does_not_fit_is_not_sent(model: str, options: dict[str, Any], why: str) -> None:
    async with HttpLoopback(models=OLD) as server, desk(server) as here:
        told = await refused(here.ai.images.generate(**{"prompt": "A cat", **options}, model=model))
        assert told.startswith("images: ")
        assert why in told
        assert (server.requests, here.spent) == ((), [])


async def test_newer_models_draw_better_and_in_any_size(here: Desk) -> None:
    (drawn,) = await here.ai.images.generate("A cat", model="gpt-image-2.6-flare", quality="max", size="1600x896")
    assert size_of(drawn.data) == ("png", 1600, 896)


@pytest.mark.parametrize("model", ["dall-e-2", "dall-e-3"])
async def test_what_is_gone_at_openai_is_not_asked_for(server: HttpLoopback, model: str) -> None:
    async with desk(server, providers={}) as here:  # OpenAI itself
        for wait in (here.ai.images.generate("A cat", model=model), here.ai.images.edit(CAT, "A dog", model=model)):
            with pytest.raises(ModelUnknown, match=f"{model} is gone at OpenAI since 2026-05-12: use gpt-image-2"):
                await wait
        with pytest.raises(ModelUnknown, match=r"gone at OpenAI since 2026-05-12: use images\.edit with gpt-image-2"):
            await here.ai.images.vary(CAT, model=model)


async def test_what_is_gone_behind_a_proxy_too(here: Desk, server: HttpLoopback) -> None:
    server.add_fault(Fault(no_such_model("dall-e-3"), "images"))
    with pytest.raises(ModelUnknown) as caught:
        await here.ai.images.generate("A cat", model="dall-e-3")
    assert str(caught.value) == (
        "images: openai at 127.0.0.1: The model `dall-e-3` does not exist or you do not have access to it; dall-e-3 is "
        "gone at OpenAI since 2026-05-12: use gpt-image-2"
    )
    assert (caught.value.status, caught.value.code) == (404, "model_not_found")


async def test_a_model_that_changes_nothing() -> None:
    async with HttpLoopback(models=OLD) as server, desk(server) as here:
        with pytest.raises(ModelUnknown, match="dall-e-3 changes no pictures: use gpt-image-2"):
            await here.ai.images.edit(CAT, "A dog", model="dall-e-3")
        assert server.requests == ()


async def test_the_next_provider_draws_what_the_first_has_not() -> None:
    async with HttpLoopback(models=OTHERS) as server:
        other = ProviderSettings(base_url=server.base_url, models={"images": "sd-3.5"})
        async with desk(
            server, providers={"openai": ProviderSettings(base_url=server.base_url), "mine": other}
        ) as here:
            here.settings = here.settings.model_copy(update={"order": ("openai", "mine")})
            (varied,) = await here.ai.images.vary(CAT, size="256x256")
            assert size_of(await varied.load()) == ("png", 256, 256)
            assert [entry.body["model"] for entry in server.of("images")[:1]] == ["sd-3.5"]


# Changing.


async def test_a_picture_is_changed(here: Desk, server: HttpLoopback, tmp_path: Path) -> None:
    file = tmp_path / "cat.png"
    file.write_bytes(CAT)
    (changed,) = await here.ai.images.edit(
        file,
        "A dog instead",
        mask=("hole.png", SEEN_THROUGH),
        size="1024x1024",
        quality="medium",
        background="opaque",
        format="jpeg",
        compression=90,
        fidelity="high",
        user="somebody",
        model="gpt-image-1.5",
    )
    assert changed.kind == "jpeg"
    (asked,) = server.of("images")
    assert asked.body == {
        "model": "gpt-image-1.5", "prompt": "A dog instead", "size": "1024x1024", "quality": "medium",
        "background": "opaque", "output_format": "jpeg", "output_compression": "90", "input_fidelity": "high",
        "user": "somebody", "image": {"filename": "cat.png", "bytes": len(CAT)},
        "mask": {"filename": "hole.png", "bytes": len(SEEN_THROUGH)},
    }  # fmt: skip
    assert here.spent == [Usage("gpt-image-1.5", text_in=4, image_in=323, image_out=1056)]


async def test_several_pictures_become_one(here: Desk, server: HttpLoopback) -> None:
    (drawn,) = await here.ai.images.generate("A sofa")
    jpeg = picture("jpeg", 16, 16, "")
    await here.ai.images.edit([CAT, ("bed.jpg", jpeg), Image(CAT), drawn, picture("webp", 1, 1, "")], "All of them")
    images = server.of("images")[1].body["image[]"]
    assert [each["bytes"] for each in images[:4]] == [len(CAT), len(jpeg), len(CAT), len(drawn.data)]
    assert len(images) == 5
    assert here.spent[1].image_in == 5 * 323


async def test_a_picture_at_an_address_is_fetched_to_be_changed() -> None:
    async with HttpLoopback(models=OTHERS) as server, desk(server) as here:
        (drawn,) = await here.ai.images.generate("A cat", model="sd-3.5")
        (changed,) = await here.ai.images.edit(drawn, "A dog", model="gpt-image-2")
        assert changed.kind == "png"


async def test_an_old_model_changes_a_square(tmp_path: Path) -> None:
    async with HttpLoopback(models=OLD) as server, desk(server) as here:
        (changed,) = await here.ai.images.edit(CAT, "A dog", size="512x512", model="dall-e-2")
        assert size_of(await changed.load()) == ("png", 512, 512)
        assert here.spent == [Usage("dall-e-2", calls=1)]


@pytest.mark.parametrize(
    ("images", "mask", "model", "why"),
    [
        ("missing.png", None, "", "missing.png: there is no such file"),
        (".", None, "", "is a folder"),
        (b"", None, "", "the picture is empty"),
        (b"not a picture", None, "", "the picture is no picture that can be changed: give a PNG, JPEG or WEBP"),
        (b"GIF89a" + bytes([9, 0, 9, 0, 0]), None, "", "give a PNG, JPEG or WEBP"),
        (CAT[:20], None, "", "is no picture"),
        (("sound.wav", b"RIFF....WAVE"), None, "", "sound.wav is no picture"),
        (CAT + bytes(51 * 1024 * 1024), None, "", "the picture has 51.0 MiB; at most 50 MiB are taken"),
        (CAT + bytes(21 * 1024 * 1024), None, "dall-e-2", "has 21.0 MiB; at most 4 MiB are taken by dall-e-2"),
        ("https://example.org/cat.png", None, "", "the picture is an address: give the file itself"),
        ([], None, "", "there is no picture to be changed"),
        ([CAT] * 17, None, "", "17 pictures: gpt-image-2 takes at most 16"),
        ([CAT, CAT], None, "dall-e-2", "2 pictures: dall-e-2 takes at most 1"),
        (png(64, 32), None, "dall-e-2", "is a png of 64x32: a square PNG is wanted"),
        (picture("jpeg", 1, 1, ""), None, "dall-e-2", "is a jpeg of 16x16: a square PNG is wanted"),
        (CAT, CAT, "", "the mask is no mask: save it as a PNG with an alpha channel"),
        (CAT, picture("webp", 1, 1, ""), "", "the mask is no mask"),
        (CAT, png(64, 32, b"\0\0\0\0"), "", "the mask has 64x32, and the picture 64x64: make the mask as large"),
        (CAT, SEEN_THROUGH + bytes(21 * 1024 * 1024), "", "the mask has 21.0 MiB; at most 4 MiB are taken"),
        (CAT, "missing.png", "", "there is no such file"),
    ],
)  # fmt: skip
async def test_a_picture_that_can_not_be_changed_is_not_sent(
    images: Any, mask: Any, model: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with HttpLoopback(models=OLD) as server, desk(server) as here:
        assert why in await refused(here.ai.images.edit(images, "A dog", mask=mask, model=model))
        assert (server.requests, here.spent) == ((), [])


def test_what_the_first_bytes_tell() -> None:
    def told(data: bytes) -> tuple[Any, ...] | None:
        header = read_header(data)
        return None if header is None else (header.kind, header.width, header.height, header.alpha)

    palette = bytearray(png(3, 5))
    palette[25] = 3
    assert told(bytes(palette)) == ("png", 3, 5, False)
    clear = struct.pack(">I4s", 1, b"tRNS") + bytes(1 + 4)
    assert told(bytes(palette[:33]) + clear + bytes(palette[33:])) == ("png", 3, 5, True)
    assert told(SEEN_THROUGH) == ("png", 64, 64, True)
    assert told(picture("jpeg", 1, 1, "")) == ("jpeg", 16, 16, False)
    assert told(picture("webp", 1, 1, "")) == ("webp", 16, 16, False)
    lossless = b"RIFF\0\0\0\0WEBPVP8L\0\0\0\0\x2f" + struct.pack("<I", 99 | 49 << 14 | 1 << 28)
    assert told(lossless) == ("webp", 100, 50, True)
    extended = b"RIFF\0\0\0\0WEBPVP8X\n\0\0\0\x10\0\0\0" + (399).to_bytes(3, "little") + (299).to_bytes(3, "little")
    assert told(extended) == ("webp", 400, 300, True)
    for whole in (CAT, picture("jpeg", 1, 1, ""), picture("webp", 1, 1, ""), lossless, extended):
        assert told(whole[:15]) is None
    assert told(b"\xff\xd8\xff\xda\0\0") is told(b"\xff\xd8\xff\0\0") is told(b"RIFF\0\0\0\0WEBPVP9 ") is None


# Varying.


async def test_a_picture_is_varied_where_that_is_to_be_had(recwarn: pytest.WarningsRecorder) -> None:
    async with HttpLoopback(models=OTHERS) as server, desk(server) as here:
        varied = await here.ai.images.vary(
            CAT, n=2, size="256x256", response_format="b64_json", user="somebody", model="sd-3.5"
        )
        assert [size_of(each.data) for each in varied] == [("png", 256, 256)] * 2
        (asked,) = server.of("images")
        assert asked.body == {
            "model": "sd-3.5", "n": "2", "size": "256x256", "response_format": "b64_json", "user": "somebody",
            "image": {"filename": "the picture", "bytes": len(CAT)},
        }  # fmt: skip
        assert here.spent == [Usage("sd-3.5", calls=2)]
        assert server.violations == ()


async def test_where_variations_are_gone_it_is_said_what_to_do() -> None:
    async with HttpLoopback(models=OLD) as server, desk(server) as here:
        with pytest.raises(ModelUnknown, match="this server makes no variations") as caught:
            await here.ai.images.vary(CAT, model="dall-e-2")
        assert caught.value.status == 404
        assert "use images.edit with gpt-image-2" in str(caught.value)
        with pytest.raises(ModelUnknown, match="gpt-image-2 makes no variations"):
            await here.ai.images.vary(CAT)
        assert len(server.of("images")) == 1


@pytest.mark.parametrize(
    ("image", "why"),
    [
        (png(64, 32), "a square PNG is wanted"),
        (picture("jpeg", 1, 1, ""), "a square PNG is wanted"),
        (CAT + bytes(21 * 1024 * 1024), "the picture has 21.0 MiB; at most 4 MiB are taken"),
        (b"", "is empty"),
    ],
)
async def test_what_can_not_be_varied_is_not_sent(here: Desk, server: HttpLoopback, image: bytes, why: str) -> None:
    assert why in await refused(here.ai.images.vary(image, model="sd-3.5"))
    assert server.requests == ()


# A stream.


async def watch(here: Desk, prompt: str, **options: Any) -> list[Picture]:
    """The partial pictures."""
    async with here.ai.images.stream(prompt, **options) as stream:
        return [each async for each in stream]


async def test_a_picture_comes_into_being(here: Desk, server: HttpLoopback) -> None:
    async with here.ai.images.stream("A cat", partial=3, size="1024x1024", quality="low") as stream:
        with pytest.raises(RuntimeError, match="read the stream to its end"):
            _ = stream.picture
        partial = [each async for each in stream]
        assert [each.kind for each in partial] == ["png"] * 3
        assert size_of(stream.picture.data) == ("png", 1024, 1024)
        assert [each async for each in stream] == []
    assert here.spent == [Usage("gpt-image-2", text_in=2, image_out=272)]
    assert server.of("images")[0].body == {
        "model": "gpt-image-2", "prompt": "A cat", "partial_images": 3, "size": "1024x1024", "quality": "low",
        "stream": True,
    }  # fmt: skip


async def test_an_edit_comes_into_being(here: Desk, server: HttpLoopback) -> None:
    async with here.ai.images.stream("A dog", images=CAT, mask=SEEN_THROUGH, partial=0, format="jpeg") as stream:
        assert [each async for each in stream] == []
        assert stream.picture.kind == "jpeg"
    assert server.of("images")[0].line == "POST images/edits"
    assert here.spent == [Usage("gpt-image-2", text_in=2, image_in=323, image_out=1056)]


async def test_a_stream_that_can_not_be(server: HttpLoopback, here: Desk) -> None:
    assert "ask for 0 to 3" in await refused(watch(here, "A cat", partial=4))
    assert "dall-e-3 takes no partial pictures" in await refused(watch(here, "A cat", model="dall-e-3"))
    assert "dall-e-2 takes no partial pictures" in await refused(watch(here, "A cat", partial=0, model="dall-e-2"))
    assert "a mask needs the picture" in await refused(watch(here, "A cat", mask=SEEN_THROUGH))
    assert server.requests == ()


@pytest.mark.parametrize("action", [End(after=1), Drop(after=1), Drop(after=1, inside="piece"), End()])
async def test_a_stream_that_is_cut_costs_rather_too_much(action: Any) -> None:
    async with HttpLoopback(faults=[Fault(action, "images")]) as server, desk(server) as here:
        with pytest.raises(StreamCut, match="images: "):
            await watch(here, "A cat", images=[CAT])
        assert here.spent == [Usage("gpt-image-2", text_in=5, image_in=TOKENS_A_PICTURE_IN, image_out=TOKENS_A_PICTURE)]
        assert len(server.of("images")) == 1


async def test_a_refusal_in_the_middle_of_a_stream() -> None:
    blocked = SendError(
        1,
        "moderation_blocked",
        "Your request was rejected. safety_violations=[violence].",
        "image_generation_user_error",
    )
    async with HttpLoopback(faults=[Fault(blocked, "images")]) as server, desk(server) as here:
        with pytest.raises(RequestRejected, match=r"refuses this picture \(violence\)"):
            await watch(here, "A fight")


async def test_a_stream_that_stalls_is_given_up() -> None:
    async with HttpLoopback(faults=[Fault(Stall(after=1), "images")]) as server, desk(server) as here:
        with pytest.raises(StreamCut, match="did not answer in time"):
            await watch(here, "A cat", within_s=2.0)
        await server.wait_for("images", outcome="faulted", ended=True)


async def test_who_goes_away_in_the_middle_leaves_nothing_open() -> None:
    seen = asyncio.Event()

    async with HttpLoopback(faults=[Fault(Stall(after=1), "images")]) as server, desk(server) as here:

        async def look() -> None:
            async with here.ai.images.stream("A cat") as stream:
                async for _ in stream:
                    seen.set()

        watching = asyncio.create_task(look())
        await seen.wait()
        watching.cancel()
        with pytest.raises(asyncio.CancelledError):
            await watching
        await server.wait_for("images", ended=True)
        async with asyncio.timeout(5):
            while server.connections:  # noqa: ASYNC110 a socket tells nobody
                await asyncio.sleep(0)
        assert [usage.image_out for usage in here.spent] == [TOKENS_A_PICTURE]


# What goes wrong at the server.


async def test_what_the_safety_system_refuses_is_said(here: Desk, server: HttpLoopback) -> None:
    server.add_fault(Fault(moderation_blocked("sexual", "violence"), "images"))
    with pytest.raises(RequestRejected) as caught:
        await here.ai.images.generate("A cat")
    assert str(caught.value) == (
        "images: the server's safety system refuses this picture (sexual, violence): ask for another one, or say it "
        "otherwise"
    )
    assert (caught.value.status, caught.value.code) == (400, "moderation_blocked")


async def test_what_may_have_been_drawn_is_not_drawn_again() -> None:
    async with HttpLoopback(faults=[Fault(Drop(after=1), "images")]) as server, desk(server) as here:
        with pytest.raises(ApiUnreachable):
            await here.ai.images.generate("A cat")
        assert len(server.of("images")) == 1


async def test_a_server_that_is_down_is_asked_again() -> None:
    async with HttpLoopback(faults=[Fault(unavailable(0), "images")]) as server, desk(server) as here:
        assert len(await here.ai.images.generate("A cat")) == 1
        assert len(server.of("images")) == 2


@pytest.mark.parametrize(
    "body",
    [
        {"created": 1, "data": []},
        {"created": 1},
        {"created": 1, "data": [{}]},
        {"created": 1, "data": [{"b64_json": "not base64!"}]},
        {"created": 1, "data": [{"b64_json": "SGVsbG8="}]},
        {"created": 1, "data": [{"url": 7}]},
        {"created": 1, "data": "none"},
    ],
)
async def test_an_answer_without_a_picture_is_paid_for(body: dict[str, Any]) -> None:
    async with HttpLoopback(faults=[Fault(Answer(200, body), "images")]) as server, desk(server) as here:
        with pytest.raises(AnswerUnusable):
            await here.ai.images.generate("A cat", n=2)
        assert [usage.image_out >= 2 * TOKENS_A_PICTURE for usage in here.spent] == [True]


async def test_a_server_that_does_not_answer_is_given_up() -> None:
    async with HttpLoopback(faults=[Fault(Stall(), "images")]) as server, desk(server) as here:
        with pytest.raises(ApiUnreachable, match="did not answer in time"):
            async with patience_passes(server, "images", 1):
                await here.ai.images.generate("A cat", within_s=PATIENCE_S)
        assert len(server.of("images")) == 1


# To disk.


async def test_a_picture_is_on_the_disk_whole_or_not_at_all(tmp_path: Path) -> None:
    drawn = Picture(CAT, kind="png")
    for path, why in ((tmp_path, "is a folder"), (tmp_path / "none" / "cat.png", "there is no folder")):
        with pytest.raises(RequestRejected, match=why):
            await drawn.save(path)
    (tmp_path / "cat.png").write_bytes(b"old")
    assert (await drawn.save(os.fspath(tmp_path / "cat.png"))).read_bytes() == CAT
    assert [path.name for path in tmp_path.iterdir()] == ["cat.png"]

"""What is drawn, judged and handed out on loopback: as the description has it, and as strict as the real server."""

from __future__ import annotations

import asyncio
import base64
import io
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiced.ai.picture_header import read_header
from voiced.testing.http import MODELS, HttpLoopback, images, moderations, realtime_secrets
from voiced.testing.http.catalogue import Catalogue
from voiced.testing.http.pace import Pace
from voiced.testing.http.pictures import picture, png
from voiced.testing.http.route import Request, Route, World
from voiced.testing.http.script import Script

from .http_client import Answered, Raw, raw_of
from .shared_data import described_schemas, needs_description
from .test_http_schema import complaints
from .test_http_strictness import status_of

OLD = (*MODELS, "dall-e-2", "dall-e-3", "sd-3.5", "ft:gpt-4.1:me::1")
CAT = png(64, 64)
SEEN_THROUGH = png(64, 64, b"\0\0\0\0")
GIF = b"GIF89a" + bytes([1, 0, 1, 0, 0, 0, 0])


@pytest.fixture
async def server() -> AsyncIterator[HttpLoopback]:
    async with HttpLoopback(models=OLD, valid_key="sk-test") as server:
        yield server


async def draw(raw: Raw, **body: Any) -> Answered:
    whole = {"model": "gpt-image-2", "prompt": "A cat"} | body
    return await raw.ask("images/generations", json={key: value for key, value in whole.items() if value is not None})


async def change(raw: Raw, path: str = "images/edits", **fields: Any) -> Answered:
    """Bytes are files; a list is sent with [] behind its name, a tuple several times."""
    form = aiohttp.FormData(default_to_multipart=True)
    for key, value in ({"model": "gpt-image-2", "prompt": "A dog", "image": CAT} | fields).items():
        for each in value if isinstance(value, list | tuple) else [value]:
            name = f"{key}[]" if isinstance(value, list) else key
            if isinstance(each, bytes):
                file = io.BytesIO(each)  # bytes of this size make aiohttp complain
                form.add_field(name, file, filename=f"{key}.png", content_type="image/png")
            elif each is not None:
                form.add_field(name, str(each))
    return await raw.ask(path, data=form)


def size_of(coded: str) -> tuple[str, int, int]:
    header = read_header(base64.b64decode(coded))
    assert header is not None
    return header.kind, header.width, header.height


# What is drawn.


async def test_the_picture_has_the_size_and_the_colour_of_its_prompt(raw: Raw) -> None:
    one, same, other = [(await draw(raw, prompt=prompt)).json for prompt in ("A cat", "A cat", "A dog")]
    assert one["data"] == same["data"] != other["data"]
    assert size_of(one["data"][0]["b64_json"]) == ("png", 1024, 1024)
    assert one["usage"]["output_tokens"] == 1056
    wide = (await draw(raw, size="1536x1024", quality="low", n=2)).json
    assert [size_of(each["b64_json"]) for each in wide["data"]] == [("png", 1536, 1024)] * 2
    assert wide["usage"]["output_tokens"] == 2 * 408


async def test_an_address_is_good_for_an_hour_and_takes_no_key(server: HttpLoopback, raw: Raw) -> None:
    url = (await draw(raw, model="dall-e-2", size="256x256")).json["data"][0]["url"]
    path = url.removeprefix(f"{server.base_url}/")
    async with raw_of(server, key=None) as nobody:
        found = await nobody.ask(path, method="GET")
        assert (found.status, found.headers["Content-Type"]) == (200, "image/png")
        assert read_header(found.body) is not None
        assert (await raw.ask(path, method="GET")).status == 403  # with a key
        assert (await nobody.ask("pictures/img-9.png", method="GET")).status == 403
        drawn = server.kept(images.Drawn)
        assert [until - asyncio.get_running_loop().time() > 3590 for _, until in drawn.files.values()] == [True]
        drawn.files = {name: (data, 0.0) for name, (data, _) in drawn.files.items()}
        assert (await nobody.ask(path, method="GET")).error["message"].endswith("the signature has expired.")
        assert (await nobody.ask("images/generations", json={})).status == 401


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"prompt": None}, 400, "missing_required_parameter"),
        ({"prompt": ""}, 400, "invalid_value"),
        ({"prompt": 7}, 400, "invalid_type"),
        ({"prompt": "x" * 32_001}, 400, "string_above_max_length"),
        ({"model": "gpt-image-9"}, 404, "model_not_found"),
        ({"model": "gpt-4o"}, 400, "invalid_value"),
        ({"steps": 20}, 400, "unknown_parameter"),
        ({"n": 0}, 400, "integer_below_min_value"),
        ({"n": 11}, 400, "integer_above_max_value"),
        ({"n": "2"}, 400, "invalid_type"),
        ({"size": "256x256 "}, 400, "invalid_value"),
        ({"size": "1000x1000"}, 400, "invalid_value"),
        ({"size": "4096x1024"}, 400, "invalid_value"),
        ({"size": "3840x3840"}, 400, "invalid_value"),
        ({"size": "256x256", "model": "gpt-image-1.5"}, 400, "invalid_value"),
        ({"quality": "hd"}, 400, "invalid_value"),
        ({"quality": "max"}, 400, "invalid_value"),
        ({"quality": "splendid"}, 400, "invalid_value"),
        ({"style": "vivid"}, 400, "unknown_parameter"),
        ({"response_format": "url"}, 400, "unknown_parameter"),
        ({"background": "transparent", "output_format": "jpeg"}, 400, "invalid_value"),
        ({"output_compression": 50}, 400, "invalid_value"),
        ({"output_compression": 101, "output_format": "webp"}, 400, "integer_above_max_value"),
        ({"partial_images": 1}, 400, None),
        ({"partial_images": 4, "stream": True}, 400, "integer_above_max_value"),
        ({"moderation": "high"}, 400, "invalid_value"),
        ({"model": "dall-e-3", "n": 2}, 400, "integer_above_max_value"),
        ({"model": "dall-e-3", "size": "256x256"}, 400, "invalid_value"),
        ({"model": "dall-e-3", "quality": "high"}, 400, "invalid_value"),
        ({"model": "dall-e-3", "stream": True}, 400, "unknown_parameter"),
        ({"model": "dall-e-2", "style": "vivid"}, 400, "unknown_parameter"),
        ({"model": "dall-e-2", "quality": "standard"}, 400, "unknown_parameter"),
        ({"model": "dall-e-2", "prompt": "x" * 1001}, 400, "string_above_max_length"),
        ({"model": "dall-e-2", "output_format": "png"}, 400, "unknown_parameter"),
    ],
)
async def test_what_can_not_be_drawn(
    server: HttpLoopback, raw: Raw, body: dict[str, Any], status: int, code: str | None
) -> None:
    answer = await draw(raw, **body)
    assert (answer.status, answer.error["code"]) == (status, code)
    assert len(server.violations) == 1


async def test_what_is_gone_is_not_there_by_default() -> None:
    async with HttpLoopback() as server, raw_of(server) as raw:
        for model in ("dall-e-2", "dall-e-3", "gpt-image-1", None):
            assert (await draw(raw, model=model)).error["code"] == "model_not_found"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"image": None}, "missing_required_parameter"),
        ({"image": "cat.png"}, "invalid_type"),
        ({"image": b"no picture"}, "unsupported_file_mimetype"),
        ({"image": GIF}, "unsupported_file_mimetype"),
        ({"image": [CAT] * 17}, "array_above_max_length"),
        ({"prompt": None}, "missing_required_parameter"),
        ({"prompt": ("A", "B")}, "duplicate_parameter"),
        ({"n": "two"}, "invalid_type"),
        ({"stream": "yes"}, "invalid_type"),
        ({"style": "vivid"}, "unknown_parameter"),
        ({"moderation": "low"}, "unknown_parameter"),
        ({"input_fidelity": "medium"}, "invalid_value"),
        ({"mask": CAT}, "invalid_mask_image_format"),
        ({"mask": png(64, 32, b"\0\0\0\0")}, "invalid_mask_image_format"),
        ({"mask": SEEN_THROUGH + bytes(4 * 1024 * 1024)}, "image_too_large"),
        ({"mask": (SEEN_THROUGH, SEEN_THROUGH)}, "duplicate_parameter"),
        ({"model": "dall-e-2", "image": png(64, 32)}, "invalid_value"),
        ({"model": "dall-e-2", "image": picture("jpeg", 1, 1, "")}, "invalid_value"),
        ({"model": "dall-e-2", "image": CAT + bytes(4 * 1024 * 1024)}, "image_too_large"),
        ({"model": "dall-e-2", "image": [CAT, CAT]}, "array_above_max_length"),
        ({"model": "dall-e-3"}, "invalid_value"),
    ],
)
async def test_what_can_not_be_changed(server: HttpLoopback, raw: Raw, fields: dict[str, Any], code: str) -> None:
    answer = await change(raw, **fields)
    assert (answer.status, answer.error["code"]) == (400, code)
    assert len(server.violations) == 1


async def test_variations_are_gone_at_openai_and_to_be_had_elsewhere(raw: Raw) -> None:
    for model in ("dall-e-2", "gpt-image-2", None):
        gone = await change(raw, "images/variations", model=model, prompt=None)
        assert (gone.status, gone.error["message"]) == (404, "Invalid URL (POST /v1/images/variations)")
    found = await change(raw, "images/variations", model="sd-3.5", prompt=None, response_format="b64_json", n=2)
    assert [size_of(each["b64_json"]) for each in found.json["data"]] == [("png", 1024, 1024)] * 2
    for fields in ({"image": None}, {"size": "1x1"}, {"image": png(2, 1)}, {"prompt": "A cat"}):
        asked = {"model": "sd-3.5", "prompt": None} | fields
        assert (await change(raw, "images/variations", **asked)).status == 400


# Moderations and client secrets.


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 400, "missing_required_parameter"),
        ({"input": 7}, 400, "invalid_type"),
        ({"input": []}, 400, "invalid_value"),
        ({"input": ["x"] * 33}, 400, "array_above_max_length"),
        ({"input": ["x", 7]}, 400, "invalid_type"),
        ({"input": [{"type": "sound"}]}, 400, "invalid_value"),
        ({"input": [{"type": "text"}]}, 400, "missing_required_parameter"),
        ({"input": [{"type": "image_url", "image_url": {"url": "cat.png"}}]}, 400, "invalid_value"),
        ({"input": [{"type": "image_url", "image_url": {"url": "https://x/y"}}] * 2}, 400, "too_many_images"),
        ({"input": "x", "model": "gpt-4o"}, 400, "invalid_value"),
        ({"input": "x", "model": "moderation-9"}, 404, "model_not_found"),
        ({"input": "x", "user": "me"}, 400, "unknown_parameter"),
    ],
)
async def test_what_can_not_be_judged(
    server: HttpLoopback, raw: Raw, body: dict[str, Any], status: int, code: str
) -> None:
    answer = await raw.ask("moderations", json=body)
    assert (answer.status, answer.error["code"]) == (status, code)
    assert len(server.violations) == 1


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ([], 400, "invalid_type"),
        ({"session": {}}, 400, "missing_required_parameter"),
        ({"session": {"type": "live"}}, 400, "invalid_value"),
        ({"session": {"type": "realtime", "voice": "marin"}}, 400, "unknown_parameter"),
        ({"session": {"type": "transcription", "model": "whisper-1"}}, 400, "unknown_parameter"),
        ({"session": {"type": "realtime", "model": "gpt-realtime-9"}}, 404, "model_not_found"),
        ({"session": {"type": "realtime", "model": "gpt-4o"}}, 400, "invalid_value"),
        ({"expires_after": {"anchor": "now"}}, 400, "invalid_value"),
        ({"expires_after": {"seconds": 9}}, 400, "integer_below_min_value"),
        ({"expires_after": {"seconds": 7201}}, 400, "integer_above_max_value"),
        ({"ttl": 60}, 400, "unknown_parameter"),
    ],
)
async def test_keys_that_are_not_handed_out(server: HttpLoopback, raw: Raw, body: Any, status: int, code: str) -> None:
    answer = await raw.ask("realtime/client_secrets", json=body)
    assert (answer.status, answer.error["code"]) == (status, code)
    assert len(server.violations) == 1


async def test_a_model_of_ones_own_is_deleted(raw: Raw) -> None:
    for model, status in (("ft:gpt-4.1:me::1", 200), ("ft:gpt-4.1:me::1", 404), ("gpt-4o", 403)):
        assert (await raw.ask(f"models/{model}", method="DELETE")).status == status


# As it is described.


class TestDescribed:
    pytestmark = needs_description

    async def test_what_is_drawn(self, raw: Raw) -> None:
        answers = [
            await draw(raw, size="1024x1536", quality="high", background="transparent"),
            await draw(raw, n=3, output_format="jpeg"),
            await draw(raw, model="dall-e-3"),
            await draw(raw, model="dall-e-2", response_format="b64_json"),
            await change(raw, mask=SEEN_THROUGH),
            await change(raw, model="dall-e-2"),
            await change(raw, "images/variations", model="sd-3.5", prompt=None),
        ]
        assert complaints("ImagesResponse", *(answer.json for answer in answers)) == []
        assert complaints("Image", *(each for answer in answers for each in answer.json["data"])) == []
        told = [answer.json["usage"] for answer in answers if "usage" in answer.json]
        assert complaints("ImageGenUsage", *told) == []
        assert len(told) == 3

    async def test_what_comes_into_being(self, raw: Raw) -> None:
        generated = (await draw(raw, stream=True, partial_images=2)).body
        edited = (await change(raw, stream="true", partial_images=1)).body
        for body, name, count in ((generated, "ImageGen", 2), (edited, "ImageEdit", 1)):
            events = [Answered(200, {}, each.partition(b"\n")[2]).events[0] for each in body.split(b"\n\n") if each]
            assert complaints(f"{name}PartialImageEvent", *events[:-1]) == []
            assert complaints(f"{name}CompletedEvent", events[-1]) == []
            assert len(events) == count + 1
            assert body.startswith(f"event: {events[0]['type']}\n".encode())

    async def test_moderations_models_and_keys(self, raw: Raw) -> None:
        inputs: list[Any] = [
            "idiot", ["a", "b"], [{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {"url": "https://x/y"}}]
        ]  # fmt: skip
        answers = [(await raw.ask("moderations", json={"input": each})).json for each in inputs]
        assert complaints("CreateModerationResponse", *answers) == []
        deleted = (await raw.ask("models/ft:gpt-4.1:me::1", method="DELETE")).json
        assert complaints("DeleteModelResponse", deleted) == []
        bodies: list[Any] = [
            {},
            {"session": {"type": "realtime", "instructions": "Hi"}},
            {"session": {"type": "transcription"}},
        ]
        secrets = [(await raw.ask("realtime/client_secrets", json=body)).json for body in bodies]
        assert complaints("RealtimeCreateClientSecretResponse", *secrets) == []

    def test_the_requests_have_what_is_described_and_nothing_else(self) -> None:
        for name, known in (
            ("CreateImageRequest", images.GENERATE_PARAMETERS),
            ("CreateImageEditRequest", images.EDIT_PARAMETERS),
            ("CreateImageVariationRequest", images.VARY_PARAMETERS),
            ("CreateModerationRequest", moderations.PARAMETERS),
            ("RealtimeCreateClientSecretRequest", realtime_secrets.PARAMETERS),
        ):
            assert set(described_schemas()[name]["properties"]) == known, name


# Anything.

KEYS = st.sampled_from(sorted(images.GENERATE_PARAMETERS | {"input", "session", "type", "url", "image_url", "text"}))
WORDS = st.sampled_from(
    ["gpt-image-2", "dall-e-3", "sd-3.5", "auto", "1024x1024", "png", "realtime", "text", "", "A cat"]
)
PLAIN = st.none() | st.booleans() | st.integers(-5, 200) | WORDS
ANY = st.recursive(PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4))


def world() -> World:
    return World(Catalogue(OLD), Script(), Pace(), lambda path, body: (200, {}))


@pytest.mark.parametrize(
    ("route", "right"),
    [
        (images.ROUTES[0], {"prompt": "A cat", "model": "gpt-image-2", "size": "256x256"}),
        (moderations.ROUTES[0], {"input": "x"}),
        (realtime_secrets.ROUTES[0], {}),
    ],
)
@given(given=ANY)
async def test_any_request_is_right_or_refused(route: Route, right: dict[str, Any], given: Any) -> None:
    for body in (given, right | (given if isinstance(given, dict) else {})):
        judged = partial(route.answer, Request("POST", body=body), world())
        assert status_of(judged) in (None, 400, 404)

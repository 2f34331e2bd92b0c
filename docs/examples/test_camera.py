"""A tool that asks the API is tested against a server on loopback, which answers what the test wrote."""

import base64
import json

import pytest

from voiced.testing.http import Fault, no_credit

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
)


@pytest.fixture
def camera(tools, web):
    """The camera is the test's own web server."""
    web.pages["/snapshot.png"] = PNG
    tools.plugin("camera.py", settings={"address": f"{web.url}/snapshot.png"})
    return tools


async def test_it_answers_a_question_about_the_picture(camera, http_loopback):
    async with http_loopback(["A parcel lies there."]) as server:
        camera.api(server)
        async with camera.running():
            assert await camera.call("look_at_the_door", question="Is a parcel there?") == "A parcel lies there."
        [request] = server.of("chat")
        text, image = request.body["messages"][-1]["content"]
        assert text["text"] == "Is a parcel there?"
        assert image["image_url"]["url"] == f"data:image/png;base64,{base64.b64encode(PNG).decode()}"


@pytest.mark.parametrize(
    ("seen", "spoken"),
    [
        ({"people": 1, "who": "a postman"}, "I see a postman."),
        ({"people": 0, "who": ""}, "Nobody is at the door."),
    ],
)
async def test_it_tells_who_is_there_and_shows_it(camera, http_loopback, seen, spoken):
    async with http_loopback([json.dumps(seen)]) as server:
        camera.api(server)
        async with camera.running():
            told = await camera.call("who_is_at_the_door")
            assert camera.cards["camera/door"].title == "At the door"
            assert camera.cards["camera/door"].image.data == PNG
            await camera.time_passes(minutes=2)
            assert camera.cards == {}
        assert told == json.dumps(seen, separators=(",", ":")) + "\nA picture is attached."
        assert camera.spoken == spoken
        assert camera.images == [PNG]


async def test_a_camera_that_is_off_costs_nothing(camera, http_loopback, web):
    web.pages["/snapshot.png"] = 503
    async with http_loopback() as server:
        camera.api(server)
        async with camera.running():
            assert await camera.error("who_is_at_the_door") == "The camera does not answer."
        assert server.of("chat") == ()
        assert camera.spent == []


async def test_the_model_is_told_what_is_wrong_with_the_account(camera, http_loopback):
    async with http_loopback(faults=[Fault(no_credit(), "chat")]) as server:
        camera.api(server)
        async with camera.running():
            assert "the account has no quota left" in await camera.error("who_is_at_the_door")


async def test_without_the_api(camera):
    async with camera.running():
        assert await camera.error("who_is_at_the_door") == "There is no API here."

"""Looks at the camera above the door: it fetches a picture, and a model says what is on it."""

import urllib.error
import urllib.request
from datetime import timedelta

from pydantic import BaseModel, Field

from voiced.api import Image, Plugin, PluginSettings, Result, ToolContext, ToolError, tool

LARGEST_PICTURE = 4_000_000
SHOWN_FOR = timedelta(minutes=2)


class Settings(PluginSettings):
    """The table [plugin.camera]."""

    address: str
    """Of a picture, as the camera gives it: "http://192.168.1.20/snapshot.jpg"."""


class Seen(BaseModel):
    """What the model is to tell of a picture; it is held to these fields."""

    people: int
    who: str = Field(description="Who they may be, in a few words: a postman, two children.")


class Camera(Plugin):
    permissions = ("network", "api")
    settings: Settings

    @tool(filler="Let me look.", timeout_s=60)
    async def look_at_the_door(self, question: str, context: ToolContext) -> str:
        """Look at the camera above the front door, and answer a question about what is to be seen.

        Args:
            question: What the user wants to know, as a whole sentence.
        """
        answer = await context.ai.chat.ask(
            question,
            instructions="You see what a camera above a front door sees. Answer in one short sentence.",
            images=[await self.picture(context)],
            detail="low",
            max_tokens=500,
        )
        return answer.text

    @tool(sentences=["who is at the door", "is (somebody|anybody) at the door"], filler="Let me look.", timeout_s=60)
    async def who_is_at_the_door(self, context: ToolContext) -> Result:
        """Tell who stands at the front door, and show the picture."""
        picture = await self.picture(context)
        context.show("door", title="At the door", image=picture.data)  # people see it while the model still looks

        async def hide() -> None:
            context.hide("door")

        context.call_after(SHOWN_FOR, hide)
        seen = await context.ai.chat.parse(Seen, "Who is at the door?", images=[picture], detail="low")
        spoken = f"I see {seen.who}." if seen.people else "Nobody is at the door."
        return Result(seen, spoken=spoken, images=[picture])

    async def picture(self, context: ToolContext) -> Image:
        try:
            return Image(await context.in_thread(lambda: fetch(self.settings.address)))
        except (OSError, ValueError) as error:
            raise ToolError("The camera does not answer.") from error


def fetch(address: str) -> bytes:
    """Raises OSError, ValueError."""
    try:
        with urllib.request.urlopen(address, timeout=5) as response:
            picture: bytes = response.read(LARGEST_PICTURE + 1)
    except urllib.error.HTTPError as error:
        error.close()
        raise
    if len(picture) > LARGEST_PICTURE:
        raise ValueError("the picture is too large")
    return picture

"""What the model is told of a call, and what the user hears of it where no model words it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from voiced.api import NotPermitted
from voiced.conversation.events import Image
from voiced.plugins.steps import in_short
from voiced.plugins.tools import Tool


@dataclass(frozen=True, slots=True)
class Outcome:
    """`spoken`: the text in words, empty where it will do. `crashed`: the mistake of the tool's author, for a person to
    read; empty where there was none.
    """

    text: str
    ok: bool = True
    spoken: str = ""
    images: tuple[Image, ...] = ()
    crashed: str = ""


STOPPING: Final = Outcome("Not done: voiced is stopping.", ok=False)

INTERRUPTED: Final = Outcome("Not finished: the user interrupted.", ok=False)

BEGUN: Final = Outcome("Begun; the result is announced later.", spoken="I have begun, and will tell you the result.")

DECLINED: Final = Outcome("Not done: the user said no.", ok=False, spoken="All right, I leave it.")

_IN_PART: Final = "It may have been done in part: do not simply call it again, but find out or ask the user first."
_IN_PART_SPOKEN: Final = "It may have been done in part."


def too_many(running: int) -> Outcome:
    return Outcome(f"Not done: {running} tools are running already. Try again in a moment.", ok=False)


def not_confirmed(why: str) -> Outcome:
    """Nobody said yes or no."""
    return Outcome(f"Not done: the user must say yes first. {why}", ok=False, spoken="I got no yes, so I leave it.")


def no_question(tool: Tool) -> Outcome:
    """The template of the question crashed."""
    text = f"Not done: {tool.spec.name} could not ask for a yes, by a mistake of its author."
    return Outcome(
        text, ok=False, spoken="That did not work.", crashed=f"{tool.spec.name}: its question ({tool.where})"
    )


def not_permitted(error: NotPermitted) -> Outcome:
    """What must be declared is for its author."""
    return Outcome(str(error), ok=False, spoken="That did not work: the plugin may not do that.")


def not_begun(tool: Tool, why: str) -> Outcome:
    """Its arguments could not even be read."""
    what = f"{tool.spec.name} {why}"
    return Outcome(f"Not done: {what}.", ok=False, spoken="That did not work.", crashed=f"{what} ({tool.where})")


def late(tool: Tool, timeout_s: float) -> Outcome:
    """It was given up."""
    text = f"{tool.spec.name} took longer than {timeout_s:g} s and was given up."
    return _failed(tool, text, "That took too long, so I gave up.")


def crashed(tool: Tool, error: BaseException) -> Outcome:
    """The text of the error is not told to the model: it may hold a secret."""
    text = f"{tool.spec.name} failed ({type(error).__name__})."
    if tool.options.idempotent:
        text += " Calling it again will hardly help."
    return _failed(tool, text, "That did not work.", crashed=f"{tool.spec.name}: {in_short(error)}")


def announced(tool: Tool, outcome: Outcome) -> str:
    """What is said of a background tool that is over."""
    words = tool.spec.name.replace("_", " ").replace("-", " ")
    if outcome is INTERRUPTED:
        return f"{words.capitalize()} was not finished: the plugins were loaded anew."
    if not outcome.ok:
        return f"{words.capitalize()} did not work. {outcome.spoken or outcome.text}"
    if not outcome.spoken and outcome.text == "done":
        return f"{words.capitalize()} is done."
    return outcome.spoken or outcome.text


def _failed(tool: Tool, text: str, spoken: str, *, crashed: str = "") -> Outcome:
    if not tool.options.idempotent:
        text, spoken = f"{text} {_IN_PART}", f"{spoken} {_IN_PART_SPOKEN}"
    return Outcome(text, ok=False, spoken=spoken, crashed=crashed)

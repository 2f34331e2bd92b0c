"""Has what is heard and said judged by the API, and stops the assistant where it is harmful.

    [plugin.moderation]
    enabled = true

It comes after the fact: what is judged was heard or said already. All of it is sent to the API.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections import deque
from collections.abc import Sequence
from typing import Final, Literal

from pydantic import Field

from voiced.api import NotConfigured, Plugin, PluginSettings, StateChanged, ToolContext, ToolError, Transcript

WITHIN_S: Final = 10.0
"""After that it is too late to stop anything. Less than a callback may take: what is late is no crash."""

A_TRY_S: Final = 4.0
"""Of that, so that a request that got lost can be made again."""

WAITING: Final = 8
"""So many utterances wait to be judged; of more the oldest are not."""

LONGEST: Final = 20_000
"""Characters of one that are judged."""

AGAIN_AFTER: Final = dt.timedelta(seconds=15)
"""A question and its answer are both harmful, and one sentence is enough for them."""

UNCHECKED: Final = "I can't check what is said just now, so I had better be silent."

Category = Literal[
    "harassment", "harassment/threatening", "hate", "hate/threatening", "illicit", "illicit/violent", "self-harm",
    "self-harm/instructions", "self-harm/intent", "sexual", "sexual/minors", "violence", "violence/graphic",
]  # fmt: skip


class ModerationSettings(PluginSettings):
    """[plugin.moderation]. All that is heard and said is sent to the API, where that is switched on."""

    enabled: bool = Field(False, description="Whether anything is judged.")
    speakers: tuple[Literal["user", "assistant"], ...] = Field(
        ("user", "assistant"), min_length=1, description="Whose words are judged."
    )
    categories: tuple[Category, ...] = Field((), description="What counts as harmful; empty for all categories.")
    threshold: float | None = Field(
        None, gt=0, le=1, description="The score from which a category counts; without it the model decides."
    )
    sentence: str = Field(
        "I would rather not talk about that.",
        max_length=200,
        description="What is said when something was harmful; empty for nothing.",
    )
    when_unchecked: Literal["pass", "stop"] = Field(
        "pass", description="What happens while the API can't be asked: everything passes, or the assistant stops."
    )


class ModerationGuard(Plugin):
    """Judges one utterance at a time, the newest first: of what was said a while ago nothing can be stopped."""

    permissions = ("api", "listen", "say")
    settings: ModerationSettings

    async def setup(self, context: ToolContext) -> None:
        if not self.settings.enabled:
            raise NotConfigured(
                "nothing is judged: write enabled = true below [plugin.moderation]; then all that is heard and said is "
                "sent to the API"
            )
        self._context = context
        self._waiting: deque[Transcript] = deque(maxlen=WAITING)
        self._judging = False
        self._able = True
        self._spoke_at: dt.datetime | None = None
        self._saying = 0
        self._state = "idle"
        self._something_new = False
        context.subscribe(StateChanged, self._turned)
        context.subscribe(Transcript, self._heard)

    async def _turned(self, change: StateChanged) -> None:
        """Whoever speaks while no answer is being thought about does not go on with what was judged."""
        self._something_new = change.state == "listening" and self._state != "thinking"
        self._state = change.state

    async def _heard(self, said: Transcript) -> None:
        if said.speaker not in self.settings.speakers or said.text.strip() in ("", self.settings.sentence, UNCHECKED):
            return
        if len(self._waiting) == WAITING:
            self._context.log.warning("not judged: others came faster", speaker=self._waiting[0].speaker)
        self._waiting.append(said)
        self._go_on()

    def _go_on(self) -> None:
        if self._waiting and not self._judging:
            self._judging = True
            self._context.call_after(dt.timedelta(0), self._judge)

    async def _judge(self) -> None:
        said = self._waiting.pop()
        try:
            async with asyncio.timeout(WITHIN_S):
                found = await self._context.ai.moderations.check(said.text[:LONGEST], within_s=A_TRY_S)
        except TimeoutError:
            self._unchecked(said, f"moderations: there was no answer within {WITHIN_S:g} s")
        except ToolError as error:
            self._unchecked(said, str(error))
        else:
            self._able = True
            threshold = self.settings.threshold
            self._found(said, found.categories if threshold is None else found.above(threshold))
        finally:
            self._judging = False
            self._go_on()

    def _found(self, said: Transcript, harmful: Sequence[str]) -> None:
        wanted = self.settings.categories or harmful
        categories = [name for name in harmful if name in wanted]
        if not categories:
            return
        whose = "the user's" if said.speaker == "user" else "the assistant's"
        self._context.log.warning("harmful", speaker=said.speaker, categories=categories)
        self._context.report(f"{whose} words were found harmful ({', '.join(categories)})")
        self._stop(said, self.settings.sentence)

    def _unchecked(self, said: Transcript, reason: str) -> None:
        if self._able:
            self._able = False
            self._context.log.warning("what is said is not judged", reason=reason)
            self._context.report(f"something was not judged: {reason}")
        if self.settings.when_unchecked == "stop":
            self._stop(said, UNCHECKED)

    def _stop(self, said: Transcript, sentence: str) -> None:
        """Stop the assistant and say why, unless something of the kind was said just now."""
        if self._saying and said.speaker == "assistant":
            return  # that was stopped before; what would be stopped now is why
        if self._something_new:
            return  # it took the floor, and would be cut in two; it is judged by itself
        self._context.stop()
        now = self._context.now()
        again = self._saying or self._spoke_at is None or abs(now - self._spoke_at) >= AGAIN_AFTER
        if sentence and again:
            self._spoke_at = now
            self._saying += 1
            self._context.call_after(dt.timedelta(0), lambda: self._say(sentence))

    async def _say(self, sentence: str) -> None:
        try:
            await self._context.say(sentence)
        finally:
            self._saying -= 1

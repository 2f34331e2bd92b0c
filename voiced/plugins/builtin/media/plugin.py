"""Music over MPD, the Music Player Daemon: play, pause, skip, volume, and quiet while people talk to the assistant.

Off until `host` is set in [plugin.media]. Where MPD wants a password: $VOICED_SECRET_MEDIA_PASSWORD, the systemd
credential voiced-media-password, or the file that `password_file` names.

Without a cloud one says: "play some music", "pause the music", "stop the music", "next song", "what song is this",
"set the music to 40 percent", "stop the music after this song". A model understands what to play: "something by
Miles Davis", "the album Kind of Blue", "my playlist for cooking".
"""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta
from functools import partial
from typing import Annotated, Final

from pydantic import AwareDatetime, Field
from pydantic.dataclasses import dataclass

from voiced.api import (
    Appointment,
    NotConfigured,
    Plugin,
    StateChanged,
    StateError,
    ToolContext,
    ToolError,
    sentence,
    tool,
)
from voiced.plugins.builtin.media import library, protocol
from voiced.plugins.builtin.media.ducking import STATUS, Ducked, Ducking
from voiced.plugins.builtin.media.library import Kind
from voiced.plugins.builtin.media.player import Player
from voiced.plugins.builtin.media.protocol import PlayerError
from voiced.plugins.builtin.media.settings import MediaSettings
from voiced.plugins.builtin.spoken import spoken_duration

FIRST_PAUSE_S: Final = 2.0
LONGEST_PAUSE_S: Final = 60.0
"""Between attempts to give the music back its volume."""

LAST_ATTEMPT_S: Final = 0.3
"""To do so when voiced stops: all plugins must be gone within half a second."""

_PLAY: Final = protocol.line("play")
_STOP: Final = protocol.line("stop")
_CURRENT: Final = protocol.line("currentsong")


@dataclass(frozen=True)
class Kept:
    """What must outlive a restart: how the music was lowered, and when it is to stop."""

    ducked: Ducked | None = None
    stop_at: AwareDatetime | None = None


class Media(Plugin):
    """One MPD."""

    settings: MediaSettings
    permissions = ("network",)
    _begun = False

    async def setup(self, context: ToolContext) -> None:
        if not self.settings.host:
            raise NotConfigured("set host in [plugin.media] to where MPD runs, such as localhost")
        self._context = context
        self._player = Player(self.settings.host, self.settings.port, await self._password())
        self._stopping: Appointment | None = None
        self._pause_s = FIRST_PAUSE_S
        self._kept = await context.load_state(Kept, Kept())
        self._ducking = Ducking(self._player, self.settings.duck_percent, self._kept.ducked, self._note_ducked)
        self._begun = True
        context.subscribe(StateChanged, self._follow)
        if self._kept.stop_at is not None:
            self._stopping = context.call_at(self._kept.stop_at, self._stop_now)
        if self._ducking.owes:
            context.call_after(timedelta(0), self._settle)

    async def teardown(self) -> None:
        if self._begun:
            with contextlib.suppress(TimeoutError, PlayerError):
                async with asyncio.timeout(LAST_ATTEMPT_S):
                    await self._ducking.follow(conversation=False)

    # Playing.

    @tool(
        sentences=[
            "play [some|the] music",
            "put on some music",
        ],
        idempotent=True,
    )
    async def play_music(self, what: str | None = None, kind: Kind = "anything", by: str | None = None) -> str:
        """Play music: an artist, album, song, genre or playlist of the library, in place of what plays now.

        Args:
            what: Its name, such as Miles Davis; null for anything.
            kind: What `what` is the name of.
            by: The artist, where `what` is an album or a song and the user says whose.
        """
        [status] = await self._player.do(STATUS)
        if what is None and by is not None:
            what, kind, by = by, "artist", None
        if what is not None:
            selection = await library.find(self._player, what, kind, by or "")
            if selection is None:
                raise ToolError(await self._nothing_like(what))
            await self._start([protocol.line("clear"), *selection.commands], status)
            return f"Here is {selection.title}."
        if not protocol.number(status, "playlistlength"):
            await self._start([protocol.line("add", "/"), protocol.line("shuffle")], status)
        else:
            await self._start([], status)
        return "Here is some music."

    @tool(sentences=["pause [the] music", "pause (the|this) song"], local=True, idempotent=True)
    async def pause_music(self) -> str:
        """Pause the music; resume_music goes on at the same place."""
        [status] = await self._player.do(STATUS)
        if dict(status).get("state") != "play":
            return "No music is playing."
        await self._player.do(protocol.line("pause", 1))
        return "The music is paused."

    @tool(sentences=["(resume|continue) [the] music", "go on with the music"], local=True, idempotent=True)
    async def resume_music(self) -> str:
        """Go on with the music: it was paused or stopped."""
        [status] = await self._player.do(STATUS)
        if not protocol.number(status, "playlistlength"):
            raise ToolError("There is no music to go on with. Say what to play.")
        await self._start([], status)
        return "The music goes on."

    @tool(sentences=["(stop|turn off) the music", "music off"], local=True, idempotent=True)
    async def stop_music(self) -> str:
        """Stop the music."""
        await self._forget_stop()
        await self._player.do(_STOP)
        return "The music is off."

    @tool(sentences=["next (song|track)", "skip (this|the) (song|track)"], local=True)
    async def next_song(self) -> str:
        """Skip to the next song."""
        return await self._skip("next", "That was the last song.")

    @tool(sentences=["(previous|last) (song|track)", "go back (one|a) (song|track)"], local=True)
    async def previous_song(self) -> str:
        """Go back to the song before."""
        return await self._skip("previous", "That was the first song.")

    @tool(
        sentences=["what (song|music) is this", "what is playing [now]", "who (sings|plays) this"],
        idempotent=True,
    )
    async def get_playing_song(self) -> str:
        """Tell what music is playing."""
        status, song = await self._player.do(STATUS, _CURRENT)
        state = dict(status).get("state")
        if state not in ("play", "pause") or not song:
            return "No music is playing."
        album = dict(song).get("album")
        title = f"{library.title_of(song)}{f', from {album}' if album else ''}"
        return f"This is {title}." if state == "play" else f"The music is paused. It is {title}."

    # Volume and the end.

    @tool(
        sentences=[
            "(set|turn) the music [volume] to {number:percent} [percent]",
            "music volume {number:percent} [percent]",
        ],
        local=True,
        idempotent=True,
    )
    async def set_music_volume(self, percent: Annotated[int, Field(ge=0, le=100)]) -> str:
        """Set how loud the music is; the assistant's own voice stays as it is.

        Args:
            percent: 0 is silent, 100 is loudest.
        """
        await self._ducking.set_volume(percent)
        return f"The music is at {percent} percent."

    @tool(
        sentences=[
            sentence("turn (up the music|the music up)", by=15),
            sentence("[make] the music louder", by=15),
            sentence("turn (down the music|the music down)", by=-15),
            sentence("[make] the music quieter", by=-15),
        ],
        local=True,
    )
    async def change_music_volume(self, by: Annotated[int, Field(ge=-100, le=100)]) -> str:
        """Make the music louder or quieter (than it is now); the assistant's own voice stays as it is.

        Args:
            by: Percentage points: 15 is clearly louder, -15 clearly quieter.
        """
        return await self.set_music_volume(min(100, max(0, await self._ducking.volume() + by)))

    @tool(
        sentences=[
            sentence("stop the music after this (song|track)", seconds=None),
            "(stop|turn off) the music (in|after) {duration:seconds}",
        ],
        idempotent=True,
    )
    async def stop_music_later(self, seconds: Annotated[int, Field(ge=1, le=24 * 3600)] | None = None) -> str:
        """Stop the music after a while, to fall asleep with, or after the song that plays.

        Args:
            seconds: After how long, 1800 for half an hour; null for the end of this song.
        """
        await self._forget_stop()
        if seconds is None:
            await self._player.do(protocol.line("single", "oneshot"))
            return "The music stops after this song."
        stop_at = self._context.now() + timedelta(seconds=seconds)
        self._stopping = self._context.call_at(stop_at, self._stop_now)
        await self._keep(Kept(self._kept.ducked, stop_at))
        return f"The music stops in {spoken_duration(seconds)}."

    # Doing it.

    async def _start(self, commands: list[str], status: protocol.Pairs) -> None:
        """Run the commands, and play. A stop that was meant for the end of an earlier song is forgotten."""
        if dict(status).get("single") == "oneshot":
            commands = [*commands, protocol.line("single", 0)]
        *_, after, _ = await self._player.do(*commands, _PLAY, STATUS, _CURRENT)
        if dict(after).get("state") != "play":
            raise ToolError("There is no music in the library. Put some into MPD's folder, and let MPD update.")
        await self._follow_conversation()

    async def _skip(self, command: str, at_end: str) -> str:
        [status] = await self._player.do(STATUS)
        if dict(status).get("state") not in ("play", "pause"):
            return "No music is playing."
        _, song = await self._player.do(protocol.line(command), _CURRENT)
        return f"This is {library.title_of(song)}." if song else at_end

    async def _nothing_like(self, what: str) -> str:
        near = await self._context.in_thread(partial(library.near, what, await library.names(self._player)))
        if not near:
            return f"There is no music called {what}."
        return f"There is no music called {what}. Is it {' or '.join(near)}?"

    async def _password(self) -> str:
        try:
            return await self._context.secret("password")
        except NotConfigured:
            if self.settings.password_file:
                raise
            return ""  # most have none

    # Later.

    async def _stop_now(self) -> None:
        self._stopping = None
        await self._keep(Kept(self._kept.ducked))
        try:
            await self._player.do(_STOP)
        except PlayerError as error:
            self._context.log.warning("the music could not be stopped", reason=str(error))

    async def _forget_stop(self) -> None:
        if self._stopping is not None:
            self._stopping.cancel()
            self._stopping = None
            await self._keep(Kept(self._kept.ducked))

    async def _follow(self, change: StateChanged) -> None:
        try:
            await self._ducking.follow(conversation=change.state != "idle")
        except PlayerError as error:
            self._context.log.debug("the music keeps its volume", reason=str(error))
            self._settle_later()

    async def _follow_conversation(self) -> None:
        """Music that begins during a conversation is lowered too; where that fails it is loud, and plays."""
        with contextlib.suppress(PlayerError):
            await self._ducking.settle()

    async def _settle(self) -> None:
        try:
            await self._ducking.settle()
            self._pause_s = FIRST_PAUSE_S
        except PlayerError as error:
            self._context.log.debug("the music stays low", reason=str(error))
            self._settle_later()

    def _settle_later(self) -> None:
        if self._ducking.owes:
            self._context.call_after(timedelta(seconds=self._pause_s), self._settle)
            self._pause_s = min(LONGEST_PAUSE_S, 2 * self._pause_s)

    async def _note_ducked(self, ducked: Ducked | None) -> None:
        await self._keep(Kept(ducked, self._kept.stop_at))

    async def _keep(self, kept: Kept) -> None:
        self._kept = kept
        try:
            await self._context.save_state(kept)
        except StateError as error:
            self._context.log.warning("not saved", reason=str(error))

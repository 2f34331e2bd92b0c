"""A real MPD, the Debian package, that a test starts: silent songs with tags, and an output that nobody hears."""

from __future__ import annotations

import asyncio
import shutil
import struct
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from voiced.plugins.builtin.media import protocol
from voiced.plugins.builtin.media.player import Player, PlayerAway

PATIENCE_S: Final = 60.0
"""Only reached by a test that fails."""

LOOK_EVERY_S: Final = 0.01

_RATE: Final = 8000
_CHUNKS: Final = {"title": b"INAM", "artist": b"IART", "album": b"IPRD", "track": b"ITRK", "genre": b"IGNR"}

LIBRARY: Final[Sequence[Mapping[str, str]]] = (
    {"artist": "Miles Davis", "album": "Kind of Blue", "title": "So What", "track": "1", "genre": "Jazz"},
    {"artist": "Miles Davis", "album": "Kind of Blue", "title": "Blue in Green", "track": "2", "genre": "Jazz"},
    {"artist": "Miles Davis", "album": "Sketches of Spain", "title": "Solea", "track": "1", "genre": "Jazz"},
    {"artist": "Queen", "album": "A Night at the Opera", "title": "Bohemian Rhapsody", "track": "1", "genre": "Rock"},
    {"artist": "Queen", "album": "A Night at the Opera", "title": "39", "track": "2", "genre": "Rock"},
    {"artist": "Queensrÿche", "album": "Empire", "title": "Silent Lucidity", "track": "1", "genre": "Metal"},
    {"artist": "Guns \"N' Roses", "album": "Back\\Slash", "title": "(So) 'Quoted'", "track": "1", "genre": "Rock"},
    {"artist": "The Beatles", "album": "Help", "title": "Yesterday", "track": "1", "genre": "Pop"},
)


class Mpd:
    """MPD in a folder of its own. `password`: what it wants to be told before it does anything."""

    def __init__(self, folder: Path, password: str = "") -> None:
        self.socket = folder / "socket"
        self.player = Player(str(self.socket), 6600, password)
        self._folder = folder
        self._config = folder / "mpd.conf"
        self._process: subprocess.Popen[bytes] | None = None
        (folder / "music").mkdir(parents=True)
        (folder / "playlists").mkdir()
        self._config.write_text(
            f"""
            music_directory "{folder}/music"
            playlist_directory "{folder}/playlists"
            db_file "{folder}/database"
            state_file "{folder}/state"
            bind_to_address "{self.socket}"
            auto_update "no"
            zeroconf_enabled "no"
            {f'password "{password}@read,add,control,admin"' if password else ""}
            {'default_permissions ""' if password else ""}
            audio_output {{
              type "null"
              name "nobody"
              mixer_type "software"
            }}
            """
        )

    def library(self, songs: Sequence[Mapping[str, str]] = LIBRARY, seconds: float = 60) -> None:
        """Put songs into its folder, for the next start."""
        for number, tags in enumerate(songs):
            path = self._folder / "music" / f"{number:02} song.wav"
            path.write_bytes(song(tags, seconds))

    def playlist(self, name: str, *numbers: int) -> None:
        """A stored playlist of songs of the library, by their numbers."""
        lines = "".join(f"{number:02} song.wav\n" for number in numbers)
        (self._folder / "playlists" / f"{name}.m3u").write_text(lines)

    async def start(self) -> None:
        """Run it until it answers and has read its library; nothing where it runs."""
        if self._process is not None:
            return
        program = shutil.which("mpd")
        assert program is not None
        self._process = subprocess.Popen(
            [program, "--no-daemon", "--stderr", str(self._config)], stderr=subprocess.DEVNULL
        )
        async with asyncio.timeout(PATIENCE_S):
            while await self._is_getting_ready():  # noqa: ASYNC110 a process tells nobody
                await asyncio.sleep(LOOK_EVERY_S)

    def stop(self) -> None:
        """End it as a service manager does; how loud it was is in its state file."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(PATIENCE_S)
            self._process = None
            self.socket.unlink(missing_ok=True)

    async def reset(self) -> None:
        """As it was at first."""
        await self.start()
        options = [protocol.line(name, 0) for name in ("single", "random", "repeat", "consume")]
        await self.player.do(protocol.line("clear"), protocol.line("setvol", 100), *options)

    async def status(self, name: str) -> str:
        """One value of its status; empty where it has none."""
        [status] = await self.player.do(protocol.line("status"))
        return dict(status).get(name, "")

    async def until(self, **status: str) -> None:
        """Wait until its status has these values."""
        async with asyncio.timeout(PATIENCE_S):
            while {name: await self.status(name) for name in status} != status:  # noqa: ASYNC110 as above
                await asyncio.sleep(LOOK_EVERY_S)

    async def queue(self) -> list[str]:
        """Titles of what it plays, in order."""
        [songs] = await self.player.do(protocol.line("playlistinfo"))
        return protocol.values(songs, "title")

    async def do(self, *words: str | int) -> None:
        """What another client of it does."""
        await self.player.do(protocol.line(*words))

    async def _is_getting_ready(self) -> bool:
        try:
            return bool(await self.status("updating_db"))
        except PlayerAway:
            return True


def song(tags: Mapping[str, str], seconds: float) -> bytes:
    """A WAV file of silence with the tags in a LIST chunk."""
    info = b"INFO" + b"".join(_chunk(_CHUNKS[name], value.encode() + b"\0") for name, value in tags.items())
    sound = b"\x80" * int(_RATE * seconds)
    form = struct.pack("<HHIIHH", 1, 1, _RATE, _RATE, 1, 8)
    body = b"WAVE" + _chunk(b"fmt ", form) + _chunk(b"LIST", info) + _chunk(b"data", sound)
    return _chunk(b"RIFF", body)


def _chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)

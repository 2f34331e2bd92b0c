"""Finds in MPD's library what somebody asks for in words."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from voiced.api import ToolError
from voiced.plugins.builtin.media import protocol
from voiced.plugins.builtin.media.player import Player
from voiced.plugins.builtin.media.protocol import Pairs
from voiced.plugins.builtin.spoken import listed

Kind = Literal["anything", "artist", "album", "song", "genre", "playlist"]

MOST_WORDS: Final = 12
"""Of what is asked for; a longer title is found by its beginning."""

LOOKED_AT: Final = 500
"""Songs, to tell what the words may mean."""

MOST_NAMES: Final = 5000
"""Compared with a name that is not there; more take too long."""

_TAGS: Final = {"artist": "artist", "album": "album", "song": "title", "genre": "genre"}
_ORDER: Final = ("artist", "album", "song", "genre")
"""In which the words are understood where nobody says what they are: a band is asked for more often than a song."""

_UNSAYABLE: Final = re.compile(r"[\0-\x1f\x7f]+")


@dataclass(frozen=True, slots=True)
class Selection:
    """What to put into the queue: the commands that do, and what it is, as in "Here is …"."""

    commands: Sequence[str]
    title: str


async def find(player: Player, what: str, kind: Kind, by: str) -> Selection | None:
    """What the words mean in this library, or None where it has nothing like it. `by`: an artist, or empty.

    Raises PlayerError.
    """
    if not _words(what):
        raise ToolError("Say what to play: an artist, an album, a song, a genre or a playlist.")
    if kind in ("anything", "playlist") and not by and (name := _same(what, await playlists(player))):
        return Selection([protocol.line("load", name)], f"the playlist {name}")
    if selection := await _found(player, what, kind, by):
        return selection
    if (name := _same(what, await names(player))) and name != what:  # MPD tells é from e, people do not
        return await _found(player, name, kind, by)
    return None


async def _found(player: Player, what: str, kind: Kind, by: str) -> Selection | None:
    words = _words(what)
    artist = protocol.contains("artist", _words(by))
    for each in _ORDER if kind == "anything" else [kind] if kind in _TAGS else []:
        tag = _TAGS[each]
        wanted = protocol.contains(tag, words) + artist
        if songs := await _search(player, wanted):
            names = list(dict.fromkeys(value for song in songs for value in protocol.values(song, tag)))
            if exact := _same(what, names):
                wanted = protocol.equals(tag, exact) + artist
                songs = [song for song in songs if exact in protocol.values(song, tag)]
                names = [exact]
            return Selection([protocol.line("searchadd", protocol.all_of(wanted))], _title(each, names, songs))
    if kind == "anything":
        wanted = protocol.contains("any", words) + artist
        if songs := await _search(player, wanted):
            return Selection([protocol.line("searchadd", protocol.all_of(wanted))], title_of(songs[0]))
    return None


async def playlists(player: Player) -> list[str]:
    """Names of the stored playlists. Raises PlayerError."""
    [answer] = await player.do(protocol.line("listplaylists"))
    return protocol.values(answer, "playlist")


async def names(player: Player) -> list[str]:
    """Names of artists, albums and playlists, for `near`. Raises PlayerError."""
    artists, albums = await player.do(protocol.line("list", "artist"), protocol.line("list", "album"))
    found = [*await playlists(player), *protocol.values(artists, "artist"), *protocol.values(albums, "album")]
    return [name for name in dict.fromkeys(found) if name][:MOST_NAMES]


def near(what: str, names: Iterable[str]) -> list[str]:
    """The names that are most like what was said: a recogniser writes Beetles. Takes long where there are many."""
    plain = {_plain(name): name for name in names}
    return [plain[name] for name in difflib.get_close_matches(_plain(what), plain, n=3, cutoff=0.6)]


def title_of(song: Pairs) -> str:
    """As one says it: So What by Miles Davis."""
    tags = dict(song)
    title = tags.get("title") or tags.get("name") or _file_name(tags.get("file", ""))
    return f"{title} by {tags['artist']}" if tags.get("artist") else title


def _title(kind: str, names: Sequence[str], songs: Sequence[Pairs]) -> str:
    if kind == "song":
        return title_of(songs[0])
    if kind == "album" and len(names) == 1:
        artists = {artist for song in songs for artist in protocol.values(song, "artist")}
        return f"{names[0]} by {artists.pop()}" if len(artists) == 1 else names[0]
    return listed(list(names)) if len(names) < 4 else f"{', '.join(names[:3])} and more"


async def _search(player: Player, wanted: Sequence[str]) -> list[Pairs]:
    [answer] = await player.do(protocol.line("search", protocol.all_of(wanted), "window", f"0:{LOOKED_AT}"))
    return protocol.records(answer, "file")


def _same(what: str, names: Iterable[str]) -> str | None:
    return next((name for name in names if _plain(name) == _plain(what)), None)


def _words(text: str) -> list[str]:
    return _UNSAYABLE.sub(" ", text).split()[:MOST_WORDS]


def _plain(text: str) -> str:
    """Lower case, no accents, no marks: what is left when it is said."""
    letters = "".join(c for c in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(c))
    return " ".join(re.findall(r"\w+", letters)).removeprefix("the ")


def _file_name(path: str) -> str:
    return path.rsplit("/", 1)[-1].rsplit(".", 1)[0] or "something without a name"

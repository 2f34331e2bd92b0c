"""What a model writes between <think> and </think> is not for the ear."""

from __future__ import annotations

import re
from typing import Final

_OPEN: Final = re.compile(r"<(think|thinking|thought|reasoning)>", re.IGNORECASE)
_LONGEST_TAG: Final = len("</reasoning>")


class Thinking:
    """Takes thoughts out of a stream of text; a tag may come in pieces."""

    def __init__(self) -> None:
        self._held = ""
        self._tag = ""

    def feed(self, piece: str) -> str:
        """What is to be said of the text so far that was not returned yet."""
        self._held += piece
        said = []
        while True:
            if self._tag:
                end = self._held.lower().find(f"</{self._tag}>")
                if end < 0:
                    self._held = self._held[-_LONGEST_TAG:]
                    break
                self._held = self._held[end + len(self._tag) + 3 :]
                self._tag = ""
            elif found := _OPEN.search(self._held):
                said.append(self._held[: found.start()])
                self._held = self._held[found.end() :]
                self._tag = found[1].lower()
            else:
                keep = self._perhaps_a_tag()
                said.append(self._held[:keep])
                self._held = self._held[keep:]
                break
        return "".join(said)

    def end(self) -> str:
        """What is left once no more comes: it was no tag."""
        left, self._held = self._held if not self._tag else "", ""
        return left

    def _perhaps_a_tag(self) -> int:
        """Where a tag may begin whose rest has not come yet."""
        at = self._held.rfind("<", -_LONGEST_TAG)
        if at < 0:
            return len(self._held)
        begun = self._held[at:].lower()
        known = ("<think>", "<thinking>", "<thought>", "<reasoning>")
        return at if any(tag.startswith(begun) for tag in known) else len(self._held)

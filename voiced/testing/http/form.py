"""A multipart form, read with no allowances."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from email.message import Message
from typing import Final

from voiced.testing.http.refusal import Refusal, bad_request

_DISPOSITION: Final = re.compile(rb"content-disposition:[ \t]*form-data((?:;[^\r\n]*)?)", re.IGNORECASE)
_PARAMETER: Final = re.compile(rb';[ \t]*(name|filename)="([^"\r\n]*)"')


@dataclass(frozen=True, slots=True)
class Part:
    """One field; `filename` is None where it is no file."""

    name: str
    data: bytes = field(repr=False)
    filename: str | None = None

    def text(self) -> str:
        """Raises `Refusal` when it is none."""
        try:
            return self.data.decode()
        except UnicodeDecodeError:
            raise bad_request(f"Invalid '{self.name}': it is no UTF-8.", self.name, "invalid_value") from None


def boundary_of(content_type: str) -> bytes:
    """What parts the fields. Raises `Refusal` when this is no form."""
    header = Message()
    header["Content-Type"] = content_type
    boundary = header.get_boundary()
    if header.get_content_type() != "multipart/form-data" or not boundary:
        raise _unreadable(f"the content type is {content_type}")
    return boundary.encode()


def parse(body: bytes, boundary: bytes) -> list[Part]:
    """The fields in order. Raises `Refusal`."""
    before, *sections = (b"\r\n" + body).split(b"\r\n--" + boundary)
    if before or not sections or sections.pop() not in (b"--", b"--\r\n"):
        raise _unreadable("it does not begin and end with its boundary")
    return [_part(section) for section in sections]


def _part(section: bytes) -> Part:
    head, empty_line, data = section.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    dispositions = [found for line in lines if (found := _DISPOSITION.fullmatch(line))]
    if lines[0] or not empty_line or len(dispositions) != 1:
        raise _unreadable("a part has no head")
    parameters = {name.decode(): value for name, value in _PARAMETER.findall(dispositions[0][1])}
    if "name" not in parameters:
        raise _unreadable("a part has no name")
    try:
        filename = parameters["filename"].decode() if "filename" in parameters else None
        return Part(parameters["name"].decode(), data, filename)
    except UnicodeDecodeError:
        raise _unreadable("a name is no UTF-8") from None


def _unreadable(why: str) -> Refusal:
    return bad_request(f"Could not parse multipart form ({why})")

"""HTTP/1.0 and 1.1 as a client reads answers: bytes in, in whatever pieces, one bounded answer out.  Pure.

RFC 9112, as strict as a probe can be: what two readers could understand in two ways is refused by name.
No body is decoded, and none is kept unless ``keep`` says how much of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

LONGEST_HEAD: Final = 32768  # bytes of all heads and trailers of one answer
LONGEST_LINE: Final = 4096  # bytes of a chunk's size and extensions
MOST_FIELDS: Final = 256  # of one head, and of one trailer
MOST_CHUNKS: Final = 1024  # and one more for each 64 bytes: each costs time, be it of one byte
MOST_INTERIM: Final = 16  # answers of the class 1xx before the one that counts
BEGINNING: Final = b"HTTP/1."
STATUS_LINE: Final = re.compile(rb"HTTP/1\.([0-9]) ([1-9][0-9]{2})(?: ([\t -~\x80-\xff]*))?")
END_OF_HEAD: Final = re.compile(rb"\n\r?\n")  # RFC 9112 section 2.2: a bare line feed will do
FIELD: Final = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]++):[ \t]*([^\n]*+(?:\n[ \t][^\n]*+)*+)\n")
NEW_LINE: Final = b"\n"
DIGITS: Final = re.compile(rb"[0-9]{1,18}")
CHUNK: Final = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;.*)?", re.DOTALL)
NO_BODY: Final = (204, 304)

Sink = Callable[[bytes], object]


class Malformed(Exception):
    """What came is no answer in HTTP/1; the message says why."""


class TooLong(Exception):
    """What came is longer than we are ready to read; the message says what."""


class Answer:
    """One answer as it comes in.  Nothing of it counts before ``headed`` is true."""

    __slots__ = (
        "_rest",
        "_step",
        "chunked",
        "chunks",
        "complete",
        "headed",
        "headers",
        "interim",
        "keep",
        "kept",
        "length",
        "minor",
        "no_body",
        "owed",
        "persistent",
        "reason",
        "sink",
        "size",
        "spent",
        "status",
        "trailers",
    )  # fmt: skip

    def __init__(self, keep: int = 0, sink: Sink | None = None, *, no_body: bool = False) -> None:
        self.status = 0
        self.reason = ""
        self.minor = 0  # of the version HTTP/1.x
        self.headers: dict[bytes, bytes] = {}  # by lower-case name; of several the values, with commas
        self.headed = False  # the head is whole
        self.complete = False  # and so is the body
        self.persistent = False  # another request may follow on the same connection
        self.interim = 0
        self.length: int | None = None  # None: chunked, or until the connection ends
        self.chunked = False
        self.chunks = 0  # so far
        self.trailers = 0  # lines of them so far
        self.size = 0  # bytes of the body so far
        self.keep = keep  # bytes of the body that are kept at most
        self.kept = bytearray()
        self.sink = sink  # takes every piece of the body
        self.no_body = no_body  # the request was a HEAD
        self.owed = 0  # bytes of the chunk, or of the body, that are still to come
        self.spent = 0  # bytes of heads and trailers so far
        self._rest = b""  # what makes no whole line yet
        self._step: Callable[[bytes, int], int] = self._head

    def feed(self, data: bytes) -> bytes:
        """Take what has come; return what lies behind the end.  Raises `Malformed` and `TooLong`."""
        if self._rest:
            data, self._rest = self._rest + data, b""
        at = 0
        while at < len(data) and not self.complete:
            step = self._step
            went = step(data, at)
            if went == at and step == self._step:
                self._rest = data[at:]  # not enough for another step
                return b""
            at = went
        return data[at:]

    def end(self) -> bool:
        """Take the end of the connection; say whether the answer is complete.  If not, it never will be."""
        if self.headed and self.length is None and not self.chunked:
            self.complete = True
        return self.complete

    def _head(self, data: bytes, at: int) -> int:
        """Take a head once it is whole."""
        if not data.startswith(BEGINNING, at) and not BEGINNING.startswith(data[at : at + len(BEGINNING)]):
            raise Malformed(f"no answer in HTTP/1, but {shown(data[at:])}")
        found = END_OF_HEAD.search(data, at)
        end = len(data) if found is None else found.end()
        if self.spent + end - at > LONGEST_HEAD:
            raise TooLong(f"a head of more than {LONGEST_HEAD} bytes")
        if found is None:
            return at
        self.spent += end - at
        head = data[at:end].replace(b"\r\n", b"\n")
        if b"\r" in head or b"\0" in head:
            raise Malformed("a head with a zero byte, or a carriage return amid a line")
        line, _, fields = head.partition(NEW_LINE)
        self._status_line(line)
        if 100 <= self.status < 200 and self.status != 101:
            self.interim += 1
            if self.interim > MOST_INTERIM:
                raise TooLong(f"more than {MOST_INTERIM} interim answers")
            return end
        self._fields(fields[:-1])
        self._framing()
        self.headed = True
        return end

    def _status_line(self, line: bytes) -> None:
        match = STATUS_LINE.fullmatch(line)
        if match is None:
            raise Malformed(f"no status line of HTTP/1, but {shown(line)}")
        self.minor, self.status = int(match[1]), int(match[2])
        self.reason = (match[3] or b"").decode("latin-1")

    def _fields(self, text: bytes) -> None:
        """Take the header fields (RFC 9112 section 5)."""
        headers, end = self.headers, 0
        for number, match in enumerate(FIELD.finditer(text)):
            if match.start() != end:
                break
            if number >= MOST_FIELDS:
                raise TooLong(f"more than {MOST_FIELDS} header fields")
            end = match.end()
            name, value = match.groups()
            name, value = name.lower(), value.rstrip(b" \t")
            if b"\n" in value:  # section 5.2: a fold is as good as a space
                value = b" ".join(line.strip(b" \t") for line in value.split(b"\n"))
            headers[name] = headers[name] + b", " + value if name in headers else value
        if end != len(text):
            # also a space before the colon: it has made servers disagree about what a header is
            raise Malformed(f"no header field, but {shown(text[end:].partition(NEW_LINE)[0])}")

    def _framing(self) -> None:
        """Find out where the body ends (RFC 9112 section 6.3)."""
        headers = self.headers
        coding, length = headers.get(b"transfer-encoding"), headers.get(b"content-length")
        wishes = headers.get(b"connection", b"").lower()
        self.persistent = b"close" not in wishes if self.minor else b"keep-alive" in wishes
        if length is not None:
            values = {value.strip(b" \t") for value in length.split(b",")}
            if len(values) > 1:
                raise Malformed(f"several lengths of one body: {shown(length)}")
            if not DIGITS.fullmatch(value := values.pop()):
                raise Malformed(f"no length of a body, but {shown(value)}")
            self.length = int(value)
        if self.no_body or self.status in NO_BODY or self.status == 101:
            self.length, self.complete = 0, True
            return
        if coding is not None:
            if coding.strip().lower() != b"chunked":
                raise Malformed(f"a transfer coding that nobody asked for: {shown(coding)}")
            # with a length beside it, or in HTTP/1.0, somebody on the way may have understood another end
            self.persistent = self.persistent and length is None and self.minor > 0
            self.chunked, self.length, self._step = True, None, self._chunk_size
        elif self.length is not None:
            self.owed, self.complete, self._step = self.length, not self.length, self._sized
        else:
            self.persistent, self._step = False, self._endless

    def _body(self, data: bytes) -> None:
        self.size += len(data)
        if self.sink is not None:
            self.sink(data)
        if len(self.kept) < self.keep:
            self.kept += data[: self.keep - len(self.kept)]

    def _sized(self, data: bytes, at: int) -> int:
        """Take a body, or a chunk, of known length."""
        piece = data[at : at + self.owed]
        self._body(piece)
        self.owed -= len(piece)
        if not self.owed:
            if self.chunked:
                self._step = self._chunk_end
            else:
                self.complete = True
        return at + len(piece)

    def _endless(self, data: bytes, at: int) -> int:
        """Take a body that ends with the connection."""
        self._body(data[at:])
        return len(data)

    def _chunk_size(self, data: bytes, at: int) -> int:
        """Take the line before a chunk (RFC 9112 section 7.1)."""
        end = data.find(b"\n", at)
        if (len(data) if end < 0 else end) - at > LONGEST_LINE:
            raise TooLong(f"a chunk's size of more than {LONGEST_LINE} bytes")
        if end < 0:
            return at
        line = data[at:end].removesuffix(b"\r")
        match = CHUNK.fullmatch(line)
        if match is None:
            raise Malformed(f"no size of a chunk, but {shown(line)}")
        self.spent += len(line) - len(match[1])
        if self.spent > LONGEST_HEAD:
            raise TooLong(f"extensions of chunks of more than {LONGEST_HEAD} bytes")
        self.chunks += 1
        if self.chunks > MOST_CHUNKS + self.size // 64:
            raise TooLong(f"{self.chunks} chunks for the first {self.size} bytes of a body")
        self.owed = int(match[1], 16)
        self._step = self._sized if self.owed else self._trailer
        return end + 1

    def _chunk_end(self, data: bytes, at: int) -> int:
        """Take the line end behind a chunk."""
        for line_end in (b"\r\n", b"\n"):
            if data.startswith(line_end, at):
                self._step = self._chunk_size
                return at + len(line_end)
        if data[at:] != b"\r":
            raise Malformed(f"no end of a chunk, but {shown(data[at:])}")
        return at

    def _trailer(self, data: bytes, at: int) -> int:
        """Take the fields behind the last chunk, which tell us nothing."""
        end = data.find(b"\n", at)
        after = len(data) if end < 0 else end + 1
        if self.spent + after - at > LONGEST_HEAD:
            raise TooLong(f"a trailer of more than {LONGEST_HEAD} bytes")
        if end < 0:
            return at
        self.spent += after - at
        self.trailers += 1
        if self.trailers > MOST_FIELDS:
            raise TooLong(f"a trailer of more than {MOST_FIELDS} fields")
        self.complete = data[at:end] in (b"", b"\r")
        return after


def shown(data: bytes) -> str:
    """Return the beginning of something for people: quoted, printable, short."""
    text = data[:40].decode("utf-8", "replace")
    return '"' + "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text) + '"'

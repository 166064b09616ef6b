"""Answers in HTTP/1: what each means, what is refused; in which pieces they come is of no matter."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from havip.healthcheck.http1 import Answer, Malformed, TooLong

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


def fed(*pieces: bytes, no_body: bool = False) -> tuple[Answer, bytes]:
    """Return an answer that was given these pieces, and what lay behind its end."""
    answer = Answer(1 << 20, no_body=no_body)
    rest = b""
    for piece in pieces:
        rest += answer.feed(piece)
    return answer, rest


WHOLE = [
    (OK + b"Content-Length: 5\r\n\r\nhello", 200, b"hello", True),
    (OK + b"content-length:5\r\nConnection: close\r\n\r\nhello", 200, b"hello", False),
    (OK + b"Content-Length: 0\r\n\r\n", 200, b"", True),
    (OK + b"Content-Length: 5, 5\r\n\r\nhello", 200, b"hello", True),
    (b"HTTP/1.0 404 Not Found\r\nContent-Length: 2\r\n\r\nno", 404, b"no", False),
    (b"HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 2\r\n\r\nok", 200, b"ok", True),
    (b"HTTP/1.1 204 No Content\r\nContent-Length: 7\r\n\r\n", 204, b"", True),
    (b"HTTP/1.1 304\r\n\r\n", 304, b"", True),
    (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", 101, b"", True),
    (b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok", 200, b"ok", True),
    (CHUNKED + b"5\r\nhello\r\n6;name=value\r\n world\r\n0\r\nTrailer: x\r\n\r\n", 200, b"hello world", True),
    (CHUNKED + b"0\r\n\r\n", 200, b"", True),
    (CHUNKED + b"A\r\n0123456789\r\n00\r\n\r\n", 200, b"0123456789", True),
    (OK + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n", 200, b"x", False),
    (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nA: x\r\n\r\n" + OK + b"Content-Length: 1\r\n\r\nx",
     200, b"x", True),
    (OK + b"X-Folded: one\r\n two\r\nContent-Length: 1\r\n\r\nx", 200, b"x", True),
    (OK + b"X: \xff\xfe\r\nContent-Length: 1\r\n\r\n\xff", 200, b"\xff", True),
]  # fmt: skip


@pytest.mark.parametrize(("octets", "status", "body", "persistent"), WHOLE)
def test_an_answer_means_what_the_rfc_says(octets: bytes, status: int, body: bytes, persistent: bool) -> None:
    answer, rest = fed(octets + b"more")
    assert answer.complete
    assert (answer.status, bytes(answer.kept), answer.persistent) == (status, body, persistent)
    assert answer.size == len(body)
    assert rest == b"more"


@given(st.sampled_from([whole[0] for whole in WHOLE]), st.lists(st.integers(0, 200), max_size=8))
def test_it_does_not_matter_in_which_pieces_an_answer_comes(octets: bytes, cuts: list[int]) -> None:
    at = [0, *sorted(min(cut, len(octets)) for cut in cuts), len(octets)]
    pieces = [octets[start:end] for start, end in pairwise(at)]
    whole, _ = fed(octets)
    cut, rest = fed(*pieces)
    assert rest == b""
    for name in ("status", "reason", "headers", "kept", "complete", "persistent", "size", "interim"):
        assert getattr(cut, name) == getattr(whole, name)


def test_a_body_without_a_length_ends_with_the_connection() -> None:
    answer, _ = fed(OK + b"\r\n", b"one", b"two")
    assert not answer.complete
    assert answer.end()
    assert (bytes(answer.kept), answer.persistent) == (b"onetwo", False)


@pytest.mark.parametrize(
    "octets", [b"", b"HTT", OK, OK + b"Content-Length: 5\r\n\r\nhell", CHUNKED + b"5\r\nhel", CHUNKED]
)
def test_an_answer_that_is_cut_off_never_becomes_complete(octets: bytes) -> None:
    answer, _ = fed(octets)
    assert not answer.end()


def test_the_answer_to_a_head_has_no_body_whatever_length_it_names() -> None:
    answer, rest = fed(OK + b"Content-Length: 50\r\n\r\n", no_body=True)
    assert (answer.complete, answer.size, rest) == (True, 0, b"")


def test_only_so_much_of_a_body_is_kept() -> None:
    answer = Answer(4)
    answer.feed(OK + b"Content-Length: 10\r\n\r\n01234")
    answer.feed(b"56789")
    assert (bytes(answer.kept), answer.size, answer.complete) == (b"0123", 10, True)


def test_fields_of_one_name_are_put_together() -> None:
    answer, _ = fed(OK + b"A: 1\r\na:  2 \r\nB: x\r\n  y\r\nContent-Length: 0\r\n\r\n")
    assert answer.headers == {b"a": b"1, 2", b"b": b"x y", b"content-length": b"0"}


REFUSED = [
    (b"hello", "no answer in HTTP/1, but"),
    (b"\x16\x03\x01", "no answer in HTTP/1, but"),
    (b"SSH-2.0-OpenSSH\r\n", 'no answer in HTTP/1, but "SSH-2.0-OpenSSH'),
    (b"\r\n" + OK, "no answer in HTTP/1"),
    (b"HTTP/2 200\r\n\r\n", "no answer in HTTP/1"),
    (b"HTTP/1.1 20 OK\r\n\r\n", 'no status line of HTTP/1, but "HTTP/1.1 20 OK"'),
    (b"HTTP/1.1 2000 OK\r\n\r\n", "no status line"),
    (b"HTTP/1.1  200 OK\r\n\r\n", "no status line"),
    (b"HTTP/1.1 099 OK\r\n\r\n", "no status line"),
    (b"HTTP/1.1\r\n\r\n", "no status line"),
    (OK + b"No colon\r\n\r\n", 'no header field, but "No colon"'),
    (OK + b"Name : value\r\n\r\n", 'no header field, but "Name : value"'),
    (OK + b": value\r\n\r\n", "no header field"),
    (OK + b" folded: first\r\n\r\n", "no header field"),
    (OK + b"A: b\rc\r\n\r\n", "carriage return amid a line"),
    (OK + b"A: b\0c\r\n\r\n", "a head with a zero byte"),
    (OK + b"Content-Length: -1\r\n\r\n", 'no length of a body, but "-1"'),
    (OK + b"Content-Length: +1\r\n\r\n", 'no length of a body, but "+1"'),
    (OK + b"Content-Length: 0x10\r\n\r\n", "no length of a body"),
    (OK + b"Content-Length: \r\n\r\n", "no length of a body"),
    (OK + b"Content-Length: " + b"9" * 19 + b"\r\n\r\n", "no length of a body"),
    (OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n", 'several lengths of one body: "5, 6"'),
    (OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n", "a transfer coding that nobody asked for"),
    (OK + b"Transfer-Encoding: chunked, chunked\r\n\r\n", "a transfer coding that nobody asked for"),
    (CHUNKED + b"-5\r\n", 'no size of a chunk, but "-5"'),
    (CHUNKED + b"x\r\n", "no size of a chunk"),
    (CHUNKED + b"\r\n", "no size of a chunk"),
    (CHUNKED + b"ffffffffffffffff\r\n", "no size of a chunk"),
    (CHUNKED + b"1\r\nxy\r\n", 'no end of a chunk, but "y'),
]


@pytest.mark.parametrize(("octets", "why"), REFUSED)
def test_what_is_not_http_is_refused_by_name_in_whatever_pieces(octets: bytes, why: str) -> None:
    with pytest.raises(Malformed) as whole:
        fed(octets)
    assert why in str(whole.value)
    with pytest.raises(Malformed):
        fed(*(octets[at : at + 1] for at in range(len(octets))))


def feed_on(answer: Answer, again: bytes) -> None:
    for _ in range(100):
        answer.feed(again)


ENDLESS = [
    (OK, b"X-Header: " + b"x" * 1000 + b"\r\n", "a head of more than 32768 bytes"),
    (OK + b"X: ", b"x" * 1000, "a head of more than 32768 bytes"),
    (b"", b"HTTP/1.1 100 Continue\r\n\r\n", "more than 16 interim answers"),
    (CHUNKED + b"1;", b"x" * 1000, "a chunk's size of more than 4096 bytes"),
    (CHUNKED, b"1;" + b"x" * 4000 + b"\r\nx\r\n", "extensions of chunks of more than 32768 bytes"),
    (CHUNKED + b"0\r\n", b"X: " + b"x" * 1000 + b"\r\n", "a trailer of more than 32768 bytes"),
]


@pytest.mark.parametrize(("first", "again", "why"), ENDLESS)
def test_what_never_ends_is_refused_in_time(first: bytes, again: bytes, why: str) -> None:
    answer = Answer()
    answer.feed(first)
    with pytest.raises(TooLong, match=why):
        feed_on(answer, again)


@given(st.lists(st.binary(max_size=40), max_size=10), st.sampled_from([b"", OK, CHUNKED, CHUNKED + b"3\r\n"]))
def test_any_bytes_are_an_answer_or_a_refusal(pieces: list[bytes], begin: bytes) -> None:
    answer, why = Answer(16), ""
    try:
        for piece in (begin, *pieces):
            answer.feed(piece)
    except (Malformed, TooLong) as refusal:
        why = str(refusal)
    assert why.isprintable()
    assert len(answer.kept) <= 16


def test_what_costs_time_and_few_bytes_is_bounded_in_number() -> None:
    """A body in chunks of one byte took the checker 0.2 s of processor time: each of 65536 is three steps."""
    for head, piece, most, why in (
        (CHUNKED, b"1\r\nx\r\n", 1100, "chunks for the first 10[0-9][0-9] bytes of a body"),
        (OK, b"a:\r\n", 300, "more than 256 header fields"),
        (CHUNKED + b"0\r\n", b"a\r\n", 300, "a trailer of more than 256 fields"),
    ):
        with pytest.raises(TooLong, match=why):
            fed(head + piece * most + b"\r\n")


def test_chunks_of_a_usual_size_may_be_as_many_as_they_like() -> None:
    answer, _ = fed(CHUNKED + (b"40\r\n" + b"x" * 64 + b"\r\n") * 10_000 + b"0\r\n\r\n")
    assert (answer.complete, answer.size, answer.chunks) == (True, 640_000, 10_001)

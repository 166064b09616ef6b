"""DNS messages: bytes by hand from RFC 1035, 3596, 2782 and 4034, and bytes that should be none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from havip.config.probes import RecordType
from havip.healthcheck.dns_wire import (
    Answer,
    Malformed,
    Unrelated,
    is_among,
    question,
    read_answer,
    read_name,
)

A, MX, TXT, SOA = RecordType.A, RecordType.MX, RecordType.TXT, RecordType.SOA

EXAMPLE = b"\x07example\x03com\x00"  # RFC 1035 section 3.1: lengths and labels, the root last
HERE = b"\xc0\x0c"  # section 4.1.4: a pointer to the name of the question, which begins in byte 12


def message(
    question: bytes, *records: bytes, flags: int = 0x8180, number: int = 0x1234, count: int | None = None
) -> bytes:
    """Return a response; ``flags`` are QR, RD and RA unless given (section 4.1.1)."""
    counts = (1).to_bytes(2, "big") + (len(records) if count is None else count).to_bytes(2, "big") + bytes(4)
    return number.to_bytes(2, "big") + flags.to_bytes(2, "big") + counts + question + b"".join(records)


def record(kind: int, data: bytes, name: bytes = HERE, length: int | None = None) -> bytes:
    """Return a resource record of class IN with a TTL of one minute (section 4.1.3)."""
    size = len(data) if length is None else length
    return name + kind.to_bytes(2, "big") + b"\0\x01\0\0\0\x3c" + size.to_bytes(2, "big") + data


def asking(kind: int) -> bytes:
    """Return the question for example.com."""
    return EXAMPLE + kind.to_bytes(2, "big") + b"\0\x01"


def query(kind: RecordType) -> bytes:
    return question(0x1234, "example.com", kind, True)


def test_a_question_is_a_header_a_name_a_type_and_a_class() -> None:
    assert query(A) == bytes.fromhex("1234 0100 0001 0000 0000 0000 07") + b"example\x03com" + bytes.fromhex(
        "00 0001 0001"
    )
    assert question(0xFFFF, ".", SOA, False) == bytes.fromhex("ffff 0000 0001 0000 0000 0000 00 0006 0001")


RECORDS = [
    ("A", 1, b"\xc0\x00\x02\x50", "192.0.2.80"),
    ("NS", 2, b"\x03ns1" + HERE, "ns1.example.com"),
    ("CNAME", 5, b"\x03www\x03net\0", "www.net"),
    (
        "SOA",
        6,
        b"\x02ns" + HERE + b"\x04root" + HERE + bytes.fromhex("78a3f4b1 00001c20 00000e10 00127500 00000e10"),
        "ns.example.com root.example.com 2024010929 7200 3600 1209600 3600",
    ),
    ("PTR", 12, b"\x01h\0", "h"),
    ("MX", 15, b"\0\x0a\x04mail" + HERE, "10 mail.example.com"),
    ("TXT", 16, b"\x05v=spf\x021 ", "v=spf1 "),
    ("TXT", 16, b"\x02\xff\0", "\\255\\000"),
    ("AAAA", 28, bytes.fromhex("20010db8000000000000000000000001"), "2001:db8::1"),
    ("SRV", 33, b"\0\x01\0\x02\x13\xc4\x03sip" + HERE, "1 2 5060 sip.example.com"),
    (
        "RRSIG",
        46,
        bytes.fromhex("0001 08 02 00000e10 65000000 64000000 a1b2") + EXAMPLE + b"signature",
        "A 8 2 3600 1694498816 1677721600 41394 example.com",
    ),
    ("DNSKEY", 48, b"\x01\x01\x03\x08key!", "257 3 8 a2V5IQ=="),
]


@pytest.mark.parametrize(("kind", "number", "data", "words"), RECORDS)
def test_every_type_of_record_is_read(kind: str, number: int, data: bytes, words: str) -> None:
    answer = read_answer(
        message(asking(number), record(number, data)), query(RecordType(kind)), RecordType(kind)
    )
    assert answer == Answer("NOERROR", records=(words,))


@pytest.mark.parametrize(("kind", "number", "data", "words"), RECORDS)
def test_a_record_that_is_cut_off_anywhere_is_malformed(
    kind: str, number: int, data: bytes, words: str
) -> None:
    whole = message(asking(number), record(number, data))
    for size in range(len(whole)):
        with pytest.raises((Malformed, Unrelated)):
            read_answer(whole[:size], query(RecordType(kind)), RecordType(kind))


def test_records_of_other_types_and_classes_are_passed_over() -> None:
    alias, other = record(5, b"\x01w\0"), HERE + b"\0\x01\0\x03\0\0\0\x3c\0\x04abcd"
    data = message(asking(1), alias, record(1, b"\xc0\0\x02\x01", b"\x01w\0"), other)
    assert read_answer(data, query(A), A).records == ("192.0.2.1",)


@pytest.mark.parametrize(
    ("flags", "rcode"),
    [
        (0x8183, "NXDOMAIN"),
        (0x8182, "SERVFAIL"),
        (0x8185, "REFUSED"),
        (0x8184, "NOTIMP"),
        (0x818F, "rcode 15"),
    ],
)
def test_a_response_code_is_told_by_its_name(flags: int, rcode: str) -> None:
    assert read_answer(message(asking(1), flags=flags), query(A), A) == Answer(rcode)


def test_an_error_need_not_repeat_the_question() -> None:
    data = bytes.fromhex("1234 8001 0000 0000 0000 0000")
    assert read_answer(data, query(A), A) == Answer("FORMERR")


def test_of_a_truncated_answer_nothing_but_that_is_read() -> None:
    data = message(asking(1), b"\xff", flags=0x8380, count=9)
    assert read_answer(data, query(A), A) == Answer("NOERROR", truncated=True)


UNRELATED = {
    "it has another id than the question": message(asking(1), number=0x1235),
    "it is no response to a question": message(asking(1), flags=0x0100),
    "it answers another question": message(asking(28)),
    "it repeats 0 questions": bytes.fromhex("1234 8180 0000 0000 0000 0000"),
}


@pytest.mark.parametrize(("why", "data"), UNRELATED.items())
def test_what_does_not_answer_our_question_is_unrelated(why: str, data: bytes) -> None:
    with pytest.raises(Unrelated, match=f"^{why}$"):
        read_answer(data, query(A), A)


def test_a_question_that_comes_back_in_other_case_is_ours() -> None:
    data = message(asking(1).replace(b"example", b"eXAMPLe"), record(1, b"\xc0\0\x02\x01"))
    assert read_answer(data, query(A), A).records == ("192.0.2.1",)


MALFORMED = {
    "an IPv4 address of 3 bytes": record(1, b"abc"),
    "a record is longer than the message": record(1, b"abcd", length=5),
    "a label begins with 0x80": record(1, b"abcd", b"\x80"),
    "a label begins with 0x40": record(1, b"abcd", b"\x40"),
    "a compressed name does not point back": record(1, b"abcd", b"\xc0\x1d"),  # at itself: byte 29
}


@pytest.mark.parametrize(("why", "bad"), MALFORMED.items())
def test_what_breaks_the_format_is_malformed(why: str, bad: bytes) -> None:
    with pytest.raises(Malformed, match=f"^{why}$"):
        read_answer(message(asking(1), bad), query(A), A)


def test_a_loop_of_pointers_is_refused_however_it_is_wound() -> None:
    with pytest.raises(Malformed, match="does not point back"):
        read_name(b"\xc0\x02\xc0\x00", 2)  # 2 -> 0 -> 2
    with pytest.raises(Malformed, match="does not point back"):
        read_name(b"\x01a\xc0\x00", 0)  # a.a.a.a...
    with pytest.raises(Malformed, match="does not point back"):
        read_name(b"\xc0\xff", 0)


def test_a_name_of_255_bytes_is_read_and_one_of_256_is_not() -> None:
    longest = b"\x3f" + b"a" * 63 + b"\x3f" + b"b" * 63 + b"\x3f" + b"c" * 63 + b"\x3d" + b"d" * 61 + b"\0"
    assert len(longest) == 255
    assert read_name(longest, 0)[1] == 255
    with pytest.raises(Malformed, match="longer than 255"):
        read_name(longest.replace(b"\x3d" + b"d" * 61, b"\x3e" + b"d" * 62), 0)


def test_a_chain_of_pointers_may_have_as_many_as_a_name_has_labels() -> None:
    chain = b"\0" + b"\xc0\x00" + b"".join((0xC001 + 2 * place).to_bytes(2, "big") for place in range(127))
    assert read_name(chain, 1 + 2 * 126) == (".", 1 + 2 * 127)
    with pytest.raises(Malformed, match="more pointers"):
        read_name(chain, 1 + 2 * 127)


def test_dots_and_control_characters_within_a_label_are_escaped() -> None:
    assert read_name(b"\x03a.b\x02\n\\\0", 0) == ("a\\046b.\\010\\092", 8)


AMONG = [
    ("192.0.2.1", ("192.0.2.2", "192.0.2.1"), "A", True),
    ("192.0.2.3", ("192.0.2.2", "192.0.2.1"), "A", False),
    ("2001:DB8:0::1", ("2001:db8::1",), "AAAA", True),
    ("MAIL.example.com.", ("10 mail.example.com",), "MX", True),
    ("10 mail.example.com", ("10 mail.example.com",), "MX", True),
    ("20 mail.example.com", ("10 mail.example.com",), "MX", False),
    ("sip.example.com", ("1 2 5060 sip.example.com",), "SRV", True),
    ("ns.example.com", ("ns.example.com root.example.com 1 2 3 4 5",), "SOA", True),
    ("www.example.com", ("www.example.com",), "CNAME", True),
    ("v=spf1 -all", ("v=spf1 -all",), "TXT", True),
    ("V=spf1 -all", ("v=spf1 -all",), "TXT", False),
    ("v=spf1", (), "TXT", False),
]


@pytest.mark.parametrize(("expected", "records", "kind", "among"), AMONG)
def test_an_answer_is_compared_as_what_it_is(
    expected: str, records: tuple[str, ...], kind: str, among: bool
) -> None:
    assert is_among(expected, records, RecordType(kind)) is among


@given(st.binary(max_size=600), st.sampled_from(RecordType))
def test_any_bytes_are_an_answer_or_refused(data: bytes, kind: RecordType) -> None:
    for begin in (b"", query(kind)[:2] + b"\x81\x80\0\x01\0\x02\0\0\0\0" + query(kind)[12:]):
        try:
            answer = read_answer(begin + data, query(kind), kind)
        except (Malformed, Unrelated):
            continue
        assert all(one.isprintable() for one in answer.records)


@given(st.lists(st.text("abc-_", min_size=1, max_size=20), max_size=8), st.sampled_from(RecordType))
def test_a_name_that_we_ask_for_is_read_back(labels: list[str], kind: RecordType) -> None:
    name = ".".join(labels) or "."
    assert read_name(question(1, name, kind, True), 12)[0] == name

"""What must hold between the keys of one kind of probe.  Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from ipaddress import IPv4Address, IPv6Address
from typing import Any, Final

from havip.config.draft import good
from havip.config.probes import LARGEST_DATAGRAM, RecordType
from havip.config.problems import Problems, quote
from havip.config.reader import BAD, Read, Reading

ADDRESSES: Final = {RecordType.A: IPv4Address, RecordType.AAAA: IPv6Address}


def check_conversation(kind: str, read: Read, problems: Problems) -> None:
    """Check the keys of a probe beside each other."""
    if read.value is not BAD and kind in RULES:
        RULES[kind](read.value, problems)


def check_tcp(reading: Reading, problems: Problems) -> None:
    """An expectation must expect something, and the agent's line is expectation enough."""
    expect, agent = good(reading, "expect"), good(reading, "agent")
    if expect is not None and not expect.value:
        problems.add(expect.place, "nothing", 'one of the keys "contains", "begins", "exact", "regex"')
    if expect is not None and agent is not None and agent.value:
        problems.add(expect.place, '"expect" beside "agent"', why="the line of an agent is judged as such")
    if expect is not None and expect.value:
        begins, exact = good(expect.value, "begins"), good(expect.value, "exact")
        if begins is not None and exact is not None:
            problems.add(begins.place, '"begins" beside "exact"', "one of them")


def check_udp(reading: Reading, problems: Problems) -> None:
    """A reply can be as short as the least, and begin as it must, without being too long."""
    least, most = value_of(reading, "min_length", 0), value_of(reading, "max_length", LARGEST_DATAGRAM)
    if least > most:
        place = reading["max_length" if "max_length" in reading else "min_length"].place
        problems.add(place, str(most), f"at least {least}", why=f"min_length is {least}")
    expect = good(reading, "expect")
    if expect is not None and len(expect.value.mask) > most:
        size = len(expect.value.mask)
        problems.add(expect.place, f"{size} bytes", f"at most {most}", why=f"max_length is {most}")


def check_dns(reading: Reading, problems: Problems) -> None:
    """What is expected must be able to come."""
    expect, rcode = good(reading, "expect"), good(reading, "rcode")
    if expect is None:
        return
    if rcode is not None and rcode.value != "NOERROR":
        problems.add(expect.place, f'"expect" beside "rcode: {rcode.value}"', why="only NOERROR has answers")
    kind = ADDRESSES.get(value_of(reading, "type", RecordType.SOA))
    if kind is not None:
        try:
            kind(expect.value)
        except ValueError:
            version = "an IPv4 address" if kind is IPv4Address else "an IPv6 address"
            problems.add(expect.place, quote(expect.value), version)


def check_redis(reading: Reading, problems: Problems) -> None:
    """A user alone cannot log in."""
    if "user" in reading and "password" not in reading:
        problems.add(reading["user"].place, '"user" without "password"', 'the key "password" beside it')


def value_of(reading: Mapping[str, Read], key: str, default: Any) -> Any:
    """Return a value, or the one that holds without it."""
    read = good(reading, key)
    return default if read is None else read.value


RULES: Final[dict[str, Callable[[Reading, Problems], None]]] = {
    "tcp": check_tcp,
    "udp": check_udp,
    "dns": check_dns,
    "redis": check_redis,
}

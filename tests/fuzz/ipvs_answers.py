"""What a kernel never says of IPVS: its messages, damaged in every way."""

from __future__ import annotations

import struct
from collections.abc import Callable
from random import Random
from typing import Final

from havip.ipvs import answers, codec
from havip.ipvs.layout import Layouts
from havip.ipvs.model import AddService, Service, ServiceFlag, Sync, SyncRole, Timeouts
from havip.netlink import generic
from havip.netlink.codec import Malformed
from tests.ipvs import told
from tests.ipvs.tables import KEYS

_HEADER: Final = 16
BODIES: Final = (
    told.DESTINATION,
    told.DESTINATION,
    told.DESTINATION.replace(b"\x0a\x00\x00\x32", b"\x0a\x00\x00\x33"),
    told.DESTINATION[:4] + b"\xdc\x00" + told.DESTINATION[6:-0xA0],
    *(
        built[_HEADER:]
        for key in KEYS
        for built in codec.changes(28, 1, [AddService(Service(key, "sh", ServiceFlag.ONE_PACKET))])
    ),
    codec.start_sync(28, 1, Sync(SyncRole.MASTER, "eth0", 1, 1400))[_HEADER:],
    codec.set_timeouts(28, 1, Timeouts(1, 2, 3))[_HEADER:],
    bytes.fromhex("01020000 09000200 49505653 00000000 06000100 1c000000"),
)


def damaged(random: Random) -> bytes:
    """Return a message, most of the time with something wrong."""
    octets = bytearray(random.choice(BODIES))
    for _ in range(random.choice((0, 0, 1, 1, 2, 8))):
        at = random.randrange(len(octets))
        match random.randrange(4):
            case 0:
                octets[at] = random.randrange(256)
            case 1:
                octets[at & ~3 : (at & ~3) + 4] = struct.pack(
                    "=HH", random.choice((0, 3, 4, 5, 8, 0xFFFF)), random.randrange(16)
                )
            case 2:
                octets[at:at] = octets[(at & ~3) : (at & ~3) + 8]
            case _:
                octets[at] ^= 1 << random.randrange(8)
    return bytes(octets[: random.choice((len(octets), len(octets), random.randrange(len(octets) + 1)))])


def outcome(parse: Callable[[], object]) -> object:
    """Return the value, or that there is none."""
    try:
        return parse()
    except Malformed:
        return Malformed


def examine(random: Random, layouts: Layouts) -> str:
    """Read a message in every way.  Return the name of what it comes to as a destination."""
    body, family = damaged(random), random.choice((4, 6))
    for parse in (
        answers.service,
        answers.sync,
        answers.timeouts,
        answers.version,
        generic.parse_family,
        generic.command_of,
    ):
        outcome(lambda parse=parse: parse(body))  # type: ignore[misc]
    plain = outcome(lambda: answers.destination(body, family))
    assert outcome(lambda: layouts.destination(body, family)) == plain, body.hex()
    return "malformed" if plain is Malformed else "none" if plain is None else "value"

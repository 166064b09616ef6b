"""An independent model of the VRRP message, slow and literal, for tests to hold the codec against.

It shares nothing with `havip.vrrp.packet`: the checksum adds 16-bit words one by one, as RFC 1071 tells
it, and every field can be set to anything, right or wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address

GROUP_V4 = bytes((224, 0, 0, 18))
GROUP_V6 = bytes.fromhex("ff020000000000000000000000000012")


def ip(text: str) -> bytes:
    """Return an address packed in network order."""
    return ip_address(text).packed


def ones_complement_sum(data: bytes) -> int:
    """Add 16-bit words with end-around carry (RFC 1071 section 1)."""
    total = 0
    for at in range(0, len(data), 2):
        total += data[at] << 8 | data[at + 1]
        total = (total & 0xFFFF) + (total >> 16)
    return total


def pseudo(source: bytes, destination: bytes, length: int) -> bytes:
    """Write the pseudo header byte by byte: RFC 8200 section 8.1, or its IPv4 counterpart."""
    if len(source) == 16:
        return source + destination + bytes((0, 0, length >> 8, length & 255, 0, 0, 0, 112))
    return source + destination + bytes((0, 112, length >> 8, length & 255))


def covered(version: int, form: str, message: bytes, source: bytes, destination: bytes) -> bytes:
    """Return what the checksum covers; ``form`` matters in VRRPv3 over IPv4 only."""
    if version == 3 and (len(source) == 16 or form == "pseudo-header"):
        return pseudo(source, destination, len(message)) + message
    return message


def message(
    *,
    version: int = 3,
    kind: int = 1,
    vrid: int = 51,
    priority: int = 200,
    count: int | None = None,
    timing: int | None = None,
    addresses: Sequence[bytes] = (bytes((192, 0, 2, 100)),),
    tail: bytes | None = None,
    source: bytes = bytes((198, 51, 100, 10)),
    destination: bytes | None = None,
    form: str = "pseudo-header",
    damage: int = 0,
) -> bytes:
    """Return a VRRP message; ``damage`` is added to its right checksum."""
    if timing is None:
        timing = 1 if version == 2 else 100
    if tail is None:
        tail = bytes(8) if version == 2 else b""
    if count is None:
        count = len(addresses)
    if destination is None:
        destination = GROUP_V6 if len(source) == 16 else GROUP_V4
    head = bytes((version << 4 | kind, vrid, priority, count, timing >> 8, timing & 255))
    body = b"".join(addresses) + tail
    blank = head + bytes(2) + body
    right = 0xFFFF - ones_complement_sum(
        covered(version, form, blank + bytes(len(blank) % 2), source, destination)
    )
    return head + ((right + damage) & 0xFFFF).to_bytes(2, "big") + body

"""Signed adverts for tests, made without `havip.vrrp.auth`: the format field by field.

The vectors are those of the reference: key 00..1f under the number 1, VRID 51, priority 200, one address.
"""

from __future__ import annotations

import hashlib
import hmac

from havip.clock import ZERO, Duration
from havip.config.authentication import AntiReplay, Hmac, HmacKey, Mode, Secret
from tests.vrrp.wire import ip

KEY = bytes(range(32))
OTHER_KEY = b"another key, of forty-two ASCII characters"

V4_SOURCE, V6_SOURCE = ip("198.51.100.10"), ip("fe80::10")
V4_MESSAGE = bytes.fromhex("3133c80100644402c0000264")
V4_TRAILER = bytes.fromhex("0101000068000000800000001b84bc4e8e43892dc6d98448f8ee2265")
V6_MESSAGE = bytes.fromhex("3133c8010064a2e9fe800000000000000000000000000100")
V6_TRAILER = bytes.fromhex("010100006800000080000000c8c56146ebfd66ee10ec4d8186461b78")
SEQUENCE = 0x6800000080000000
#: the instant of that sequence, in nanoseconds since 1970
WALL = 0x68000000 * 10**9 + 500_000_000


def rules(
    *keys: tuple[int, bytes],
    active: int = 1,
    anti_replay: AntiReplay = AntiReplay.TIME,
    window: Duration = ZERO,
    mode: Mode = Mode.ENFORCE,
) -> Hmac:
    """Return rules with these keys, or with the vectors' one."""
    made = tuple(HmacKey(Secret(secret), number=number) for number, secret in keys or ((1, KEY),))
    return Hmac(made, active, anti_replay, window, mode)


def sign(
    message: bytes, source: bytes, sequence: int, *, key: bytes = KEY, number: int = 1, kind: int = 1
) -> bytes:
    """Return ``message`` with its trailer."""
    family = 4 if len(source) == 4 else 6
    head = bytes((kind, number, 0, 0)) + sequence.to_bytes(8, "big")
    covered = bytes((family, message[0] >> 4, message[1], 0)) + source + bytes(16 - len(source))
    covered += message[:6] + b"\0\0" + message[8:] + head + bytes(16)
    return message + head + hmac.new(key, covered, hashlib.sha256).digest()[:16]

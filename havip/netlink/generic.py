"""Generic netlink (linux/genetlink.h): families that have a name, and commands.  Pure.

Whatever the bytes are, parsing ends in a value, in None or in `Malformed`.
"""

from __future__ import annotations

from struct import Struct
from typing import Final

from havip.netlink import codec

PROTOCOL: Final = 16  # NETLINK_GENERIC, of a socket
_CONTROLLER: Final = 16  # GENL_ID_CTRL
_GET_FAMILY: Final = 3
_CONTROLLER_VERSION: Final = 1
_FAMILY_ID, _FAMILY_NAME = 1, 2

_COMMAND: Final = Struct("=BBxx")  # command, version
#: length, family, flags, sequence, port of the sender; command, version
_HEADER: Final = Struct("=IHHII BBxx")
_ID: Final = Struct("=H")

#: where the attributes of a message begin
ATTRIBUTES_AT: Final = _COMMAND.size


def request(family: int, command: int, version: int, flags: int, sequence: int, body: bytes) -> bytes:
    """Return a command to a family."""
    size = _HEADER.size + len(body)
    return _HEADER.pack(size, family, codec.REQUEST | flags, sequence, 0, command, version) + body


def get_family(sequence: int, name: str) -> bytes:
    """Return the question which number a family has.  The kernel loads its module, if there is one."""
    asked = codec.attribute(_FAMILY_NAME, name.encode() + b"\0")
    return request(_CONTROLLER, _GET_FAMILY, _CONTROLLER_VERSION, codec.ACK, sequence, asked)


def parse_family(body: bytes) -> int | None:
    """Return the number in an answer to `get_family`; None: there is none in it.  Raises `Malformed`."""
    codec.unpack(_COMMAND, body)
    for kind, value in codec.attributes(body, ATTRIBUTES_AT):
        if kind == _FAMILY_ID:
            return codec.unpack(_ID, value)[0]
    return None


def command_of(body: bytes) -> int:
    """Return the command of a message.  Raises `Malformed`."""
    return codec.unpack(_COMMAND, body)[0]

"""The kinds of names that keys of several concerns hold.  Pure."""

from __future__ import annotations

from havip.config.kinds import Text

LONGEST_NAME = 64  # characters
LONGEST_INTERFACE = 15  # bytes: IFNAMSIZ and its closing zero

#: the name of a virtual router, or of anything else that people name
NAME = Text(
    f"a name of 1 to {LONGEST_NAME} printable characters without spaces",
    rf"^\S{{1,{LONGEST_NAME}}}$",
    longest=4 * LONGEST_NAME,
)
#: the name of a network interface
INTERFACE = Text(
    'an interface name of 1 to 15 bytes without spaces, "/" and ":"',
    r"^(?!\.{1,2}$)[^\s/:]{1,15}$",
    longest=LONGEST_INTERFACE,
)

"""What the name of an instance decides: several daemons on one host keep out of each other's way by it.

Pure, and without any import that the client would have to pay for.  The empty name is the host's only
daemon, or the one among several that needs no name.
"""

from __future__ import annotations

from typing import Final

PATTERN: Final = r"^(?!havip$)[a-z0-9][a-z0-9_.-]{0,31}$"
EXPECTED: Final = (
    'a name of 1 to 32 small letters, digits, ".", "_" and "-", beginning with a letter or digit, not "havip"'
)

RUNTIME_DIRECTORY: Final = "/run/havip"
CONTROL_SOCKET: Final = "/run/havip/havip.sock"
STATE_DIRECTORY: Final = "/var/lib/havip"


def control_socket(instance: str) -> str:
    """Return where an instance listens unless its configuration says otherwise."""
    return f"{RUNTIME_DIRECTORY}/{instance}.sock" if instance else CONTROL_SOCKET


def state_directory(instance: str) -> str:
    """Return where an instance keeps what outlives it, unless its configuration says otherwise."""
    return f"{STATE_DIRECTORY}/{instance}" if instance else STATE_DIRECTORY


def lock(instance: str) -> str:
    """Return the abstract address that only one daemon of this instance can have in a network namespace."""
    return f"havip.vrrp/{instance}" if instance else "havip.vrrp"


def nftables_table(instance: str) -> str:
    """Return the name of the instance's nftables table, of family inet."""
    return f"havip-{instance}" if instance else "havip"

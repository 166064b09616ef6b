"""What can go wrong, by name.  Each name is also the metric label and the log field.

A bad packet is data with a reason (`Refusal`), never an exception across the worker's loop.
"""

from __future__ import annotations

from enum import StrEnum


class Refusal(StrEnum):
    """Why a received VRRP packet was not believed, in the order of the checks (RFC 9568 section 7.1)."""

    TTL = "ttl"  #: TTL or hop limit is not 255: it crossed a router
    VERSION = "version"  #: neither 2 nor 3, or not the version this virtual router speaks
    TYPE = "type"  #: not an ADVERTISEMENT
    LENGTH = "length"  #: shorter or longer than its own header says
    NO_ADDRESSES = "no-addresses"  #: the address count is 0 (section 5.2.5)
    CHECKSUM = "checksum"
    UNKNOWN_VRID = "unknown-vrid"  #: no virtual router of ours on that interface and family
    CHECKSUM_FORM = "checksum-form"  #: right, but with the other choice of pseudo header
    TWO_OWNERS = "two-owners"  #: we own the addresses and so does the sender: a configuration error
    ADDRESS_OWNER = "address-owner"  #: we own the addresses, so nobody else's advert counts
    AUTH_TYPE = "auth-type"  #: VRRPv2 with an authentication that is not configured (RFC 3768)
    INTERVAL = "interval"  #: VRRPv2 whose interval is not ours (RFC 3768), VRRPv3 with interval 0
    OWN_PACKET = "own-packet"  #: our own source address: a loop, or a second host with our address
    NOT_RUNNING = "not-running"  #: the virtual router is in FAULT


class HavipError(Exception):
    """An error that a person must read.  ``reason`` is a short constant for machines."""

    reason = "error"


class KernelRefused(HavipError):
    """The kernel answered a request with an error number."""

    reason = "kernel-refused"


class AlreadyRunning(HavipError):
    """Another havip owns the addresses of this network namespace."""

    reason = "already-running"


class Unreachable(HavipError):
    """No daemon answers on the control socket."""

    reason = "unreachable"


class NotPermitted(HavipError):
    """The caller may not do this: not root, or without the capability that it takes."""

    reason = "not-permitted"


class CannotListen(HavipError):
    """The control socket cannot be opened where the configuration wants it."""

    reason = "cannot-listen"

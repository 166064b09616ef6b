"""What can go wrong, by name.  Each name is also the metric label and the log field.

A bad packet is data with a reason (`Refusal`), never an exception across the worker's loop.
"""

from __future__ import annotations

from enum import StrEnum


class Refusal(StrEnum):
    """Why a received VRRP packet was not believed, in the order of the checks (RFC 9568 section 7.1)."""

    TTL = "ttl"
    VERSION = "version"
    TYPE = "type"
    LENGTH = "length"
    NO_ADDRESSES = "no-addresses"  # section 5.2.5
    CHECKSUM = "checksum"
    # What was signed, or should have been (`havip.vrrp.auth`): judged before the rest of the message.
    HMAC_MISSING = "hmac-missing"
    HMAC_MALFORMED = "hmac-malformed"
    HMAC_STALE = "hmac-stale"
    HMAC_UNKNOWN_KEY = "hmac-unknown-key"
    HMAC_INVALID = "hmac-invalid"
    HMAC_REPLAY = "hmac-replay"
    UNKNOWN_VRID = "unknown-vrid"
    FOREIGN_SOURCE = "foreign-source"  # unicast
    PEER_TTL = "peer-ttl"  # unicast
    CHECKSUM_FORM = "checksum-form"
    OWN_PACKET = "own-packet"
    TWO_OWNERS = "two-owners"
    ADDRESS_OWNER = "address-owner"
    AUTH_TYPE = "auth-type"  # RFC 3768 section 7.1
    PASSWORD = "password"  # RFC 2338 section 7.1
    INTERVAL = "interval"  # RFC 3768 section 7.1; VRRPv3 with interval 0
    NOT_RUNNING = "not-running"

    @property
    def in_words(self) -> str:
        """Return the sentence for the log."""
        return IN_WORDS[self]


IN_WORDS = {
    Refusal.TTL: "its TTL or hop limit is not 255, so it came from beyond this LAN",
    Refusal.VERSION: "it is of another version of VRRP than is configured here",
    Refusal.TYPE: "it is not an ADVERTISEMENT",
    Refusal.LENGTH: "it is shorter or longer than its own header says",
    Refusal.NO_ADDRESSES: "it names no address",
    Refusal.CHECKSUM: "its checksum is wrong",
    Refusal.HMAC_MISSING: "it is not signed, and `hmac` here accepts only what is",
    Refusal.HMAC_MALFORMED: "its signature has a form that is not known here",
    Refusal.HMAC_STALE: "its clock is farther from ours than `hmac.time_window` allows",
    Refusal.HMAC_UNKNOWN_KEY: "it is signed with a key whose number is not in `hmac.keys` here",
    Refusal.HMAC_INVALID: "its signature is wrong: another key under the same number, or a forgery",
    Refusal.HMAC_REPLAY: "it is not newer than one heard before: a repetition, or a clock set back",
    Refusal.UNKNOWN_VRID: "its VRID is none of ours on this interface",
    Refusal.FOREIGN_SOURCE: "it comes from none of the unicast peers",
    Refusal.PEER_TTL: "its TTL or hop limit is outside the bounds that this unicast peer has",
    Refusal.CHECKSUM_FORM: "its checksum is right only with `rfc9568` set the other way than here",
    Refusal.OWN_PACKET: "it comes from our own address: a loop, or a second host with our address",
    Refusal.TWO_OWNERS: "it claims to own the addresses (priority 255), and so do we: correct one of the two",
    Refusal.ADDRESS_OWNER: "we own the addresses (priority 255), so no other router's advert counts",
    Refusal.AUTH_TYPE: "it uses an authentication that is not configured here",
    Refusal.PASSWORD: "its password is not ours",
    Refusal.INTERVAL: "its interval is not ours (VRRPv2), or 0",
    Refusal.NOT_RUNNING: "the virtual router is in FAULT",
}

BY_WORDS = {words: refusal for refusal, words in IN_WORDS.items()}


def refused(source: str, refusal: Refusal) -> str:
    """Return the sentence for the log about a packet from ``source``."""
    return f"refused a packet from {source}: {refusal.in_words}"


def refused_in(line: str) -> tuple[str, Refusal] | None:
    """Return (source, why) from a line that holds a sentence of `refused`; None: it holds none."""
    _, found, rest = line.partition("refused a packet from ")
    source, _, words = rest.partition(": ")
    return (source, BY_WORDS[words]) if found and words in BY_WORDS else None


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


class NoNamespace(HavipError):
    """The network namespace in which the daemon must run is not there: not yet, perhaps."""

    reason = "no-namespace"


class CannotListen(HavipError):
    """The control socket cannot be opened where the configuration wants it."""

    reason = "cannot-listen"

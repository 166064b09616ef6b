"""How adverts prove where they come from, as values: shared keys, their rules, and the old password.  Pure.

A `Secret` crosses to the VRRP worker and is compared by a reload, and nothing shows it: not its
representation, not a plan, not a log.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from havip.clock import ZERO, Duration, seconds, to_whole_seconds

LEAST_KEY, MOST_KEY = 32, 64  # bytes
LONGEST_PASSWORD = 8  # bytes: the field of VRRPv2 (RFC 2338 section 5.3.6.2)
LEAST_WINDOW, MOST_WINDOW = 5, 300  # seconds, of a window that nobody configured
INTERVALS_IN_WINDOW = 3


@dataclass(frozen=True, slots=True, repr=False)
class Secret:
    """Bytes that are never shown."""

    value: bytes

    def __repr__(self) -> str:
        return "Secret(hidden)"


@dataclass(frozen=True, slots=True)
class SecretSource:
    """A secret, and where it was read from if it does not stand in the configuration itself."""

    value: Secret | None = None  # None: not read yet
    file: str | None = None
    credential: str | None = None  # the name under which systemd hands it to the daemon

    @property
    def octets(self) -> bytes:
        """Return the secret.  Raises ValueError for one that was never read: nothing works without it."""
        if self.value is None:
            raise ValueError("a secret that was not read")
        return self.value.value


class AntiReplay(StrEnum):
    """What makes an advert old."""

    TIME = "time"  #: its clock is not ours by more than the window, or we have heard a later one
    MONOTONIC = "monotonic"  #: we have heard a later one, whatever the clocks say


class Mode(StrEnum):
    """How much of authentication is in force: the steps of putting it into a running network."""

    RECEIVE_ONLY = "receive-only"  #: send without, accept without; what is signed must be right
    PERMISSIVE = "permissive"  #: sign, and accept what is not signed; what is signed must be right
    ENFORCE = "enforce"  #: sign, and accept nothing that is not


@dataclass(frozen=True, slots=True)
class HmacKey(SecretSource):
    """One shared key under the number by which adverts name it, 1..255."""

    number: int = 0


@dataclass(frozen=True, slots=True)
class Hmac:
    """Adverts with an HMAC-SHA-256 trailer: which keys are good, which one signs, and what is refused."""

    keys: tuple[HmacKey, ...]  # at least one, in the order of the file
    active_key: int  # the number of the key that signs
    anti_replay: AntiReplay = AntiReplay.TIME
    time_window: Duration = ZERO  # 0: by the interval
    mode: Mode = Mode.ENFORCE

    def window(self, interval: Duration) -> int | None:
        """Return by how many seconds a sender's clock may be off; None: nobody asks."""
        if self.anti_replay is AntiReplay.MONOTONIC:
            return None
        if self.time_window:
            return to_whole_seconds(self.time_window)
        return min(max(INTERVALS_IN_WINDOW * to_whole_seconds(interval), LEAST_WINDOW), MOST_WINDOW)

    def __str__(self) -> str:
        """Return it in a few words, for the status."""
        accepted = ", ".join(str(key.number) for key in self.keys)
        signs = "signs nothing" if self.mode is Mode.RECEIVE_ONLY else f"signs with key {self.active_key}"
        return f"HMAC-SHA-256 ({self.mode}, {self.anti_replay}): {signs}, accepts {accepted}"


class AuthType(StrEnum):
    """The kinds of authentication that VRRPv2 once had (RFC 2338 section 5.3.6)."""

    PASS = "pass"  #: a password in cleartext


@dataclass(frozen=True, slots=True)
class Authentication:
    """The password of VRRPv2: it keeps misconfigured routers apart, and nobody out."""

    type: AuthType
    password: SecretSource  # 1..8 bytes

    def __str__(self) -> str:
        """Return it in a few words, for the status."""
        return "password in cleartext"


#: the longest window that can be configured
LONGEST_WINDOW = seconds(MOST_WINDOW)

"""What one election needs to know about ourselves.

Built from the configuration and the interface's present address whenever one of them changes; never
changed in place, so a step cannot see half of a new configuration.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from havip.clock import ZERO, Duration
from havip.config.model import OWNER_PRIORITY, Announcing, ChecksumForm, StartAs, VirtualRouter
from havip.vrrp import timing


@dataclass(frozen=True, slots=True)
class Settings:
    """Our side of one virtual router.

    ``address`` is the primary address that we send from, packed in network order: 4 or 16 bytes, or
    empty while the interface has none.
    """

    version: int
    vrid: int
    priority: int  # effective, 1..255
    interval: Duration
    address: bytes
    preempt: bool = True
    preempt_delay: Duration = ZERO
    down_adverts: int = 3
    checksum_form: ChecksumForm = ChecksumForm.PSEUDO_HEADER
    answer_lower_priority: bool = True
    announce: Announcing = field(default_factory=Announcing)
    start_as_master: bool = False  # listen for one interval at the start, not for Master_Down_Interval
    password: bytes = b""  # of VRRPv2; empty: no authentication
    last_word: bool = True  # a master that gives way says so once more, beyond RFC 9568 section 6.4.3
    stall: Duration = ZERO  # this long after a missed advert a backup has taken over; 0: we do not care

    @classmethod
    def of(cls, router: VirtualRouter, address: bytes, priority: int | None = None) -> Settings:
        """Return the settings of a configured router whose interface has ``address``.

        ``priority`` is the effective one; None: the configured one.
        """
        return cls(
            version=router.version,
            vrid=router.vrid,
            priority=router.priority if priority is None else priority,
            interval=router.interval,
            address=address,
            preempt=router.preempt,
            preempt_delay=router.preempt_delay,
            down_adverts=router.down_adverts,
            checksum_form=router.checksum_form,
            answer_lower_priority=router.answer_lower_priority,
            announce=router.announce,
            last_word=not router.strict,
            start_as_master=router.start is StartAs.MASTER,
            stall=stall_of(router) if router.yield_after_stall and not router.preempt else ZERO,
            password=router.authentication.password.octets if router.authentication is not None else b"",
        )

    @property
    def owner(self) -> bool:
        """Say whether we own the addresses (RFC 9568 section 5.2.4)."""
        return self.priority == OWNER_PRIORITY

    @property
    def first_wait(self) -> Duration:
        """Return how long we listen at the start before we take over."""
        adverts = 1 if self.start_as_master else self.down_adverts
        return timing.master_down(self.version, self.priority, self.interval, adverts)

    def skew(self, master_interval: Duration) -> Duration:
        """Return our Skew_Time behind a master that advertises every ``master_interval``."""
        return timing.skew(self.version, self.priority, master_interval)

    def master_down(self, master_interval: Duration) -> Duration:
        """Return how long we believe in a silent master that advertised every ``master_interval``."""
        return timing.master_down(self.version, self.priority, master_interval, self.down_adverts)


def stall_of(router: VirtualRouter) -> Duration:
    """Return how long after a missed advert the best of backups, of priority 254, has taken over."""
    down = timing.master_down(router.version, OWNER_PRIORITY - 1, router.interval, router.down_adverts)
    return Duration(down - router.interval)

"""What the checker worker tells of the runs of one probe: a message of its own.  Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What the runs of one probe came to, for all checks that share it.  Lengths are in ns."""

    names: tuple[str, ...]  # of the checks
    words: str  # how the latest run ended
    failure: str  # its reason; empty: it passed
    warning: str
    weight: int | None  # that the server asked for
    took: int
    age: int  # since it ended; negative: none has
    passed: int  # runs
    failed: dict[str, int]  # runs by reason
    buckets: tuple[int, ...]  # runs that passed, by how long they took: `havip.healthcheck.record.BOUNDS`
    sum: int  # of the lengths of those
    against: int = 0  # latest runs in a row that deny the verdict
    held: bool | None = None  # good, and held back because it flapped; None: without damping

    @property
    def key(self) -> tuple[str, ...]:
        """Return what a newer one replaces."""
        return self.names

"""One run of a check from its beginning to its outcome: the address, the probe, and the words for people."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

from havip.clock import ZERO, Duration, Instant, monotonic, spell, to_seconds
from havip.config.health import Check
from havip.config.probes import PORTS
from havip.healthcheck.attempt import Attempt
from havip.healthcheck.names import Names
from havip.healthcheck.outcome import Failure, Outcome
from havip.healthcheck.probes import probe_of
from havip.healthcheck.reactor import Reactor, Run


@dataclass(frozen=True, slots=True)
class Result:
    """How a run ended, where it went and how long it took."""

    outcome: Outcome
    peer: str = ""  # empty: it went nowhere
    took: Duration = ZERO

    def __str__(self) -> str:
        """Return it in words: ``HTTP 503, expected 200-299, from 10.0.0.7:80 in 12 ms``."""
        place = f", from {self.peer}" if self.peer else ""
        return f"{self.outcome.words}{place} in {to_seconds(self.took) * 1000:.3g} ms"


Done: TypeAlias = Callable[[Result], None]


class Runner:
    """Starts runs."""

    def __init__(self) -> None:
        self.names = Names()
        self._reactor = Reactor()

    @property
    def under_way(self) -> int:
        """Return how many runs have not ended."""
        return self._reactor.under_way

    def close(self) -> None:
        """End every run; nobody is told an outcome."""
        self.names.close()
        self._reactor.close()

    def start(
        self, check: Check, now: Instant, done: Done, note: Callable[[str], None] | None = None
    ) -> Run | None:
        """Begin a run.  ``done`` is called once, perhaps before this returns; then that is None."""
        version = None if check.source is None else check.source.version
        addresses = self.names.addresses(check.host, version, now) if check.host else ("",)
        if not addresses:
            done(Result(Outcome(Failure.NAME, self.names.why_none(check.host))))
            return None
        attempt = Attempt(check, addresses[0], check.port or PORTS.get(check.kind) or 0, note)

        def ended(outcome: Outcome) -> None:
            if outcome.failure is Failure.TIMED_OUT and not outcome.words:
                outcome = replace(outcome, words=f"{attempt.stage} took longer than {spell(check.timeout)}")
            done(Result(outcome, attempt.peer, Duration(monotonic() - now)))

        run = self._reactor.start(probe_of(check.kind)(attempt), check.timeout, now, ended)
        return None if run.done is None else run

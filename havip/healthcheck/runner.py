"""One run of a check from its beginning to its outcome: the address, the probe, and the words for people."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from ipaddress import ip_address
from typing import Protocol, TypeAlias

from havip.clock import ZERO, Instant, monotonic, spell, to_seconds
from havip.config.health import Check
from havip.healthcheck.attempt import Attempt, Probe
from havip.healthcheck.by_name import in_turn
from havip.healthcheck.errand import Errand
from havip.healthcheck.names import Names
from havip.healthcheck.outcome import Failure, Outcome
from havip.healthcheck.probes import probe_of
from havip.healthcheck.reactor import Reactor
from havip.healthcheck.runs import Runs


def literal(host: str) -> tuple[str, ...]:
    """Return the address that a host is, an empty one for none; nothing for a name."""
    try:
        return (host and str(ip_address(host)),)
    except ValueError:
        return ()


@dataclass(slots=True)  # not frozen: there is one for each run, and that would double its price
class Result:
    """How a run ended, where it went and how long it took."""

    outcome: Outcome
    peer: str = ""  # empty: it went nowhere
    took: int = ZERO  # ns

    def __str__(self) -> str:
        """Return it in words: ``HTTP 503, expected 200-299, from 10.0.0.7:80 in 12 ms``."""
        place = f", from {self.peer}" if self.peer else ""
        took = to_seconds(self.took) * 1000
        return f"{self.outcome.words}{place} in {took:{'.0f' if took > 999 else '.3g'}} ms"


Done: TypeAlias = Callable[[Result], None]


@dataclass(frozen=True, slots=True)
class Way:
    """How the runs of a check go: found out once, since a run costs no more than a few such questions."""

    check: Check
    probe: Probe | None  # None: a program is run
    by_name: bool  # the host has to be looked up
    address: str  # numeric; empty for a name, and for what goes nowhere
    port: int
    peer: str  # in words


def way_of(check: Check) -> Way:
    """Find out how the runs of a check go."""
    if check.script is not None:
        return Way(check, None, by_name=False, address="", port=0, peer="")
    addresses, port = literal(check.host), check.port_in_force
    address = addresses[0] if addresses else ""
    peer = Attempt(check, address, port).peer
    return Way(check, probe_of(check.kind), not addresses, address, port, peer)


class Ending(Protocol):
    """A run that is under way."""

    @property
    def over(self) -> bool:
        """Say whether nothing of it is left."""

    def cancel(self) -> None:
        """End it; nobody is told an outcome."""


class Runner:
    """Starts runs."""

    def __init__(self, runs: Runs | None = None) -> None:
        self.names = Names()
        self._reactor = Reactor()
        self._runs = Runs(None) if runs is None else runs
        self._errands: set[Errand] = set()
        self.on_gone: Callable[[], None] = lambda: None  # called when a program has ended

    @property
    def under_way(self) -> int:
        """Return how many runs have not ended, programs aside."""
        return self._reactor.under_way

    @property
    def programs_under_way(self) -> int:
        """Return how many programs have not ended."""
        return len(self._errands)

    def close(self) -> None:
        """End every run; nobody is told an outcome."""
        self.names.close()
        for errand in list(self._errands):
            errand.cancel()
        self._reactor.close()

    def start(
        self, way: Way, now: Instant, done: Done, note: Callable[[str], None] | None = None
    ) -> Ending | None:
        """Begin a run.  ``done`` is called once, perhaps before this returns.

        Returns what is under way; a program may be so for a little while after its outcome was told.
        """
        check, peer, probe = way.check, way.peer, way.probe
        if probe is None:
            return self._run_program(check, now, done, note)
        attempt = Attempt(check, way.address, way.port, note)

        def ended(outcome: Outcome) -> None:
            if outcome.failure is Failure.TIMED_OUT and not outcome.words:
                outcome = replace(outcome, words=f"{attempt.stage} took longer than {spell(check.timeout)}")
            done(Result(outcome, peer or attempt.peer, monotonic() - now))

        coroutine = in_turn(probe, attempt, self.names, now) if way.by_name else probe(attempt)
        run = self._reactor.start(coroutine, check.timeout, now, ended)
        return None if run.done is None else run

    def _run_program(
        self, check: Check, now: Instant, done: Done, note: Callable[[str], None] | None
    ) -> Errand:
        def ended(outcome: Outcome) -> None:
            done(Result(outcome, "", monotonic() - now))

        def gone(errand: Errand) -> None:
            self._errands.discard(errand)
            self.on_gone()

        errand = Errand(check, self._runs, ended, gone, note)
        self._errands.add(errand)
        return errand

"""A run that goes to a host by its name: it waits for the first look-up, and tries one address after another.

The next address is tried at once if one refuses or cannot be reached, as whoever uses the name would do.  One
that keeps silent has all of the time: another would need as much again.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from havip.clock import Instant
from havip.healthcheck.attempt import Attempt, Probe
from havip.healthcheck.names import Names
from havip.healthcheck.outcome import Failed, Failure, Outcome, of_error

ANOTHER: Final = (Failure.REFUSED, Failure.UNREACHABLE)


async def in_turn(probe: Probe, attempt: Attempt, names: Names, now: Instant) -> Outcome:
    """Probe the addresses of the check's host until one does not refuse."""
    check, troubles, outcome = attempt.check, [], Outcome()
    version = None if check.source is None else check.source.version
    addresses = names.addresses(check.host, version, now)
    if not addresses and names.is_coming(check.host):
        attempt.stage = f"looking up the name {check.host}"
        await names.coming(check.host)
        addresses = names.addresses(check.host, version, now)
    if not addresses:
        raise Failed(Failure.NAME, names.why_none(check.host))
    if attempt.note is not None:
        attempt.note(f"{check.host} is {', '.join(addresses)}")
    for address in addresses:
        attempt.address, attempt.stage = address, "connecting"
        try:
            outcome = await probe(attempt)
        except Failed as failed:
            outcome = failed.outcome
        except OSError as problem:
            outcome = of_error(problem)
        if outcome.failure not in ANOTHER:
            break
        troubles.append(f"{attempt.peer}: {outcome.words}")
        if attempt.note is not None:
            attempt.note(troubles[-1])
    if outcome.failure is None:
        warnings = [*troubles, names.warning(check.host), outcome.warning]
        return replace(outcome, warning="; ".join(filter(None, warnings)))
    if outcome.failure in ANOTHER and len(troubles) > 1:
        before = "; ".join(troubles[:-1])
        return replace(outcome, words=f"{outcome.words}, as were all before: {before}")
    return outcome

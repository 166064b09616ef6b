"""A file that holds a whole number: what a person or a program asks of a server's weight."""

from __future__ import annotations

from typing import Final

from havip.config.probes import File
from havip.config.tracking import TrackedFile
from havip.healthcheck import files
from havip.healthcheck.attempt import Attempt
from havip.healthcheck.outcome import Failure, Outcome

FAILED_BELOW: Final = -253  # 254 stands for failed, as it does for a router's priority


async def probe(attempt: Attempt) -> Outcome:
    """Read the file."""
    attempt.stage = "reading"
    file = attempt.check.file
    assert file is not None
    found = files.look(TrackedFile(attempt.check.name, file.path))
    if attempt.note is not None:
        attempt.note(f"{file.path} {found.why}")
    if not found.good:
        return Outcome(Failure.CONTENT, f"{file.path} {found.why}")
    return meaning(file, found.value, found.why)


def meaning(file: File, value: int, why: str) -> Outcome:
    """Return what a file's number says."""
    words = f"{file.path} {why}"
    if file.factor == 0:
        failed = (value == 0) if file.reverse else (value != 0)
        return Outcome(Failure.CONTENT, words) if failed else Outcome(words=words)
    weight = value * (-file.factor if file.reverse else file.factor)
    if weight < FAILED_BELOW:
        return Outcome(Failure.CONTENT, f"{words}, a weight of {weight}")
    return Outcome(words=words, weight=min(weight, -FAILED_BELOW))

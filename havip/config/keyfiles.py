"""Reads the secrets that stand outside the configuration: files, and the credentials that systemd hands over.

Runs where the configuration is loaded, never in a worker.  Puts each secret into the reading as if it had
stood there; one that cannot be read is a problem of the configuration, at the place that names it.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping

from havip.config.authentication import Secret
from havip.config.fields import Group, ListOf, Named, Shape
from havip.config.kinds import Wrong
from havip.config.opening import open_at_once
from havip.config.problems import Place, Problems, quote
from havip.config.reader import BAD, Read, Reading
from havip.config.secrettext import SOURCES, SecretText, holds_secrets, secret_kind

CREDENTIALS = "CREDENTIALS_DIRECTORY"  # set by systemd
MOST_BYTES = 4096  # more than any secret takes
OTHERS = 0o007


class Unfit(Exception):
    """A file holds no secret for us; the message says why."""


class KeyFiles:
    """Where the secrets of one configuration are read.

    Without systemd's directory of credentials ``elsewhere`` says that the daemon will have one: what cannot
    be looked at here is noted, and nothing may be run by the result.  ``away``: another machine has it all.
    """

    def __init__(
        self, problems: Problems, environment: Mapping[str, str], *, elsewhere: bool, away: bool = False
    ) -> None:
        self._away = away
        self._problems = problems
        self._credentials = environment.get(CREDENTIALS, "")
        self._elsewhere = elsewhere
        self._done: set[int] = set()  # readings, by identity: an alias repeats them
        self._holding: dict[int, bool] = {}  # shapes, by identity: whether there are secrets within

    def fetch(self, read: Read, shape: Shape) -> None:
        """Read every secret within a value."""
        holding = self._holding.get(id(shape))
        if holding is None:
            holding = self._holding[id(shape)] = holds_secrets(shape)
        if not holding or read.value is BAD:
            return
        match shape:
            case Group():
                kind = secret_kind(shape)
                if kind is not None and id(read.value) not in self._done:
                    self._done.add(id(read.value))
                    self._settle(read.value, kind, read.place)
                for name, inner in read.value.items():
                    self.fetch(inner, shape.by_name[name].shape)
            case Named():
                for inner in read.value.values():
                    self.fetch(inner, shape.group)
            case ListOf():
                for inner in read.value:
                    self.fetch(inner, shape.item)

    def _settle(self, reading: Reading, kind: SecretText, place: Place) -> None:
        """Have the secret of one group in the reading."""
        given = [source for source in SOURCES if source in reading]
        if not given:
            if not any(problem.path.startswith(f"{place.path}.") for problem in self._problems.errors):
                self._problems.add(place, 'missing key "file", "credential" or "value"')
            return
        source, *more = given
        for other in more:
            self._problems.add(reading[other].place, f'"{other}" beside "{source}"', "one source of a secret")
        read = reading[source]
        if more or read.value is BAD or source == "value":
            return
        try:
            data = self._of_file(read.value) if source == "file" else self._of_credential(read)
            secret = kind.decode(data) if data is not None else Secret(bytes(kind.least))
        except Unfit as error:
            self._problems.add(read.place, quote(read.value), f"a {source} with a secret", why=str(error))
            if self._away:
                reading["value"] = Read(Secret(bytes(kind.least)), read.place)
        except Wrong as wrong:
            self._problems.add(
                read.place, quote(read.value), f"in the {source} {kind.expected}", why=wrong.why
            )
        else:
            reading["value"] = Read(secret, read.place)

    def _of_file(self, path: str) -> bytes:
        return contents(path, OTHERS)

    def _of_credential(self, read: Read) -> bytes | None:
        if self._credentials:
            return contents(os.path.join(self._credentials, read.value), 0)
        if not self._elsewhere:
            raise Unfit("systemd has handed over no credentials: LoadCredential= is missing in the unit")
        why = "systemd hands it to the daemon alone"
        self._problems.note(read.place, f"credential {quote(read.value)} cannot be read here", why=why)
        return None


def contents(path: str, forbidden: int, most: int = MOST_BYTES) -> bytes:
    """Return what a small file holds.  Raises `Unfit`, also if its mode has any of the ``forbidden`` bits."""
    try:
        with open_at_once(path) as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise Unfit("it is not a regular file")
            if found.st_mode & forbidden:
                raise Unfit(
                    f"everybody has access to it (mode {stat.S_IMODE(found.st_mode):04o}): chmod o= it"
                )
            data = file.read(most + 1)
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the path
        raise Unfit(f"it cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if len(data) > most:
        raise Unfit(f"it holds more than {most} bytes")
    return data

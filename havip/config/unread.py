"""A file of which no structure is known, since it is no YAML: which of its lines may hold a secret.  Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache

from havip.config.fields import walk
from havip.config.keys import CONFIGURATION
from havip.config.secrettext import SecretText, is_near_secrets


@cache
def key_of_a_secret() -> re.Pattern[str]:
    """Return what finds the keys, ours and other programs', whose values are secrets or hold them."""
    names = {
        name
        for _, _, field in walk(CONFIGURATION)
        if isinstance(field.shape, SecretText) or is_near_secrets(field.shape)
        for name in (field.name, *field.elsewhere)
    }
    return re.compile(rf"(?<![\w-])({'|'.join(map(re.escape, sorted(names)))})(?=[\"']?\s*:)", re.IGNORECASE)


def secret_lines(lines: Sequence[str]) -> Iterator[int]:
    """Yield the numbers of the lines, from 1, on which a secret may stand: after its key, or below it."""
    inside = -1  # the indentation of a key whose value may go on
    for number, line in enumerate(lines, 1):
        indentation = len(line) - len(line.lstrip())
        if inside >= 0 and line.strip() and indentation <= inside:
            inside = -1
        if inside < 0 and key_of_a_secret().search(line):
            inside = indentation
        if inside >= 0:
            yield number

"""Passwords and tokens: read from a file or a systemd credential when they are needed, and never shown."""

from __future__ import annotations

import os
from typing import Final

from havip.errors import HavipError

LONGEST: Final = 8192  # bytes
FOLDER: Final = "CREDENTIALS_DIRECTORY"  # where systemd puts the credentials of a service


class NoSecret(HavipError):
    """A password or token cannot be read."""

    reason = "no-secret"


def read(file: str, credential: str) -> str:
    """Return the one line of text in a file, or in the systemd credential if that has a name.

    Raises `NoSecret`, whose text never holds any of it.
    """
    path = path_of(file, credential)
    try:
        with open(path, "rb") as opened:
            data = opened.read(LONGEST + 1)
    except OSError as error:
        raise NoSecret(f"{path}: {(error.strerror or str(error)).lower()}") from None
    try:
        text = data.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise NoSecret(f"{path} is not text in UTF-8") from None
    if not text or not text.isprintable() or len(data) > LONGEST:
        raise NoSecret(f"{path} does not hold a single line of printable text")
    return text


def path_of(file: str, credential: str) -> str:
    """Return where a secret is.  Raises `NoSecret` for a credential if systemd passed none."""
    if not credential:
        return file
    folder = os.environ.get(FOLDER)
    if not folder:
        raise NoSecret(f'credential "{credential}": the service manager has passed none (LoadCredential=)')
    return os.path.join(folder, credential)


def objection(file: str = "", credential: str = "") -> str | None:
    """Return why a secret cannot be read; None: it can, or only the daemon could tell."""
    if credential and FOLDER not in os.environ:
        return None
    try:
        read(file, credential)
    except NoSecret as error:
        return str(error)
    return None

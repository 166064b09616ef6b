"""Secrets as they are written: in the configuration, in a file, or handed over by systemd.  Pure.

A group with the fields of `sources` may name any of the three places; `havip.config.keyfiles` reads the last
two.  What stands in the place of a secret is never repeated in a message.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from havip.config.authentication import Secret
from havip.config.fields import Field, Group, ListOf, Named, Shape
from havip.config.files import ANY_FILE
from havip.config.kinds import Schema, Text, Wrong

HEX = b"hex:"  # begins a secret that is written in hexadecimal digits
PRINTABLE = re.compile(rb"[ -~]*")
SOURCES = ("file", "credential", "value")
LONGEST_CREDENTIAL = 255  # bytes


@dataclass(frozen=True, slots=True)
class SecretText:
    """A secret of so many bytes: printable ASCII, or ``hex:`` and hexadecimal digits if it may be binary."""

    least: int
    most: int
    binary: bool = True

    @property
    def expected(self) -> str:
        text = f"{self.least} to {self.most} printable ASCII characters"
        return f'{text}, or "hex:" and {2 * self.least} to {2 * self.most} digits' if self.binary else text

    def read(self, text: str) -> Secret:
        return self.decode(text.encode())

    def decode(self, data: bytes) -> Secret:
        """Return the secret that ``data`` spells; line ends behind it do not count.  Raises `Wrong`."""
        data = data.rstrip(b"\r\n")
        if self.binary and data.startswith(HEX):
            digits = data.removeprefix(HEX)
            if not re.fullmatch(rb"([0-9A-Fa-f]{2})*", digits):
                raise Wrong(why='what follows "hex:" are not pairs of hexadecimal digits')
            data = bytes.fromhex(digits.decode())
        elif not PRINTABLE.fullmatch(data):
            raise Wrong(why="it holds something else than printable ASCII")
        if not self.least <= len(data) <= self.most:
            raise Wrong(why=f"it has {len(data)} bytes")
        return Secret(data)

    def written(self, value: Secret) -> str:
        return "hidden"

    def schema(self) -> Schema:
        pattern = f"[ -~]{{{self.least},{self.most}}}"
        if self.binary:
            pattern += f"|hex:([0-9A-Fa-f]{{2}}){{{self.least},{self.most}}}"
        return {"type": "string", "pattern": f"^({pattern})$"}


def sources(kind: SecretText, noun: str, example: str) -> tuple[Field, ...]:
    """Return the fields of a group that says where a secret is: exactly one of them is given."""
    return (
        Field(
            "file",
            ANY_FILE,
            f"the file that holds {noun}; nobody but its owner and group may read it",
            "/etc/havip/key1",
        ),
        Field(
            "credential",
            Text("the name of a credential", r"^(?!\.{1,2}$)[^/:\s]+$", longest=LONGEST_CREDENTIAL),
            f"the name under which systemd hands {noun} to the daemon (`LoadCredential=`)",
            "vrrp-key",
        ),
        Field("value", kind, f"{noun} itself", example, secret=True),
    )


def secret_kind(group: Group) -> SecretText | None:
    """Return what the secret of a group must be like, or None if the group has none."""
    field = group.by_name.get("value")
    return field.shape if field is not None and isinstance(field.shape, SecretText) else None


def holds_secrets(shape: Shape) -> bool:
    """Say whether a secret stands anywhere within values of this shape."""
    match shape:
        case Group():
            return any(holds_secrets(field.shape) for field in shape.fields)
        case Named():
            return holds_secrets(shape.group)
        case ListOf():
            return holds_secrets(shape.item)
        case _:
            return isinstance(shape, SecretText)


def is_near_secrets(shape: Shape) -> bool:
    """Say whether what somebody wrote in place of this shape may well be a secret in the wrong form."""

    def at_once(inner: Shape) -> bool:
        group = inner.group if isinstance(inner, Named) else inner
        return isinstance(group, Group) and secret_kind(group) is not None

    return at_once(shape) or (
        isinstance(shape, Group) and any(at_once(field.shape) for field in shape.fields)
    )

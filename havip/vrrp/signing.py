"""Who signs: the file of sequences that the signatures of all routers share, and the signatures made upon it.

A worker without a router that signs never loads what signing takes: OpenSSL alone is 5 MB of locked memory.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from havip.config.model import VirtualRouter
from havip.vrrp.sequences import Full, Sequences, Unusable

if TYPE_CHECKING:
    from havip.vrrp.router import Router
    from havip.vrrp.signatures import Signatures

NO_FILE = "signatures need a file for their sequences, and none has been opened"


class Signing:
    """What the signatures of all routers share: the file of sequences, or why there is none."""

    def __init__(self) -> None:
        self.sequences: Sequences | None = None
        self.trouble = NO_FILE
        self._path = ""

    def open(self, path: str, routers: Iterable[Router]) -> list[Router]:
        """Keep sequences in this file from now on; return the routers that this may concern."""
        if self.sequences is not None and path == self._path:
            return []
        failed = f"cannot keep the sequences of signatures in {path}: "
        try:
            self.sequences, self._path = Sequences(path), path
        except OSError as error:
            self.trouble = f"{failed}{error.strerror}"
        except Unusable as error:
            self.trouble = f"{failed}{error}"
        return [router for router in routers if router.config.hmac is not None]

    def basis(self, config: VirtualRouter) -> Sequences | str | None:
        """Return what the signatures of a router stand upon, or why they cannot; None: it has none."""
        return None if config.hmac is None else self.sequences or self.trouble

    def of(self, config: VirtualRouter) -> Signatures | str | None:
        """Return the signatures of a router, None if it has none, or why it cannot have them, in words."""
        if config.hmac is None:
            return None
        if self.sequences is None:
            return self.trouble
        from havip.vrrp.signatures import Signatures

        try:
            return Signatures(config, config.hmac, self.sequences.ledger(config.key))
        except Full as error:
            return str(error)

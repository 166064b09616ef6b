"""One nftables table of ours, replaced as a whole whenever what it must hold changes.

Who flushes the whole ruleset, as the reload of a host's own firewall does, takes ours with it: it is made
again at once.  Where the table cannot be had, nft's own words say why, and it is tried again.
"""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import subprocess
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Generic, TypeAlias, TypeVar

from havip import process
from havip.errors import HavipError
from havip.services import Host
from havip.services.nftwatch import NftWatch

log = logging.getLogger("havip.firewall")

ANSWER_WITHIN: Final = 10.0  # seconds for nft
RETRY_EVERY: Final = 2.0  # seconds between two attempts after a refusal

#: carries out a script; returns None, or why it was refused
Runner: TypeAlias = Callable[[str], Awaitable[str | None]]
W = TypeVar("W")
T = TypeVar("T")


class NftTable(Generic[W]):
    """The table ``name``, and what it must hold: false where there is nothing to hold, and no table then.

    ``changed`` is called when an attempt that was not asked for has had another end than the one before.
    """

    def __init__(
        self,
        host: Host,
        name: str,
        script: Callable[[str, W], str],
        nothing: W,
        changed: Callable[[], None],
        run: Runner | None = None,
        namespace: str | None = None,
    ) -> None:
        self.name = name
        self.wanted = nothing
        self.refused: str | None = None
        self._host = host
        self._script = script
        self._nothing = nothing
        self._changed = changed
        self._namespace = namespace
        self._run = run or self._run_nft
        self._stands: W | None = None  # what the table is known to hold; None: nobody has looked
        self._retry: asyncio.Task[None] | None = None
        self._watch: NftWatch | None = None
        self._repairing = False
        self._one_at_a_time = asyncio.Lock()

    @property
    def stands(self) -> W:
        """Return what the table is known to hold."""
        return self._nothing if self._stands is None else self._stands

    async def have(self, wanted: W) -> None:
        """Have the table hold ``wanted``.  What comes of it shows in ``refused``."""
        async with self._one_at_a_time:
            self.wanted = wanted
            if wanted != self._stands:
                await self._install()

    async def leave(self, remove: bool = True) -> None:
        """Listen no more, and remove the table."""
        if self._watch is not None:
            asyncio.get_running_loop().remove_reader(self._watch.fileno())
            self._watch.close()
            self._watch = None
        if remove:
            await self.have(self._nothing)

    async def _install(self) -> None:
        unknown = self._stands is None
        if self.wanted:
            self._listen()
        refused = await self._run(self._script(self.name, self.wanted))
        if refused is None:
            self._stands = self.wanted
        elif unknown:
            self._stands = self._nothing
        if not self.wanted:
            if refused is not None and not unknown:
                log.warning("cannot remove the nftables table inet %s: %s", self.name, refused)
            self.refused = None  # at the start there may be no nft, and then no table either
            return
        if refused != self.refused:
            self.refused = refused
            log.log(
                logging.INFO if refused is None else logging.ERROR,
                "nftables table inet %s: %s",
                self.name,
                refused or "in force",
            )
        if refused is not None and self._retry is None:
            self._retry = self._host.spawn(self._try_again())

    async def _try_again(self) -> None:
        """Ask again until nft does as it is asked."""
        while self.refused is not None:
            await asyncio.sleep(RETRY_EVERY)
            async with self._one_at_a_time:
                if self.refused is not None:
                    await self._install()
        self._retry = None
        self._changed()

    # Others may remove what we made.

    def _listen(self) -> None:
        if self._watch is not None:
            return
        try:
            self._watch = within(self._namespace, lambda: NftWatch(self.name))
        except (OSError, HavipError) as error:
            log.warning("cannot hear whether others remove the nftables table inet %s: %s", self.name, error)
            return
        asyncio.get_running_loop().add_reader(self._watch.fileno(), self._heard)

    def _heard(self) -> None:
        # While our own nft is at work a table is briefly not intact: `_repair` waits for it and looks again.
        if self._watch is not None and not self._watch.drain() and not self._repairing:
            self._repairing = True
            self._host.spawn(self._repair())

    async def _repair(self) -> None:
        async with self._one_at_a_time:
            self._repairing = False
            if self._watch is None or self._watch.drain() or not self.wanted:
                return
            self._stands = self._nothing
            await self._install()
            if self.refused is None:
                log.warning("somebody removed the nftables table inet %s: it is back", self.name)
        self._changed()

    async def _run_nft(self, text: str) -> str | None:
        """Carry out a script in one transaction.  Returns None, or why it was refused, in words."""
        try:
            return await asyncio.to_thread(within, self._namespace, lambda: carry_out(text))
        except HavipError as error:  # no such namespace
            return str(error)


def within(namespace: str | None, do: Callable[[], T]) -> T:
    """Do something in a network namespace, in a thread of its own; None: right here.  Raises `HavipError`."""
    if namespace is None:
        return do()

    def there() -> T:
        process.enter_network_namespace(namespace)
        return do()

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(there).result()


def carry_out(text: str) -> str | None:
    """Have nft carry out a script, and wait for it."""
    nft = shutil.which("nft", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if nft is None:
        return "there is no nft here (Debian package nftables)"
    try:
        done = subprocess.run(
            [nft, "-f", "-"], input=text, capture_output=True, text=True, timeout=ANSWER_WITHIN
        )
    except subprocess.TimeoutExpired:
        return f"nft did not answer within {ANSWER_WITHIN:g} s"
    except OSError as error:
        return f"nft cannot be run: {error.strerror}"
    if done.returncode == 0:
        return None
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    return lines[0] if lines else f"nft ended with {done.returncode}"

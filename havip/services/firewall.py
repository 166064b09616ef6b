"""Keeps our nftables table: it drops what `accept: false` says before the address is up and until it is gone.

Owns the table and nothing else of nftables.  Where the table cannot be had, the virtual routers that need it
are in FAULT with nft's own words, and it is tried again.  Who flushes the whole ruleset, as the reload of a
host's own firewall does, takes ours with it: it is put back at once.
"""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import subprocess
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Final, TypeAlias

from havip import instance
from havip.config.model import Configuration
from havip.messages import Impede, Key, Message
from havip.services import Host, Json, Service
from havip.services.dropset import DropSet, drop_set, dropped_for, script
from havip.services.nftwatch import NftWatch

log = logging.getLogger("havip.firewall")

CAUSE: Final = "firewall"  # of the impediment
ANSWER_WITHIN: Final = 10.0  # seconds for nft
RETRY_EVERY: Final = 2.0  # seconds between two attempts after a refusal

#: carries out a script; returns None, or why it was refused
Runner: TypeAlias = Callable[[str], Awaitable[str | None]]


class Firewall(Service):
    """One table, replaced as a whole whenever what it must hold changes."""

    def __init__(self, host: Host, run: Runner | None = None) -> None:
        self._host = host
        self._run = run or run_nft
        self._table = ""  # known once a configuration is
        self._wanted = DropSet()
        self._stands: DropSet | None = None  # what the table is known to hold; None: nobody has looked
        self._refused: str | None = None
        self._impeded: frozenset[Key] = frozenset()  # what the worker was told
        self._retry: asyncio.Task[None] | None = None
        self._watch: NftWatch | None = None
        self._repairing = False
        self._one_at_a_time = asyncio.Lock()

    async def prepare(self, new: Configuration) -> None:
        """Drop what the old or the new configuration wants dropped, before any address is added."""
        first = not self._table
        self._table = self._table or instance.nftables_table(new.daemon.instance or "")
        wanted = drop_set(self._host.configuration) | drop_set(new)
        if first and not wanted:
            self._host.spawn(self._have(wanted))  # a killed daemon's table: no start need wait for that
            return
        await self._have(wanted)
        for message in self._impediments(new):  # who runs already must not get one address more
            self._host.post(message)

    def briefing(self, new: Configuration) -> Iterable[Message]:
        """Return which routers cannot be protected, and which can be again."""
        return list(self._impediments(new))

    async def settle(self, new: Configuration) -> None:
        """Drop what the configuration in force wants dropped, and no more."""
        await self._have(drop_set(new))

    async def leave(self) -> None:
        """Remove the table: the addresses are gone."""
        if self._watch is not None:
            asyncio.get_running_loop().remove_reader(self._watch.fileno())
            self._watch.close()
            self._watch = None
        await self._have(DropSet())

    def status(self) -> Json:
        """Return which table there is, and why not if it cannot be had."""
        if not self._wanted:
            return {}
        return {"firewall": {"table": f"inet {self._table}", "refused": self._refused}}

    async def _have(self, wanted: DropSet) -> None:
        """Have the table hold ``wanted``.  What comes of it shows in the impediments."""
        async with self._one_at_a_time:
            self._wanted = wanted
            if wanted != self._stands:
                await self._install()

    async def _install(self) -> None:
        unknown = self._stands is None
        if self._wanted:
            self._listen()
        refused = await self._run(script(self._table, self._wanted))
        if refused is None:
            self._stands = self._wanted
        elif unknown:
            self._stands = DropSet()
        if not self._wanted:
            if refused is not None and not unknown:
                log.warning("cannot remove the nftables table inet %s: %s", self._table, refused)
            self._refused = None  # at the start there may be no nft, and then no table either
            return
        if refused != self._refused:
            self._refused = refused
            log.log(
                logging.INFO if refused is None else logging.ERROR,
                "nftables table inet %s: %s",
                self._table,
                refused or "in force",
            )
        if refused is not None and self._retry is None:
            self._retry = self._host.spawn(self._try_again())

    async def _try_again(self) -> None:
        """Ask again until nft does as it is asked, and then let the routers take part."""
        while self._refused is not None:
            await asyncio.sleep(RETRY_EVERY)
            async with self._one_at_a_time:
                if self._refused is not None:
                    await self._install()
        self._retry = None
        self._tell()

    def _impediments(self, configuration: Configuration) -> Iterator[Impede]:
        """Yield who may not take part, and who may again."""
        stands = self._stands or DropSet()
        lacking = frozenset(
            router.key
            for router in configuration.virtual_routers
            if self._refused is not None and not dropped_for(router) <= stands
        )
        for key in self._impeded - lacking:
            yield Impede(key, CAUSE, None)
        for key in lacking:
            yield Impede(key, CAUSE, f"accept: false needs nftables: {self._refused}")
        self._impeded = lacking

    def _tell(self) -> None:
        for message in self._impediments(self._host.configuration):
            self._host.post(message)

    # Others may remove what we made.

    def _listen(self) -> None:
        if self._watch is not None:
            return
        try:
            self._watch = NftWatch(self._table)
        except OSError as error:
            log.warning(
                "cannot hear whether others remove the nftables table inet %s: %s", self._table, error
            )
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
            if self._watch is None or self._watch.drain() or not self._wanted:
                return
            self._stands = DropSet()
            await self._install()
            if self._refused is None:
                log.warning("somebody removed the nftables table inet %s: it is back", self._table)
        self._tell()


async def run_nft(text: str) -> str | None:
    """Carry out a script in one transaction.  Returns None, or why it was refused, in words."""
    return await asyncio.to_thread(carry_out, text)


def carry_out(text: str) -> str | None:
    """Do the same, and wait for it."""
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

"""Webhooks: a POST with JSON for each change, in order for each router, tried again within bounds.

HTTP/1.1 as far as one request needs it: the answer's status decides, its body is not read.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from havip import __version__
from havip.clock import to_seconds
from havip.config.notify import Webhook
from havip.config.urls import Url
from havip.services.notify.backlog import Backlog
from havip.services.notify.dial import dial, reason_of, trust
from havip.services.notify.lanes import Lanes
from havip.services.notify.news import News, event_id, webhook_body
from havip.services.notify.retry import try_again

log = logging.getLogger("havip.notify")

MOST_WAITING: Final = 64  # changes of one router
MOST_RUNNING: Final = 8  # requests to one URL at once
LONGEST_HEAD: Final = 16384  # bytes of an answer before its body
AGAIN: Final = {408, 425, 429}  # beside 5xx: the same request may succeed later


@dataclass(frozen=True, slots=True)
class Answer:
    """What the other side said."""

    status: int
    retry_after: float = 0.0  # seconds it asked to be left alone

    @property
    def taken(self) -> bool:
        """Say whether the news has arrived."""
        return 200 <= self.status < 300

    @property
    def final(self) -> bool:
        """Say whether another attempt would get the same answer."""
        return self.status < 500 and self.status not in AGAIN


class BadAnswer(Exception):
    """What came is not HTTP."""


class Hook:
    """One URL.  ``life`` names this run of the daemon."""

    def __init__(self, spec: Webhook, host: str, life: str) -> None:
        self.spec = spec
        self.host = host
        self._life = life
        self._url = Url.of(spec.url)
        self._trust: ssl.SSLContext | None = None
        backlog: Backlog[News] = Backlog(MOST_WAITING, MOST_RUNNING, lambda news: news.is_state)
        self._lanes = Lanes(backlog, self._deliver, self._dropped)

    def tell(self, news: News) -> None:
        """Post a change when its turn comes."""
        if news.is_state and news.event not in self.spec.states:
            return
        self._lanes.put(news.subject, news)

    def refresh(self) -> None:
        """Read the certificates to trust anew before the next request."""
        self._trust = None

    async def finish(self, within: float) -> None:
        """Deliver what waits; after so many seconds drop the rest."""
        await self._lanes.finish(within)

    def status(self) -> dict[str, Any]:
        """Return what `status` shows."""
        return {"url": self.spec.url, **self._lanes.status()}

    async def _deliver(self, news: News) -> bool:
        """Post one change until it is taken, refused for good, or out of bounds."""
        loop = asyncio.get_running_loop()
        began, failures = loop.time(), 0
        within = to_seconds(self.spec.give_up_after)
        while True:
            answer = None
            try:
                async with asyncio.timeout(to_seconds(self.spec.timeout)):
                    answer = await self._post(news)
                result = f"answered {answer.status}"
            except Exception as error:
                result = reason_of(error)
            self._lanes.tally.last = {"name": news.name, "event": news.event, "result": result}
            if answer is not None and answer.taken:
                log.info("%s: told %s", news, self.spec.url)
                return True
            failures += 1
            pause = try_again(
                failures,
                loop.time() - began,
                most=self.spec.attempts,
                within=within,
                wanted=0.0 if answer is None else answer.retry_after,
            )
            if pause is None or (answer is not None and answer.final):
                log.error("%s: %s %s: given up after %d attempts", news, self.spec.url, result, failures)
                return False
            log.warning("%s: %s %s: trying again in %g s", news, self.spec.url, result, pause)
            await asyncio.sleep(pause)

    async def _post(self, news: News) -> Answer:
        """Send one request and return the answer.  Raises OSError and `BadAnswer`."""
        spec, url = self.spec, self._url
        headers = list(spec.headers)
        if spec.authorization is not None:
            headers.append(f"Authorization: {spec.authorization.octets.decode()}")
        if url.encrypted and self._trust is None:
            self._trust = trust(spec.ca_file)  # 60 ms of work: once, and not for each request
        context = self._trust
        sock = await dial(url.host, url.port)
        try:
            name = url.host if context is not None else None
            reader, writer = await asyncio.open_connection(sock=sock, ssl=context, server_hostname=name,
                                                           limit=LONGEST_HEAD)  # fmt: skip
        except BaseException:
            sock.close()
            raise
        try:
            writer.write(request(url, headers, event_id(news, self._life),
                                 webhook_body(news, self.host, self._life)))  # fmt: skip
            await writer.drain()
            return await read_answer(reader)
        finally:
            writer.transport.abort()  # its body, if any, is of no interest
            with contextlib.suppress(OSError, ssl.SSLError):
                await writer.wait_closed()

    def _dropped(self, news: News) -> None:
        log.error("%s: %s is not told: too many changes wait for it, or the daemon ends", news, self.spec.url)


def request(url: Url, headers: Sequence[str], identity: str, body: bytes) -> bytes:
    """Return the bytes of one request."""
    head = [
        f"POST {url.target} HTTP/1.1",
        f"Host: {url.authority}",
        f"User-Agent: havip/{__version__}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        f"Idempotency-Key: {identity}",
        "Connection: close",
        *headers,
    ]
    return "\r\n".join([*head, "", ""]).encode() + body


async def read_answer(reader: asyncio.StreamReader) -> Answer:
    """Return the answer to a request, interim ones (1xx) passed over.  Raises `BadAnswer`."""
    while True:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            partial = getattr(error, "partial", b"")
            raise BadAnswer(f"no answer in HTTP, but {partial[:40]!r}" if partial else "no answer") from None
        lines = head.decode("latin-1").split("\r\n")
        words = lines[0].split(" ", 2)
        if len(words) < 2 or not words[0].startswith("HTTP/1.") or not words[1].isdigit():
            raise BadAnswer(f"no answer in HTTP, but {lines[0][:40]!r}")
        status = int(words[1])
        if not 100 <= status < 200:
            return Answer(status, retry_after(lines[1:]))


def retry_after(lines: Sequence[str]) -> float:
    """Return the seconds of a Retry-After header; 0 for none, or for one that names a date."""
    for line in lines:
        name, _, value = line.partition(":")
        if name.strip().lower() == "retry-after" and value.strip().isdigit():
            return float(value.strip()[:9])
    return 0.0

"""Mail: one at a time, each telling whatever has happened by then.

A server that is slow, silent or gone holds nothing up: what waits is bounded in number and in age.
aiosmtplib speaks SMTP; it is imported when the first mail is due.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections import deque
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from typing import Any, Final

from havip.backoff import pause_after
from havip.clock import to_seconds
from havip.config.notify import Mail, Tls
from havip.services.notify.dial import dial, reason_of, trust
from havip.services.notify.lanes import Tally
from havip.services.notify.news import News, mail_body, mail_subject

log = logging.getLogger("havip.notify")

MOST_WAITING: Final = 1000  # changes; then the oldest are no longer told
MOST_IN_ONE: Final = 200  # changes told in one mail


class Mailer:
    """Sends what `tell` is given to the server of ``spec``."""

    def __init__(self, spec: Mail, host: str) -> None:
        self.spec = spec
        self.host = host
        self.tally = Tally()
        self._waiting: deque[tuple[float, News]] = deque()  # with the loop's time of their arrival
        self._untold = 0  # dropped since the last mail, which the next one mentions
        self._busy = False
        self._task: asyncio.Task[None] | None = None

    def tell(self, news: News) -> None:
        """Mail a change soon."""
        if news.event not in self.spec.states:
            return
        self._waiting.append((asyncio.get_running_loop().time(), news))
        if len(self._waiting) > MOST_WAITING:
            self._waiting.popleft()
            self._drop(1)
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._send_all())

    async def finish(self, within: float) -> None:
        """Send what waits; after so many seconds drop the rest."""
        if self._task is None:
            return
        task = self._task
        _, late = await asyncio.wait({task}, timeout=within)
        if late:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            log.error("%d changes were not mailed: the daemon ends", len(self._waiting))
            self._drop(len(self._waiting))
            self._waiting.clear()

    def status(self) -> dict[str, Any]:
        """Return what `status` shows."""
        return self.tally.as_dict(len(self._waiting), int(self._busy))

    async def _send_all(self) -> None:
        """Send until nothing waits; pause after a failure, longer each time."""
        failures = 0
        while self._waiting:
            told = [news for _, news in list(self._waiting)[:MOST_IN_ONE]]
            self._busy = True
            try:
                async with asyncio.timeout(to_seconds(self.spec.timeout)):
                    refused = await self._send(told)
            except Exception as error:
                failures += 1
                self._failed(error, failures)
                await asyncio.sleep(pause_after(failures))
                self._give_up_what_is_old()
            else:
                failures = self._untold = 0
                for _ in told:
                    self._waiting.popleft()
                self.tally.done += len(told)
                self._succeeded(told, refused)
            finally:
                self._busy = False
        self._task = None

    def _failed(self, error: Exception, failures: int) -> None:
        self.tally.failed += 1
        result = f"{type(error).__name__}: {reason_of(error)}"
        self.tally.last = {"result": result}
        log.error(
            "mail to %s failed: %s; trying again in %g s", self.spec.server, result, pause_after(failures)
        )

    def _succeeded(self, told: list[News], refused: list[str]) -> None:
        self.tally.last = {"name": told[-1].name, "event": told[-1].event, "result": "sent"}
        if refused:
            log.error("%s refused mail for %s", self.spec.server, "; ".join(refused))
        log.info("%s: mailed to %s", ", ".join(map(str, told)), ", ".join(self.spec.to))

    def _give_up_what_is_old(self) -> None:
        limit = asyncio.get_running_loop().time() - to_seconds(self.spec.give_up_after)
        old = 0
        while self._waiting and self._waiting[0][0] < limit:
            self._waiting.popleft()
            old += 1
        if old:
            log.error("gave up mailing %d changes: %s took no mail in time", old, self.spec.server)
            self._drop(old)

    def _drop(self, count: int) -> None:
        self.tally.dropped += count
        self._untold += count

    async def _send(self, told: list[News]) -> list[str]:
        """Send one mail; return whom the server refused, in words.  Raises what aiosmtplib does."""
        import aiosmtplib

        spec = self.spec
        encrypted = spec.tls is not Tls.NONE
        password = None if spec.password is None else spec.password.octets
        context = trust(spec.ca_file) if encrypted else None
        sock = await dial(spec.server, spec.port_in_force)
        try:
            refused, _ = await aiosmtplib.send(
                self._compose(told),
                sender=spec.sender,
                recipients=list(spec.to),
                hostname=spec.server,
                sock=sock,
                local_hostname=spec.helo or socket.gethostname(),
                timeout=to_seconds(spec.timeout),
                use_tls=spec.tls is Tls.TLS,
                start_tls=spec.tls is Tls.STARTTLS,
                tls_context=context,
                username=spec.username or None,
                password=password,
            )
        finally:
            sock.close()
        return [f"{address} ({one.code} {one.message})" for address, one in refused.items()]

    def _compose(self, told: list[News]) -> EmailMessage:
        mail = EmailMessage()
        mail["Subject"] = mail_subject(told, self.host)
        mail["From"] = self.spec.sender
        mail["To"] = ", ".join(self.spec.to)
        mail["Date"] = format_datetime(local(told[-1].time))
        mail["Message-ID"] = make_msgid(domain=self.host)
        mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday greetings, please
        mail.set_content(mail_body(told, self.host, clock_of, self._untold))
        return mail


def local(time: float) -> datetime:
    """Return an instant in local time with its offset."""
    return datetime.fromtimestamp(time).astimezone()


def clock_of(time: float) -> str:
    """Return an instant as people read it."""
    return local(time).isoformat(" ", "milliseconds")

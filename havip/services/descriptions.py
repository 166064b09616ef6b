"""Has the VRRP worker describe every router afresh, however many clients ask for it at once."""

from __future__ import annotations

from havip.messages import Describe, Described, Message
from havip.services import Host, Json, Service
from havip.services.asking import Asking


class Descriptions(Service):
    """`refresh` returns once the reports are new; ``totals`` are the counters of the whole worker."""

    def __init__(self, host: Host) -> None:
        self.totals: dict[str, int] = {}
        self._host = host
        self._asking = Asking(host.spawn, self._ask)

    async def refresh(self) -> None:
        """Have every router reported afresh; if the worker cannot, what it last said must do."""
        await self._asking.refresh()

    def _ask(self, token: int) -> bool:
        if self._host.between_lives:
            return False
        self._host.post(Describe(token))
        return True

    def hear(self, message: Message) -> None:
        """Take the answer."""
        if isinstance(message, Described):
            self.totals = message.totals
            self._asking.answered(message.token)

    def status(self) -> Json:
        """Return the counters of the whole worker."""
        return {"totals": self.totals}

    def give_up(self) -> None:
        """Let nobody wait any longer: the worker has ended."""
        self._asking.give_up()

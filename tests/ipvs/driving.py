"""A virtual service that is driven by hand: what stands in its table, and what it has told."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

from havip.balancing import Order
from havip.clock import Instant, after, seconds
from havip.config.balancing import OnStop, RealServer, SorryServer, VirtualService
from havip.config.health import Check
from havip.config.probes import Tcp
from havip.ipvs import pool
from havip.ipvs.pool import Configured, Counted, Ended, Event, Judged, Ordered, Removed, Suspended, Tell, Tick
from havip.ipvs.servers import Verdict
from havip.ipvs.wanted import Standing

GOOD = Verdict(True, "all its checks are good")
BAD = Verdict(False, "web/a/tcp refused", failed=("web/a/tcp",))
NOTHING = Verdict()
CHECK = Check("tcp", tcp=Tcp())
SORRY = SorryServer(ip_address("10.0.0.99"))


def server(name: str, **more: object) -> RealServer:
    """Return a server whose address ends with the place of its name in the alphabet."""
    keys: dict[str, object] = {"address": ip_address(f"10.0.0.{ord(name[0]) - ord('a') + 1}")}
    return RealServer(**({"name": name} | keys | more))  # type: ignore[arg-type]


def service(*servers: RealServer, **more: object) -> VirtualService:
    """Return a service of servers a, b and c, unless others are given."""
    keys: dict[str, object] = {
        "name": "web",
        "address": ip_address("192.0.2.1"),
        "port": 80,
        "probes": (CHECK,),
        "servers": servers or (server("a"), server("b"), server("c")),
    }
    return VirtualService(**(keys | more))  # type: ignore[arg-type]


class Driven:
    """One service and its clock."""

    def __init__(
        self,
        configured: VirtualService,
        before: Standing | None = None,
        orders: dict[str, Order] | None = None,
        suspended: bool = False,
        notify_initial: bool = False,
    ) -> None:
        self.settings = pool.Settings(configured, notify_initial)
        self.now = Instant(10**12)
        self.state, told = pool.begin(self.settings, self.now, before, orders, suspended)
        self.told: list[Tell] = list(told)
        self.ordered = dict(orders or {})

    def does(self, event: Event) -> list[tuple[str, str]]:
        """Let something happen; return what is told of it: (server or nothing, state)."""
        self.state, told = pool.step(self.settings, self.state, event, self.now)
        self.told += told
        deadline = pool.next_deadline(self.settings, self.state, self.now)
        assert deadline > self.now
        return [(one.server or "", one.state) for one in told]

    def judges(self, **verdicts: Verdict) -> list[tuple[str, str]]:
        """Let checks say something."""
        return self.does(Judged(verdicts))

    def all_good(self) -> list[tuple[str, str]]:
        """Let every check be good."""
        return self.judges(**dict.fromkeys((one.name for one in self.settings.service.servers), GOOD))

    def orders(self, name: str, drain: bool = False, weight: int | None = None) -> list[tuple[str, str]]:
        """Let an operator say something of one server."""
        order = Order("web", name, drain, weight) if drain or weight is not None else None
        self.ordered.pop(name, None)
        if order is not None:
            self.ordered[name] = order
        return self.does(Ordered({name: order}))

    def counts(self, sorry: int = 0, **left: int) -> list[tuple[str, str]]:
        """Count the connections of servers that are waited for."""
        return self.does(Counted(left, sorry))

    def suspends(self, suspended: bool = True) -> list[tuple[str, str]]:
        """Let another router be MASTER, or (False) ours."""
        return self.does(Suspended(suspended))

    def reloads(self, *servers: RealServer, **more: object) -> list[tuple[str, str]]:
        """Put other settings in force."""
        old = self.settings
        if servers:
            more["servers"] = servers
        self.settings = replace(old, service=replace(old.service, **more))  # type: ignore[arg-type]
        return self.does(Configured(old, self.ordered))

    def is_removed(self) -> list[tuple[str, str]]:
        """Let a reload take the service away."""
        return self.does(Removed())

    def ends(self, on_stop: OnStop) -> list[tuple[str, str]]:
        """Let the daemon end."""
        return self.does(Ended(on_stop, seconds(60)))

    def waits(self, length: float) -> list[tuple[str, str]]:
        """Let time pass, with a `Tick` at each deadline; return what was told."""
        until, told = after(self.now, seconds(length)), []
        while (at := pool.next_deadline(self.settings, self.state, self.now)) <= until:
            self.now = at
            told += self.does(Tick())
        self.now = until
        return told

    @property
    def table(self) -> dict[str, int]:
        """Return who stands in the table, with which weight; the sorry server as `sorry`."""
        found = pool.standing(self.settings, self.state, self.now)
        sorry = {} if found.sorry is None else {"sorry": found.sorry}
        return {**found.servers, **sorry}

    @property
    def finished(self) -> bool:
        """Say whether nothing more comes."""
        return pool.finished(self.state)

    @property
    def states(self) -> dict[str, str]:
        """Return the state of each server."""
        return {name: one.state for name, one in self.state.servers.items()}

"""Which servers go by which checks, what those say, and what an operator has said: one place to look."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from havip.balancing import Order
from havip.ipvs import pool
from havip.ipvs.held import Held
from havip.messages import TrackResult


class Roll:
    """The services by name, and all that is heard of their servers."""

    def __init__(self) -> None:
        self.services: dict[str, Held] = {}
        self._users: dict[str, list[tuple[Held, str]]] = {}  # by check: servers
        self._results: dict[str, TrackResult] = {}
        self._terms: set[str] = set()  # checks whose weight is added
        self._orders: dict[str, dict[str, Order]] = {}
        self._news: dict[Held, set[str]] = {}  # servers of which checks say something else

    def learn(self) -> None:
        """Know anew which servers go by which check."""
        self._users = {}
        for held in self.services.values():
            for server, checks in held.uses.items():
                for check in checks:
                    self._users.setdefault(check, []).append((held, server))

    def remove(self, gone: Collection[Held]) -> None:
        """Have these services no more."""
        for held in gone:
            if self.services.get(held.name) is held:
                del self.services[held.name]
            self._news.pop(held, None)
        if gone:
            self.learn()

    def hear(self, result: TrackResult) -> bool:
        """Take what a check says; say whether some server goes by it."""
        self._results[result.name] = result
        users = self._users.get(result.name, ())
        for held, server in users:
            self._news.setdefault(held, set()).add(server)
        return bool(users)

    def look_at(self, held: Held) -> None:
        """Have every server of a service judged with the next news."""
        self._news.setdefault(held, set()).update(held.uses)

    def news(self) -> Iterator[tuple[Held, pool.Judged]]:
        """Yield what checks say of each service since the last time: all of its servers in one event."""
        news, self._news = self._news, {}
        for held, servers in news.items():
            yield (
                held,
                pool.Judged(
                    {server: self._verdict(held.uses[server]) for server in servers if server in held.uses}
                ),
            )

    def _verdict(self, checks: Iterable[str]) -> pool.Verdict:
        return pool.together({check: self._results.get(check) for check in checks}, self._terms)

    def knows(self, name: str, *, adds: bool) -> None:
        """Learn of a check; ``adds``: its weight is added to that of the servers."""
        (self._terms.add if adds else self._terms.discard)(name)

    def forget(self, name: str) -> None:
        """Forget a check that is no more."""
        self._results.pop(name, None)
        self._terms.discard(name)

    def order(self, order: Order) -> Order | None:
        """Keep what an operator says; return what holds of that server from now on."""
        of_service = self._orders.setdefault(order.service, {})
        if order.drain or order.weight is not None:
            of_service[order.server] = order
        else:
            of_service.pop(order.server, None)
        return of_service.get(order.server)

    def orders(self, service: str) -> Mapping[str, Order]:
        """Return what an operator has said of the servers of a service, by their names."""
        return self._orders.get(service, {})

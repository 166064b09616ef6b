"""Odd messages of the kernel and odd requests over the control socket: refused by name, never a traceback."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any, ClassVar, cast

import pytest

from havip.control.server import Peer, Server
from havip.netlink import routes, rules
from havip.netlink.codec import Malformed
from havip.services import Host
from havip.services.failover import Failover
from havip.services.operator import Operator
from tests.fuzz.configurations import loadable
from tests.fuzz.packets import damaged
from tests.fuzz.records import STRANGE
from tests.services.test_operator import ModelHost

PROTOCOL = 112


def test_damaged_routes_and_rules_are_malformed_or_have_a_key() -> None:
    random, bodies, seen = Random(4), [], Counter[str]()
    while len(bodies) < 100:
        for router in loadable(random).configuration.virtual_routers:
            bodies += [routes.route_body(route, lambda name: 7, PROTOCOL) for route in router.routes]
            bodies += [rules.rule_body(rule, PROTOCOL) for rule in router.rules]
    for _ in range(20_000):
        body = damaged(random, random.choice(bodies))
        for parse in (routes.parse_route, rules.parse_rule):
            try:
                found = parse(body)
            except Malformed:
                seen["malformed"] += 1
                continue
            seen["nothing" if found is None else "found"] += 1
            assert found is None or hash(found.key) == hash(found.key)
        routes.may_concern(0, body, PROTOCOL)
    assert min(seen.values()) > 1000, seen


def test_odd_requests_are_answered_and_change_nothing_odd(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    random = Random(5)
    configuration = loadable(random).configuration
    host = OddHost(configuration)
    host.directory(tmp_path)
    services = (Operator(cast(Host, host)), Failover(cast(Host, host)))
    name = configuration.virtual_routers[0].name
    values = (*STRANGE, name, "on", "off", "auto", 200, "x" * 70_000, float("nan"), float("inf"))

    async def ask_much() -> Counter[str]:
        await services[0].prepare(host.configuration)
        handlers = {verb: handler for service in services for verb, handler in service.verbs().items()}
        server = Server(str(tmp_path / "s"), handlers)
        reasons: Counter[str] = Counter()
        for _ in range(1500):
            request: dict[str, Any] = {"verb": random.choice((*handlers, random.choice(values)))}
            for key in ("router", "state", "priority", "reason", "login", "wait"):
                if random.random() < 0.7:
                    usual = {
                        "router": name,
                        "state": "on",
                        "priority": 7,
                        "reason": "x",
                        "login": "a",
                        "wait": 0,
                    }
                    request[key] = random.choice((usual[key], random.choice(values)))
            line = json.dumps(random.choice((request, request, request, random.choice(values)))).encode()
            answer = await server._handle(line, Peer(1, 0, frozenset()))
            json.dumps(answer, allow_nan=False)
            reasons[answer.get("reason", "ok")] += 1
        return reasons

    reasons = asyncio.run(ask_much())
    assert "internal-error" not in reasons, caplog.text
    assert min(reasons[one] for one in ("ok", "bad-request", "unknown-verb", "no-such-router")) > 10, reasons
    json.dumps(services[0].status(), allow_nan=False)
    again = Operator(cast(Host, host))
    asyncio.run(again.prepare(host.configuration))
    assert again.status() == services[0].status()


class OddHost(ModelHost):
    """A supervisor without reports."""

    reports: ClassVar[dict[Any, Any]] = {}

    async def refresh(self) -> None:
        pass

    def directory(self, path: Path) -> None:
        """Have the record of orders there."""
        daemon = dataclasses.replace(self.configuration.daemon, state_directory=str(path))
        self.configuration = dataclasses.replace(self.configuration, daemon=daemon)

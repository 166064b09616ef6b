"""Odd requests for services and orders for servers: answered by name, and the record stays whole."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest

from havip.control.server import Peer, Server
from tests.fuzz.records import STRANGE
from tests.services.test_servers import Scene

TARGETS = ("web/web1", "web1", "web/*", "10.0.0.8", "[2001:db8::53]:53", "*/*", "web/wep1", "gone/gone")
VALUES = (*STRANGE, *TARGETS, list(TARGETS), [], "auto", 7, 65536, "x" * 70_000, float("nan"))


def test_odd_requests_are_answered_and_the_record_can_be_read_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    random = Random(6)
    scene = Scene(tmp_path)

    async def ask_much() -> Counter[str]:
        await scene.start()
        handlers = {"services": scene.book.answer, **scene.servers.verbs()}
        server = Server(str(tmp_path / "s"), handlers)
        reasons: Counter[str] = Counter()
        for _ in range(1500):
            request: dict[str, Any] = {"verb": random.choice(("server", "server", "services"))}
            usual = {
                "do": random.choice(("drain", "ready", "weight")),
                "servers": random.sample(TARGETS, random.randrange(1, 3)),
                "weight": random.choice((0, 65535, "auto")),
                "reason": "x",
                "login": "a",
                "wait": 0,
                "names": [random.choice(("web", "d*", "wep", "x*"))],
                "failed": True,
                "fresh": False,
            }
            for key, value in usual.items():
                if random.random() < 0.8:
                    request[key] = value if random.random() < 0.9 else random.choice(VALUES)
            answer = await server._handle(json.dumps(request).encode(), Peer(1, 0, frozenset()))
            json.dumps(answer, allow_nan=False)
            reasons[answer.get("reason", "ok")] += 1
        return reasons

    reasons = asyncio.run(ask_much())
    assert "internal-error" not in reasons, caplog.text
    wanted = ("ok", "bad-request", "no-such-server", "no-such-service", "not-drained")
    assert min(reasons[one] for one in wanted) > 10, reasons
    again = Scene(tmp_path)
    asyncio.run(again.start())
    assert again.servers.shown() == scene.servers.shown()

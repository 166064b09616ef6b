"""Interfaces that routers have to themselves: what cannot be done impedes those routers and no others."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from havip.config.cast import Key
from havip.config.device_plan import DevicePlan, Present
from havip.config.devices import keep_names
from havip.config.model import Configuration
from havip.messages import Impede
from havip.services import devices
from havip.services.devices import Devices
from tests.config.reading import read

ETH0 = Present("eth0", 2)
A, B = ("eth0", 51, 4, ""), ("eth0", 52, 4, "")


class ModelLinks:
    """A kernel with one interface, that makes what it is told to or raises what a test wants."""

    def __init__(self, trouble: Exception | None = None, refused: dict[Key, str] | None = None) -> None:
        self.trouble, self.refused = trouble, refused or {}
        self.plans: list[DevicePlan] = []

    def look(self) -> list[Present]:
        if self.trouble is not None:
            raise self.trouble
        return [ETH0]

    def carry_out(self, plan: DevicePlan) -> dict[Key, str]:
        self.plans.append(plan)
        return self.refused


class ModelSysctls:
    """Settings that are as they should be, or of which the kernel refuses one."""

    def __init__(self, objections: dict[str, str]) -> None:
        self.objections, self.memory = objections, {}

    def filters(self) -> dict[str, str]:
        return {"all": "0", "eth0": "0"}

    def sync(self, wanted: dict[str, str]) -> dict[str, str]:
        return {path: words for path, words in self.objections.items() if path in wanted}


def configuration(tmp_path: Path, *routers: str) -> Configuration:
    lines = "".join(f"  {line}\n" for line in routers)
    return keep_names(read(f"daemon: {{state_directory: {tmp_path}}}\nvirtual_routers:\n{lines}"))


@pytest.fixture
def both(tmp_path: Path) -> Configuration:
    one = "{{interface: eth0, vrid: {}, addresses: [192.0.2.{}], virtual_mac: true}}"
    return configuration(tmp_path, f"a: {one.format(51, 1)}", f"b: {one.format(52, 2)}")


Briefing = Callable[..., list[Any]]


@pytest.fixture
def briefing(both: Configuration, monkeypatch: pytest.MonkeyPatch) -> Briefing:
    """Return what prepares a service and returns what the worker is told."""

    def brief(links: ModelLinks, objections: dict[str, str] | None = None) -> list[Any]:
        monkeypatch.setattr(devices, "Links", lambda sysctls: links)
        monkeypatch.setattr(devices, "Sysctls", lambda directory: ModelSysctls(objections or {}))

        async def run() -> list[Any]:
            service = Devices(cast(Any, None))
            await service.prepare(both)
            told = list(service.briefing(both))
            await service.leave()
            return told

        return asyncio.run(run())

    return brief


def test_what_can_be_made_impedes_nobody(briefing: Briefing) -> None:
    links = ModelLinks()
    assert briefing(links) == []
    assert [len(plan.steps) for plan in links.plans] == [2, 0]


def test_a_router_whose_interface_cannot_be_made_is_impeded_alone(briefing: Briefing) -> None:
    assert briefing(ModelLinks(refused={B: "no such type"})) == [Impede(B, "device", "no such type")]


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        (OSError(1, "Operation not permitted"), "cannot look at the interfaces: Operation not permitted"),
        (ImportError("no pyroute2"), "cannot see to its interface: ImportError('no pyroute2')"),
    ],
)
def test_whatever_goes_wrong_is_an_impediment_and_never_an_exit(
    briefing: Briefing, trouble: Exception, words: str
) -> None:
    assert briefing(ModelLinks(trouble)) == [Impede(A, "device", words), Impede(B, "device", words)]


def test_a_setting_that_the_kernel_refuses_impedes_everybody_on_that_interface(briefing: Briefing) -> None:
    path, words = "net/ipv4/conf/eth0/arp_ignore", "cannot set it: Read-only file system"
    assert briefing(ModelLinks(), {path: words}) == [Impede(A, "device", words), Impede(B, "device", words)]

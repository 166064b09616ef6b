"""Routes and rules for the tests of `havip.vrrp.kernel`, and `ip` as their witness."""

from __future__ import annotations

import json
from ipaddress import ip_address, ip_network
from typing import Any

from havip.config.routing import Prefix, VirtualRoute, VirtualRule
from havip.vrrp.holdings import Holding, Key
from havip.vrrp.kernel import Refused
from lab.netns import Host
from tests.netns.kernel_stage import Stage

MARK = "112"  # as `ip` shows the protocol of a route or rule


def prefix(text: str) -> Prefix:
    """Return the network that a text stands for."""
    network = ip_network(text)
    return Prefix(network.network_address, network.prefixlen)


def route(to: str, via: str = "", device: str = "", **options: Any) -> VirtualRoute:
    """Return a route."""
    gateway = ip_address(via) if via else None
    return VirtualRoute(prefix(to), via=gateway, device=device, **options)


def rule(priority: int = 1000, source: str = "", **options: Any) -> VirtualRule:
    """Return a rule of IPv4 that looks into table 100."""
    options = {"table": 100} | options if not {"action", "goto", "l3mdev"} & options.keys() else options
    return VirtualRule(priority, source=prefix(source) if source else None, **options)


def add(s: Stage, *holdings: Holding) -> list[Refused]:
    """Have the kernel hold something as one router would."""
    return s.kernel.add([s.kernel.prepare(s.ifindex, holdings)])


def remove(s: Stage, *holdings: Holding) -> list[Refused]:
    """Have the kernel hold something no more."""
    return s.kernel.remove([s.kernel.prepare(s.ifindex, holdings)])


def key(s: Stage, holding: Holding) -> Key:
    """Return what identifies a holding."""
    return s.kernel.prepare(s.ifindex, [holding]).keys[0]


def shown(host: Host, *words: str) -> list[dict[str, Any]]:
    """Return what `ip -j` shows of routes or rules."""
    listed: list[dict[str, Any]] = json.loads(host.run("ip", "-j", "-d", *words).stdout or "[]")
    return listed


def routes_of(s: Stage, family: int = 4, table: str = "all") -> list[dict[str, Any]]:
    """Return the routes with our mark."""
    return shown(s.host, f"-{family}", "route", "show", "table", table, "proto", MARK)


def rules_of(s: Stage, family: int = 4) -> list[dict[str, Any]]:
    """Return the rules that are not the system's own."""
    return [one for one in shown(s.host, f"-{family}", "rule") if one["priority"] not in (0, 32766, 32767)]

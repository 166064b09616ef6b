"""What the directives of virtual servers mean together, and with other blocks.  Pure."""

from __future__ import annotations

from havip.config.keepalived.addresses import texts
from havip.config.keepalived.checkers import Checker, probe_name
from havip.config.keepalived.corrections import correct
from havip.config.keepalived.making import Made
from havip.config.keepalived.pace import Pace
from havip.config.keepalived.report import Outcome
from havip.config.keepalived.table import Scope
from havip.config.keepalived.tree import Word
from havip.config.keepalived.whole import Whole


def settle(whole: Whole) -> None:
    """Make the probes of every server, and what depends on other blocks."""
    for scope in whole.services:
        settle_service(scope)
        correct(scope)
        for server in scope.memory.get("servers", ()):
            settle_server(server, scope)


def settle_service(scope: Scope) -> None:
    """Settle what the directives of a virtual server mean together."""
    made, report = scope.made, scope.report
    if scope.memory.get("pace", {}).get("alpha", Pace("", scope.at)).text == "true":
        made.put("start_failed", scope.memory["pace"]["alpha"].word, True)
    if made.get("fwmark") is not None and (at := made.where("transport")) is not None:
        made.drop("transport")
        report.take(Outcome.IGNORED, at, scope.key("transport"), "a firewall mark is for every protocol")
    quorum, hysteresis = int(made.text("quorum") or 1), int(made.text("hysteresis") or 0)
    if hysteresis >= quorum:
        at = made.where("hysteresis") or scope.at
        made.put("hysteresis", at, str(quorum - 1))
        report.take(Outcome.DIFFERS, at, scope.key("hysteresis"), "it must be below the quorum")
    if made.get("sorry_server") is not None and made.get("sorry_server.address") is None:
        at = made.where("sorry_server") or scope.at
        made.drop("sorry_server")
        report.drop(Word("sorry_server", at.line, at.column), "settings of a sorry_server that is not there")
    word = scope.memory.get("ha_suspend")
    if word is not None:
        suspend(scope, word)


def suspend(scope: Scope, word: Word) -> None:
    """Find the virtual router that has the address of a service."""
    address = scope.made.text("address")
    for name, router in scope.whole.instances.items():
        held = [text for path in ("addresses", "excluded_addresses") for text, _ in texts(router.made, path)]
        if address and address in (text.partition("/")[0] for text in held):
            why = f"by the state of {name}, which has the address"
            scope.put("probe_as_master_of", word, word, name, why)
            return
    scope.report.lacking(word, "no vrrp_instance of this file has the address")


def settle_server(server: Scope, service: Scope) -> None:
    """Make the probes of a real server."""
    weight: Word | None = service.memory.get("weight")
    if weight is not None and server.made.get("weight") is None:
        server.made.put("weight", weight, weight.text)
    paces = server.memory.get("pace", {}), service.memory.get("pace", {})
    host: Word | None = server.memory.get("virtual_host")
    probes = Made(server.at)
    count: dict[str, int] = {}
    checkers: list[Checker] = server.memory.get("checkers", [])
    for checker in checkers:
        if host is not None and checker.kind == "http":
            checker.scope.memory.setdefault("virtual_host", host)
        for probe in checker.made((checker.scope.memory.get("pace", {}), *paces)):
            count[checker.kind] = number = count.get(checker.kind, 0) + 1
            probes.name(probe_name(checker.kind, number), probe.at, probe)
    if probes.entries:
        server.made.put("probes", server.at, probes)
    else:
        server.report.take(Outcome.IGNORED, server.at, server.path, "it has no checker, so it is always up")

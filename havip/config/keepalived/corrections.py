"""What keepalived corrects in virtual servers with a line in its log: an error, or corrected with `compat`.

Pure.
"""

from __future__ import annotations

from typing import Final

from havip.config.keepalived.addresses import version_of
from havip.config.keepalived.making import Listed, Made
from havip.config.keepalived.report import Outcome
from havip.config.keepalived.table import Scope
from havip.config.keepalived.tree import Word
from havip.config.nodes import Scalar
from havip.config.problems import quote

#: flags that mean something to one scheduler alone
FLAGS: Final = {"sh-port": "sh", "sh-fallback": "sh", "mh-port": "mh", "mh-fallback": "mh"}
USUAL_PERSISTENCE: Final = "360s"


def correct(scope: Scope) -> None:
    """Correct one virtual server and those of its servers that cannot be."""
    if by_address(scope):
        protocol(scope)
        persistence(scope)
    family(scope)
    flags(scope)
    servers(scope)
    sorry(scope)


def by_address(scope: Scope) -> bool:
    """Say whether clients reach an address, not only packets a mark."""
    group = scope.made.text("group")
    return bool(scope.made.text("address")) or (
        bool(group) and scope.whole.made.has_at("service_groups", group, "addresses")
    )


def placed(at: Word, text: str) -> Word:
    """Return a word that stands where another one does."""
    return Word(text, at.line, at.column)


def protocol(scope: Scope) -> None:
    """keepalived 2.2 leaves it to the kernel, for which none is UDP; 2.4 takes TCP."""
    made, report = scope.made, scope.report
    if made.get("transport") is None:
        why = "versions of keepalived differ: 2.2 takes UDP then, 2.4 TCP"
        report.drop(scope.at, "a virtual_server without protocol", "protocol TCP, UDP or SCTP", why=why)
        made.put("transport", scope.at, "udp")
    at = made.where("one_packet")
    if at is not None and made.text("transport") != "udp":
        report.drop(at, f"ops of {made.text('transport').upper()}", "protocol UDP", why="it is left out")
        made.drop("one_packet")


def persistence(scope: Scope) -> None:
    """A service for every port is one of clients that stay."""
    made = scope.made
    if made.text("address") and made.get("port") is None and made.get("persistence") is None:
        why = "without a port clients stay with their server, for six minutes"
        scope.report.drop(
            scope.at, "a virtual_server without a port", "a port or persistence_timeout", why=why
        )
        made.put("persistence.timeout", scope.at, USUAL_PERSISTENCE)


def family(scope: Scope) -> None:
    """An address has its family, a group those of its addresses."""
    made = scope.made
    at = made.where("family")
    if at is None or made.get("fwmark") is not None:
        return
    address, said = made.text("address"), made.text("family")
    made.drop("family")
    if address and str(version_of(address)) != said:
        scope.report.drop(at, f"ip_family beside {quote(address)}", f"inet{'6' if ':' in address else ''}")
    else:
        scope.report.take(Outcome.IGNORED, at, scope.key("family"), "the addresses say it")


def flags(scope: Scope) -> None:
    """A flag of another scheduler is left out."""
    listed = scope.made.get("scheduler_flags")
    if not isinstance(listed, Listed):
        return
    scheduler = scope.made.text("scheduler") or "wlc"
    for item in list(listed.items):
        if isinstance(item, Scalar) and FLAGS.get(item.text, scheduler) != scheduler:
            found = f"{item.text} of the scheduler {scheduler}"
            scope.report.drop(scope.whole.word(item), found, why="it is left out")
            listed.items.remove(item)
    if not listed.items:
        scope.made.drop("scheduler_flags")


def servers(scope: Scope) -> None:
    """Leave out servers that are there already or of another family; a port is as it must be."""
    seen: set[tuple[str, str]] = set()
    kept: list[Scope] = []
    port = scope.made.text("port")
    for server in scope.memory.get("servers", ()):
        moves_port(scope, server, port)
        address = server.made.text("address")
        identity = (address, server.made.text("port") or port)
        what = f"the real server {quote(address)} "
        if identity in seen:
            what += "again"
        elif other_family(scope, server.made):
            what += "of another family than its clients"
        else:
            seen.add(identity)
            kept.append(server)
            continue
        scope.report.drop(server.at, what, why="it is left out")
        listed = scope.made.get("servers")
        assert isinstance(listed, Made)
        listed.entries.pop(server.path.rpartition(".servers.")[2])
    scope.memory["servers"] = kept


def method_of(scope: Scope, made: Made) -> str:
    """Return how packets get to a server."""
    return made.text("forwarding.method") or scope.made.text("forwarding.method") or "nat"


def moves_port(scope: Scope, server: Scope, port: str) -> None:
    """Only NAT leads to another port."""
    own = server.made.text("port")
    if not own or own == port or not scope.made.text("address") or method_of(scope, server.made) == "nat":
        return
    at = server.made.where("port") or server.at
    server.made.drop("port")
    why = "only NAT leads to another port"
    scope.report.drop(placed(at, own), f"the port {own}", port or "none", why=why)


def other_family(scope: Scope, made: Made) -> bool:
    """Say whether only a tunnel would lead to a server, and none does."""
    address = scope.made.text("address")
    return (
        bool(address)
        and method_of(scope, made) != "tunnel"
        and version_of(address) != version_of(made.text("address"))
    )


def sorry(scope: Scope) -> None:
    """Leave out a sorry server of another family."""
    made = scope.made.get("sorry_server")
    at = scope.made.where("sorry_server.address")
    if isinstance(made, Made) and at is not None and other_family(scope, made):
        scope.report.drop(at, "a sorry_server of another family than its clients", why="it is left out")
        scope.made.drop("sorry_server")

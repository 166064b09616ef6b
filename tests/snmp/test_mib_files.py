"""Every cell is one that its MIB knows, of the type and within the values that the MIB gives it.

The files are those that Debian's keepalived installs; they are read as text, as far as is needed.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from havip.config.snmp import Snmp
from havip.snmp import traps
from havip.snmp.agentx import Range
from havip.snmp.trees import tree
from havip.snmp.values import END_OF_MIB_VIEW, Kind, Oid, oid
from havip.snmp.view import View
from tests.snmp.shown import TEXT, balanced, shown

FILES = [
    Path("/usr/share/snmp/mibs", name) for name in ("KEEPALIVED-MIB.txt", "VRRP-MIB.txt", "VRRPv3-MIB.txt")
]
KNOWN = {"enterprises": oid("1.3.6.1.4.1"), "mib-2": oid("1.3.6.1.2.1")}
#: base types, and the textual conventions that the three import
KINDS = {
    "INTEGER": Kind.INTEGER, "Integer32": Kind.INTEGER, "TruthValue": Kind.INTEGER, "RowStatus": Kind.INTEGER,
    "InetAddressType": Kind.INTEGER, "InetScopeType": Kind.INTEGER, "InterfaceIndex": Kind.INTEGER,
    "TimeInterval": Kind.INTEGER, "Unsigned32": Kind.GAUGE32, "Gauge32": Kind.GAUGE32,
    "InetPortNumber": Kind.GAUGE32, "InetAddressPrefixLength": Kind.GAUGE32, "Counter32": Kind.COUNTER32,
    "Counter64": Kind.COUNTER64, "TimeTicks": Kind.TIME_TICKS, "TimeStamp": Kind.TIME_TICKS,
    "OCTET STRING": Kind.OCTET_STRING, "DisplayString": Kind.OCTET_STRING, "InetAddress": Kind.OCTET_STRING,
    "MacAddress": Kind.OCTET_STRING, "IpAddress": Kind.IP_ADDRESS,
}  # fmt: skip

COMMENT = re.compile(r"--.*")
TEXTS = re.compile(r'"[^"]*"')
PLACE = re.compile(r"\b([a-z]\w*)\s+(?:OBJECT IDENTIFIER|(?:OBJECT|NOTIFICATION)-TYPE|MODULE-IDENTITY)\b"
                   r"(?:(?!::=).)*::=\s*\{\s*([\w-]+)\s+(\d+)\s*\}", re.DOTALL)  # fmt: skip
OBJECT = re.compile(
    r"\b([a-z]\w*)\s+OBJECT-TYPE\s+SYNTAX\s+(OCTET STRING|\w+)\s*(\{[^}]*\}|\([^)]*\)+)?"
    r"(?:(?!::=).)*?MAX-ACCESS\s+([\w-]+)",
    re.DOTALL,
)
CONVENTION = re.compile(
    r"\b([A-Z]\w*)\s*::=\s*TEXTUAL-CONVENTION(?:(?!::=).)*?SYNTAX\s+(\w+)\s*(\{[^}]*\})?", re.DOTALL
)
NUMBER = re.compile(r"\w+\s*\(\s*(\d+)\s*\)")  # of an enumeration


class Known(NamedTuple):
    """An object as its MIB defines it."""

    name: str
    kind: Kind
    numbers: frozenset[int]  # of an enumeration; empty: it is none
    readable: bool


@cache
def objects() -> dict[Oid, Known]:
    """Return every object of the three MIBs by its identifier."""
    text = TEXTS.sub('""', COMMENT.sub("", "\n".join(file.read_text() for file in FILES)))
    places = dict(KNOWN)
    left = {name: (parent, int(number)) for name, parent, number in PLACE.findall(text)}
    while found := {name: (*places[up], number) for name, (up, number) in left.items() if up in places}:
        places |= found
        left = {name: place for name, place in left.items() if name not in found}
    conventions = {name: (base, numbers) for name, base, numbers in CONVENTION.findall(text)}
    known = {}
    for name, syntax, numbers, access in OBJECT.findall(text):
        if syntax == "SEQUENCE" or syntax.endswith("Entry"):
            continue
        base, more = conventions.get(syntax, (syntax, ""))
        listed = numbers or more
        enumerated = frozenset(map(int, NUMBER.findall(listed if listed.startswith("{") else "")))
        known[places[name]] = Known(name, KINDS[base], enumerated, access != "not-accessible")
    return known


#: more of everything: what `TEXT` has not
MORE = """
  rich:
    interface: eth0
    vrid: 99
    addresses: [{address: 192.0.2.90/32, peer: 192.0.2.91}]
    notify: {master: TRUE, backup: TRUE, fault: TRUE, stop: TRUE, master_rx_lower_priority: TRUE}
    routes:
      - {to: 203.0.113.128/25, device: eth0, source: 192.0.2.90, tos: 8, hop_limit: 3, advmss: 1000, rtt: 5ms}
      - {to: 198.51.100.0/24, next_hops: [{via: 192.0.2.5, weight: 2}, {device: eth0, onlink: false}]}
      - {to: 198.51.100.128/25, type: prohibit, table: 12, realms: 3/4, initcwnd: 10, quickack: true}
    rules:
      - {priority: 7, to: 198.51.100.0/24, input_device: eth0, fwmark: 1/3, action: prohibit}
      - {priority: 8, family: 4, goto: 9, invert: true, uid_range: 1-5}
      - {priority: 9, family: 4, table: 9, ip_protocol: tcp, destination_ports: 80-81}
""".replace("TRUE", "/bin/true")


@pytest.mark.parametrize(
    "view", [shown(TEXT), shown(TEXT + MORE), balanced()], ids=["usual", "rich", "balanced"]
)
def test_every_cell_is_what_its_mib_says(view: View) -> None:
    known, mib = objects(), tree(Snmp(), view)
    assert len(known) > 400
    at: Oid = (1,)
    seen = set()
    while (binding := mib.first_in(Range(at, False, ()))).value is not END_OF_MIB_VIEW:
        assert binding.name > at
        at, (kind, data) = binding.name, binding.value
        (size,) = [size for size in range(len(at)) if at[:size] in known]
        one = known[at[:size]]
        seen.add(one.name)
        assert one.readable, one
        assert kind is one.kind, one
        assert not one.numbers or data in one.numbers, (one, data)
    assert len(seen) > 100


def test_notifications_name_objects_of_their_mibs() -> None:
    known = objects()
    names = {
        known[place].name
        for place in (
            (*traps.keepalived.INSTANCES, 2),
            (*traps.keepalived.INSTANCES, 4),
            (*traps.keepalived.INSTANCES, 5),
            (*traps.keepalived.GROUPS, 2),
            (*traps.keepalived.GROUPS, 3),
            traps.ROUTER_ID[:-1],
            *((*traps.SERVICES, number) for number in (2, 3, 4, 5, 6, 7, 8, 20, 21, 22, 23)),
            *((*traps.SERVERS, number) for number in (3, 4, 5, 6)),
            (*traps.rfc2787.OPER_ENTRY, 7),
            traps.PACKET_SOURCE[:-1],
            traps.ERROR_TYPE[:-1],
            (*traps.rfc6527.OPER_ENTRY, 3),
            (*traps.rfc6527.STATISTICS_ENTRY, 2),
            (*traps.rfc6527.STATISTICS_ENTRY, 6),
        )
    }
    assert names == {
        "vrrpInstanceName",
        "vrrpInstanceState",
        "virtualServerType",
        "virtualServerNameOfGroup",
        "virtualServerFwMark",
        "virtualServerAddrType",
        "virtualServerAddress",
        "virtualServerPort",
        "virtualServerProtocol",
        "virtualServerRealServersTotal",
        "virtualServerRealServersUp",
        "virtualServerQuorum",
        "virtualServerQuorumStatus",
        "realServerAddrType",
        "realServerAddress",
        "realServerPort",
        "realServerStatus",
        "vrrpInstanceInitialState",
        "vrrpSyncGroupName",
        "vrrpSyncGroupState",
        "routerId",
        "vrrpOperMasterIpAddr",
        "vrrpTrapPacketSrc",
        "vrrpTrapAuthErrorType",
        "vrrpv3OperationsMasterIpAddr",
        "vrrpv3StatisticsNewMasterReason",
        "vrrpv3StatisticsProtoErrReason",
    }

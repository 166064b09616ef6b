"""Netlink messages about routing policy rules: from values, and back to what identifies them.

Pure.  As in `routes`, the key of a rule is read from its request by the parser of the kernel's messages.

The layouts are those of linux/fib_rules.h.
"""

from __future__ import annotations

from struct import Struct
from typing import Final, NamedTuple

from havip.config.routing import RuleAction, VirtualRule
from havip.netlink.codec import (
    AF_INET,
    AF_INET6,
    CREATE,
    DUMP,
    EXCLUSIVE,
    REQUEST,
    attribute,
    attributes,
    request,
    unpack,
)
from havip.netlink.routes import ADDRESS_SIZE, small

NEW_RULE: Final = 32
DELETE_RULE: Final = 33
GET_RULE: Final = 34

_RULE: Final = Struct("=BBBBB2xBI")  # family, dst and src length, tos, table, action, flags
_BYTE: Final = Struct("=B")
_PORTS: Final = Struct("=HH")
_NUMBER: Final = Struct("=I")
_RANGE: Final = Struct("=II")

_FRA_DST, _FRA_SRC, _FRA_IIFNAME, _FRA_GOTO, _FRA_PRIORITY, _FRA_FWMARK = 1, 2, 3, 4, 6, 10
_FRA_FLOW, _FRA_SUPPRESS_IFGROUP, _FRA_SUPPRESS_PREFIXLEN, _FRA_TABLE = 11, 13, 14, 15
_FRA_FWMASK, _FRA_OIFNAME, _FRA_L3MDEV, _FRA_UID_RANGE, _FRA_PROTOCOL = 16, 17, 19, 20, 21
_FRA_IP_PROTO, _FRA_SPORT_RANGE, _FRA_DPORT_RANGE = 22, 23, 24

_SUPPRESSIONS: Final = (_FRA_SUPPRESS_IFGROUP, _FRA_SUPPRESS_PREFIXLEN)
_NOTHING: Final = b"\xff" * 4  # suppressed: the kernel says so where nothing is
_SELECTORS: Final = frozenset(
    (
        *(_FRA_DST, _FRA_SRC, _FRA_IIFNAME, _FRA_OIFNAME, _FRA_FWMARK, _FRA_FWMASK, _FRA_FLOW, _FRA_L3MDEV),
        *(_FRA_UID_RANGE, _FRA_IP_PROTO, _FRA_SPORT_RANGE, _FRA_DPORT_RANGE, *_SUPPRESSIONS),
    )
)

_INVERT: Final = 2
_LOOK_UP, _GOTO = 1, 2
_ACTIONS: Final = {
    RuleAction.NOP: 3,
    RuleAction.BLACKHOLE: 6,
    RuleAction.UNREACHABLE: 7,
    RuleAction.PROHIBIT: 8,
}


class RuleKey(NamedTuple):
    """What makes a rule one and the same: all of it, but not who put it there."""

    family: int
    priority: int
    action: int
    table: int
    goto: int
    selectors: tuple[tuple[int, bytes], ...]  # attributes that narrow it down, by number
    lengths: tuple[int, int]  # bits of destination and source
    tos: int
    invert: bool


class Rule(NamedTuple):
    """A rule as the kernel tells of it."""

    key: RuleKey
    protocol: int  # who put it there (FRA_PROTOCOL, Linux 4.17); 0: unknown


def add_rule(sequence: int, rule: VirtualRule, protocol: int) -> bytes:
    """Return the request to add a rule that must not be there yet."""
    return request(NEW_RULE, REQUEST | CREATE | EXCLUSIVE, sequence, rule_body(rule, protocol))


def delete_rule(sequence: int, body: bytes) -> bytes:
    """Return the request to delete the rule that a message of this body is about."""
    return request(DELETE_RULE, REQUEST, sequence, body)


def dump_rules(sequence: int, family: int) -> bytes:
    """Return the request for every rule of a family."""
    return request(GET_RULE, REQUEST | DUMP, sequence, _RULE.pack(family, 0, 0, 0, 0, 0, 0))


def parse_rule(body: bytes) -> Rule | None:
    """Return the rule of a message; None: another family than IPv4 and IPv6.  Raises `Malformed`."""
    family, to_length, from_length, tos, table, action, flags = unpack(_RULE, body)
    if family not in ADDRESS_SIZE:
        return None
    found = dict(attributes(body, _RULE.size))
    numbers = {
        kind: unpack(_NUMBER, found.pop(kind))[0] if kind in found else default
        for kind, default in ((_FRA_PRIORITY, 0), (_FRA_TABLE, table), (_FRA_GOTO, 0))
    }
    protocol = found.pop(_FRA_PROTOCOL, b"\0")
    if _FRA_FWMARK in found:
        found.setdefault(_FRA_FWMASK, _NOTHING)
    elif not any(found.get(_FRA_FWMASK, b"")):
        found.pop(_FRA_FWMASK, None)
    selectors = tuple(
        (kind, value)
        for kind, value in sorted(found.items())
        if kind in _SELECTORS and not (kind in _SUPPRESSIONS and value == _NOTHING)
    )
    key = RuleKey(
        family,
        numbers[_FRA_PRIORITY],
        action,
        numbers[_FRA_TABLE],
        numbers[_FRA_GOTO],
        selectors,
        (to_length, from_length),
        tos,
        bool(flags & _INVERT),
    )
    return Rule(key, protocol[0] if protocol else 0)


def rule_body(rule: VirtualRule, protocol: int) -> bytes:
    """Return the body of a message about a rule."""
    family = AF_INET if rule.family == 4 else AF_INET6
    action = _GOTO if rule.goto is not None else _LOOK_UP if rule.action is None else _ACTIONS[rule.action]
    header = _RULE.pack(
        family,
        rule.to.length if rule.to is not None else 0,
        rule.source.length if rule.source is not None else 0,
        rule.tos,
        small(rule.table or 0),
        action,
        _INVERT if rule.invert else 0,
    )
    parts = [header, attribute(_FRA_PRIORITY, _NUMBER.pack(rule.priority))]
    parts.append(attribute(_FRA_TABLE, _NUMBER.pack(rule.table or 0)))
    parts.append(attribute(_FRA_PROTOCOL, _BYTE.pack(protocol)))
    if rule.goto is not None:
        parts.append(attribute(_FRA_GOTO, _NUMBER.pack(rule.goto)))
    parts += [attribute(kind, value) for kind, value in selectors_of(rule)]
    return b"".join(parts)


def selectors_of(rule: VirtualRule) -> list[tuple[int, bytes]]:
    """Return the attributes that narrow a rule down, and what else only some rules have."""
    found: list[tuple[int, bytes]] = []
    if rule.to is not None and rule.to.length:
        found.append((_FRA_DST, rule.to.address.packed))
    if rule.source is not None and rule.source.length:
        found.append((_FRA_SRC, rule.source.address.packed))
    if rule.input_device:
        found.append((_FRA_IIFNAME, rule.input_device.encode() + b"\0"))
    if rule.output_device:
        found.append((_FRA_OIFNAME, rule.output_device.encode() + b"\0"))
    if rule.fwmark is not None:
        found += [(_FRA_FWMARK, _NUMBER.pack(rule.fwmark[0])), (_FRA_FWMASK, _NUMBER.pack(rule.fwmark[1]))]
    if rule.l3mdev:
        found.append((_FRA_L3MDEV, _BYTE.pack(1)))
    if rule.uid_range is not None:
        found.append((_FRA_UID_RANGE, _RANGE.pack(*rule.uid_range)))
    if rule.ip_protocol is not None:
        found.append((_FRA_IP_PROTO, _BYTE.pack(rule.ip_protocol)))
    if rule.source_ports is not None:
        found.append((_FRA_SPORT_RANGE, _PORTS.pack(*rule.source_ports)))
    if rule.destination_ports is not None:
        found.append((_FRA_DPORT_RANGE, _PORTS.pack(*rule.destination_ports)))
    if rule.suppress_prefix_length is not None:
        found.append((_FRA_SUPPRESS_PREFIXLEN, _NUMBER.pack(rule.suppress_prefix_length)))
    if rule.suppress_group is not None:
        found.append((_FRA_SUPPRESS_IFGROUP, _NUMBER.pack(rule.suppress_group)))
    if rule.realms is not None:
        found.append((_FRA_FLOW, _NUMBER.pack(rule.realms[0] << 16 | rule.realms[1])))
    return found

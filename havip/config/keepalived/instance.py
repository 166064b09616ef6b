"""Virtual routers: what a ``vrrp_instance`` may hold.  Pure.

What several of its directives mean together is settled in `havip.config.keepalived.routers`.
"""

from __future__ import annotations

import re
from typing import Final

from havip.config.keepalived.addresses import Addresses, version_of
from havip.config.keepalived.authentication import ROWS as AUTHENTICATION
from havip.config.keepalived.making import Made
from havip.config.keepalived.notify import LOWER, PROGRAMS
from havip.config.keepalived.report import Outcome
from havip.config.keepalived.routes import Routes
from havip.config.keepalived.rules import Rules
from havip.config.keepalived.table import (
    P0,
    P1,
    P2,
    Always,
    Block,
    Flag,
    Ignored,
    Key,
    Lacking,
    Row,
    Scope,
    Switch,
    Table,
    argument,
    entries,
    named_block,
    no_more,
)
from havip.config.keepalived.tracking import TRACKED
from havip.config.keepalived.tree import Statement
from havip.config.keepalived.values import INTERFACE, TEXT, timer, truth, whole
from havip.config.kinds import Wrong
from havip.config.problems import quote

COUNT: Final = whole(0, 2**31 - 1)
SECONDS: Final = timer(0, 2**31)
_MAC: Final = re.compile(r"[0-9A-Fa-f]{1,2}(?::[0-9A-Fa-f]{1,2}){4,5}")


def state(scope: Scope, statement: Statement) -> None:
    """Take ``state``; MASTER is not taken back."""
    no_more(scope, statement, 2)
    word = statement.words[1] if len(statement.words) > 1 else statement.words[0]
    if word.text not in ("MASTER", "BACKUP"):
        scope.report.drop(word, quote(word.text), "MASTER or BACKUP", why="BACKUP is taken for it")
    elif scope.made.text("start") == "master" and word.text == "BACKUP":
        scope.report.drop(word, "state BACKUP after MASTER", why="MASTER counts")
    else:
        scope.put("start", statement.words[0], word, word.text.lower())


def priority(scope: Scope, statement: Statement) -> None:
    """Take ``priority``; one that cannot be is 100."""
    no_more(scope, statement, 2)
    found = argument(scope, statement, whole(1, 255))
    if found is not None:
        scope.put("priority", statement.words[0], found[1], found[0])
    elif len(statement.words) > 1:
        scope.made.put("priority", statement.words[1], "100")


def source(scope: Scope, statement: Statement) -> None:
    """Take ``mcast_src_ip`` or ``unicast_src_ip``: where it belongs is settled when the peers are known."""
    no_more(scope, statement, 2)
    if len(statement.words) < 2 or not version_of(statement.words[1].text):
        word = statement.words[-1]
        scope.report.drop(word, quote(word.text), "an address")
        return
    scope.memory["source"] = (statement.words[0], statement.words[1])


def peers(scope: Scope, statement: Statement) -> None:
    """Take ``unicast_peer``: addresses, each with bounds of its TTL perhaps."""
    for entry in entries(scope, statement):
        made: Made | None = None
        index = 0
        while index < len(entry.words):
            word = entry.words[index]
            if word.text in ("min_ttl", "max_ttl") and made is not None:
                found = argument(scope, entry, whole(0, 255), index + 1)
                if found is not None:
                    made.put(word.text, found[1], found[0])
                    scope.memory["checked"] = word
                index += 1
            elif version_of(word.text):
                made = Made(word)
                made.put("address", word, word.text)
                scope.memory.setdefault("peers", []).append(made)
            else:
                scope.report.drop(word, quote(word.text), "an address, min_ttl or max_ttl")
            index += 1
    scope.memory["unicast"] = statement.words[0]


def ttl(scope: Scope, statement: Statement) -> None:
    """Take ``unicast_ttl``, which counts where there are peers."""
    no_more(scope, statement, 2)
    found = argument(scope, statement, whole(0, 255))
    if found is not None:
        scope.memory["ttl"] = (statement.words[0], *found)


class Remember:
    """A switch whose meaning is settled at the end."""

    def __init__(self, key: str) -> None:
        self.key = key

    def __call__(self, scope: Scope, statement: Statement) -> None:
        no_more(scope, statement, 2)
        on = True
        if len(statement.words) > 1:
            try:
                on = truth(statement.words[1].text)
            except Wrong:
                word = statement.words[1]
                scope.report.drop(word, quote(word.text), "on or off")
                return
        scope.memory[self.key] = (statement.words[0], on)


def use_vmac(scope: Scope, statement: Statement) -> None:
    """Take ``use_vmac [[name] IF] [MAC] [netlink_notify_msg] [group N]``."""
    first = statement.words[0]
    scope.put("virtual_mac.enabled", first, first, True)
    index = 1
    while index < len(statement.words):
        word = statement.words[index]
        index += 1
        if word.text == "group":
            found = argument(scope, statement, COUNT, index)
            if found is not None:
                scope.made.put("virtual_mac.group", found[1], found[0])
            index += 1
        elif word.text == "netlink_notify_msg":
            why = "setting the link group of the parent has Linux tell of it as well: ip link set IF group 0"
            scope.report.take(Outcome.IGNORED, word, "", why)
        elif _MAC.fullmatch(word.text):
            octets = [octet.rjust(2, "0") for octet in word.text.split(":")]
            scope.made.put("virtual_mac.mac", word, ":".join(octets))
        elif word.text == "name" and index < len(statement.words):
            scope.made.put("virtual_mac.name", statement.words[index], statement.words[index].text)
            index += 1
        elif scope.made.get("virtual_mac.name") is None:
            scope.made.put("virtual_mac.name", word, word.text)
        else:
            scope.report.drop(word, quote(word.text), "a name, a MAC address or group")


def use_ipvlan(scope: Scope, statement: Statement) -> None:
    """Take ``use_ipvlan [[name] IF] [ADDRESS] [bridge|private|vepa] [group N]``."""
    first = statement.words[0]
    scope.put("ipvlan.enabled", first, first, True, "adverts leave from the interface itself")
    index = 1
    while index < len(statement.words):
        word = statement.words[index]
        index += 1
        if word.text == "group":
            found = argument(scope, statement, COUNT, index)
            if found is not None:
                scope.made.put("ipvlan.group", found[1], found[0])
            index += 1
        elif word.text in ("bridge", "private", "vepa"):
            scope.made.put("ipvlan.mode", word, word.text)
        elif version_of(word.text):
            scope.made.put("ipvlan.address", word, word.text)
        elif word.text == "name" and index < len(statement.words):
            scope.made.put("ipvlan.name", statement.words[index], statement.words[index].text)
            index += 1
        elif scope.made.get("ipvlan.name") is None:
            scope.made.put("ipvlan.name", word, word.text)
        else:
            scope.report.drop(word, quote(word.text), "a name, an address, a mode or group")


def timer_expired(scope: Scope, statement: Statement) -> None:
    """Take ``timer_expired_backup [PRIORITY]``."""
    no_more(scope, statement, 2)
    why = "" if len(statement.words) < 2 else "counted for a backup of priority 254, whatever is given"
    scope.put("yield_after_stall", statement.words[0], statement.words[0], True, why)


def vrf(scope: Scope, statement: Statement) -> None:
    """Take ``vrf``: of a virtual router without an interface."""
    why = "a virtual router names its interface, which may be one of a VRF"
    scope.report.take(Outcome.DIFFERS, statement.words[0], scope.key("interface"), why)


def begin(scope: Scope, statement: Statement) -> Scope | None:
    """Begin a virtual router."""
    return named_block(scope, statement, "a vrrp_instance", "virtual_routers", scope.whole.instances)


def sync_daemon(scope: Scope, statement: Statement) -> None:
    """Take ``lvs_sync_daemon_interface IF``, now global."""
    if argument(scope, statement, INTERFACE) is not None:
        scope.whole.globals.setdefault("lvs_sync_daemon_interface", statement.words[1])
        scope.whole.globals.setdefault("lvs_sync_daemon_instance", scope.at)
        scope.report.take(
            Outcome.DEPRECATED, statement.words[0], "", "now it is lvs_sync_daemon in global_defs"
        )


def announce(prefix: str) -> tuple[Row, ...]:
    """Return the rows of announcements, of one virtual router or with the prefix of the global ones."""
    return (
        Row(f"{prefix}garp_master_delay", P0, Key("announce.delay", SECONDS)),
        Row(f"{prefix}garp_master_repeat", P0, Key("announce.repeat", COUNT)),
        Row(f"{prefix}garp_master_refresh", P1, Key("announce.refresh", SECONDS)),
        Row(f"{prefix}garp_master_refresh_repeat", P1, Key("announce.refresh_repeat", COUNT)),
        Row(f"{prefix}garp_lower_prio_delay", P1, Key("announce.lower_priority_delay", SECONDS)),
        Row(f"{prefix}garp_lower_prio_repeat", P1, Key("announce.lower_priority_repeat", COUNT)),
        Row(
            f"{prefix}garp_extra_if",
            P2,
            Ignored(
                "announcements leave every interface with addresses, as often as garp_master_refresh says"
            ),
            also=("vrrp_vmac_garp_intvl", "vmac_garp_intvl") if prefix else ("vmac_garp_intvl",),
        ),
    )


OWNER = "RFC 9568 section 7.1: the owner of the addresses hears nobody"
INSTANCE: Final = Table(
    "vrrp_instance",
    (
        Row("state", P0, state),
        Row("interface", P0, Key("interface", INTERFACE)),
        Row("virtual_router_id", P0, Key("vrid", whole(1, 255))),
        Row("priority", P0, priority),
        Row("advert_int", P0, Key("interval", timer(0.01, 255))),
        Row("version", P0, Key("version", whole(2, 3))),
        Row("native_ipv6", P0, Ignored("the addresses tell the family")),
        Row("nopreempt", P0, Flag("preempt", "false")),
        Row("preempt", P0, Flag("preempt", "true")),
        Row("preempt_delay", P0, Key("preempt_delay", timer(0, 1000))),
        Row("mcast_src_ip", P0, source),
        Row("unicast_src_ip", P0, source),
        Row("track_src_ip", P1, Always("a source that is not on the interface is FAULT")),
        Row("unicast_peer", P0, peers),
        Row("unicast_ttl", P1, ttl),
        Row("check_unicast_src", P1, Remember("check")),
        Row("unicast_fault_no_peer", P1, Remember("fault_no_peer")),
        Row("mcast_dst_ip", P2, Key("multicast.group", TEXT)),
        Row("old_unicast_checksum", P2, Ignored("it is for keepalived before 1.3.7, of 2017")),
        Row(
            "v3_checksum_as_v2",
            P1,
            Switch("rfc9568", why="what is received is verified in that form as well"),
        ),
        Row("virtual_ipaddress", P0, Addresses("addresses")),
        Row("virtual_ipaddress_excluded", P1, Addresses("excluded_addresses")),
        Row("no_virtual_ipaddress", P2, Lacking("RFC 9568 section 5.2.5 wants an address in every advert")),
        Row("virtual_routes", P1, Routes("routes")),
        Row("virtual_rules", P1, Rules("rules")),
        Row("accept", P1, Flag("accept", "true")),
        Row("no_accept", P1, Flag("accept", "false")),
        Row("promote_secondaries", P1, Always("what the kernel takes along is put back")),
        *TRACKED,
        Row("dont_track_primary", P0, Flag("track.own_interface", "false")),
        *announce(""),
        Row("lower_prio_no_advert", P1, Switch("answer_lower_priority", turned=True)),
        Row("higher_prio_send_advert", P1, Always("a master that gives way says so")),
        Row("down_timer_adverts", P1, Key("down_adverts", whole(1, 100))),
        Row("skip_check_adv_addr", P1, Always("other addresses are remarked on, and never refused")),
        Row("strict_mode", P1, Switch("strict")),
        Row("owner_ignore_adverts", P2, Always(OWNER)),
        Row("kernel_rx_buf_size", P2, Ignored("every receive buffer has room for 2,500 adverts")),
        Row("timer_expired_backup", P2, timer_expired, also=("thread_timer_expired",)),
        *PROGRAMS,
        LOWER,
        *AUTHENTICATION,
        Row("use_vmac", P1, use_vmac),
        Row("vmac_xmit_base", P1, Switch("virtual_mac.transmit_on_parent")),
        Row("use_vmac_addr", P2, Lacking("an address on another interface has that one's MAC address")),
        Row("use_ipvlan", P2, use_ipvlan),
        Row("linkbeat_use_polling", P2, Ignored("Linux tells of the carrier of every driver since 2.6")),
        Row("debug", P2, Ignored("havip status --verbose tells more")),
        Row("vrf", P2, vrf),
        Row("lvs_sync_daemon_interface", P2, sync_daemon),
    ),
)
ROWS = (Row("vrrp_instance", P0, Block(INSTANCE, begin)),)

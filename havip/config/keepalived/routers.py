"""What the directives of a ``vrrp_instance`` mean together, and what keepalived makes of what does not fit.

Pure.  keepalived changes or drops them with a line in its log; here each change is a decision with its place.
"""

from __future__ import annotations

from typing import Final

from havip.clock import milliseconds, seconds, spell
from havip.config.keepalived.addresses import texts, version_of
from havip.config.keepalived.making import Listed, Made
from havip.config.keepalived.report import Outcome
from havip.config.keepalived.table import Scope, leave_out
from havip.config.keepalived.tracking import drop_unknown, names_in
from havip.config.keepalived.tree import Word
from havip.config.keepalived.whole import Whole
from havip.config.kinds import Length
from havip.config.problems import quote

INTERVALS: Final = Length(milliseconds(1), seconds(255))
OWNER: Final = "255"


def settle(whole: Whole) -> None:
    """Settle every virtual router."""
    for name, scope in list(whole.instances.items()):
        lack = lacking(scope)
        if lack:
            leave_out(scope, "virtual_routers")
            del whole.instances[name]
            why = "the virtual router is left out"
            scope.report.drop(scope.at, f"the vrrp_instance {quote(name)} without {lack}", why=why)
            continue
        for step in STEPS:
            step(scope)
    for own, general in (("lower_priority_delay", "delay"), ("lower_priority_repeat", "repeat")):
        at = whole.made.where(f"defaults.announce.{general}")
        if at is not None and whole.made.get(f"defaults.announce.{own}") is None:
            whole.made.put(f"defaults.announce.{own}", at, whole.made.text(f"defaults.announce.{general}"))
    if whole.instances and not whole.made.text("defaults.version"):
        first, *_ = whole.instances.values()
        whole.default("defaults.version", first.at, "2", "VRRPv2 for IPv4 unless vrrp_version says otherwise")


def lacking(scope: Scope) -> str:
    """Return the directive without which keepalived leaves a virtual router out; empty: it has all."""
    if scope.made.get("vrid") is None:
        return "virtual_router_id"
    if scope.made.get("interface") is None and "unicast" not in scope.memory:
        return "interface"
    return "" if scope.made.get("addresses") is not None else "virtual_ipaddress"


def family(scope: Scope) -> int:
    """Return the family of a virtual router: that of its first address."""
    found = texts(scope.made, "addresses")
    return version_of(found[0][0]) if found else 4


def version(scope: Scope) -> int:
    """Return the version of VRRP that a virtual router speaks."""
    own = scope.made.text("version") or scope.whole.made.text("defaults.version")
    return int(own) if own else (3 if family(scope) == 6 else 2)


def strict(scope: Scope) -> bool:
    """Say whether a virtual router is strict."""
    own = scope.made.text("strict") or scope.whole.made.text("defaults.strict")
    return own == "true"


def changed(scope: Scope, path: str, why: str, *, drop: bool = True) -> None:
    """Tell that a key is not as it was written; with ``drop`` take it away."""
    at = scope.made.where(path)
    if at is None:
        return
    if drop:
        scope.made.drop(path)
    scope.report.take(Outcome.DIFFERS, at, scope.key(path), why)


def settle_families(scope: Scope) -> None:
    """Leave out addresses of another family than the first one's."""
    listed = scope.made.get("addresses")
    first = family(scope)
    if isinstance(listed, Listed):
        for (text, at), item in zip(texts(scope.made, "addresses"), list(listed.items), strict=True):
            if version_of(text) != first:
                listed.items.remove(item)
                why = "virtual_ipaddress_excluded is for it"
                scope.report.drop(at, quote(at.text), f"an IPv{first} address like the first", why=why)


def settle_version(scope: Scope) -> None:
    """IPv6 is spoken in VRRPv3 unless VRRPv2 is asked for; each version has a unit of its own."""
    if family(scope) == 6 and scope.made.get("version") is None:
        general = scope.whole.made.text("defaults.version")
        if general != "3":
            scope.default("version", scope.at, "3", "IPv6 is spoken in VRRPv3")
    text = scope.made.text("interval")
    if not text:
        return
    length = INTERVALS.read(text)
    if version(scope) == 2:
        rounded = seconds(max(1, (length + seconds(1) // 2) // seconds(1)))
        unit = "VRRPv2 has whole seconds"
    else:
        rounded = milliseconds(10 * max(1, length // milliseconds(10)))
        unit = "VRRPv3 has steps of 10ms"
    if length != rounded:
        at = scope.made.where("interval") or scope.at
        scope.made.put("interval", at, spell(rounded))
        why = f"{unit}: {spell(length)} is rounded to {spell(rounded)}"
        scope.report.take(Outcome.DIFFERS, at, scope.key("interval"), why)


def settle_priority(scope: Scope) -> None:
    """A MASTER without a priority owns the addresses, and cannot wait for others."""
    master = scope.made.text("start") == "master"
    if master and scope.made.get("priority") is None:
        at = scope.made.where("start") or scope.at
        why = "state MASTER without a priority"
        scope.default("priority", at, OWNER, why)
    owner = scope.made.text("priority") == OWNER
    if master or owner:
        why = "state MASTER preempts at once" if master else "the owner of the addresses takes over at once"
        if scope.made.text("preempt") == "false":
            changed(scope, "preempt", why)
        changed(scope, "preempt_delay", why)
    elif scope.made.text("preempt") == "false":
        changed(scope, "preempt_delay", "nopreempt leaves nothing to delay")
    if scope.made.text("preempt") != "false":
        changed(scope, "yield_after_stall", "with preemption it takes over again anyway")
    if scope.made.text("preempt") == "true":
        scope.made.drop("preempt")


def settle_cast(scope: Scope) -> None:
    """Peers make it unicast; a source alone is one of multicast."""
    if "fault_no_peer" in scope.memory:
        scope.report.take(Outcome.ALWAYS, scope.memory["fault_no_peer"][0], "", "no peers are an error")
    peers: list[Made] = scope.memory.get("peers", [])
    source: tuple[Word, Word] | None = scope.memory.get("source")
    if not peers:
        no_peers(scope, source)
        group = scope.whole.globals.get(f"vrrp_mcast_group{family(scope)}")
        if group is not None and scope.made.get("multicast.group") is None:
            scope.made.put("multicast.group", group, group.text)
        return
    at: Word = scope.memory["unicast"]
    for peer in peers:
        scope.made.add("unicast.peers", at, peer)
    scope.report.take(Outcome.MAPPED, at, scope.key("unicast.peers"))
    if source is not None:
        scope.put("unicast.source", source[0], source[1], source[1].text)
    if "ttl" in scope.memory:
        word, text, value = scope.memory["ttl"]
        scope.put("unicast.ttl", word, value, text)
    elif family(scope) == 6:
        scope.default("unicast.ttl", at, "64", "what Linux sends unicast over IPv6 with")
    if "check" in scope.memory:
        word, on = scope.memory["check"]
        scope.put("unicast.check_source", word, word, on or "checked" in scope.memory)
    elif "checked" not in scope.memory and not scope.whole.checks_sources:
        why = "whoever reaches this router may depose it; with check_unicast_src only its peers may"
        scope.default("unicast.check_source", at, "false", why)
    if scope.made.get("virtual_mac.enabled") and not scope.made.text("virtual_mac.transmit_on_parent"):
        why = "unicast needs vmac_xmit_base"
        scope.default("virtual_mac.transmit_on_parent", at, "true", why)


def no_peers(scope: Scope, source: tuple[Word, Word] | None) -> None:
    """Let a router without peers speak to the group, or refuse one that must not."""
    if "fault_no_peer" in scope.memory:
        word, on = scope.memory["fault_no_peer"]
        if on and "unicast" in scope.memory:
            scope.report.wrong(word, "unicast_fault_no_peer without peers", "peers")
    if source is not None:
        why = "without a unicast_peer adverts go to the group" if source[0].text == "unicast_src_ip" else ""
        scope.put("multicast.source", source[0], source[1], source[1].text, why)
    for key in ("ttl", "check"):
        if key in scope.memory:
            word = scope.memory[key][0]
            scope.report.take(Outcome.IGNORED, word, "", "there is no unicast_peer")


def settle_authentication(scope: Scope) -> None:
    """VRRPv3 has no password."""
    if scope.made.get("authentication") is None:
        return
    for path in ("authentication.type", "authentication.password"):
        at = scope.made.where(path) or scope.at
    if version(scope) == 3 or strict(scope) or scope.made.get("hmac") is not None:
        scope.made.drop("authentication")
        why = "a strict router has none" if strict(scope) else "it is for VRRPv2 without auth_hmac"
        scope.report.take(Outcome.IGNORED, at, scope.key("authentication"), why)


def settle_strict(scope: Scope) -> None:
    """What a strict keepalived changes without being asked to."""
    if not strict(scope):
        return
    at = scope.made.where("strict") or scope.at
    why = "vrrp_strict clears it"
    if scope.made.text("priority") != OWNER and scope.made.text("start") == "master":
        changed(scope, "start", "only the owner of the addresses begins as MASTER if it is strict")
    for path in ("preempt_delay", "down_adverts", "answer_lower_priority", "yield_after_stall"):
        changed(scope, path, why)
    for path in ("virtual_mac.transmit_on_parent", "virtual_mac.mac"):
        changed(scope, path, why)
    if scope.made.get("accept") is None and scope.made.text("priority") != OWNER:
        told = "a strict router drops what is sent to its addresses: say accept if they shall answer"
        scope.default("accept", at, "false", told)
    if scope.made.get("announce.lower_priority_repeat") is None:
        told = "a strict router does not announce itself again when it hears a weaker one"
        scope.default("announce.lower_priority_repeat", at, "0", told)
    if version(scope) == 2:
        told = "a strict router does not answer a weaker one"
        scope.default("answer_lower_priority", at, "false", told)
    else:
        told = "a strict router answers a weaker one, as RFC 9568 section 6.4.3 has it; keepalived's does not"
        scope.report.take(Outcome.DIFFERS, at, scope.key("answer_lower_priority"), told)


def settle_tracking(scope: Scope) -> None:
    """Leave out what is not defined, and the router's own interface, which is tracked anyway."""
    drop_unknown(scope)
    own = names_in(scope.made, "track.interfaces", "interface").get(scope.made.text("interface"))
    listed = scope.made.get("track.interfaces")
    if own is None or not isinstance(listed, Listed) or scope.made.text("track.own_interface") == "false":
        return
    listed.items.remove(own)
    why = "its own interface is tracked anyway: FAULT while it is down"
    scope.report.take(Outcome.IGNORED, own.at, scope.key("track.interfaces"), why)
    if not listed.items:
        scope.made.drop("track.interfaces")


def settle_announcements(scope: Scope) -> None:
    """What is sent when a weaker master was heard is what is sent on becoming MASTER, unless told."""
    for own, general in (("lower_priority_delay", "delay"), ("lower_priority_repeat", "repeat")):
        at = scope.made.where(f"announce.{general}")
        given = any(
            made.get(path) is not None
            for made, path in (
                (scope.made, f"announce.{own}"),
                (scope.whole.made, f"defaults.announce.{own}"),
            )
        )
        if at is not None and not given:
            scope.made.put(f"announce.{own}", at, scope.made.text(f"announce.{general}"))
    for path in ("announce.repeat", "announce.refresh_repeat"):
        if scope.made.text(path) == "0":
            at = scope.made.where(path) or scope.at
            scope.made.put(path, at, "1")
            scope.report.take(Outcome.DIFFERS, at, scope.key(path), "at least one announcement is sent")


def settle_gaps(scope: Scope) -> None:
    """Give a router the gap between announcements of its interface."""
    for interface in (scope.made.text("interface"), ""):
        gap = scope.whole.gaps.get(interface, {}).get(family(scope))
        if gap is not None and scope.made.get("announce.interval") is None:
            scope.made.put("announce.interval", gap, gap.text)


def settle_names(scope: Scope) -> None:
    """Give a virtual MAC's interface the name that ``vmac_prefix`` leads to."""
    prefix = scope.whole.globals.get("vmac_prefix")
    if (
        prefix is not None
        and scope.made.get("virtual_mac.enabled")
        and not scope.made.text("virtual_mac.name")
    ):
        scope.made.put("virtual_mac.name", prefix, f"{prefix.text}.{scope.made.text('vrid')}")


STEPS: Final = (
    settle_families,
    settle_version,
    settle_priority,
    settle_cast,
    settle_authentication,
    settle_announcements,
    settle_gaps,
    settle_names,
    settle_strict,
    settle_tracking,
)

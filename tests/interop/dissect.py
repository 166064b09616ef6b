"""Wireshark's opinion of frames, by tshark: the dissector that network people trust."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from pathlib import Path

from bench.wire import Sight, write_pcap

GOOD = "1"  # checksum status in Wireshark
FIELDS = (
    "frame.number",
    "_ws.col.Info",
    "_ws.expert.message",
    "_ws.malformed",
    "ip.checksum.status",
    "vrrp.checksum.status",
    "icmpv6.checksum.status",
    "frame.protocols",
)


def complaints(sights: Iterable[Sight], pcap: Path, *, rfc9568: bool = False) -> list[str]:
    """Return what tshark has to say against the frames, one line each.

    ``rfc9568`` tells it that VRRPv3 checksums leave the pseudo header out; its default is to want it.
    """
    write_pcap(pcap, sights)
    preferences = (
        "ip.check_checksum:TRUE",
        "arp.detect_duplicate_ips:FALSE",  # an address that moves is what all this is about
        f"vrrp.v3_checksum_as_in_v2:{str(rfc9568).upper()}",
    )
    command = ["tshark", "-r", str(pcap), "-T", "fields"]
    command += [word for preference in preferences for word in ("-o", preference)]
    command += [word for field in FIELDS for word in ("-e", field)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return [line for line in done.stdout.splitlines() if not is_clean(line)]


def is_clean(line: str) -> bool:
    """Say whether one dissected frame is free of remarks, and is VRRP, ARP or ICMPv6 to its end."""
    _, _, remark, malformed, ip, vrrp, icmpv6, protocols = line.split("\t")
    known = protocols.endswith((":vrrp", ":arp", ":icmpv6"))
    checked = protocols.endswith(":arp") or GOOD in (vrrp, icmpv6)
    return known and checked and not remark and not malformed and ip in ("", GOOD)

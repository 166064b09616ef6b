"""The frames that tell the neighbours where a virtual address now lives: gratuitous ARP, unsolicited NA.

Complete Ethernet frames, built once when the configuration or the interface's hardware address changes
and sent many times as they are.  This file never sends, and never decides when or how often.

Addresses are packed in network order; ``mac`` is the six bytes of the interface's hardware address.
"""

from __future__ import annotations

from struct import Struct
from typing import Final

from havip.vrrp.packet import checksum, pseudo_header

BROADCAST: Final = b"\xff" * 6
ALL_NODES: Final = bytes((0xFF, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1))  #: ff02::1
ALL_NODES_MAC: Final = bytes((0x33, 0x33, 0, 0, 0, 1))  #: its Ethernet group (RFC 2464 section 7)

ETHERNET: Final = Struct("!6s6sH")  # destination, source, type
ETHERTYPE_IPV4: Final = 0x0800
ETHERTYPE_ARP: Final = 0x0806
ETHERTYPE_IPV6: Final = 0x86DD

ARP: Final = Struct("!HHBBH6s4s6s4s")  # RFC 826: spaces, lengths, operation, sender pair, target pair
HARDWARE_ETHERNET: Final = 1
REQUEST: Final = 1

IPV6: Final = Struct("!IHBB16s16s")  # version|class|flow, payload length, next header, hop limit, addresses
VERSION_6: Final = 6 << 28
ICMPV6: Final = 58
HOP_LIMIT: Final = 255  # a receiver drops anything less: it came through a router (RFC 4861 section 7.1.2)

ADVERTISEMENT: Final = Struct("!BBHI16sBB6s")  # RFC 4861 section 4.4, and its one option (section 4.6.1)
NEIGHBOR_ADVERTISEMENT: Final = 136
ROUTER: Final = 0x8000_0000
OVERRIDE: Final = 0x2000_0000
TARGET_LINK_LAYER_ADDRESS: Final = 2
ONE_UNIT: Final = 1  # option lengths count units of eight bytes


def can_be_told(mac: bytes) -> bool:
    """Say whether a hardware address is one that neighbours have: tunnels and the loopback have none."""
    return len(mac) == 6 and any(mac)


def frame(address: bytes, mac: bytes, router: bool) -> bytes:
    """Return the frame that announces ``address`` in the way of its family, told by its length."""
    return gratuitous_arp(address, mac) if len(address) == 4 else unsolicited_na(address, mac, router)


def gratuitous_arp(address: bytes, mac: bytes) -> bytes:
    """Return a gratuitous ARP request for an IPv4 address: 42 bytes (RFC 9568 section 8.1.2).

    The layout is RFC 826's; sender and target are both the address (RFC 5944 section 4.6).  A request, not
    a reply: RFC 826 takes the sender in from either, but some hosts ignore a reply that they did not ask
    for (RFC 5227 section 3).  The target's hardware address means nothing; like keepalived we send ones.
    """
    body = ARP.pack(HARDWARE_ETHERNET, ETHERTYPE_IPV4, 6, 4, REQUEST, mac, address, BROADCAST, address)
    return ETHERNET.pack(BROADCAST, mac, ETHERTYPE_ARP) + body


def unsolicited_na(address: bytes, mac: bytes, router: bool) -> bytes:
    """Return an unsolicited Neighbor Advertisement for an IPv6 address: 86 bytes (RFC 9568 section 8.2.2).

    Layout: RFC 4861 section 4.4.  It goes to all nodes, with the Override flag, so that neighbours replace
    what they had cached, and without the Solicited flag (section 7.2.6).  ``router`` sets the Router flag,
    which must tell the truth: a host that sees it go drops us as a router (section 7.2.5).
    """
    flags = OVERRIDE | (ROUTER if router else 0)
    option = (TARGET_LINK_LAYER_ADDRESS, ONE_UNIT, mac)
    covered = pseudo_header(address, ALL_NODES, ADVERTISEMENT.size, ICMPV6) + ADVERTISEMENT.pack(
        NEIGHBOR_ADVERTISEMENT, 0, 0, flags, address, *option
    )
    message = ADVERTISEMENT.pack(NEIGHBOR_ADVERTISEMENT, 0, checksum(covered), flags, address, *option)
    header = IPV6.pack(VERSION_6, ADVERTISEMENT.size, ICMPV6, HOP_LIMIT, address, ALL_NODES)
    return ETHERNET.pack(ALL_NODES_MAC, mac, ETHERTYPE_IPV6) + header + message

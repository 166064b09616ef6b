"""A client that calls an address as people do: an echo, and a connection."""

from __future__ import annotations

import json
import select
import socket
import struct
import time

from lab.netns import Host
from tests.daemon.running import PATIENCE

CLOSED_PORT = 9
ECHO_REQUEST = {socket.AF_INET: 8, socket.AF_INET6: 128}
ECHO_REPLY = {socket.AF_INET: 0, socket.AF_INET6: 129}
PROTOCOL = {socket.AF_INET: 1, socket.AF_INET6: 58}


def family_of(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def place_of(host: Host, address: str) -> tuple[str, int] | tuple[str, int, int, int]:
    """Return an address as the socket calls want it; a link-local one is one of eth0's."""
    if ":" not in address:
        return (address, CLOSED_PORT)
    return (address, CLOSED_PORT, 0, socket.if_nametoindex("eth0") if address.startswith("fe80") else 0)


def echoes(host: Host, address: str) -> bool:
    """Say whether an ICMP echo is answered within a second."""
    family = family_of(address)
    with host.entered(), socket.socket(family, socket.SOCK_RAW, PROTOCOL[family]) as raw:
        there, _, *scope = place_of(host, address)
        place = (there, 0, *scope)
        body = b"\0\0\0\1havip"
        # The kernel fills the checksum of ICMPv6 in, that of ICMP it does not.
        packet = struct.pack("!BBH", ECHO_REQUEST[family], 0, 0) + body
        if family is socket.AF_INET:
            whole = packet + b"\0" * (len(packet) % 2)
            total = sum(struct.unpack(f"!{len(whole) // 2}H", whole))
            total = (total & 0xFFFF) + (total >> 16)
            packet = struct.pack("!BBH", ECHO_REQUEST[family], 0, ~(total + (total >> 16)) & 0xFFFF) + body
        raw.sendto(packet, place)
        until = time.monotonic() + 1.0
        while (left := until - time.monotonic()) > 0 and select.select([raw], [], [], left)[0]:
            heard = raw.recv(2048)
            if family is socket.AF_INET:
                heard = heard[(heard[0] & 0x0F) * 4 :]
            if heard[0] == ECHO_REPLY[family] and heard[4:] == body:
                return True
    return False


def connects(host: Host, address: str) -> bool:
    """Say whether a TCP connection is answered: refused by who lives there, as nobody listens."""
    with host.entered(), socket.socket(family_of(address), socket.SOCK_STREAM) as call:
        call.settimeout(PATIENCE)
        try:
            call.connect(place_of(host, address))
        except ConnectionRefusedError:
            return True
        except OSError:
            return False
    return True


def neighbour(host: Host, address: str) -> str:
    """Return the MAC address under which a host knows a neighbour; empty: it knows none."""
    found = json.loads(host.run("ip", "-j", "neigh", "show", address, "dev", "eth0").stdout)
    return found[0].get("lladdr", "") if found else ""

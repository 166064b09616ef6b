"""The other host on the machine's LAN: notes the priority of every VRRP advert, a line each, and goes on.

Must outlive havip at shutdown, to hear its last words.
"""

import socket
import struct
import sys

VRRP = 112
GROUP = "224.0.0.18"


def main(interface: str, log: str) -> None:
    """Listen until killed."""
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, VRRP) as listener, open(log, "w") as out:
        membership = struct.pack("4s4si", socket.inet_aton(GROUP), bytes(4), socket.if_nametoindex(interface))
        listener.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
        while True:
            packet = listener.recv(2048)
            header = (packet[0] & 15) * 4
            print(packet[header + 2], file=out, flush=True)


main(*sys.argv[1:])

"""The stage of `kinds`: that of `lab.lvs`, with one director, which holds its addresses by hand."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from lab.lvs import tables
from lab.lvs.farm import Farm, batch, hold
from lab.lvs.plan import GATEWAY, INSIDE, SERVERS
from lab.lvs.servers import Server
from lab.lvs.visitor import Visitor
from lab.netns import Network
from tests.daemon import running
from tests.daemon.running import Daemon
from tests.uml.kinds_files import FIRST
from tests.uml.operating import until

running.PATIENCE = 60.0  # a system call takes many times as long here

CLIENTS: Final = ("10.77.0.100", "10.77.0.101")  # two addresses of one client
MODULES: Final = ("sctp", "sit", "cls_flower", "act_skbedit", "sch_ingress")  # beside those of the stage
HELD: Final = ("10.77.0.201/32", "10.77.0.202/32", "10.77.0.203/32", "10.77.0.204/32", "10.77.0.205/32")
HELD6: Final = ("fd77::201/128", "fd77::203/128", "fd77::204/128", "fd77::205/128")
GATEWAYS: Final = (INSIDE[4].format(GATEWAY), INSIDE[6].format(GATEWAY))
#: marks that somebody gives: this kernel's nftables knows no IP
BY_HAND: Final = (
    "qdisc add dev eth0 clsact",
    *(
        f"filter add dev eth0 ingress protocol {family} flower dst_ip {address} ip_proto tcp dst_port {port} "
        f"action skbedit mark {mark}"
        for family, address, port, mark in (
            ("ip", "10.77.0.209", 8080, 9),
            ("ipv6", "fd77::201", 8080, 9),
            ("ip", "10.77.0.209", 8081, 10),
        )
    ),
)
#: servers, by the service with the sorry server
SHORT: Final = {"w1": "10.88.0.11:80", "w2": "10.88.0.12:80", "sorry": "10.77.0.12:80"}
NOT_AT_ALL: Final = (ConnectionRefusedError, TimeoutError)
REFUSED: Final = 0.5  # seconds: the kernel says it by ICMP, but not each time


class Stage:
    """The hosts, their servers and the client; the director."""

    def __init__(self, net: Network, folder: Path, cleaning: ExitStack) -> None:
        self.farm = Farm(net)
        self.folder = folder
        self.servers = {name: Server(host) for name, host in self.farm.servers.items()}
        self.visitor = Visitor(self.farm.client)
        self.d1, self.d2 = self.farm.directors.values()
        hold(self.d1, (*HELD, *HELD6, *GATEWAYS))
        for words in BY_HAND:
            self.d1.run("tc", *words.split())
        batch(
            self.d1,
            "route add local 10.77.0.208/28 dev lo",  # who asks for one of these is answered
            "link add own type veth peer name other",
            "link set own up",
            "link set other up",
            "addr add 10.66.0.1/24 dev own",
        )
        batch(self.farm.client, f"addr add {CLIENTS[1]}/32 dev eth0")
        for name, host in self.farm.servers.items():  # IPv6 within IPv4, and the other way round
            local = f"fd77::{SERVERS[name]}"
            batch(
                host,
                "link set sit0 up",
                f"link add any6 type ip6tnl mode any local {local}",
                f"link add sums4 type gre local 10.77.0.{SERVERS[name]} icsum",  # of GRE with checksums
                f"link add sums6 type ip6gre local {local} icsum",
                *(f"link set {link} up" for link in ("any6", "sums4", "sums6")),
            )
        self.daemon = cleaning.enter_context(Daemon(self.d1, folder, self.text(FIRST)))

    def text(self, text: str) -> str:
        """Return a configuration with what changes from run to run."""
        return text.replace("FOLDER", str(self.folder))

    def reload(self, text: str) -> None:
        """Give the director another configuration."""
        self.daemon.configure(self.text(text))
        self.daemon.client.reload()

    def weights(self, service: str) -> dict[str, int]:
        """Return the servers of one service in the kernel's table, with their weights."""
        found = tables.services(self.d1).get(service)
        return found.weights if found else {}

    def stands(self, service: str, **weights: int) -> None:
        """Wait until a service has just these servers, by the last part of the inside address and port."""
        wanted = {SHORT[name]: weight for name, weight in weights.items()}
        until(lambda: self.weights(service) == wanted, f"{service}: {wanted}")

    def saved(self) -> list[str]:
        """Return what ``ipvsadm -S`` writes."""
        return self.d1.run("ipvsadm", "-S", "-n").stdout.splitlines()

    def asked(self, address: str, port: int, client: str = CLIENTS[0], requests: int = 1) -> set[str]:
        """Return who answers datagrams, each from a port of its own."""
        return {self.datagrams(address, port, client)[0] for _ in range(requests)}

    def datagrams(
        self, address: str, port: int, client: str = CLIENTS[0], count: int = 1, patience: float = 10.0
    ) -> list[str]:
        """Return who answers so many datagrams from one port.  Raises what comes of one that is refused."""
        with self.farm.client.entered():
            one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with one:
            one.settimeout(patience)
            one.bind((client, 0))
            one.connect((address, port))
            found = []
            for _ in range(count):
                one.send(b"?")
                found.append(one.recv(2048).decode().strip())
            return found

"""Random keepalived.conf files, and what must hold for whatever is said of them."""

from __future__ import annotations

from pathlib import Path
from random import Random

from havip.config.keepalived.global_defs import GLOBAL_DEFS
from havip.config.keepalived.http_checks import URL
from havip.config.keepalived.instance import INSTANCE
from havip.config.keepalived.reading import Imported, examine
from havip.config.keepalived.root import ROOT
from havip.config.keepalived.tracking import SCRIPT
from havip.config.keepalived.virtual_servers import SERVER, SERVICE
from havip.config.keepalived.yamltext import write
from havip.config.yamlfile import parse

MAIN, OTHERS = "keepalived.conf", ("one.conf", "two.conf", "three.inc")
NAMES = ("A", "B", "VIP", "NUM", "_PWD", "_INSTANCE", "_RANDOM", "_ENV HOME", "_HASH", "_RANDOM 1 5", "NONE")
PLAIN = """
eth0 VI_1 VI_2 51 100 255 300 -1 0 1 0.5 1e3 MASTER BACKUP on off 192.0.2.1/24 192.0.2.2 fe80::1/64
2001:db8::1 192.0.2.300 10.0.0.0/8 dev via weight reverse table from to src default nexthop PASS AH secret
file:/x </dev/null /bin/true label brd + track_group priority name group interface lock é = @ ~ , () %
"""
WORDS = PLAIN.split()
SIGNS = [*"{}\"'\\#!$)\n \x00\udce9\t", "${", "~SEQ(", "~LST(", "@r1 ", "@^r1 "]
#: a file in which nearly everything stands that the language and the mapping know
SEED = """\
$VIP=192.0.2.
$BLOCK= \\
 virtual_ipaddress { \\
  ${VIP}${N}/24 dev eth1 label eth1:${N} \\
 } \\

global_defs {
 router_id "r1"
 notification_email { a@example.net b@example.net }
 smtp_server 127.0.0.1 25
 vrrp_version 3
 script_user root
 vrrp_garp_interval 0.001
 notify_fifo /run/f
 enable_snmp_vrrp
}
vrrp_script chk { script "/bin/true 'a b'"
 interval 2
 weight -10 reverse
 user root }
track_file tf { file /tmp/x
 weight 3 }
vrrp_track_process p { process sshd -D
 quorum 1 }
static_ipaddress { 198.51.100.1/24 dev eth2 }
static_routes { default via 192.0.2.254 table 100 }
static_rules { from 198.51.100.0/24 table 100 }
vrrp_sync_group G { group { VI_1 VI_2 }
 notify "/bin/true" }
vrrp_instance VI_1 {
 interface eth0
 @r1 priority 150
 @^r1 priority 100
 virtual_router_id 51
 advert_int 0.5
 $N=1
 $BLOCK
 track_script { chk weight 5 }
 track_interface { eth1 }
 virtual_routes { src 192.0.2.1 to 10.0.0.0/8 via 192.0.2.9 or 192.0.2.8 mtu lock 1400 }
 virtual_rules { to 10.0.0.0/8 table 5 preference 9 }
 authentication { auth_type PASS
 auth_pass s3cretpw }
 unicast_peer { 192.0.2.7 min_ttl 254 }
}
vrrp_instance VI_2 {
 interface eth1
 virtual_router_id 52
 use_vmac v.52
 nopreempt
 ~SEQ(N, 2, 2) notify_master "/bin/true ${N}"
 virtual_ipaddress { fe80::1/64
 ~LST(N, 5, 6) 2001:db8::${N}/64
 }
 auth_hmac { key 1 0123456789012345678901234567890123456789
 active_key 1 }
}
virtual_server_group VG {
 198.51.100.10-12 80
 fwmark 7 inet
}
virtual_server 198.51.100.9 80 {
 protocol TCP
 delay_loop 6
 lb_algo wrr
 lvs_method TUN type gue port 6080 csum
 persistence_timeout 50
 persistence_granularity 255.255.255.0
 quorum 1
 quorum_up "/bin/true up"
 sorry_server 192.168.1.99 80
 real_server 192.168.1.11 80 {
 weight 3
 notify_down /bin/false
 HTTP_GET { url { path /a
 status_code 200 301-303
 regex "a b"
 }
 connect_port 8080 }
 SMTP_CHECK { helo_name x
 host { connect_ip 192.168.1.12 } }
 UDP_CHECK { payload Ab12f 3
 require_reply "0a xx" }
 MISC_CHECK { misc_path "/bin/true 'a b'"
 misc_timeout 4 }
 FILE_CHECK { track_file tf
 dynamic }
 }
}
virtual_server group VG {
 protocol UDP
 ops
 real_server 192.168.1.13 53 { DNS_CHECK { type A } }
}
include one.conf
includea *.inc
"""


class Scribe:
    """Writes random files."""

    def __init__(self, random: Random) -> None:
        self.random = random
        tables = (ROOT, GLOBAL_DEFS, INSTANCE, SCRIPT, SERVICE, SERVER, URL)
        self.keywords = [name for table in tables for name in table.by_name]

    def text(self) -> str:
        """Return a text of some kind."""
        kind = self.random.random()
        if kind < 0.5:
            return self.mutated(SEED)
        if kind < 0.8:
            return self.soup()
        return "".join(chr(self.random.randrange(1, 256)) for _ in range(self.random.randrange(400)))

    def soup(self) -> str:
        """Return words and signs of the language in any order."""
        pieces: list[str] = []
        for _ in range(self.random.randrange(1, 120)):
            pieces.append(self.piece())
            pieces.append(self.random.choice((" ", " ", "\n", "")))
        return "".join(pieces)

    def piece(self) -> str:
        """Return a word or a sign."""
        match self.random.randrange(8):
            case 0 | 1:
                return self.random.choice(self.keywords)
            case 2 | 3:
                return self.random.choice(WORDS)
            case 4:
                return self.random.choice(("${%s}", "$%s ", "$%s=")) % self.random.choice(NAMES)
            case 5:
                return f"\n{self.random.choice(('include', 'includea', 'includem'))} {self.file()}\n"
            case _:
                return self.random.choice(SIGNS)

    def file(self) -> str:
        """Return the name of a file, or a pattern."""
        return self.random.choice(
            (MAIN, *OTHERS, "*.conf", "{one,two}.conf", "none", "/dev/null", ".", "fifo")
        )

    def mutated(self, text: str) -> str:
        """Return a text with some lines and characters changed."""
        lines = text.split("\n")
        for _ in range(self.random.randrange(6)):
            at = self.random.randrange(len(lines))
            match self.random.randrange(6):
                case 0:
                    del lines[at : at + self.random.randrange(4)]
                case 1:
                    lines[at:at] = self.random.choices(lines, k=self.random.randrange(4)) if lines else []
                case 2:
                    lines.insert(at, self.piece())
                case 3:
                    cut = self.random.randrange(len(lines[at]) + 1)
                    lines[at] = lines[at][:cut] + self.piece() + lines[at][cut:]
                case 4:
                    words = lines[at].split(" ")
                    words[self.random.randrange(len(words))] = self.piece()
                    lines[at] = " ".join(words)
                case _:
                    lines = lines[: at + 1]
            lines = lines or [""]
        return "\n".join(lines)


def judge(folder: Path, random: Random) -> Imported:
    """Write random files, read them, and hold what is said of them to what must be so."""
    scribe = Scribe(random)
    for name in (MAIN, *OTHERS):
        text = scribe.text() if name == MAIN or random.random() < 0.15 else "# nothing\n"
        (folder / name).write_bytes(text.encode(errors="surrogateescape"))
    found = examine(str(folder / MAIN), compat=random.random() < 0.5, instance=random.choice(("r1", "r2")))
    hold(found, folder)
    return found


def hold(found: Imported, folder: Path) -> None:
    """Hold what was said of a file to what must be so: a good one also means the same as YAML."""
    findings = found.findings
    assert (findings.configuration is None) == bool(findings.problems)
    if findings.configuration is not None and found.node is not None:
        yaml = write(found.node, found.decisions, MAIN)
        assert parse(yaml, "havip.yaml") == findings.configuration, yaml
    for problem in (*findings.problems, *findings.notes):
        assert problem.file.startswith(str(folder)), problem
        assert min(problem.line, problem.column) >= 1, problem
        assert str(problem).isprintable(), problem
        assert "s3cretpw" not in str(problem)
        assert problem.line <= len(findings.lines_of(problem.file)), problem
    for decision in found.decisions:
        assert min(decision.line, decision.column) >= 1, decision
        assert decision.why.isprintable(), decision
        assert "s3cretpw" not in str(decision), decision

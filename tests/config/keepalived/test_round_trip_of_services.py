"""Generated virtual servers: converted to YAML and loaded again they mean the same, and none is lost."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.config.keepalived.mapping import loaded

TIME = st.sampled_from(("1", "2.5", "7", "30"))
WORD = st.text(alphabet="abcdefgh0123456789-_.", min_size=1, max_size=8)
HEX = st.binary(min_size=1, max_size=6).map(bytes.hex)
#: lines of which a block may have each at most once, by how often others are drawn
PACE = (
    TIME.map("delay_loop {}".format),
    TIME.map("connect_timeout {}".format),
    st.integers(0, 9).map("retry {}".format),
    TIME.map("delay_before_retry {}".format),
    TIME.map("warmup {}".format),
    st.sampled_from(("alpha", "alpha off")),
)
DIALLING = (
    st.just("connect_ip 192.168.9.9"),
    st.integers(1, 65535).map("connect_port {}".format),
    st.sampled_from(("bindto 192.168.9.1", "bind_if eth9", "fwmark 9")),
    st.sampled_from(("log_all_failures", "log_all_failures off")),
)
URL = (
    st.sampled_from(("path /", 'path "/a?b=c&d=e"')),
    st.sampled_from(
        ("status_code 200", "status_code 200-299 301", "digest 900150983cd24fb0d6963f7d28e17f72")
    ),
    WORD.map(lambda word: f"virtualhost x{word.strip('-_.')}.example.net"),
    st.sampled_from(("regex ok", 'regex "a\\\\s+b"\nregex_options caseless', "regex bad\nregex_no_match")),
)
SERVER = (
    *PACE,
    st.integers(0, 99).map("weight {}".format),
    st.sampled_from(("inhibit_on_failure", "inhibit_on_failure off")),
    st.sampled_from(("uthreshold 100", "uthreshold 100\nlthreshold 50")),
    st.sampled_from(("notify_up /bin/true", "notify_down \"/bin/echo 'a b' c\" root", "smtp_alert off")),
    WORD.map(lambda word: f"virtualhost y{word.strip('-_.')}.example.net"),
)
SERVICE = (
    *PACE,
    st.sampled_from(
        ("lvs_sched rr", "lb_algo wrr", "lvs_sched sh\nsh-port\nsh-fallback", "lvs_sched mh\nmh-port\nflag-1")
    ),
    st.sampled_from(
        ("lvs_method NAT", "lb_kind DR", "lvs_method TUN", "lvs_method TUN type gue port 6080 csum")
    ),
    st.sampled_from(("persistence_timeout", "persistence_timeout 50\npersistence_granularity 255.255.255.0")),
    st.sampled_from(("protocol UDP\nops", "protocol SCTP", "protocol TCP")),
    st.sampled_from(("quorum 3\nhysteresis 2", "quorum 2\nhysteresis 9", "quorum 5")),
    st.sampled_from(("omega", "omega off", "quorum_up /bin/true\nquorum_down /bin/false")),
    st.sampled_from(("sorry_server 192.168.9.99", "sorry_server 192.168.9.99\nsorry_server_inhibit")),
    st.sampled_from(
        ("inhibit_on_failure", "ha_suspend", "smtp_alert", "weight 3", "virtualhost z.example.net")
    ),
)
GLOBAL = (
    st.sampled_from(("smtp_alert_checker", "smtp_alert", "no_checker_emails")),
    st.sampled_from(("rs_init_notifies", "checker_log_all_failures", "lvs_flush", "lvs_flush_on_stop VS")),
    st.sampled_from(("lvs_timeouts tcp 900", "lvs_timeouts tcpfin 120 udp 300")),
    st.sampled_from(("lvs_sync_daemon eth1", "lvs_sync_daemon eth1 VI id 9 maxlen 1400 ttl 2")),
    st.sampled_from(("nftables_ipvs", "nftables_ipvs keep\nnftables_ipvs_start_fwmark 77")),
    st.just("notification_email { a@example.net }\nsmtp_server 127.0.0.1"),
)


def some(kinds: tuple[st.SearchStrategy[str], ...], most: int = 5) -> st.SearchStrategy[str]:
    """Draw lines of which no two are of one kind."""
    chosen = st.lists(st.sampled_from(range(len(kinds))), unique=True, max_size=most)
    return chosen.flatmap(lambda picks: st.tuples(*(kinds[pick] for pick in picks)).map("\n".join))


def block(name: str, lines: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Draw a block."""
    return lines.map(lambda text: f"{name} {{\n{text}\n}}")


def together(*parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Draw parts that follow each other."""
    return st.tuples(*parts).map("\n".join)


def several(part: st.SearchStrategy[str], most: int) -> st.SearchStrategy[str]:
    """Draw a part again and again."""
    return st.lists(part, max_size=most).map("\n".join)


CHECKER = st.one_of(
    block("TCP_CHECK", some(PACE + DIALLING)),
    block("PING_CHECK", some(PACE + DIALLING[3:])),
    *(
        block(
            kind,
            together(
                some(PACE + DIALLING),
                block("url", together(some(URL))),
                several(block("url", some(URL)), 2),
                st.sampled_from(("", "http_protocol 1.1", "http_protocol 1.0C", "fast_recovery")),
            ),
        )
        for kind in ("HTTP_GET", "SSL_GET")
    ),
    block(
        "SMTP_CHECK",
        together(
            some(PACE), several(block("host", some(DIALLING[:2])), 2), st.just("helo_name lb.example.net")
        ),
    ),
    block(
        "DNS_CHECK", together(some(PACE + DIALLING), st.sampled_from(("", "type A\nname www.example.net")))
    ),
    block(
        "UDP_CHECK",
        together(some(PACE + DIALLING), HEX.map("payload {}".format), HEX.map("require_reply {}".format)),
    ),
    block(
        "MISC_CHECK",
        together(
            some((*PACE[:1], *PACE[2:])),
            st.sampled_from(("misc_path /bin/true", "misc_path \"/bin/echo 'a b' c\"\nmisc_dynamic")),
            st.sampled_from(("", "misc_timeout 3", "user root")),
        ),
    ),
    block("FILE_CHECK", st.sampled_from(("track_file load", "track_file load\nweight -2 reverse"))),
)


@st.composite
def files(draw: st.DrawFn) -> tuple[str, list[int]]:
    """Return a keepalived.conf, and how many servers each of its virtual servers has."""
    count = draw(st.lists(st.integers(0, 3), min_size=1, max_size=3))
    ways = [
        draw(
            st.sampled_from(
                (f"192.0.2.{number} 80", f"fwmark {number}", "group G" if number == 1 else "fwmark 99")
            )
        )
        for number in range(1, len(count) + 1)
    ]
    ways = [way if ways.index(way) == index else f"192.0.2.{index + 50} 80" for index, way in enumerate(ways)]
    lines = [draw(block("global_defs", some(GLOBAL))), "track_file load {\nfile /run/load\nweight 2\n}"]
    lines.append("virtual_server_group G {\n192.0.2.101-109 80\n198.51.100.0/28 80\nfwmark 8 inet\n}")
    lines.append(
        "vrrp_instance VI {\ninterface eth0\nvirtual_router_id 9\nvirtual_ipaddress { 192.0.2.1/24 }\n}"
    )
    for way, servers in zip(ways, count, strict=True):
        lines += [f"virtual_server {way} {{", draw(some(SERVICE))]
        for server in range(servers):
            inner = together(some(SERVER), several(CHECKER, 3))
            lines.append(draw(block(f"real_server 192.168.1.{server + 1} 80", inner)))
        lines.append("}")
    return "\n".join(lines) + "\n", count


@settings(deadline=None, max_examples=60)
@given(files())
def test_virtual_servers_that_are_converted_mean_the_same(file: tuple[str, list[int]]) -> None:
    text, count = file
    assert [len(service.servers) for service in loaded(text, compat=True).virtual_services] == count

"""Generated configurations: converted to YAML and loaded again they mean the same."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.config.keepalived.mapping import loaded

SMALL = st.integers(0, 255)
WORD = st.text(alphabet="abcdefgh0123456789_-", min_size=1, max_size=8)


@st.composite
def options(draw: st.DrawFn, number: int) -> list[str]:
    """Return lines of a virtual router, no two of which speak of one thing."""
    choices = [
        st.integers(1, 254).map(lambda n: f"priority {n}"),
        st.sampled_from(("nopreempt", "preempt", "preempt_delay 5", "state MASTER", "state BACKUP")),
        st.sampled_from(("advert_int 1", "advert_int 0.25", "advert_int 3", "version 3\nadvert_int 0.05")),
        st.sampled_from(("accept", "no_accept", "promote_secondaries", "dont_track_primary", "debug 1")),
        SMALL.map(lambda n: f"garp_master_delay {n}\ngarp_master_repeat {n % 7}"),
        SMALL.map(lambda n: f"garp_lower_prio_repeat {n}\ngarp_master_refresh {n}"),
        st.integers(1, 100).map(lambda n: f"down_timer_adverts {n}"),
        st.sampled_from(("lower_prio_no_advert", "lower_prio_no_advert off", "higher_prio_send_advert on")),
        st.sampled_from(
            ("unicast_peer { 192.0.2.201 }", "unicast_peer {\n192.0.2.201 min_ttl 3\n192.0.2.202\n}")
        ),
        st.sampled_from(("mcast_src_ip 192.0.2.203", "unicast_src_ip 192.0.2.204")),
        st.sampled_from(("notify_master /bin/true", "notify \"/bin/echo 'a b' c\" root", "smtp_alert")),
        st.sampled_from(("use_vmac", "use_vmac\nvmac_xmit_base")),
        WORD.map(lambda word: f"authentication {{\nauth_type PASS\nauth_pass {word}\n}}"),
        st.sampled_from(
            (
                "track_script { chk }",
                "track_script {\nchk weight -5 reverse\n}",
                "track_interface { lo weight 9 }",
            )
        ),
        SMALL.map(
            lambda n: f"virtual_routes {{\n10.{n}.{number}.0/24 via 192.0.2.254 table {n + 1} no_track\n}}"
        ),
        SMALL.map(lambda n: f"virtual_rules {{\nfrom 10.{n}.{number}.0/24 table {n + 1}\n}}"),
        SMALL.map(
            lambda n: (
                f"virtual_ipaddress_excluded {{\n10.{number}.{n}.1/24 dev eth9 scope link\n"
                f"2001:db8:{number}:{n}::1/64\n}}"
            )
        ),
        st.sampled_from(
            ("strict_mode off", "skip_check_adv_addr", "v3_checksum_as_v2", "timer_expired_backup")
        ),
    ]
    chosen = draw(st.lists(st.sampled_from(range(len(choices))), unique=True, max_size=9))
    return [draw(choices[index]) for index in chosen]


@st.composite
def files(draw: st.DrawFn) -> str:
    """Return a keepalived.conf with a few virtual routers, and perhaps a group of them."""
    lines = ["vrrp_script chk {", 'script "/bin/echo x"', "user root", "}", "global_defs {"]
    lines += draw(st.lists(st.sampled_from((
        "router_id r1", "vrrp_garp_interval 0.01", "vrrp_version 3", "vrrp_min_garp", "enable_snmp_rfc",
        "notification_email { a@example.net }", "smtp_server 127.0.0.1", "smtp_alert", "vrrp_rt_priority 9",
        "dynamic_interfaces", "notify_fifo /run/fifo", "vrrp_mcast_group4 224.0.0.77",
    )), unique=True))  # fmt: skip
    lines.append("}")
    count = draw(st.integers(1, 4))
    for number in range(1, count + 1):
        lines += [f"vrrp_instance VI_{number} {{", "interface eth0", f"virtual_router_id {number}"]
        lines += draw(options(number))
        lines += [f"virtual_ipaddress {{ 192.0.2.{number}/24 }}", "}"]
    if draw(st.booleans()):
        members = " ".join(f"VI_{number}" for number in range(1, count + 1))
        lines += ["vrrp_sync_group G {", f"group {{ {members} }}", "track_script { chk weight 3 }", "}"]
    return "\n".join(lines) + "\n"


@settings(deadline=None, max_examples=50)
@given(files())
def test_a_configuration_that_is_converted_means_the_same(text: str) -> None:
    loaded(text, compat=True)

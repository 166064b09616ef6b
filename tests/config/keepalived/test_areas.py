"""Everything around virtual routers in keepalived.conf beside the YAML that means the same."""

from __future__ import annotations

from dataclasses import replace

import pytest

from havip.config.model import Configuration
from tests.config.keepalived.mapping import ROUTER, complaints, decisions, loaded, pairs
from tests.config.reading import read

SAME = pairs("areas.txt")


def without_defaults(found: Configuration) -> Configuration:
    """Return a configuration without what keepalived's defaults are for routers and processes."""
    return replace(
        found,
        virtual_routers=(),
        daemon=replace(found.daemon, script_user="", realtime_priority=50, lock_memory=True),
    )


@pytest.mark.parametrize(("text", "sections"), SAME, ids=range(len(SAME)))
def test_a_section_means_the_same(text: str, sections: str) -> None:
    yaml = "virtual_routers: {VI_1: {interface: eth0, vrid: 51, addresses: [192.0.2.1/24]}}\n"
    found = loaded(f"{text}\n{ROUTER}}}\n", compat=True)
    assert without_defaults(found) == without_defaults(read(yaml + sections))


DAEMON = [
    ("vrrp_rt_priority 20", "realtime_priority: 20"),
    ("vrrp_no_swap", "lock_memory: true"),
    ("vrrp_priority -5", "nice: -5"),
    ("vrrp_rlimit_rttime 20000", "realtime_limit: 20ms"),
    ("vrrp_cpu_affinity 0 1", "cpu_affinity: [0, 1]"),
    ("max_auto_priority 30", "realtime_priority: 30"),
    ("checker_priority 5", "checker: {nice: 5}"),
    ("checker_rt_priority 5", "checker: {realtime_priority: 5}"),
    ("vrrp_startup_delay 5.5", "startup_delay: 5500ms"),
    ("vrrp_delay_after_boot 60", "delay_after_boot: 60s"),
    ("script_user nobody nogroup", "script_user: nobody\n  script_group: nogroup"),
    ("net_namespace blue", "network_namespace: blue"),
    ("instance blue", "instance: blue"),
    ("state_dump_file /run/d", "dumps: {state: /run/d}"),
    ("json_dump_file_location /run/j\n json_version 2", "dumps: {json: /run/j, json_version: 2}"),
    ("nftables_priority 5", "nftables_priority: 5"),
]  # fmt: skip


@pytest.mark.parametrize(("lines", "keys"), DAEMON, ids=[lines.split()[0] for lines, _ in DAEMON])
def test_what_concerns_the_processes_means_the_same(lines: str, keys: str) -> None:
    usual = [
        line
        for line in ("realtime_priority: 0", "lock_memory: false")
        if line.split(":")[0] not in keys.split("{")[0]
    ]
    yaml = "virtual_routers: {VI_1: {interface: eth0, vrid: 51, addresses: [192.0.2.1/24]}}\ndaemon:\n"
    yaml += "".join(f"  {line}\n" for line in (keys, *usual))
    found = loaded(f"global_defs {{\n script_user nobody\n {lines}\n}}\n{ROUTER}}}\n", compat=True).daemon
    wanted = read(yaml).daemon
    assert replace(found, script_user="") == replace(wanted, script_user="")


GLOBALS = pairs("globals.txt")


@pytest.mark.parametrize(("lines", "keys"), GLOBALS, ids=[lines.split("\n")[0] for lines, _ in GLOBALS])
def test_what_is_global_counts_for_every_virtual_router(lines: str, keys: str) -> None:
    version = "" if "version" in keys else ", version: 2"
    yaml = f"virtual_routers: {{VI_1: {{interface: eth0, vrid: 51, addresses: [192.0.2.1/24]{version}}}}}\n"
    yaml += f"defaults: {{{keys}}}\n" if keys else ""
    # What is global may stand behind the virtual routers as well.
    for text in (
        f"global_defs {{\n {lines}\n}}\n{ROUTER}}}\n",
        f"{ROUTER}}}\nglobal_defs {{\n {lines}\n}}\n",
    ):
        assert loaded(text).virtual_routers == read(yaml).virtual_routers


def test_mail_is_sent_of_what_asks_for_it_and_of_nothing_else() -> None:
    mail = "global_defs {\n notification_email { a@example.net }\n smtp_server 127.0.0.1\n%s}\n"
    assert not loaded(mail % "" + ROUTER + "}\n").virtual_routers[0].notify.mail
    assert loaded(mail % "" + ROUTER + "smtp_alert\n}\n").virtual_routers[0].notify.mail
    assert loaded(mail % " smtp_alert_vrrp on\n" + ROUTER + "}\n").virtual_routers[0].notify.mail
    assert (
        not loaded(mail % " smtp_alert on\n smtp_alert_vrrp off\n" + ROUTER + "}\n")
        .virtual_routers[0]
        .notify.mail
    )


def test_mail_without_a_server_is_not_sent_and_that_is_told() -> None:
    text = f"global_defs {{\n notification_email {{ a@example.net }}\n}}\n{ROUTER}}}\n"
    assert loaded(text).notify.mail is None
    assert "2:23: ignored: notification_email: without smtp_server no mail is sent" in decisions(text)


def test_gaps_between_announcements_may_be_those_of_an_interface() -> None:
    text = "garp_group {\n garp_interval 0.5\n interface eth0\n}\nglobal_defs { vrrp_garp_interval 0.1\n}\n"
    assert loaded(f"{text}{ROUTER}}}\n").virtual_routers[0].announce.interval == 500_000_000


def test_the_weight_of_a_members_tracker_is_told_to_count_for_the_group() -> None:
    text = "vrrp_script s { script /bin/true\n weight 5\n}\nvrrp_sync_group G { group { VI_1 } }\n"
    said = decisions(f"{text}{ROUTER} track_script {{ s }}\n}}\n")
    told = 'its weight counts for all of the group "G": keepalived drops it'
    assert f"9:17: differs: s -> virtual_routers.VI_1.track.scripts: {told}" in said


@pytest.mark.parametrize(("text", "complaint"), pairs("refused.txt"))
def test_what_cannot_be_is_refused_where_it_stands(text: str, complaint: str) -> None:
    assert complaint in complaints(f"{text}\n{ROUTER}}}\n")

"""The files that we ship mean what their comments say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from havip.config.authentication import Mode
from havip.config.devices import devices_of, keep_names
from havip.config.fields import walk
from havip.config.keys import CONFIGURATION
from havip.config.model import VirtualRouter
from havip.config.placing import placed
from havip.config.yamlfile import examine, load, parse
from havip.ipvs.wanted import endpoints

ETC = Path(__file__).parents[2] / "etc"


@pytest.fixture(autouse=True)
def key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hand the key of signed.yaml over as systemd does."""
    (tmp_path / "vrrp-key").write_text("hex:" + "5a" * 32)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))


def routers(name: str) -> dict[str, VirtualRouter]:
    """Return the virtual routers of an example by their names."""
    return {router.name: router for router in load(str(ETC / "examples" / name)).virtual_routers}


@pytest.mark.parametrize("path", sorted(ETC.rglob("*.yaml")), ids=lambda path: path.name)
def test_a_file_that_we_ship_is_good_without_a_note(path: Path) -> None:
    findings = examine(str(path))
    assert [str(problem) for problem in findings.problems + findings.notes] == []


def test_the_default_file_is_one_plain_router() -> None:
    assert load(str(ETC / "havip.yaml")) == parse(
        "virtual_routers: {gateway: {interface: eth0, vrid: 51, addresses: [192.0.2.1/24]}}", "plain"
    )


def test_the_keys_that_the_default_file_shows_commented_out_are_the_defaults() -> None:
    text = (ETC / "havip.yaml").read_text()
    uncommented = re.sub(r"^( *)# ( *\w+:(?: .*)?)$", r"\1\2", text, flags=re.MULTILINE)
    assert uncommented.count("\n") == text.count("\n")
    configuration = parse(uncommented, "uncommented")
    assert configuration == load(str(ETC / "havip.yaml"))
    unused: tuple[str, ...] = ()  # what is not there by default has no defaults to show
    for path, group, field in walk(CONFIGURATION):
        own = path.startswith(("daemon.", "defaults.")) and "[]" not in path
        if field.name in group.defaults and group.defaults[field.name] in (None, (), ""):
            unused += (f"{path}.",)
        elif own and not path.startswith(unused):
            assert re.search(rf"^ *{field.name}:", uncommented, re.MULTILINE), path


def test_two_services_share_their_servers_and_the_checks_of_those() -> None:
    web, tls = load(str(ETC / "examples" / "load-balancer.yaml")).virtual_services
    assert (web.servers, web.scheduler) == (tls.servers, tls.scheduler)
    assert web.checks_of(web.servers[0]) == ("web/web1/tcp", "web/web1/page")
    assert tls.checks_of(tls.servers[0]) == ("web-tls/web1/tcp",)
    assert [probe.port for probe in tls.probes_of(tls.servers[0])] == [443]
    assert web.forwarding.method == tls.forwarding.method == "direct"


def test_a_group_with_a_mark_is_one_service_of_the_kernel() -> None:
    configuration = load(str(ETC / "examples" / "load-balancer-nat.yaml"))
    mail, dns = configuration.virtual_services
    assert [str(key) for key in endpoints(mail, configuration.service_groups[0])] == ["fwmark 25 (IPv4)"]
    assert [str(key) for key in endpoints(dns)] == ["udp 192.0.2.53:53"]
    (own,) = [probe.script for probe in dns.probes_of(dns.servers[1]) if probe.script]
    assert own.command == ("/bin/true", "192.168.1.22", "53")


def test_the_two_gateways_are_one_virtual_router() -> None:
    master, backup = routers("gateway-master.yaml")["gateway"], routers("gateway-backup.yaml")["gateway"]
    assert master.key == backup.key
    assert (master.addresses, master.interval, master.version) == (
        backup.addresses,
        backup.interval,
        backup.version,
    )
    assert (master.priority, backup.priority) == (150, 100)


def test_dual_stack_is_one_vrid_in_two_families() -> None:
    both = routers("dual-stack.yaml")
    assert both["gateway4"].key == ("eth0", 51, 4, "")
    assert both["gateway6"].key == ("eth0", 51, 6, "")
    assert [router.priority for router in both.values()] == [150, 150]


def test_sub_second_advertises_ten_times_a_second() -> None:
    assert routers("sub-second.yaml")["gateway"].interval == 100_000_000


def test_load_sharing_prefers_one_router_here_and_one_there() -> None:
    both = routers("load-sharing.yaml")
    assert [router.priority for router in both.values()] == [150, 100]
    assert [router.preempt_delay for router in both.values()] == [30_000_000_000] * 2


def test_legacy_peers_get_version_2() -> None:
    legacy = routers("vrrp2-legacy.yaml")["gateway"]
    assert (legacy.version, legacy.interval) == (2, 1_000_000_000)


def test_signed_adverts_are_signed_by_the_key_that_systemd_hands_over() -> None:
    signed = routers("signed.yaml")["gateway"].hmac
    assert signed is not None
    assert (signed.mode, signed.keys[0].octets) == (Mode.ENFORCE, b"\x5a" * 32)


def test_the_owner_has_priority_255() -> None:
    assert routers("address-owner.yaml")["gateway"].priority == 255


def test_unicast_speaks_to_peers_from_an_address_of_its_own() -> None:
    unicast = routers("unicast.yaml")["gateway"].unicast
    assert unicast is not None
    assert str(unicast.source) == "192.0.2.11"
    assert list(map(str, unicast.peers)) == ["192.0.2.12 with TTL 255 to 255", "r3.example.com"]
    assert unicast.check_source


def test_virtual_mac_is_one_mac_address_for_each_family() -> None:
    devices = devices_of(keep_names(load(str(ETC / "examples/virtual-mac.yaml"))).virtual_routers)
    assert [(device.name, device.mac) for device in devices] == [
        ("vrrp.51", "00:00:5e:00:01:33"),
        ("vrrp6.51", "00:00:5e:00:02:33"),
    ]


def test_a_sync_group_moves_both_sides_of_a_firewall() -> None:
    (group,) = load(str(ETC / "examples/sync-group.yaml")).sync_groups
    assert group.members == ("outside", "inside")
    tracked = [one.track.interfaces[0].weight for one in routers("sync-group.yaml").values()]
    assert tracked == [-60, -60]


def test_a_second_daemon_has_its_own_of_everything_and_is_strict() -> None:
    configuration = placed(load(str(ETC / "examples/second-daemon.yaml")), None)
    daemon = configuration.daemon
    assert (daemon.instance, daemon.network_namespace, daemon.cpu_affinity) == ("blue", "blue", (1,))
    assert daemon.control_socket == "/run/havip/blue.sock"
    (gateway,) = configuration.virtual_routers
    assert (gateway.strict, gateway.accept, gateway.rfc9568) == (True, False, True)
    assert gateway.virtual_mac.enabled


def test_the_policy_routing_example_sends_the_clients_traffic_through_the_provider() -> None:
    configuration = load(str(ETC / "examples/policy-routing.yaml"))
    (gateway,) = configuration.virtual_routers
    assert [str(one) for one in gateway.holdings] == [
        "192.0.2.1/24",
        "198.51.100.1/24 on eth1",
        "route 0.0.0.0/0 via 198.51.100.254 table 100",
        "route 192.0.2.0/24 dev eth0 table 100",
        "rule 1000: from 192.0.2.0/24 lookup 100",
    ]
    assert gateway.devices == ("eth1",)
    assert [str(one) for one in configuration.static.holdings] == [
        "route blackhole 203.0.113.0/24 metric 4000"
    ]


def test_the_health_checks_example_follows_two_ways_out_and_a_farm_behind_a_switch() -> None:
    (gateway,) = routers("health-checks.yaml").values()
    assert [(one.check, one.weight) for one in gateway.track.checks] == [
        ("uplink", 0),
        ("web", -60),
        ("drain", -60),
    ]
    checks = {one.name: one for one in load(str(ETC / "examples" / "health-checks.yaml")).checks}
    assert (checks["uplink"].any, checks["web1"].parent) == (("provider1", "provider2"), "switch")


def test_the_probes_of_the_example_ask_what_its_comments_say() -> None:
    checks = {check.name: check for check in load(str(ETC / "examples" / "probes.yaml")).tracked.checks}
    assert (checks["provider1"].interface, checks["provider2"].fwmark) == ("eth1", 7)
    time = checks["time"].udp
    assert time is not None
    assert time.expect is not None
    assert time.send == b"\x23" + bytes(47)  # RFC 5905 section 7.3: version 4, mode 3; 48 bytes
    assert time.expect.begins(b"\x24")
    assert time.expect.begins(b"\xe4")
    assert not time.expect.begins(b"\x23")
    mail = checks["mail"].tcp
    assert mail is not None
    assert mail.expect is not None
    assert mail.expect.begins == b"220 "

"""The provisioning script on a bare Debian, without Vagrant: what it installs, and what it leaves alone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.machine import trees
from tests.machine.conftest import AS_R1, SCRIPT, Machine

pytestmark = pytest.mark.uml


def test_first_run_installs_a_havip_that_works(machine: Machine) -> None:
    assert machine.run("havip", "check", "-c", "/etc/havip/havip.yaml")
    assert machine.run("havip", "version").startswith("havip ")
    assert "the service starts at the next boot" in machine.said[0]
    assert "(restart needed)" in machine.said[0]


def test_router_gets_no_compiler(machine: Machine) -> None:
    assert not (machine.tree / "usr/bin/gcc").exists()


def test_journal_fields_have_their_library(machine: Machine) -> None:
    python = "/opt/havip/current/bin/python"
    assert machine.run(python, "-c", "from systemd.journal import send; print(send.__name__)") == "send\n"


def test_router_is_enabled_with_its_own_priority(machine: Machine) -> None:
    assert (machine.tree / "etc/systemd/system/multi-user.target.wants/havip.service").is_symlink()
    lines = (machine.tree / "etc/havip/havip.yaml").read_text().splitlines()[1:]
    assert lines == [
        "virtual_routers:",
        "  gateway:",
        "    interface: eth1",
        "    vrid: 51",
        "    priority: 150",
        '    addresses: ["10.77.0.100/24"]',
    ]


def test_second_router_has_a_lower_priority(machine: Machine) -> None:
    file = machine.tree / "etc/havip/havip.yaml"
    before = file.read_text()
    try:
        machine.provision("r2", "--interface", "eth1", "--vip", "10.77.0.100/24")
        assert file.read_text() == before.replace("priority: 150", "priority: 100")
    finally:
        file.write_text(before)


def test_second_run_changes_nothing(machine: Machine) -> None:
    assert machine.releases[1] == machine.releases[0]
    assert "(nothing needed)" in machine.said[1]


def test_newer_checkout_replaces_the_older_one(machine: Machine) -> None:
    assert machine.releases[2] != machine.releases[0]
    assert "(restart needed)" in machine.said[2]
    python = "/opt/havip/current/bin/python"
    assert machine.run(python, "-c", "import havip; print(havip.NEWER)") == "True\n"
    kept = {path.name for path in (machine.tree / "opt/havip").iterdir()}
    assert kept == {"current", machine.releases[2]}


def test_run_that_ended_before_the_restart_leaves_it_to_the_next(machine: Machine) -> None:
    (machine.tree / "opt/havip/needs-restart").touch()
    assert "(restart needed)" in machine.provision(*AS_R1)
    assert "(nothing needed)" in machine.provision(*AS_R1)


def test_checkout_is_only_read(machine: Machine) -> None:
    installed = machine.tree / "havip"
    new = [
        str(path.relative_to(installed))
        for path in installed.rglob("*")
        if not (trees.CHECKOUT / path.relative_to(installed)).exists()
    ]
    assert new == []


def test_systemd_has_no_complaint_about_the_installed_unit(machine: Machine) -> None:
    assert machine.run("systemd-analyze", "verify", "havip.service") == ""


def test_accept_mode_has_its_nftables(machine: Machine) -> None:
    assert machine.run("nft", "--version").startswith("nftables ")
    # Debian's unit would replace the operator's own rules at boot: installing nftables must not enable it.
    assert not (machine.tree / "etc/systemd/system/sysinit.target.wants/nftables.service").exists()


def test_a_further_daemon_needs_a_file_and_no_more(machine: Machine) -> None:
    unit = machine.tree / "etc/systemd/system/havip@.service"
    assert unit.read_text() == (trees.CHECKOUT / "systemd/havip@.service").read_text()
    assert machine.run("systemd-analyze", "verify", "havip@blue.service") == ""
    assert not list((machine.tree / "etc/systemd/system/multi-user.target.wants").glob("havip@*"))


def test_configuration_changed_by_hand_is_kept(machine: Machine) -> None:
    file = machine.tree / "etc/havip/havip.yaml"
    before = file.read_text()
    try:
        file.write_text(before.partition("\n")[2].replace("150", "151"))
        said = machine.provision("r1", "--interface", "eth1")
        assert "left as it is" in said
        assert "priority: 151" in file.read_text()
    finally:
        file.write_text(before)


def test_bad_address_is_refused_before_anything_is_replaced(machine: Machine) -> None:
    before = (machine.tree / "etc/havip/havip.yaml").read_text()
    said = machine.provision("r1", "--interface", "eth1", "--vip", "10.77.0.300/24", check=False)
    assert "virtual_routers.gateway.addresses" in said
    assert (machine.tree / "etc/havip/havip.yaml").read_text() == before


@pytest.mark.parametrize(
    "arguments", [[], ["r3"], ["r1", "r2"], ["r1", "--vip"], ["r1", "--prio", "3"]], ids=" ".join
)
def test_wrong_usage_is_told_the_right_one(machine: Machine, arguments: list[str]) -> None:
    said = machine.run(SCRIPT, *arguments, check=False)
    assert "--interface  where the virtual address lives" in said


def test_folder_that_is_no_checkout_is_refused(machine: Machine) -> None:
    assert "no checkout of havip in /etc" in machine.run(SCRIPT, "r1", "--checkout", "/etc", check=False)


def test_client_gets_its_tools_and_no_havip() -> None:
    with trees.copy_of(trees.bare_tree()) as tree:
        client = Machine(tree)
        trees.copy_of_checkout(tree / "havip")
        said = client.provision("client", "--vip", "10.77.0.100/24")
        assert "arping -c 3 10.77.0.100" in said
        assert client.run("arping", "-V").startswith("arping ")
        assert client.run("curl", "--version").startswith("curl ")
        assert client.run("ping", "-V").startswith("ping ")
        assert not (tree / "opt/havip").exists()
        assert not (tree / "usr/bin/python3").exists()


@pytest.fixture(scope="module")
def director(machine: Machine) -> Iterator[Machine]:
    """A router that is made a director."""
    with trees.copy_of(machine.tree) as tree:
        made = Machine(tree)
        arguments = ("--interface", "eth1", "--vip", "10.77.0.200/24", "--servers", "10.77.0.41,10.77.0.42")
        made.said += [made.provision("d2", *arguments), made.provision("d2", *arguments)]
        yield made


def test_director_spreads_http_over_the_web_servers(director: Machine) -> None:
    lines = (director.tree / "etc/havip/havip.yaml").read_text().splitlines()[1:]
    assert lines == [
        "virtual_routers:",
        "  gateway:",
        "    interface: eth1",
        "    vrid: 61",
        "    priority: 100",
        '    addresses: ["10.77.0.200/24"]',
        "load_balancer:",
        "  sync_daemon: {interface: eth1, router: gateway}",
        "virtual_services:",
        "  web:",
        "    address: 10.77.0.200",
        "    port: 80",
        "    scheduler: rr",
        "    forwarding: direct",
        "    probes:",
        "      page: {http: {path: /}, interval: 1s, fall: 2}",
        "    servers:",
        "      w1: {address: 10.77.0.41}",
        "      w2: {address: 10.77.0.42}",
    ]
    assert director.run("havip", "check", "-c", "/etc/havip/havip.yaml")


def test_director_has_ipvs_loaded_at_boot_and_a_second_opinion(director: Machine) -> None:
    assert (director.tree / "etc/modules-load.d/havip.conf").read_text() == "ip_vs\nip_vs_rr\n"
    assert (director.tree / "sbin/ipvsadm").is_file()  # it does not run where the kernel has no IPVS


def test_second_run_on_a_director_changes_nothing(director: Machine) -> None:
    assert "havip server drain web/w1" in director.said[0]
    assert "(nothing needed)" in director.said[1]


@pytest.fixture(scope="module")
def web_server() -> Iterator[Machine]:
    """A bare Debian that is made a web server."""
    with trees.copy_of(trees.bare_tree()) as tree:
        made = Machine(tree)
        trees.copy_of_checkout(tree / "havip")
        made.said += [made.provision("w1", "--vip", "10.77.0.200/24") for _ in range(2)]
        yield made


def test_web_server_says_its_name_and_has_nothing_of_havip(web_server: Machine) -> None:
    assert (web_server.tree / "var/www/html/index.html").read_text() == "w1\n"
    assert web_server.run("nginx", "-v").startswith("nginx version")
    assert not (web_server.tree / "opt/havip").exists()
    assert web_server.said[0].endswith(web_server.said[1].partition("provision.sh: ")[2])


def test_web_server_takes_the_virtual_address_and_answers_no_arp_for_it(web_server: Machine) -> None:
    settings = (web_server.tree / "etc/sysctl.d/60-havip.conf").read_text().splitlines()
    assert settings == ["net.ipv4.conf.all.arp_ignore = 1", "net.ipv4.conf.all.arp_announce = 2"]
    unit = (web_server.tree / "etc/systemd/system/virtual-address.service").read_text()
    assert "ExecStart=ip address replace 10.77.0.200/32 dev lo\n" in unit
    assert "Before=network.target nginx.service\n" in unit
    wanted = web_server.tree / "etc/systemd/system/multi-user.target.wants"
    assert (wanted / "virtual-address.service").is_symlink()
    assert web_server.run("systemd-analyze", "verify", "virtual-address.service") == ""

"""What loads, the kernel takes: the model of IPVS refuses nothing of a configuration that was accepted."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from havip.config.model import Configuration
from havip.config.yamlfile import examine_text
from havip.ipvs.conflicts import shared
from havip.ipvs.model import Table
from havip.ipvs.plan import plan
from havip.ipvs.wanted import Layout, Standing, wanted_sync
from tests.ipvs.kernel_model import KernelModel

HOSTS = ["192.0.2.1", "192.0.2.2", "10.0.0.9", "127.0.0.1", "2001:db8::1", "192.0.2.77"]
GOOD = st.sampled_from(HOSTS)
ADDRESSES = st.sampled_from([*HOSTS * 6, "fe80::1", "224.0.0.1", "::", "255.255.255.255"])
PORTS = st.sampled_from([80, 443])
TUNNEL = st.sampled_from(
    [
        {"method": "tunnel", "encapsulation": "gue", "port": 6080},
        {"method": "tunnel", "encapsulation": "gue"},
        {"method": "tunnel", "encapsulation": "gre", "checksum": "full"},
        {"method": "tunnel", "checksum": "remote"},
    ]
)
FORWARDING = st.one_of(st.sampled_from(["nat", "direct", "tunnel", "tunnel"]), TUNNEL)
SORRY = st.fixed_dictionaries({"address": ADDRESSES}, optional={"forwarding": FORWARDING})
BOUNDS = st.sampled_from(
    [{"upper_threshold": 3}, {"upper_threshold": 3, "lower_threshold": 2}, {"lower_threshold": 1}]
)
SERVER = st.tuples(
    st.fixed_dictionaries({"address": ADDRESSES, "weight": st.integers(0, 3)}),
    st.fixed_dictionaries({}, optional={"forwarding": FORWARDING}),
    st.one_of(st.just({}), st.just({}), st.fixed_dictionaries({"port": PORTS}), BOUNDS),
).map(lambda parts: parts[0] | parts[1] | parts[2])
COMMON = {
    "transport": st.sampled_from(["tcp", "udp", "sctp"]),
    "one_packet": st.booleans(),
    "persistence": st.sampled_from(["5min", {"prefix_length": 24}, {"prefix_length": 64}, {"engine": "sip"}]),
    "forwarding": FORWARDING,
}
SCHEDULERS = st.sampled_from(
    [
        {},
        {"scheduler": "sh", "scheduler_flags": ["sh-port"]},
        {"scheduler": "mh", "scheduler_flags": ["sh-port"]},
    ]
)
WAYS = st.one_of(
    st.fixed_dictionaries({"address": GOOD, "port": PORTS}),
    st.fixed_dictionaries({"address": GOOD}),
    st.fixed_dictionaries({"fwmark": st.integers(1, 3)}, optional={"family": st.sampled_from([4, 6])}),
    st.fixed_dictionaries({"group": st.sampled_from(["front", "back"]), "port": PORTS}),
    st.fixed_dictionaries({"group": st.just("front"), "port": PORTS, "nftables_mark": st.integers(1, 4)}),
)
SERVICE = st.tuples(
    WAYS,
    st.fixed_dictionaries({"servers": st.dictionaries(st.sampled_from("ab"), SERVER, min_size=1)}),
    SCHEDULERS,
    st.fixed_dictionaries({}, optional={**COMMON, "sorry_server": SORRY}),
).map(lambda parts: parts[0] | parts[1] | parts[2] | parts[3])
SPANS = st.sampled_from(["192.0.2.0/30", "192.0.2.2", "2001:db8::1-3", "10.0.0.9"])
GROUP = st.fixed_dictionaries(
    {"addresses": st.lists(SPANS, min_size=1, max_size=2, unique=True)},
    optional={"fwmarks": st.lists(st.integers(1, 3), min_size=1, max_size=2, unique=True)},
)
FILE = st.fixed_dictionaries(
    {"virtual_services": st.dictionaries(st.sampled_from("xyz"), SERVICE, min_size=1)},
    optional={
        "service_groups": st.fixed_dictionaries({"front": GROUP, "back": GROUP}),
        "service_defaults": st.fixed_dictionaries({}, optional=COMMON),
        "load_balancer": st.just({"sync_daemon": "eth0"}),
    },
)


def tables(configuration: Configuration) -> Table:
    """Return what the kernel is to hold with every server good, and with the sorry servers as well."""
    groups = {group.name: group for group in configuration.service_groups}
    wanted: Table = {}
    for service in configuration.virtual_services:
        standing = Standing(
            {one.name: one.weight for one in service.servers}, 1 if service.sorry_server else None
        )
        for pool in Layout(service, groups.get(service.group)).pools(standing):
            assert pool.service.key not in wanted, "two services are one in the kernel"
            wanted[pool.service.key] = pool
    return wanted


@settings(max_examples=400, deadline=None)
@given(FILE)
def test_what_loads_the_kernel_takes(file: dict[str, Any]) -> None:
    configuration = examine_text(
        str(file).replace("True", "true").replace("False", "false"), "any"
    ).configuration
    if configuration is None:
        return
    groups = {group.name: group for group in configuration.service_groups}
    pairs = [(service, groups.get(service.group)) for service in configuration.virtual_services]
    assert list(shared(pairs)) == []
    kernel = KernelModel()
    syncs = wanted_sync(configuration.load_balancer.sync_daemon, 0, "MASTER")
    assert [kernel.start(sync) for sync in syncs] == [0 for _ in syncs]
    assert kernel.carry_out_all(plan(tables(configuration), {}, set())) == []

"""What the kernel is to hold for a virtual service; expected values are those of linux/ip_vs.h."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from havip.clock import milliseconds, seconds
from havip.config.balancing import (
    Block,
    Encapsulation,
    Forwarding,
    KernelTimeouts,
    Mark,
    Method,
    Persistence,
    RealServer,
    ServiceGroup,
    SorryServer,
    SyncDaemon,
    Transport,
    TunnelChecksum,
    VirtualService,
)
from havip.ipvs.model import (
    Destination,
    DestinationKey,
    Forward,
    Pool,
    Protocol,
    Service,
    ServiceFlag,
    ServiceKey,
    Sync,
    SyncRole,
    Table,
    Timeouts,
    Tunnel,
)
from havip.ipvs.wanted import (
    Layout,
    Standing,
    count,
    endpoints,
    wanted_sync,
    wanted_timeouts,
)
from tests.ipvs.judge import judge

VIP = ip_address("192.0.2.1")
VIP6 = ip_address("2001:db8::1")
A, B, C = (ip_address(f"10.0.0.{number}") for number in (1, 2, 3))
A6 = ip_address("2001:db8:1::1")
TUNNELLED = Forwarding(Method.TUNNEL)


def service(**more: object) -> VirtualService:
    keys: dict[str, object] = {
        "name": "web",
        "address": VIP,
        "port": 80,
        "servers": (RealServer("a", A), RealServer("b", B, port=8080)),
    }
    return VirtualService(**(keys | more))  # type: ignore[arg-type]


def pool(configured: VirtualService, standing: Standing) -> Pool:
    (one,) = Layout(configured).pools(standing)
    return one


def test_a_service_at_an_address_has_the_servers_that_stand_in_its_table() -> None:
    key = ServiceKey(4, Protocol.TCP, VIP, 80)
    first, second = DestinationKey(A, 80), DestinationKey(B, 8080)
    assert pool(service(), Standing({"a": 3, "b": 0})) == Pool(
        Service(key, "wlc", ServiceFlag(0), 0, 32, ""),
        {
            first: Destination(first, 3, Forward.MASQUERADE),
            second: Destination(second, 0, Forward.MASQUERADE),
        },
    )
    assert pool(service(), Standing()).destinations == {}


def test_a_service_has_its_protocol_scheduler_and_flags() -> None:
    udp = service(
        transport=Transport.UDP, scheduler="sh", scheduler_flags=("sh-fallback", "sh-port"), one_packet=True
    )
    kernel = pool(udp, Standing()).service
    assert (kernel.key.protocol, kernel.scheduler, int(kernel.flags)) == (17, "sh", 0x4 | 0x8 | 0x10)
    assert int(pool(service(scheduler_flags=("mh-fallback",)), Standing()).service.flags) == 0x8
    assert int(pool(service(scheduler_flags=("mh-port",)), Standing()).service.flags) == 0x10
    assert int(pool(service(scheduler_flags=("flag-3",)), Standing()).service.flags) == 0x20
    assert pool(service(transport=Transport.SCTP), Standing()).service.key.protocol == 132


def test_persistence_has_whole_seconds_a_prefix_and_an_engine() -> None:
    kernel = pool(service(persistence=Persistence(seconds(50), 24, "sip")), Standing()).service
    assert (int(kernel.flags), kernel.timeout, kernel.prefix_length, kernel.engine) == (0x1, 50, 24, "sip")
    brief = pool(service(persistence=Persistence(milliseconds(200))), Standing()).service
    assert (brief.timeout, brief.prefix_length) == (1, 32)
    wide = pool(service(address=VIP6, persistence=Persistence(seconds(60), 56)), Standing()).service
    assert wide.prefix_length == 56
    assert pool(service(address=VIP6), Standing()).service.prefix_length == 128


def test_a_server_without_port_has_that_of_the_service_and_none_behind_a_mark() -> None:
    assert [*pool(service(), Standing({"a": 1})).destinations] == [DestinationKey(A, 80)]
    marked = service(address=None, port=None, fwmark=7)
    assert [*pool(marked, Standing({"a": 1, "b": 1})).destinations] == [
        DestinationKey(A, 0),
        DestinationKey(B, 8080),
    ]
    every_port = service(port=None, persistence=Persistence())
    assert pool(every_port, Standing()).service.key.port == 0


def test_a_mark_has_the_family_of_its_servers_unless_it_says() -> None:
    def key(**more: object) -> ServiceKey:
        return endpoints(service(address=None, port=None, fwmark=7, **more))[0]

    assert key() == ServiceKey(4, fwmark=7)
    assert key(servers=(RealServer("a", A6),)) == ServiceKey(6, fwmark=7)
    assert key(servers=(), sorry_server=SorryServer(A6)) == ServiceKey(6, fwmark=7)
    assert key(servers=()) == ServiceKey(4, fwmark=7)
    assert key(family=6) == ServiceKey(6, fwmark=7)
    assert str(key(family=6)) == "fwmark 7 (IPv6)"


def test_a_group_is_a_service_for_each_address_and_mark_with_one_pool() -> None:
    group = ServiceGroup(
        "edge",
        (
            Block(VIP, VIP),
            Block(ip_address("192.0.2.9"), ip_address("192.0.2.11"), 443),
            Block(ip_address("::1"), ip_address("::2")),
            Block(VIP, VIP),  # again
        ),
        (Mark(5), Mark(6, 6)),
    )
    configured = service(address=None, group="edge", servers=(RealServer("a", A, forwarding=TUNNELLED),))
    pools = Layout(configured, group).pools(Standing({"a": 2}))
    assert [str(one.service.key) for one in pools] == [
        "tcp 192.0.2.1:80",
        "tcp 192.0.2.9:443",
        "tcp 192.0.2.10:443",
        "tcp 192.0.2.11:443",
        "tcp [::1]:80",
        "tcp [::2]:80",
        "fwmark 5 (IPv4)",
        "fwmark 6 (IPv6)",
    ]
    assert [key.port for one in pools for key in one.destinations] == [80, 443, 443, 443, 80, 80, 0, 0]
    assert {one.weight for each in pools for one in each.destinations.values()} == {2}
    assert [one.service.prefix_length for one in pools] == [32, 32, 32, 32, 128, 128, 32, 128]


def test_a_group_that_is_too_large_is_refused_before_it_is_spelled_out() -> None:
    group = ServiceGroup("all", (Block(ip_address("::"), ip_address("ffff::")),))
    configured = service(address=None, group="all")
    assert count(configured, group) > 2**111
    with pytest.raises(ValueError, match="more than 4096"):
        endpoints(configured, group)
    whole = ServiceGroup("all", (Block(ip_address("10.0.0.0"), ip_address("10.0.15.255")),))
    assert len(endpoints(configured, whole)) == 4096


@pytest.mark.parametrize(
    ("forwarding", "expected"),
    [
        (Forwarding(Method.NAT), (0, Tunnel.IPIP, 0, 0)),
        (Forwarding(Method.DIRECT), (3, Tunnel.IPIP, 0, 0)),
        (Forwarding(Method.TUNNEL), (2, Tunnel.IPIP, 0, 0)),
        (
            Forwarding(Method.TUNNEL, Encapsulation.GUE, 6080, TunnelChecksum.REMOTE),
            (2, Tunnel.GUE, 6080, 2),
        ),
        (Forwarding(Method.TUNNEL, Encapsulation.GRE, None, TunnelChecksum.FULL), (2, Tunnel.GRE, 0, 1)),
    ],
    ids=["nat", "direct", "ipip", "gue", "gre"],
)
def test_how_packets_get_to_a_server(forwarding: Forwarding, expected: tuple[int, Tunnel, int, int]) -> None:
    for configured in (
        service(forwarding=forwarding),
        service(servers=(RealServer("a", A, forwarding=forwarding),)),
    ):
        (one,) = pool(configured, Standing({"a": 1})).destinations.values()
        assert (one.forward, one.tunnel, one.tunnel_port, int(one.tunnel_flags)) == expected


def test_thresholds_are_those_of_the_server() -> None:
    configured = service(servers=(RealServer("a", A, upper_threshold=100, lower_threshold=80),))
    (one,) = pool(configured, Standing({"a": 1})).destinations.values()
    assert (one.upper_threshold, one.lower_threshold) == (100, 80)


def test_the_sorry_server_stands_there_with_its_own_forwarding_when_it_is_to() -> None:
    configured = service(sorry_server=SorryServer(C, 81, Forwarding(Method.DIRECT)))
    assert pool(configured, Standing(sorry=1)).destinations == {
        DestinationKey(C, 81): Destination(DestinationKey(C, 81), 1, Forward.ROUTE)
    }
    assert DestinationKey(C, 81) not in pool(configured, Standing({"a": 1})).destinations


def test_a_sorry_server_that_is_one_of_the_servers_has_the_greater_weight_of_the_two() -> None:
    configured = service(sorry_server=SorryServer(A))
    assert pool(configured, Standing({"a": 5}, sorry=0)).destinations[DestinationKey(A, 80)].weight == 5
    assert pool(configured, Standing({"a": 0}, sorry=1)).destinations[DestinationKey(A, 80)].weight == 1


def test_a_server_called_sorry_is_not_the_sorry_server() -> None:
    configured = service(
        servers=(RealServer("sorry", A),), sorry_server=SorryServer(C, forwarding=Forwarding(Method.DIRECT))
    )
    both = pool(configured, Standing({"sorry": 1}, sorry=0)).destinations
    assert [(one.forward, one.weight) for one in both.values()] == [(0, 1), (3, 0)]
    layout = Layout(configured)
    assert layout.destination_keys("sorry")[0][1].address == A
    assert layout.destination_keys("sorry", sorry=True)[0][1].address == C


def test_what_a_former_life_has_left_is_read_back() -> None:
    configured = service(sorry_server=SorryServer(C))
    layout = Layout(configured)
    for standing in (Standing({"a": 3, "b": 0}), Standing(sorry=1), Standing({"b": 2}, sorry=0), Standing()):
        table = {one.service.key: one for one in layout.pools(standing)}
        assert layout.standing_in(table) == standing
    assert layout.standing_in({}) is None
    twin = Layout(service(sorry_server=SorryServer(A)))
    table = {one.service.key: one for one in twin.pools(Standing({"a": 3}, sorry=0))}
    assert twin.standing_in(table) == Standing({"a": 3})


def test_a_server_that_stands_at_one_endpoint_of_several_stands() -> None:
    group = ServiceGroup("edge", (Block(VIP, VIP), Block(VIP, VIP, 443)))
    layout = Layout(service(address=None, group="edge"), group)
    first, second = layout.pools(Standing({"a": 2}))
    assert layout.standing_in({second.service.key: second}) == Standing({"a": 2})
    empty = Pool(first.service)
    assert layout.standing_in({first.service.key: empty, second.service.key: second}) == Standing({"a": 2})


def test_timeouts_that_nobody_configures_stay_as_they_are() -> None:
    assert wanted_timeouts(KernelTimeouts(seconds(900), None, milliseconds(1))) == Timeouts(900, 0, 1)


def test_the_sync_daemon_follows_its_router_and_without_one_has_both_roles() -> None:
    daemon = SyncDaemon("eth1", "VI_1", max_length=1400)
    master = Sync(SyncRole.MASTER, "eth1", 51, 1400, ip_address("224.0.0.81"), 8848, 1)
    assert wanted_sync(daemon, 51, "MASTER") == [master]
    for state in ("BACKUP", "FAULT", "INIT", ""):
        assert [sync.role for sync in wanted_sync(daemon, 51, state)] == [SyncRole.BACKUP]
    assert [sync.role for sync in wanted_sync(SyncDaemon("eth1"), 0, "")] == [
        SyncRole.MASTER,
        SyncRole.BACKUP,
    ]
    assert wanted_sync(None, 0, "MASTER") == []


@st.composite
def forwardings(draw: st.DrawFn, methods: tuple[Method, ...]) -> Forwarding:
    encapsulation = draw(st.sampled_from(Encapsulation))
    port = 6080 if encapsulation == Encapsulation.GUE else None
    return Forwarding(
        draw(st.sampled_from(methods)), encapsulation, port, draw(st.sampled_from(TunnelChecksum))
    )


@st.composite
def configured_services(draw: st.DrawFn) -> tuple[VirtualService, ServiceGroup | None]:
    """A virtual service as the checks at load let it pass."""
    endpoint = draw(st.sampled_from(("address", "six", "mark", "group", "nftables")))
    methods = (Method.TUNNEL,) if endpoint in ("group", "nftables") else tuple(Method)
    family = 6 if endpoint == "six" else 4
    server = st.builds(
        RealServer,
        name=st.just(""),
        address=st.sampled_from((A, B, C) if family == 4 else (A6, A6 + 1, A6 + 2)),
        port=st.sampled_from((None, 80, 8080)),
        forwarding=st.one_of(st.none(), forwardings(methods)),
        upper_threshold=st.sampled_from((0, 100)),
    )
    servers = draw(st.lists(server, max_size=4))
    persistence = st.builds(Persistence, st.just(seconds(50)), st.sampled_from((None, 24)))
    group = ServiceGroup("edge", (Block(VIP, VIP + 2), Block(VIP6, VIP6, 443)), (Mark(7),))
    grouped = endpoint in ("group", "nftables")
    made = VirtualService(
        "web",
        tuple(replace(one, name=str(number)) for number, one in enumerate(servers)),
        address={"address": VIP, "six": VIP6}.get(endpoint),
        port=None if endpoint == "mark" else 80,
        fwmark=7 if endpoint == "mark" else None,
        group="edge" if grouped else "",
        nftables_mark=1000 if endpoint == "nftables" else None,
        transport=draw(st.sampled_from(Transport)),
        scheduler=draw(st.sampled_from(("wlc", "mh", "twos"))),
        scheduler_flags=draw(st.sampled_from(((), ("mh-port",), ("flag-1", "flag-3")))),
        one_packet=draw(st.booleans()),
        persistence=draw(st.one_of(st.none(), persistence)),
        forwarding=draw(forwardings(methods)),
        sorry_server=draw(st.sampled_from((None, SorryServer(C if family == 4 else A6)))),
    )
    return made, group if grouped else None


@given(
    configured_services(),
    st.lists(st.tuples(st.lists(st.integers(0, 2), min_size=4, max_size=4), st.booleans()), max_size=5),
)
def test_whatever_stands_in_a_table_the_kernel_takes_and_nobody_is_added_anew(
    configured: tuple[VirtualService, ServiceGroup | None], turns: list[tuple[list[int], bool]]
) -> None:
    layout = Layout(*configured)
    present: Table = {}
    for weights, sorry in turns:
        servers = {
            one.name: weights[int(one.name)] for one in configured[0].servers if weights[int(one.name)]
        }
        wanted = {one.service.key: one for one in layout.pools(Standing(servers, 1 if sorry else None))}
        judge(wanted, present, wanted)
        present = wanted


@pytest.mark.parametrize(
    "forwarding",
    [
        Forwarding(Method.NAT),
        Forwarding(Method.DIRECT),
        TUNNELLED,
        Forwarding(Method.TUNNEL, Encapsulation.GUE, 6080, TunnelChecksum.FULL),
        Forwarding(Method.TUNNEL, Encapsulation.GRE, None, TunnelChecksum.REMOTE),
    ],
)
def test_who_drained_in_a_former_life_is_read_as_it_was_configured(forwarding: Forwarding) -> None:
    port = 8080 if forwarding.method is Method.NAT else None
    went = RealServer("b", B, port, forwarding=forwarding, upper_threshold=9, lower_threshold=3)
    sorry = SorryServer(C, inhibit=True)
    both = VirtualService("web", (RealServer("a", A), went), VIP, 80, sorry_server=sorry)
    (table,) = Layout(both).pools(Standing({"a": 0, "b": 0}, 0))
    alone = replace(both, servers=both.servers[:1])
    (found,) = Layout(alone).leaving_in({table.service.key: table})
    again = Layout(replace(both, servers=(*alone.servers, found)))
    (same,) = again.pools(Standing({"a": 0, found.name: 0}, 0))
    assert same == table

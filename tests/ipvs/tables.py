"""Tables for Hypothesis: of few services and servers, so that what is there and what is wanted meet."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address
from typing import Final

from hypothesis import strategies as st

from havip.config.balancing import Foreign
from havip.ipvs.model import (
    AddDestination,
    AddService,
    Change,
    Destination,
    DestinationKey,
    DropDestination,
    DropService,
    EditDestination,
    EditService,
    Forward,
    Pool,
    Protocol,
    Service,
    ServiceFlag,
    ServiceKey,
    Sync,
    SyncRole,
    Table,
    Tunnel,
    TunnelFlag,
)

Scene = tuple[Table, Table, set[ServiceKey], Foreign, set[ServiceKey]]

VIP = ip_address("192.0.2.1")
KEYS: Final = (
    ServiceKey(4, Protocol.TCP, VIP, 80),
    ServiceKey(4, Protocol.UDP, VIP, 80),
    ServiceKey(4, Protocol.SCTP, VIP, 80),
    ServiceKey(4, Protocol.TCP, VIP, 443),
    ServiceKey(6, Protocol.TCP, ip_address("2001:db8::1"), 80),
    ServiceKey(4, fwmark=7),
    ServiceKey(6, fwmark=7),
)
SERVERS: Final = tuple(
    DestinationKey(ip_address(address), port)
    for address, port in (
        ("10.0.0.1", 80),
        ("10.0.0.1", 8080),
        ("10.0.0.2", 80),
        ("10.0.0.3", 80),
        ("2001:db8:1::1", 80),
        ("2001:db8:1::2", 80),
    )
)


@st.composite
def destinations(draw: st.DrawFn, family: int, key: DestinationKey) -> Destination:
    """One server as the kernel takes it."""
    mixed = key.address.version != family
    forward = draw(
        st.sampled_from((Forward.TUNNEL,) if mixed else (Forward.MASQUERADE, Forward.ROUTE, Forward.TUNNEL))
    )
    upper = draw(st.sampled_from((0, 0, 0, 10)))
    tunnel, port, flags = Tunnel.IPIP, 0, TunnelFlag(0)
    if forward == Forward.TUNNEL:
        tunnel = draw(st.sampled_from(Tunnel))
        port = 6080 if tunnel == Tunnel.GUE else 0
        flags = draw(st.sampled_from((TunnelFlag(0), TunnelFlag.CHECKSUM)))
    lower = draw(st.sampled_from((0, upper)))
    weight = draw(st.integers(0, 3))
    return Destination(key, weight, forward, upper, lower, tunnel, port, flags)


@st.composite
def services(draw: st.DrawFn, key: ServiceKey) -> Service:
    """The settings of one service."""
    persistent = draw(st.booleans())
    return Service(
        key,
        draw(st.sampled_from(("wlc", "rr", "sh", "mh"))),
        draw(st.sampled_from((ServiceFlag(0), ServiceFlag.SCHEDULER_1, ServiceFlag.ONE_PACKET)))
        | (ServiceFlag.PERSISTENT if persistent else ServiceFlag(0)),
        draw(st.sampled_from((50, 360))) if persistent else 0,
        24 if persistent and draw(st.booleans()) else {4: 32, 6: 128}[key.family],
        draw(st.sampled_from(("", "sip"))) if persistent else "",
    )


@st.composite
def pools(draw: st.DrawFn, key: ServiceKey) -> Pool:
    """A service with some of the servers."""
    names = draw(st.lists(st.sampled_from(SERVERS), unique=True, max_size=5))
    return Pool(draw(services(key)), {name: draw(destinations(key.family, name)) for name in names})


@st.composite
def tables(draw: st.DrawFn) -> Table:
    """Some of the services."""
    keys = draw(st.lists(st.sampled_from(KEYS), unique=True, max_size=4))
    return {key: draw(pools(key)) for key in keys}


@st.composite
def changed(draw: st.DrawFn, pool: Pool) -> Pool:
    """The same pool, but for a server or two."""
    some = dict(pool.destinations)
    for name in draw(st.lists(st.sampled_from(SERVERS), min_size=1, max_size=2)):
        if draw(st.booleans()):
            some.pop(name, None)
        else:
            some[name] = draw(destinations(pool.service.key.family, name))
    return Pool(pool.service, some)


def turned(pool: Pool) -> Pool:
    """The same servers: who was good has failed, and who had failed is good."""
    some = {name: replace(one, weight=int(not one.weight)) for name, one in pool.destinations.items()}
    return Pool(pool.service, some)


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Table, Table]:
    """What is wanted and what is there: much of it is alike."""
    present = draw(tables())
    wanted = draw(tables())
    for key, pool in present.items():
        match draw(st.sampled_from(("as drawn", "same", "changed", "turned"))):
            case "same":
                wanted[key] = pool
            case "changed":
                wanted[key] = draw(changed(pool))
            case "turned":
                wanted[key] = turned(pool)
    return wanted, present


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    """What is wanted and what is there; whose the services are."""
    wanted, present = draw(pairs())
    owner = {key: draw(st.sampled_from(("us", "nobody", "another"))) for key in KEYS}
    ours = {key for key in KEYS if owner[key] == "us"}
    others = {key for key in KEYS if owner[key] == "another" and key not in wanted}
    return wanted, present, ours, draw(st.sampled_from(Foreign)), others


ODD: Final = tuple(
    DestinationKey(ip_address(address), 80)
    for address in ("0.0.0.0", "224.0.0.1", "::", "ff02::1", "fe80::1")
)


@st.composite
def odd_destinations(draw: st.DrawFn) -> Destination:
    """A server as the kernel may refuse it."""
    return Destination(
        draw(st.sampled_from(SERVERS + ODD)),
        draw(st.sampled_from((-1, 0, 1, 2))),
        draw(st.sampled_from((Forward.MASQUERADE, Forward.ROUTE, Forward.TUNNEL))),
        draw(st.sampled_from((0, 5, 10))),
        draw(st.sampled_from((0, 5, 10))),
        draw(st.sampled_from(Tunnel)),
        draw(st.sampled_from((0, 6080))),
        draw(st.sampled_from((TunnelFlag(0), TunnelFlag.CHECKSUM, TunnelFlag.REMOTE_CHECKSUM))),
    )


@st.composite
def odd_services(draw: st.DrawFn) -> Service:
    """The settings of a service as the kernel may refuse them."""
    key = draw(st.sampled_from(KEYS))
    return Service(
        key,
        draw(st.sampled_from(("wlc", "rr", "sh", "mh", "none-such"))),
        ServiceFlag(draw(st.sampled_from((0, 1, 4, 8, 16, 32)))),
        draw(st.sampled_from((0, 50))),
        draw(st.sampled_from((24, 32) if key.family == 4 else (0, 1, 64, 128, 129))),
        draw(st.sampled_from(("", "", "sip", "none-such"))),
    )


@st.composite
def odd_changes(draw: st.DrawFn) -> Change | Sync | SyncRole:
    """Whatever may be asked of the kernel; a role is a sync daemon to be stopped."""
    key = draw(st.sampled_from(KEYS))
    kinds = (AddService, EditService, DropService, AddDestination, EditDestination, DropDestination)
    kind = draw(st.sampled_from((*kinds, AddService, AddDestination, AddDestination, Sync, SyncRole)))
    if kind in (AddService, EditService):
        service = draw(st.one_of(services(key), odd_services()))
        return AddService(service) if kind is AddService else EditService(service)
    if kind in (AddDestination, EditDestination):
        name = draw(st.sampled_from(SERVERS))
        one = draw(st.one_of(destinations(key.family, name), odd_destinations()))
        return AddDestination(key, one) if kind is AddDestination else EditDestination(key, one)
    if kind is DropDestination:
        return DropDestination(key, draw(st.sampled_from(SERVERS)))
    if kind is DropService:
        return DropService(key)
    role = draw(st.sampled_from(SyncRole))
    return Sync(role, "eth0", 1) if kind is Sync and draw(st.booleans()) else role

"""Changes as bytes, and the kernel's bytes as values: by literal ones, by round trips, by a plain witness."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from havip.balancing import Counts
from havip.ipvs import answers, codec
from havip.ipvs.layout import Layouts
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
    Protocol,
    Service,
    ServiceFlag,
    ServiceKey,
    Sync,
    SyncRole,
    Timeouts,
    Traffic,
    Tunnel,
    TunnelFlag,
)
from havip.netlink import generic
from havip.netlink.codec import messages
from tests.ipvs import told, wire
from tests.ipvs.tables import KEYS, SERVERS, destinations, services

FAMILY = 0x1C
WEB = ServiceKey(4, Protocol.TCP, ip_address("192.0.2.1"), 80)
SIX = ServiceKey(6, Protocol.UDP, ip_address("2001:db8::1"), 443)
NAMED_WEB = "30000100 06000100 02000000 06000200 06000000 14000300 c0000201" + "00" * 12 + "06000400 00500000"
SERVER = DestinationKey(ip_address("10.0.0.1"), 8080)
AT_SERVER = "14000100 0a000001" + "00" * 12 + "06000200 1f900000 06000b00 02000000"


def message(command: int, body: str, flags: str = "0100") -> bytes:
    attributes = bytes.fromhex(body)
    head = f"{'1c00'}{flags} 09000000 00000000 {command:02x}010000"
    return (20 + len(attributes)).to_bytes(4, "little") + bytes.fromhex(head) + attributes


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (DropService(WEB), message(3, NAMED_WEB)),
        (DropService(ServiceKey(6, fwmark=7)), message(3, "14000100 06000100 0a000000 08000500 07000000")),
        (DropDestination(WEB, SERVER), message(7, f"{NAMED_WEB} 28000200 {AT_SERVER}")),
        (
            EditDestination(
                WEB,
                Destination(
                    SERVER, 5, Forward.TUNNEL, 200, 100, Tunnel.GUE, 6080, TunnelFlag.REMOTE_CHECKSUM
                ),
            ),
            message(
                6,
                f"{NAMED_WEB} 60000200 {AT_SERVER} 08000300 02000000 08000400 05000000 08000500 c8000000"
                "08000600 64000000 05000d00 01000000 06000e00 17c00000 06000f00 02000000",
            ),
        ),
        (
            AddService(Service(WEB, "wrr", ServiceFlag.PERSISTENT, 300, 24, "sip")),
            message(
                1,
                "5c000100"
                + NAMED_WEB.removeprefix("30000100")
                + "08000600 77727200 0c000700 01000000ffffffff 08000800 2c010000 08000900 ffffff00"
                "08000b00 73697000",
            ),
        ),
        (
            EditService(Service(SIX, "mh", ServiceFlag.SCHEDULER_1 | ServiceFlag.ONE_PACKET, 0, 64)),
            message(
                2,
                "54000100 06000100 0a000000 06000200 11000000 14000300 20010db8" + "00" * 11 + "01"
                "06000400 01bb0000 07000600 6d680000 0c000700 0c000000ffffffff 08000800 00000000"
                "08000900 40000000",
            ),
        ),
    ],
)
def test_a_change_has_the_bytes_that_the_header_of_the_kernel_says(change: Change, expected: bytes) -> None:
    assert codec.changes(FAMILY, 9, [change]) == [expected]


def test_questions_and_orders_have_the_bytes_that_the_header_says() -> None:
    sync = Sync(SyncRole.MASTER, "eth0", 5, 1400, ip_address("224.0.0.82"), 8849, 2)
    daemon = (
        "40000300 08000100 01000000 09000200 6574683000000000 08000300 05000000 06000400 78050000"
        "08000500 e0000052 06000700 91220000 05000800 02000000"
    )
    assert codec.start_sync(FAMILY, 9, sync) == message(9, daemon)
    assert codec.stop_sync(FAMILY, 9, SyncRole.BACKUP) == message(10, "0c000300 08000100 02000000")
    assert codec.get_services(FAMILY, 9) == message(4, "", "0103")
    assert codec.get_destinations(FAMILY, 9, WEB) == message(8, NAMED_WEB, "0103")
    assert codec.get_syncs(FAMILY, 9) == message(11, "", "0103")
    assert codec.get_info(FAMILY, 9) == message(15, "", "0500")
    assert codec.get_timeouts(FAMILY, 9) == message(13, "", "0500")
    assert codec.set_timeouts(FAMILY, 9, Timeouts(tcp=900, udp=60)) == message(
        12, "08000400 84030000 08000600 3c000000"
    )


def test_a_family_is_asked_for_by_its_name() -> None:
    asked = generic.get_family(9, "IPVS")
    assert asked.hex(" ", 4) == "20000000 10000500 09000000 00000000 03010000 09000200 49505653 00000000"
    assert generic.parse_family(bytes.fromhex("01020000 09000200 49505653 00000000 06000100 1c000000")) == 28
    assert generic.parse_family(bytes.fromhex("01020000")) is None


def test_what_a_kernel_has_told_of_a_destination() -> None:
    counts = Counts(7, 21, 14, 1234, 502, 1, 2, 3, 4, 5)
    key = DestinationKey(ip_address("10.0.0.50"), 80)
    expected = Destination(key, 3, Forward.ROUTE, 200, 100), Traffic(5, 6, 8, counts)
    assert answers.destination(told.DESTINATION, 4) == expected
    layouts = Layouts()
    first, second, third = (layouts.destination(told.DESTINATION, 4) for _ in range(3))
    assert first == second == third == expected
    assert second is not None
    assert third is not None
    assert second[0] is third[0]  # most need no comparison of each field


def test_a_kernel_without_counters_of_64_bits() -> None:
    without = told.DESTINATION[:-0xA0]
    cut = without[:4] + (len(without) - 4).to_bytes(2, "little") + without[6:]
    for layouts in (Layouts(), Layouts()):
        one = layouts.destination(cut, 4)
        assert one is not None
        assert one[1].counts == Counts(7, 21, 14, 1234, 502, 1, 2, 3, 4, 5)


@st.composite
def wanted(draw: st.DrawFn) -> tuple[Service, Destination]:
    key = draw(st.sampled_from(KEYS))
    return draw(services(key)), draw(destinations(key.family, draw(st.sampled_from(SERVERS))))


@given(wanted())
def test_what_is_built_reads_back_as_it_was(pair: tuple[Service, Destination]) -> None:
    service, one = pair
    for built, change in zip(
        codec.changes(FAMILY, 1, changes := [AddService(service), AddDestination(service.key, one)]),
        changes,
        strict=True,
    ):
        (sent,) = messages(built)
        assert generic.command_of(sent.body) == wire.COMMANDS[type(change)]
    (adding,), (placing,) = (messages(built) for built in codec.changes(FAMILY, 1, changes))
    assert answers.service(adding.body) == (service, Counts())
    assert answers.destination(placing.body, service.key.family) == (one, Traffic())


@given(wanted(), st.sampled_from((EditDestination, AddDestination, DropDestination, DropService)))
def test_another_codec_says_the_same(pair: tuple[Service, Destination], kind: type) -> None:
    service, one = pair
    change: Change = AddService(service)
    if kind in (EditDestination, AddDestination):
        change = kind(service.key, one)
    elif kind is DropDestination:
        change = DropDestination(service.key, one.key)
    elif kind is DropService:
        change = DropService(service.key)
    (sent,) = messages(codec.changes(FAMILY, 1, [change])[0])
    ours, theirs = wire.parse(sent.body[4:]), wire.parse(wire.payload(change))
    assert {part: wire.parse(value) for part, value in ours.items()} == {
        part: wire.parse(value) for part, value in theirs.items()
    }


@given(st.lists(wanted(), max_size=6))
def test_changes_of_many_services_name_the_right_one(pairs: list[tuple[Service, Destination]]) -> None:
    changes = [AddDestination(service.key, one) for service, one in pairs]
    for number, (change, built) in enumerate(zip(changes, codec.changes(FAMILY, 5, changes), strict=True), 5):
        (sent,) = messages(built)
        assert sent.sequence == number
        assert wire.parse(wire.parse(sent.body[4:])[1]) == wire.parse(wire.identity(change.service))


def test_syncs_timeouts_and_the_version_read_back() -> None:
    for sync in (
        Sync(SyncRole.MASTER, "eth0", 5, 1400, ip_address("224.0.0.82"), 8849, 2),
        Sync(SyncRole.BACKUP, "eth0", 255, group=ip_address("ff02::82")),
    ):
        (sent,) = messages(codec.start_sync(FAMILY, 1, sync))
        assert answers.sync(sent.body) == sync
    (sent,) = messages(codec.set_timeouts(FAMILY, 1, Timeouts(1, 2, 3)))
    assert answers.timeouts(sent.body) == Timeouts(1, 2, 3)
    assert answers.version(bytes.fromhex("0e010000 08000100 01020100")) == "1.2.1"


@pytest.mark.parametrize("body", ["05010000", "05010000 04000100", "05010000 0c000200 08000300 07000000"])
def test_what_the_model_does_not_have_is_nothing(body: str) -> None:
    assert answers.service(bytes.fromhex(body)) is None
    if "0300 07" in body or len(body) == 8:
        assert answers.destination(bytes.fromhex(body), 4) is None

"""`havip.ipvs.kernel` against kernels that misbehave as real ones may, but not when a test wants it."""

from __future__ import annotations

import errno
import struct
from collections.abc import Callable
from ipaddress import ip_address

import pytest

from havip.ipvs import kernel as edge
from havip.ipvs.kernel import Kernel
from havip.ipvs.model import AddService, Change, DropService, Refusal, Service, ServiceKey, Sync, SyncRole
from havip.ipvs.programmer import Unavailable
from havip.netlink import codec
from havip.netlink.codec import Message
from havip.netlink.socket import RequestSocket
from tests.ipvs import told
from tests.netlink.test_socket import FakeKernel, datagram, refusal

FAMILY = 28
ONE, OTHER = ServiceKey(4, fwmark=1), ServiceKey(4, fwmark=2)
VERSION = bytes.fromhex("0e010000 08000100 01020100")
DONE, NOOP, GET_FAMILY, GET_INFO, GET_SERVICE, GET_DEST, GET_DAEMON = 3, 1, 3, 15, 4, 8, 11
Answers = list[bytes | OSError]


def kernel(
    monkeypatch: pytest.MonkeyPatch, answer: Callable[[Message], Answers], family: int = FAMILY
) -> tuple[Kernel, FakeKernel]:
    """Return an edge whose kernel has IPVS, and answers what comes later as it is told."""

    def hear(data: bytes) -> Answers:
        return [said for message in codec.messages(data) for said in reply(message)]

    def reply(message: Message) -> Answers:
        end: Answers = [refusal(message.sequence, 0)]
        if message.kind == NOOP:
            return end
        if message.kind == 16 and message.body[0] == GET_FAMILY:
            body = bytes.fromhex("01020000 06000100") + struct.pack("=HH", family, 0)
            return [datagram(16, message.sequence, body), *end] if family else [refusal(message.sequence, 2)]
        if message.body[0] == GET_INFO:
            return [datagram(FAMILY, message.sequence, VERSION), *end]
        return answer(message)

    fake = FakeKernel(hear)

    def opened(protocol: int) -> RequestSocket:
        requests = RequestSocket(protocol)
        requests.close()
        requests._socket = fake  # type: ignore[assignment]
        return requests

    monkeypatch.setattr(edge, "RequestSocket", opened)
    monkeypatch.setattr(edge, "name_of_network_namespace", lambda *_: "net1")
    return Kernel(), fake


def test_a_kernel_without_ipvs_is_told_of_with_what_may_help(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Unavailable, match="no module ip_vs that it could load: `modprobe ip_vs`"):
        kernel(monkeypatch, lambda _: [], family=0)


def test_a_kernel_that_says_nothing_has_no_ipvs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakeKernel, "recvfrom_into", lambda *_: (_ for _ in ()).throw(BlockingIOError()))
    with pytest.raises(Unavailable, match="does not answer: the kernel gave no answer"):
        kernel(monkeypatch, lambda _: [])


def test_refusals_are_those_of_their_changes_and_late_words_are_nobodys(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def answer(message: Message) -> Answers:
        return [refusal(message.sequence, errno.ESRCH), refusal(1, errno.EPERM), refusal(99, errno.EPERM)]

    ours, _ = kernel(monkeypatch, answer)
    changes: list[Change] = [DropService(ONE), DropService(OTHER)]
    assert ours.apply(changes) == [Refusal(change, errno.ESRCH) for change in changes]


def test_a_change_whose_answer_was_lost_counts_as_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the kernel has made of it, the next look at the tables tells."""
    ours, _ = kernel(monkeypatch, lambda _: [OSError(errno.ENOBUFS, "no buffer space")])
    change = AddService(Service(ONE))
    assert ours.apply([change]) == [Refusal(change, errno.ENOBUFS)]


def test_a_sync_daemon_whose_end_is_not_answered_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, _ = kernel(monkeypatch, lambda _: [])
    assert ours.stop(SyncRole.MASTER) == 0
    assert ours.start(Sync(SyncRole.MASTER, "eth0", 1)) == 0


def test_a_service_that_goes_while_it_is_read_has_no_destinations(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(message: Message) -> Answers:
        return [datagram(DONE, message.sequence, struct.pack("=i", -errno.ESRCH))]

    ours, _ = kernel(monkeypatch, answer)
    assert ours.destinations(ONE) == []


def test_a_dump_that_others_changed_meanwhile_is_taken_again(monkeypatch: pytest.MonkeyPatch) -> None:
    torn = [0x12, 0x2]

    def answer(message: Message) -> Answers:
        listed = datagram(FAMILY, message.sequence, told.DESTINATION, torn[0])
        return [listed, datagram(DONE, message.sequence, bytes(4), torn.pop(0))]

    ours, _ = kernel(monkeypatch, answer)
    ((one, traffic),) = ours.destinations(ONE)
    assert (one.key.address, traffic.active, torn) == (ip_address("10.0.0.50"), 5, [])


@pytest.mark.parametrize("read", [Kernel.read, Kernel.syncs, Kernel.timeouts])
def test_an_answer_that_cannot_be_read_is_no_answer(
    monkeypatch: pytest.MonkeyPatch, read: Callable[[Kernel], object]
) -> None:
    def answer(message: Message) -> Answers:
        broken = bytes.fromhex("01010000 ff000100")
        return [
            datagram(FAMILY, message.sequence, broken),
            datagram(DONE if message.flags & 0x300 else 2, message.sequence, bytes(20)),
        ]

    ours, _ = kernel(monkeypatch, answer)
    with pytest.raises(OSError, match="cannot be read"):
        read(ours)

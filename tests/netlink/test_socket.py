"""`havip.netlink.socket` against kernels that misbehave as real ones may, but not when a test wants it."""

from __future__ import annotations

import errno
import struct
from collections import deque
from collections.abc import Callable, Iterator

import pytest

from havip.errors import KernelRefused
from havip.netlink import codec
from havip.netlink.codec import Answer
from havip.netlink.socket import EventSocket, RequestSocket, spell

DONE, ERROR, LINK = 3, 2, 16


def datagram(kind: int, sequence: int, body: bytes = bytes(4), flags: int = 0) -> bytes:
    return struct.pack("=IHHII", 16 + len(body), kind, flags, sequence, 0) + body


def refusal(sequence: int, code: int) -> bytes:
    return datagram(ERROR, sequence, struct.pack("=i", -code) + bytes(16))


class FakeKernel:
    """A kernel on the far side of a socket: queues what ``answer`` returns for each datagram sent."""

    def __init__(self, answer: Callable[[bytes], list[bytes | OSError]]) -> None:
        self.answer = answer
        self.sent: list[bytes] = []
        self.queue: deque[bytes | OSError] = deque()

    def send(self, data: bytes) -> int:
        self.sent.append(data)
        answers = self.answer(data)
        if answers and isinstance(answers[0], PermissionError):
            raise answers[0]
        self.queue += answers
        return len(data)

    def recvfrom_into(self, buffer: bytearray) -> tuple[int, tuple[int, int]]:
        if not self.queue:
            raise BlockingIOError
        first = self.queue.popleft()
        if isinstance(first, OSError):
            raise first
        buffer[: len(first)] = first
        return len(first), (0, 0)

    def close(self) -> None:
        pass


def asking(answer: Callable[[bytes], list[bytes | OSError]]) -> tuple[RequestSocket, FakeKernel]:
    requests = RequestSocket()
    requests.close()
    kernel = FakeKernel(answer)
    requests._socket = kernel  # type: ignore[assignment]
    return requests, kernel


def hearing(*queued: bytes | OSError) -> tuple[EventSocket, FakeKernel]:
    events = EventSocket()
    events.close()
    kernel = FakeKernel(lambda _: [])
    kernel.queue += queued
    events._socket = kernel  # type: ignore[assignment]
    return events, kernel


def sequences(data: bytes) -> Iterator[int]:
    return (message.sequence for message in codec.messages(data))


def test_a_torn_dump_is_read_again() -> None:
    tears = [0x12, 0x12, 0x2]  # NLM_F_MULTI, twice with NLM_F_DUMP_INTR

    def answer(data: bytes) -> list[bytes | OSError]:
        (sequence,) = sequences(data)
        flags = tears.pop(0)
        return [datagram(LINK, sequence, b"link", flags), datagram(DONE, sequence, bytes(4), flags)]

    requests, kernel = asking(answer)
    dump = requests.dump(codec.dump_links)
    assert dump.torn is False
    assert [message.body for message in dump.messages] == [b"link"]
    assert len(kernel.sent) == 3


def test_a_dump_that_is_torn_again_and_again_comes_to_an_end() -> None:
    def answer(data: bytes) -> list[bytes | OSError]:
        (sequence,) = sequences(data)
        return [datagram(LINK, sequence, b"link"), datagram(DONE, sequence, bytes(4), 0x12)]

    requests, kernel = asking(answer)
    dump = requests.dump(codec.dump_links)
    assert dump.torn is True
    assert len(dump.messages) == 1
    assert len(kernel.sent) == 5


def test_a_dump_that_the_kernel_gives_up_is_refused() -> None:
    def answer(data: bytes) -> list[bytes | OSError]:
        (sequence,) = sequences(data)
        return [datagram(LINK, sequence), datagram(DONE, sequence, struct.pack("=i", -errno.ENOMEM))]

    requests, _ = asking(answer)
    with pytest.raises(KernelRefused, match="ENOMEM"):
        requests.dump(codec.dump_links)


def test_a_dump_without_an_end_is_refused() -> None:
    requests, _ = asking(lambda data: [datagram(LINK, next(sequences(data)))])
    with pytest.raises(KernelRefused, match="broke off"):
        requests.dump(codec.dump_links)


def test_a_dump_leaves_out_what_an_earlier_request_was_told() -> None:
    def answer(data: bytes) -> list[bytes | OSError]:
        (sequence,) = sequences(data)
        return [
            datagram(LINK, sequence - 1, b"old."),
            datagram(LINK, sequence, b"new."),
            datagram(DONE, sequence),
        ]

    requests, _ = asking(answer)
    assert [message.body for message in requests.dump(codec.dump_links).messages] == [b"new."]


def test_refusals_are_told_by_sequence_number_and_the_rest_is_done() -> None:
    def answer(data: bytes) -> list[bytes | OSError]:
        *_, end = sequences(data)
        return [refusal(12, errno.EPERM), refusal(end, 0)]

    requests, _ = asking(answer)
    built = [codec.delete_address(number, 2, bytes(4), 24) for number in (11, 12, 13)]
    assert requests.submit(built) == {12: Answer(errno.EPERM)}


def test_a_request_whose_end_was_not_heard_of_counts_as_refused() -> None:
    requests, _ = asking(lambda _: [refusal(12, errno.EPERM)])
    built = [codec.delete_address(number, 2, bytes(4), 24) for number in (11, 12)]
    refusals = requests.submit(built)
    assert refusals.keys() == {11, 12}
    assert refusals[11].words == "the kernel gave no answer"
    assert refusals[12].code == errno.EPERM


@pytest.mark.parametrize("error", [PermissionError(errno.EPERM, ""), OSError(errno.ENOBUFS, "")])
def test_requests_that_cannot_be_sent_or_answered_are_refused_with_the_errno(error: OSError) -> None:
    requests, _ = asking(lambda _: [error])
    assert requests.submit([codec.delete_address(11, 2, bytes(4), 24)]) == {11: Answer(error.errno or 0)}


def test_many_requests_go_in_several_datagrams() -> None:
    requests, kernel = asking(lambda data: [refusal(list(sequences(data))[-1], 0)])
    built = [codec.delete_address(number, 2, bytes(4), 24) for number in range(1000, 1501)]
    assert requests.submit(built) == {}
    assert [len(list(sequences(data))) for data in kernel.sent] == [251, 251, 2]


def test_nothing_to_submit_is_nothing_to_send() -> None:
    requests, kernel = asking(lambda _: [])
    assert requests.submit([]) == {}
    assert kernel.sent == []


def test_sequence_numbers_are_never_0_and_blocks_never_wrap() -> None:
    requests, _ = asking(lambda _: [])
    assert requests.reserve(10) == 1
    assert requests.reserve(1) == 11
    requests._next_sequence = 0xFFFFFFF0
    assert requests.reserve(100) == 1


def test_events_are_read_up_to_the_limit() -> None:
    events, kernel = hearing(*[datagram(LINK, number) for number in range(5)])
    heard = events.drain(3)
    assert ([message.sequence for message in heard.messages], heard.empty) == ([0, 1, 2], False)
    heard = events.drain(3)
    assert ([message.sequence for message in heard.messages], heard.empty) == ([3, 4], True)
    assert not kernel.queue


def test_an_overrun_is_reported_only_once_the_queue_is_empty() -> None:
    lost = OSError(errno.ENOBUFS, "no buffer space")
    events, _ = hearing(lost, *[datagram(LINK, number) for number in range(5)])
    heard = events.drain(4)
    assert (heard.messages, heard.overrun, heard.empty) == ([], False, False)
    heard = events.drain(4)
    assert (heard.messages, heard.overrun, heard.empty) == ([], True, True)


def test_after_an_overrun_events_are_heard_again() -> None:
    events, kernel = hearing(datagram(LINK, 1), OSError(errno.ENOBUFS, ""), datagram(LINK, 2))
    heard = events.drain(64)
    assert (heard.messages, heard.overrun) == ([], True)
    kernel.queue.append(datagram(LINK, 3))
    heard = events.drain(64)
    assert ([message.sequence for message in heard.messages], heard.overrun) == ([3], False)


def test_an_event_that_cannot_be_read_is_an_overrun() -> None:
    events, _ = hearing(datagram(LINK, 1), b"garbage", datagram(LINK, 2))
    heard = events.drain(64)
    assert (heard.messages, heard.overrun, heard.empty) == ([], True, True)


def test_a_refusal_is_spelled_in_the_kernels_words_or_the_systems() -> None:
    assert (
        spell(Answer(errno.EINVAL, "ipv4: Invalid prefix length")) == "ipv4: Invalid prefix length (EINVAL)"
    )
    assert spell(Answer(errno.EPERM)) == "Operation not permitted (EPERM)"
    assert spell(Answer(4095)) == "Unknown error 4095 (4095)"

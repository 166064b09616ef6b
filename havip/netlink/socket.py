"""The two netlink sockets: one asks and is answered, one hears what happens.

Neither ever blocks.  rtnetlink does its work inside the send call and queues the answers before that call
returns, so an answer that is not there yet will not come.  Only the kernel (port 0) is listened to: any
process may send to a netlink socket.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Self

from havip.errors import KernelRefused
from havip.netlink import codec
from havip.netlink.codec import Answer, Malformed, Message

LINK_EVENTS: Final = 0x1
IPV4_ADDRESS_EVENTS: Final = 0x10
IPV6_ADDRESS_EVENTS: Final = 0x100
IPV6_SETTING_EVENTS: Final = 0x1000000
#: all that a router needs to know of its host
SURROUNDINGS: Final = LINK_EVENTS | IPV4_ADDRESS_EVENTS | IPV6_ADDRESS_EVENTS | IPV6_SETTING_EVENTS
#: the numbers of the groups of IPv4 routes and rules, IPv6 routes and rules
ROUTING: Final = (7, 8, 11, 19)

#: Requests in one datagram.  If all of them are refused, the answers still fit into a default buffer.
REQUESTS_PER_SEND: Final = 250
DUMP_ATTEMPTS: Final = 5

_ANSWER_BYTES: Final = 8 << 20  # receive buffer: thousands of answers
_EVENT_BYTES: Final = 2 << 20  # some 5000 events; reading everything afresh is cheaper than reading more
_DATAGRAM_BYTES: Final = 65536  # a longer message cannot be: its attributes count their bytes in 16 bits
_SOL_NETLINK: Final = 270
_NETLINK_ADD_MEMBERSHIP: Final = 1
_NETLINK_CAP_ACK: Final = 10
_NETLINK_EXT_ACK: Final = 11
_NETLINK_GET_STRICT_CHK: Final = 12
_SO_RCVBUFFORCE: Final = 33

_NO_ANSWER: Final = Answer(errno.EIO, "the kernel gave no answer")


@dataclass(slots=True)
class Heard:
    """What one `EventSocket.drain` brought."""

    messages: list[Message] = field(default_factory=list)
    overrun: bool = False  # events were lost and the queue is empty now: ask for everything afresh
    empty: bool = False  # nothing is left in the queue


@dataclass(frozen=True, slots=True)
class Dump:
    """The answer to a dump.  ``torn``: what it lists changed meanwhile, so entries may be missing."""

    messages: list[Message]
    torn: bool


class _NetlinkSocket:
    """A non-blocking netlink socket in the network namespace of the thread that makes it."""

    def __init__(self, groups: int, buffer_bytes: int, protocol: int = socket.NETLINK_ROUTE) -> None:
        kind = socket.SOCK_RAW | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
        self._socket = socket.socket(socket.AF_NETLINK, kind, protocol)
        self._buffer = bytearray(_DATAGRAM_BYTES)
        self._view = memoryview(self._buffer)
        try:
            with suppress(PermissionError):  # without CAP_NET_ADMIN the default size must do
                self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, buffer_bytes)
            for option in (_NETLINK_CAP_ACK, _NETLINK_EXT_ACK):
                with suppress(OSError):  # Linux 4.3 and 4.12: the answers are only less wordy without
                    self._socket.setsockopt(_SOL_NETLINK, option, 1)
            self._socket.bind((0, groups))
        except OSError:
            self._socket.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def fileno(self) -> int:
        """Return the descriptor to wait on."""
        return self._socket.fileno()

    @property
    def socket(self) -> socket.socket:
        """Return the socket itself, for those who must know where it is."""
        return self._socket

    def close(self) -> None:
        """Close the socket; again without harm."""
        self._socket.close()

    def _receive(self) -> bytes | None:
        """Return one datagram of the kernel; None: the queue is empty.

        Raises `OSError` ENOBUFS once when datagrams were lost; what is queued stays readable.
        """
        while True:
            try:
                size, (sender, _) = self._socket.recvfrom_into(self._buffer)
            except BlockingIOError:
                return None
            if sender == 0:
                return bytes(self._view[:size])


class EventSocket(_NetlinkSocket):
    """Hears what ``groups`` stand for come, change and go."""

    def __init__(self, groups: int = SURROUNDINGS) -> None:
        super().__init__(groups, _EVENT_BYTES)
        self._lost = False

    def join(self, groups: Iterable[int]) -> None:
        """Hear these groups too, given by their numbers.  Raises `OSError`."""
        for group in groups:
            self._socket.setsockopt(_SOL_NETLINK, _NETLINK_ADD_MEMBERSHIP, group)

    def drain(self, limit: int) -> Heard:
        """Return what is queued, at most ``limit`` datagrams of it.

        After a loss the rest of the queue is history without a beginning, and the kernel adds nothing
        to it until it has been emptied: it is thrown away, over several calls if it is long, and only
        then is the overrun reported.
        """
        heard = Heard()
        for _ in range(limit):
            try:
                datagram = self._receive()
            except OSError:  # ENOBUFS; anything else is a loss just as well
                self._lost = True
                continue
            if datagram is None:
                heard.empty = True
                break
            if self._lost:
                continue
            try:
                heard.messages += codec.messages(datagram)
            except Malformed:
                self._lost = True
        if self._lost:
            heard.messages.clear()
            if heard.empty:
                heard.overrun, self._lost = True, False
        return heard


class RequestSocket(_NetlinkSocket):
    """Asks the kernel for changes and for what there is."""

    def __init__(self, protocol: int = socket.NETLINK_ROUTE) -> None:
        super().__init__(0, _ANSWER_BYTES, protocol)
        self._next_sequence = 1

    def reserve(self, count: int) -> int:
        """Return the first of ``count`` consecutive sequence numbers that nobody else will use."""
        if self._next_sequence + count > 0xFFFFFFFF:
            self._next_sequence = 1
        first = self._next_sequence
        self._next_sequence += count
        return first

    def submit(self, requests: Sequence[bytes]) -> dict[int, Answer]:
        """Have requests carried out in order; return the refusals by sequence number.

        A refused request does not stop those behind it.  Never raises: a request that could not be
        sent, or whose end was not heard of, is refused too.
        """
        refusals: dict[int, Answer] = {}
        for start in range(0, len(requests), REQUESTS_PER_SEND):
            part = requests[start : start + REQUESTS_PER_SEND]
            end = self.reserve(1)
            try:
                self._socket.send(b"".join(part) + codec.marker(end))
                answers = self._answers_up_to(end)
            except OSError as error:
                answers = {}
                unheard = Answer(error.errno or errno.EIO)
            else:
                unheard = _NO_ANSWER
            if answers.pop(end, None) is None:
                answers = {codec.sequence_of(request): unheard for request in part} | answers
            refusals |= answers
        return refusals

    def ask(self, build: Callable[[int], bytes]) -> list[Message]:
        """Return the answers to a single question, which asks for an ACK.  Raises `OSError`, `Malformed`."""
        return self._dump_once(build).messages

    def dump_exactly(self, build: Callable[[int], bytes]) -> Dump:
        """Return what `dump` does, but only what the request asks for, where the kernel can tell that.

        Linux before 4.20 lists all there is.  Raises `KernelRefused`.
        """
        with suppress(OSError):
            self._socket.setsockopt(_SOL_NETLINK, _NETLINK_GET_STRICT_CHK, 1)
        try:
            return self.dump(build)
        finally:
            with suppress(OSError):
                self._socket.setsockopt(_SOL_NETLINK, _NETLINK_GET_STRICT_CHK, 0)

    def dump(self, build: Callable[[int], bytes]) -> Dump:
        """Return everything that the dump request which ``build`` makes of a sequence number lists.

        What it lists may change while it is read; the kernel says so and the dump begins anew, a
        bounded number of times.  Raises `KernelRefused`.
        """
        for _ in range(DUMP_ATTEMPTS):
            try:
                dump = self._dump_once(build)
            except (OSError, Malformed) as error:
                raise KernelRefused(f"cannot read what the kernel has: {error}") from error
            if not dump.torn:
                break
        return dump

    def _dump_once(self, build: Callable[[int], bytes]) -> Dump:
        sequence = self.reserve(1)
        self._forget()
        self._socket.send(build(sequence))
        listed: list[Message] = []
        torn = False
        # Each receive call lets the kernel queue the next part, so this does not block either.
        while (datagram := self._receive()) is not None:
            for message in codec.messages(datagram):
                if message.sequence != sequence:
                    continue
                torn = torn or bool(message.flags & codec.DUMP_INTERRUPTED)
                if message.kind not in (codec.ERROR, codec.DONE):
                    listed.append(message)
                    continue
                answer = codec.parse_answer(message)
                if answer.code:
                    raise OSError(answer.code, spell(answer))
                return Dump(listed, torn)
        raise OSError(errno.EIO, "the list broke off" if listed else "the kernel gave no answer")

    def _forget(self) -> None:
        """Throw away what an earlier request left in the queue: the kernel runs one dump at a time."""
        with suppress(OSError):
            while self._receive() is not None:
                pass

    def _answers_up_to(self, end: int) -> dict[int, Answer]:
        """Return the answers by sequence number, until ``end`` is answered or none is left."""
        answers: dict[int, Answer] = {}
        while end not in answers and (datagram := self._receive()) is not None:
            with suppress(Malformed):
                for message in codec.messages(datagram):
                    if message.kind == codec.ERROR:
                        answers[message.sequence] = codec.parse_answer(message)
        return answers


def spell(answer: Answer) -> str:
    """Return a refusal for people: the kernel's own words if it has any, and the name of the errno."""
    name = errno.errorcode.get(answer.code, str(answer.code))
    return f"{answer.words or os.strerror(answer.code)} ({name})"

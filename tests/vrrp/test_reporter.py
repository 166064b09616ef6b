"""What the supervisor is told, in which order, and what it is spared."""

from __future__ import annotations

from havip.channel import Channel, pair
from havip.messages import INFO, Committed, LogLine, Message, RouterReport, Transition
from havip.vrrp.reporter import LINES, Reporter
from havip.vrrp.router import Router
from tests.vrrp.model import at, heard, router
from tests.vrrp.stack import Stack, started


class Ears:
    """A reporter, and the supervisor's end of its channel."""

    def __init__(self) -> None:
        self.refused: list[str] = []
        ours, theirs = pair()
        self.reporter = Reporter(ours, self.note)
        self._theirs = Channel(theirs)

    def note(self, router: Router, reason: str) -> None:
        self.refused.append(reason)

    def hear(self) -> list[Message]:
        """Let everything be told."""
        heard: list[Message] = []
        while self.reporter.busy:
            self.reporter.send(at(0))
            heard += self._theirs.receive(1000)
        return heard

    def lines(self) -> list[str]:
        return [message.text for message in self.hear() if isinstance(message, LogLine)]


def test_a_change_is_told_with_the_state_of_its_time_and_then_as_it_is_now(stack: Stack) -> None:
    started(stack)
    ears = Ears()
    ears.reporter.changed(stack.router(), "started")
    stack.run(3.7)
    ears.reporter.changed(stack.router(), "no better master heard for 3.609s")
    told = ears.hear()
    assert [(change.name, change.state, change.why) for change in told if isinstance(change, Transition)] == [
        ("gw", "BACKUP", "started"),
        ("gw", "MASTER", "no better master heard for 3.609s"),
    ]
    assert [message.state for message in told if isinstance(message, RouterReport)] == ["MASTER"]


def test_an_answer_comes_after_everything_that_happened_before_it(stack: Stack) -> None:
    started(stack)
    ears = Ears()
    for number in range(3 * LINES):
        ears.reporter.log(INFO, f"line {number}")
    ears.reporter.report(stack.router())
    ears.reporter.answer(lambda: Committed(7))
    told = ears.hear()
    assert len(told) == 3 * LINES + 2
    assert told[-1] == Committed(7)


def test_one_turn_tells_no_more_than_a_slice() -> None:
    ears = Ears()
    for number in range(3 * LINES):
        ears.reporter.log(INFO, f"line {number}")
    ears.reporter.send(at(0))
    assert len(ears.lines()) == 3 * LINES
    assert not ears.reporter.busy


def test_the_same_remark_about_a_router_is_logged_once_a_minute(stack: Stack) -> None:
    started(stack)
    ears = Ears()
    remark = (stack.router(), "ttl", "refused a packet from 10.0.0.2: its TTL is not 255")
    for second in (0, 1, 59):
        ears.reporter.remark(stack.port().on, remark, at(second))
    assert ears.lines() == ["gw: refused a packet from 10.0.0.2: its TTL is not 255"]
    ears.reporter.remark(stack.port().on, remark, at(60))
    assert len(ears.lines()) == 1


def logged_of(stack: Stack, ours: int, theirs: int) -> list[str]:
    """Return what is logged when routers of these priorities meet."""
    started(stack, router(priority=ours))
    ears = Ears()
    stack.port().inbox.append(heard(priority=theirs))
    for packet in stack.port().inbox:
        stack.port().judge(packet)
    for remark in stack.port().remarks:
        ears.reporter.remark(stack.port().on, remark, at(0))
    return ears.lines()


def test_that_another_router_owns_the_addresses_too_is_logged(stack: Stack) -> None:
    words = "it claims to own the addresses (priority 255), and so do we: correct one of the two"
    assert logged_of(stack, 255, 255) == [f"gw: refused a packet from 10.0.0.2: {words}"]


def test_two_routers_of_one_priority_are_logged_with_both_addresses(stack: Stack) -> None:
    words = "10.0.0.2 advertises the same priority 150 as we (10.0.0.1): give each router its own"
    assert logged_of(stack, 150, 150) == [f"gw: {words}"]
    assert stack.port().remarks[0][1] == "equal-priority"


def test_another_remark_is_not_silenced_by_the_first(stack: Stack) -> None:
    started(stack)
    ears = Ears()
    ears.reporter.remark(stack.port().on, (stack.router(), "ttl", "one"), at(0))
    ears.reporter.remark(stack.port().on, (stack.router(), "checksum", "two"), at(0))
    ears.reporter.remark(stack.port().on, (None, "ttl", "three"), at(0))
    assert ears.lines() == ["gw: one", "gw: two", "eth0: three"]


def test_an_advert_that_cannot_leave_is_said_once_for_each_reason(stack: Stack) -> None:
    started(stack)
    ears = Ears()
    for error in ("ENETDOWN", "ENETDOWN", "EPERM"):
        ears.reporter.unsent(stack.router(), error)
    assert ears.lines() == ["gw: cannot send adverts: ENETDOWN", "gw: cannot send adverts: EPERM"]


def test_a_refused_address_is_logged_and_left_to_the_machine(stack: Stack) -> None:
    started(stack)
    ears = Ears()
    ears.reporter.refused(stack.router(), "cannot add 10.0.0.9/24: EACCES")
    assert ears.refused == ["cannot add 10.0.0.9/24: EACCES"]
    assert ears.lines() == ["gw: cannot add 10.0.0.9/24: EACCES"]

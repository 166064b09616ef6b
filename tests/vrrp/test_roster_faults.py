"""What the roster makes of trouble: sockets that cannot be opened, kernels that refuse, changes halfway."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

from havip.clock import Duration, seconds
from havip.config.model import Announcing
from havip.errors import KernelRefused
from havip.vrrp.kernel import Changes
from havip.vrrp.machine import Initialize
from tests.vrrp.model import MAC, ModelPort, heard, router
from tests.vrrp.stack import Stack, started

LONG = Announcing(repeat=5, delay=Duration(0), interval=seconds(1))


def change(stack: Stack, interface: str = "eth0", **fields: Any) -> None:
    stack.kernel.views[interface] = replace(stack.kernel.views[interface], **fields)
    stack.roster.apply(Changes(frozenset((interface,)), ()), stack.now)
    stack.flush()


def without_sockets(stack: Stack) -> ModelPort:
    """Have the port of eth0 lose its interface, and find no socket when that is back."""
    port = stack.port()
    port.cannot_open = True
    change(stack, fault="interface eth0 is down")
    change(stack, fault=None)
    return port


def test_a_socket_that_cannot_be_opened_is_a_fault_told_once_and_tried_again(stack: Stack) -> None:
    started(stack)
    port = without_sockets(stack)
    for _ in range(10):  # as the worker does every second
        stack.roster.refresh(port, stack.now)
    assert stack.router().state_name == "FAULT"
    assert stack.router().why == "cannot open a raw socket"
    assert stack.changes == [("gw", "BACKUP"), ("gw", "FAULT"), ("gw", "FAULT")]
    port.cannot_open = False
    stack.roster.refresh(port, stack.now)
    assert stack.router().state_name == "BACKUP"


def test_a_link_that_comes_and_goes_builds_nothing_anew(stack: Stack) -> None:
    started(stack)
    stack.run(3.7)
    one = stack.router()
    before = (one.batch, one.adverts, one.frames, one.settings)
    change(stack, fault="interface eth0 has no carrier")
    change(stack, fault=None, mtu=1400)
    after = (one.batch, one.adverts, one.frames, one.settings)
    assert all(left is right for left, right in zip(before, after, strict=True))
    change(stack, address=bytes((10, 0, 0, 7)))
    assert one.settings.address == bytes((10, 0, 0, 7))
    assert one.adverts[100][0][0][12:16] == bytes((10, 0, 0, 7))


def test_a_router_put_on_a_port_without_sockets_is_in_fault_and_comes_with_them(stack: Stack) -> None:
    started(stack)
    port = without_sockets(stack)
    stack.roster.put(router("new", 52, "10.0.0.10"), stack.now)
    stack.roster.commit(stack.now)
    assert stack.router(52).state_name == "FAULT"
    port.cannot_open = False
    stack.roster.refresh(port, stack.now)
    assert [one.state_name for one in stack.roster.routers.values()] == ["BACKUP", "BACKUP"]


def test_a_router_dropped_while_its_announcements_wait_is_forgotten_by_all(stack: Stack) -> None:
    started(stack, router(announce=LONG), router("other", 52, "10.0.0.10"))
    stack.run(3.7)
    port = stack.port()
    sent = len(port.wire)
    stack.roster.drop(("eth0", 51, 4, ""), stack.now)
    stack.run(30)
    assert [kind for kind, data in port.wire[sent:] if kind == "announcement"] == ["announcement"] * 5
    assert {data[31] for kind, data in port.wire[sent:] if kind == "announcement"} == {10}  # the other's


def test_dropping_what_is_not_there_is_nothing(stack: Stack) -> None:
    started(stack)
    assert stack.roster.drop(("eth9", 51, 4), stack.now) is None


def test_a_router_in_fault_by_refused_addresses_is_tried_at_once_with_other_ones(stack: Stack) -> None:
    started(stack)
    stack.kernel.refuses = set(stack.router().config.addresses)
    stack.run(10)
    assert stack.router().state_name == "FAULT"
    stack.roster.put(router(address="10.0.0.8"), stack.now)
    assert stack.router().state_name == "BACKUP"
    stack.run(14)
    assert stack.kernel.addresses() == {"10.0.0.8/24"}


def test_a_change_does_not_start_a_router_whose_link_is_down(stack: Stack) -> None:
    started(stack)
    change(stack, fault="interface eth0 is down")
    stack.roster.put(router(priority=7), stack.now)
    assert stack.router().state_name == "FAULT"
    assert stack.router().why == "interface eth0 is down"


def test_a_link_that_comes_back_ends_a_wait_for_refused_addresses(stack: Stack) -> None:
    started(stack)
    stack.kernel.refuses = set(stack.router().config.addresses)
    stack.run(10)
    change(stack, fault="interface eth0 is down")
    change(stack, fault=None)
    assert stack.router().state_name == "BACKUP"


def test_nobody_is_called_to_a_new_address_before_it_is_there(stack: Stack) -> None:
    started(stack, router(announce=Announcing(repeat=1000, delay=Duration(0))))
    stack.now = stack.engine.takeover_at()
    stack.engine.fire(stack.now, True)
    stack.executor.flush(stack.now)  # one slice; the rest of the burst waits
    assert stack.executor.announcer.busy
    both = replace(
        stack.router().config, addresses=(*router().addresses, *router(address="10.0.0.8").addresses)
    )
    stack.roster.put(both, stack.now)
    stack.executor.announcer.run(stack.now)
    frames = cast(Any, stack.port().frames)
    assert all("10.0.0.9/24" in held for held in frames.held_when_sent)
    called = [data[31] for kind, data in stack.port().wire if kind == "announcement"]
    assert 8 not in called


def test_a_kernel_that_keeps_a_leftover_does_not_keep_the_routers_from_starting(stack: Stack) -> None:
    def refuse(keep: object, among: object) -> None:
        raise KernelRefused("cannot remove the leftover 10.0.0.7/24: EBUSY")

    cast(Any, stack.kernel).sweep = refuse
    stack.roster.put(router(), stack.now)
    assert stack.roster.commit(stack.now) == ["cannot remove the leftover 10.0.0.7/24: EBUSY"]
    assert stack.router().state_name == "BACKUP"


# Resuming after a death.


def reborn(stack: Stack, descriptor: int, config: Any) -> Stack:
    again = Stack(descriptor, stack.kernel)
    again.now = stack.now
    return started(again, config)


def test_what_the_last_life_promised_counts_and_not_the_new_configuration(
    stack: Stack, descriptor: int
) -> None:
    quick = router(interval=Duration(10_000_000))
    started(stack, quick)
    stack.run(1)
    assert stack.router().is_master
    stack.now = stack.now + Duration(31_000_000)  # type: ignore[assignment]
    slow = replace(quick, interval=seconds(1))
    assert reborn(stack, descriptor, slow).router().state_name == "BACKUP"


def test_a_life_that_died_before_it_began_spoils_no_later_one(stack: Stack, descriptor: int) -> None:
    started(stack)
    stack.run(3.7)
    Stack(descriptor, stack.kernel).roster.put(router(), stack.now)  # dies before it is told to start
    again = reborn(stack, descriptor, router())
    assert again.router().state_name == "BACKUP"
    assert again.kernel.addresses() == set()


def test_addresses_that_a_reload_took_away_between_two_lives_are_swept(stack: Stack, descriptor: int) -> None:
    started(stack)
    stack.run(3.7)
    again = reborn(stack, descriptor, router(address="10.0.0.8"))
    assert again.router().is_master
    assert again.kernel.addresses() == {"10.0.0.8/24"}


# IPv6.


def six(stack: Stack, **options: Any) -> ModelPort:
    """Start a master on IPv6."""
    view = replace(stack.kernel.views["eth0"], address=bytes.fromhex("fe80" + "00" * 13 + "01"))
    stack.kernel.views["eth0"] = view
    started(stack, router(address="fe80::9", **options))
    stack.run(3.7)
    return cast(ModelPort, stack.roster.routers["eth0", 51, 6, ""].port)


def router_flags(port: ModelPort) -> list[bool]:
    """Return the R flag of each neighbour advertisement that left (RFC 4861 section 4.4)."""
    return [bool(data[58] & 0x80) for kind, data in port.wire if kind == "announcement"]


def test_neighbours_learn_at_once_that_we_route_or_do_so_no_more(stack: Stack) -> None:
    port = six(stack)
    assert router_flags(port) == [False] * 5
    change(stack, forwards=True)
    assert router_flags(port)[5:] == [True] * 5
    change(stack, forwards=False)
    assert router_flags(port)[10:] == [False] * 5


def test_a_membership_is_made_sure_of_whenever_the_interface_changed(stack: Stack) -> None:
    port = six(stack)
    receiver = cast(Any, port.receiver)
    change(stack, mtu=1400)  # it may have been below 1280 in between, where IPv6 forgets its groups
    assert port.receiver is receiver
    assert receiver.rejoined == 1


def test_a_new_link_local_address_is_spoken_from_at_once_and_without_a_flap(stack: Stack) -> None:
    port = six(stack)
    change(stack, address=bytes.fromhex("fe80" + "00" * 13 + "05"))
    assert [what for _, what in stack.changes] == ["BACKUP", "MASTER"]
    assert stack.roster.routers["eth0", 51, 6, ""].settings.address[-1] == 5
    assert [kind for kind, _ in port.wire[-1:]] == ["advert"]


def test_a_tentative_link_local_address_is_a_fault_that_resigns_while_it_can(stack: Stack) -> None:
    port = six(stack)
    change(stack, fault="interface eth0 has no usable IPv6 link-local address", address=b"")
    assert [data[2] for kind, data in port.wire if kind == "advert"] == [100, 0]
    assert stack.kernel.held == set()
    change(stack, fault=None, address=bytes.fromhex("fe80" + "00" * 13 + "01"))
    assert stack.roster.routers["eth0", 51, 6, ""].state_name == "BACKUP"


def test_another_mac_is_announced_with_no_frame_of_the_old_one(stack: Stack) -> None:
    started(stack, router(announce=Announcing(repeat=1000, delay=Duration(0))))
    stack.now = stack.engine.takeover_at()
    stack.engine.fire(stack.now, True)
    stack.executor.flush(stack.now)
    sent = len(stack.port().wire)
    change(stack, mac=bytes.fromhex("020000000077"))
    later = [data[6:12] for kind, data in stack.port().wire[sent:] if kind == "announcement"]
    assert len(later) == 1000
    assert MAC not in later


def test_an_advert_heard_while_an_interface_is_gone_belongs_to_nobody(stack: Stack) -> None:
    started(stack)
    port = stack.port()
    port.inbox.append(heard())
    change(stack, fault="interface eth0 does not exist")
    assert stack.engine.hear(port, stack.now)
    assert stack.router().adverts_received == 0


def test_an_impediment_keeps_a_new_router_from_ever_taking_part(stack: Stack) -> None:
    started(stack)
    owner = stack.roster.put(router("new", 52, "10.0.0.10", priority=255), stack.now)
    stack.roster.impede(owner, "maintenance", "in maintenance", stack.now)
    stack.roster.commit(stack.now)
    stack.run(30)
    assert (owner.state_name, owner.became_master) == ("FAULT", 0)
    assert owner.state == Initialize("in maintenance")


def test_a_master_that_is_impeded_resigns_and_comes_back_when_nothing_impedes_it_any_more(
    stack: Stack,
) -> None:
    started(stack)
    stack.run(3.7)
    gateway = stack.router()
    stack.roster.impede(gateway, "maintenance", "in maintenance", stack.now)
    assert stack.port().adverts() == [100, 0]
    assert stack.kernel.addresses() == set()
    stack.roster.impede(gateway, "script", "script check failed", stack.now)
    stack.roster.impede(gateway, "maintenance", None, stack.now)
    assert gateway.state == Initialize("script check failed")
    stack.roster.impede(gateway, "script", None, stack.now)
    assert gateway.state_name == "BACKUP"
    stack.run(7.4)
    assert gateway.state_name == "MASTER"


def test_an_interface_that_comes_up_does_not_lift_another_impediment(stack: Stack) -> None:
    started(stack)
    gateway, good = stack.router(), stack.kernel.views["eth0"]
    stack.roster.impede(gateway, "maintenance", "in maintenance", stack.now)
    for view in (replace(good, fault="interface eth0 is down"), good):
        stack.kernel.views["eth0"] = view
        stack.roster.apply(Changes(frozenset({"eth0"}), ()), stack.now)
        assert gateway.state == Initialize(view.fault or "in maintenance")

"""Random campaigns: a scenario drawn from a seed, played on a simulated LAN, and judged when all is mended.

A scenario is a value: the same one always plays the same way, and one that fails is made smaller by leaving
out faults for as long as the same rule stays broken.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random
from typing import Any, Final

from havip.clock import ZERO, Duration, Instant, milliseconds, seconds
from havip.config.model import OWNER_PRIORITY, Announcing
from tests.sim import judge
from tests.sim.host import Host, Weather
from tests.sim.lan import Lan
from tests.sim.shrink import played

INTERVALS: Final = (milliseconds(10), milliseconds(100), seconds(1), seconds(3))
STAND_ASIDE: Final = seconds(60)  # how long a router waits whose addresses the kernel refused
SECOND: Final = seconds(1)


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that happens, ``at`` a true instant, to the host of this number or to the LAN."""

    at: Instant
    kind: str
    host: int
    number: int = 0  # a seed for whatever choice the kind leaves


@dataclass(frozen=True, slots=True)
class Plan:
    """One host: keyword arguments of `Lan.add`."""

    priority: int
    settings: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Scenario:
    """All that decides how a run goes."""

    seed: int
    version: int
    family: int
    interval: Duration
    weather: Weather  # until all is mended
    calm: Weather  # from then on
    plans: tuple[Plan, ...]
    faults: tuple[Fault, ...]
    length: Duration  # of the time with faults


def scenario(seed: int) -> Scenario:
    """Draw the scenario of a seed."""
    random = Random(seed)
    version, family = random.choice(((2, 4), (3, 4), (3, 6)))
    interval = random.choice(INTERVALS[2:] if version == 2 else INTERVALS)
    calm = Weather(least=Duration(interval // 1000), most=Duration(interval // random.choice((20, 200))))
    weather = replace(
        calm,
        loss=random.choice((0.0, 0.0, 0.05, 0.3)),
        duplication=random.choice((0.0, 0.1)),
        corruption=random.choice((0.0, 0.05)),
        reorders=random.random() < 0.5,
        late=random.choice((0.0, 0.02)),
        latest=interval,
    )
    length = Duration(interval * random.randint(20, 60))
    count = random.randint(2, 5)
    faults = [
        Fault(
            Instant(random.randrange(length)),
            random.choice(KINDS),
            random.randrange(count),
            random.getrandbits(32),
        )
        for _ in range(random.randint(0, 25))
    ]
    plans = tuple(plan(random, version, interval) for _ in range(count))
    if random.random() < 0.1:
        plans = (replace(plans[0], priority=OWNER_PRIORITY), *plans[1:])
    in_order = tuple(sorted(faults, key=lambda fault: fault.at))
    return Scenario(seed, version, family, interval, weather, calm, plans, in_order, length)


def plan(random: Random, version: int, interval: Duration) -> Plan:
    """Draw one host."""
    own = interval
    if version == 3 and random.random() < 0.2:
        own = Duration(interval * random.choice((1, 2, 5)))
    wrong = random.choice((500, 50_000))
    return Plan(
        random.choice((random.randint(1, 254), 100)),
        {
            "interval": own,
            "preempt": random.random() < 0.75,
            "preempt_delay": Duration(interval * random.choice((0, 0, 0, 7))),
            "down_adverts": random.choice((3, 3, 3, 2, 5)),
            "answer_lower_priority": random.random() < 0.9,
            "announce": Announcing(
                delay=Duration(2 * interval),
                refresh=Duration(5 * interval),
                lower_priority_delay=Duration(2 * interval),
            ),
            "ppm": random.randint(-wrong, wrong),
            "lateness": Duration(random.choice((0, interval // 10))),
        },
    )


# --- what can happen --------------------------------------------------------------------------------


def priority_changes(lan: Lan, host: Host, random: Random) -> None:
    """Give a host that does not own the addresses another priority."""
    if not host.configured.owner:
        lan.reload(host, priority=random.randint(1, 254))


def interval_changes(lan: Lan, host: Host, random: Random) -> None:
    """Change an interval; in VRRPv2 everybody's, since routers of different intervals do not listen."""
    interval = Duration(host.configured.interval * 2 if host.configured.interval < 6 * SECOND else SECOND)
    for other in lan.hosts.values() if lan.version == 2 else (host,):
        lan.reload(other, interval=interval)


def cut(lan: Lan, host: Host, random: Random) -> None:
    """Cut the LAN in two or three."""
    sides: list[list[Host]] = [[], [], []]
    for other in lan.hosts.values():
        random.choice(sides).append(other)
    lan.partition(*sides)


def refuse(lan: Lan, host: Host, random: Random) -> None:
    """Let a kernel refuse addresses, and let it be asked."""
    host.refusing = True
    lan.strip(host)


def accept(lan: Lan, host: Host, random: Random) -> None:
    """Let a kernel take addresses again."""
    host.refusing = False


FAULTS: Final[dict[str, Callable[[Lan, Host, Random], None]]] = {
    "kill": lambda lan, host, random: lan.kill(host),
    "crash": lambda lan, host, random: lan.crash(host),
    "stop": lambda lan, host, random: lan.stop(host),
    "start": lambda lan, host, random: lan.start(host, resume=random.random() < 0.2),
    "freeze": lambda lan, host, random: lan.freeze(host, deaf=random.random() < 0.5),
    "thaw": lambda lan, host, random: lan.thaw(host),
    "cut": cut,
    "heal": lambda lan, host, random: lan.heal(),
    "link down": lambda lan, host, random: lan.set_link(host, up=False),
    "link up": lambda lan, host, random: lan.set_link(host, up=True),
    "strip": lambda lan, host, random: lan.strip(host),
    "priority": priority_changes,
    "interval": interval_changes,
    "refuse": refuse,
    "accept": accept,
}
KINDS: Final = tuple(FAULTS)


# --- a run ------------------------------------------------------------------------------------------


def play(scene: Scenario) -> Lan:
    """Play a scenario to its end.  Raises `Violation`."""
    lan = Lan(scene.seed, scene.weather, scene.version, scene.family)
    hosts = [
        lan.add(name, plan.priority, **plan.settings)
        for name, plan in zip("abcde", scene.plans, strict=False)
    ]
    for host in hosts:
        lan.at(Instant(lan.random.randrange(2 * scene.interval)), lan.start, host)
    for fault in scene.faults:
        lan.at(fault.at, FAULTS[fault.kind], lan, hosts[fault.host], Random(fault.number))
    lan.run(scene.length)
    mend(lan, scene)
    lan.run(patience(lan))
    settled = lan.now
    master = right_master(lan)
    lan.run(Duration(10 * lan.watch.longest_interval))  # every host's refresh comes round
    judge.unchanged(lan, settled, master)
    judge.clients_reach(lan, master)
    return lan


def mend(lan: Lan, scene: Scenario) -> None:
    """End all trouble, but leave off what is off; at least one router runs."""
    lan.watch.note("lan", "all is mended")
    lan.weather = scene.calm
    lan.heal()
    for host in lan.hosts.values():
        host.refusing = False
        lan.set_link(host, up=True)
        lan.thaw(host)
        if host.held and not host.running:  # its worker died, and its supervisor sees to it
            lan.start(host)
    if not any(host.running for host in lan.hosts.values()):
        lan.start(next(iter(lan.hosts.values())))


def patience(lan: Lan) -> Duration:
    """Return how long a mended LAN may take, by slow clocks, until the right router is master for good."""
    longest = lan.watch.longest_interval
    all_settings = [host.settings for host in lan.hosts.values()]
    down = max(one.down_adverts for one in all_settings) * longest + max(longest, SECOND)
    delay = max(one.preempt_delay for one in all_settings)
    late = max(host.lateness for host in lan.hosts.values())
    aside = STAND_ASIDE if any(host.stands_aside for host in lan.hosts.values()) else ZERO
    return Duration((aside + delay + 3 * down + 2 * longest + late) * 11 // 10)


def right_master(lan: Lan) -> Host:
    """Return the one master, having checked that no router runs that should be it instead."""
    names = lan.watch.masters()
    running = [host for host in lan.hosts.values() if host.running]
    if len(names) != 1:
        raise lan.watch.broken("the right master", f"{names} long after all was mended")
    master = lan.hosts[names[0]]
    for host in running:
        better = host.settings.priority > master.settings.priority
        if better and (host.settings.preempt or host.settings.owner):
            raise lan.watch.broken("the right master", f"{master.name} although {host.name} is better")
    return master


def campaign(seed: int) -> Lan:
    """Play the scenario of a seed.  Raises AssertionError with the seed and the smallest failing scenario."""
    return played(f"seed {seed}", scenario(seed), play)

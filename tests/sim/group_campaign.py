"""Random campaigns for sync groups: hosts with a member on each of several LANs, and what may befall them.

As in `campaign`, a scenario is a value drawn from a seed, and one that fails is made smaller.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from random import Random
from typing import Any, Final

from havip.clock import ZERO, Duration, Instant, milliseconds, seconds
from havip.config.model import Announcing
from tests.sim.band import Band, Site, alternating
from tests.sim.campaign import SECOND, Fault
from tests.sim.host import Weather
from tests.sim.shrink import played

INTERVALS: Final = (milliseconds(100), seconds(1))


@dataclass(frozen=True, slots=True)
class Scenario:
    """All that decides how a run goes."""

    seed: int
    version: int
    weather: Weather  # until all is mended
    calm: Weather
    hosts: tuple[tuple[dict[str, Any], ...], ...]  # of each host, the settings of its members
    faults: tuple[Fault, ...]
    length: Duration


def scenario(seed: int) -> Scenario:
    """Draw the scenario of a seed."""
    random = Random(seed)
    version = random.choice((2, 3, 3))
    interval = SECOND if version == 2 else random.choice(INTERVALS)
    calm = Weather(least=Duration(interval // 1000), most=Duration(interval // 100))
    weather = replace(
        calm, loss=random.choice((0.0, 0.0, 0.1, 0.3)), duplication=random.choice((0.0, 0.1)), reorders=True
    )
    lans, count = random.randint(2, 3), random.randint(2, 3)
    intervals = [interval * random.choice((1, 1, 3)) if version == 3 else interval for _ in range(lans)]
    length = Duration(max(intervals) * random.randint(20, 50))
    faults = [
        Fault(
            Instant(random.randrange(length)),
            random.choice(KINDS),
            random.randrange(count),
            random.getrandbits(32),
        )
        for _ in range(random.randint(0, 20))
    ]
    faults.sort(key=lambda fault: fault.at)
    hosts = tuple(hosts_of(random, count, list(map(Duration, intervals))))
    return Scenario(seed, version, weather, calm, hosts, tuple(faults), length)


def hosts_of(random: Random, count: int, intervals: list[Duration]) -> Iterator[tuple[dict[str, Any], ...]]:
    """Yield the settings of each host's members.

    A host has one priority, or another one on each LAN, or all have the same: then addresses decide.
    """
    kind = random.choice(("ordered", "torn", "equal"))
    preempt = random.random() < 0.7
    delay = Duration(min(intervals) * random.choice((0, 0, 5))) if preempt else ZERO
    for number in range(count):
        ppm, late = random.randint(-500, 500), random.random() < 0.5
        ordered = 200 - 50 * number
        yield tuple(
            {
                "priority": {"ordered": ordered, "torn": random.randint(50, 200), "equal": 100}[kind],
                "address": bytes((192, 0, 2, random.randint(11, 60) * 4 + number)),
                "interval": interval,
                "preempt": preempt,
                "preempt_delay": delay,
                "announce": Announcing(refresh=Duration(5 * interval)),
                "ppm": ppm,
                "lateness": Duration(min(intervals) // 10) if late else ZERO,
            }
            for interval in intervals
        )


# --- what can happen --------------------------------------------------------------------------------


def cut(site: Site, band: Band, random: Random) -> None:
    """Cut one LAN in two, or all of them alike."""
    sides: list[list[str]] = [[], []]
    for other in site.bands:
        random.choice(sides).append(other.name)
    for lan in site.lans if random.random() < 0.3 else [random.choice(site.lans)]:
        lan.partition(*([lan.hosts[name] for name in side] for side in sides))


def one_way(site: Site, band: Band, random: Random) -> None:
    """Have one LAN lose all that one host sends."""
    random.choice(site.lans).drops = lambda sender, receiver: sender == band.name


def mend_lans(site: Site) -> None:
    """Make every LAN whole."""
    for lan in site.lans:
        lan.heal()
        lan.drops = lambda sender, receiver: False


def weigh(site: Site, band: Band, random: Random) -> None:
    """Have a tracker take something from all members, or give it back."""
    less = random.choice((0, 60, 120))
    band.weigh([max(1, weight - less) for weight in band.weights])


FAULTS: Final[dict[str, Callable[[Site, Band, Random], None]]] = {
    "kill": lambda site, band, random: band.each("kill"),
    "crash": lambda site, band, random: band.each("crash"),
    "stop": lambda site, band, random: band.each("stop"),
    "start": lambda site, band, random: band.start(resume=random.random() < 0.3),
    "freeze": lambda site, band, random: band.each("freeze"),
    "thaw": lambda site, band, random: band.each("thaw"),
    "cut": cut,
    "one way": one_way,
    "heal": lambda site, band, random: mend_lans(site),
    "link down": lambda site, band, random: band.set_link(random.randrange(len(site.lans)), up=False),
    "link up": lambda site, band, random: band.set_link(random.randrange(len(site.lans)), up=True),
    "tracker fails": lambda site, band, random: band.track(random.randrange(len(site.lans)), "script failed"),
    "tracker recovers": lambda site, band, random: band.track(random.randrange(len(site.lans)), None),
    "weight": weigh,
    "failover": lambda site, band, random: band.fail_over(),
    "strip": lambda site, band, random: site.lans[0].strip(band.members[0]),
}
KINDS: Final = tuple(FAULTS)


# --- a run ------------------------------------------------------------------------------------------


def play(scene: Scenario) -> Site:
    """Play a scenario to its end.  Raises `Violation`."""
    site = Site(scene.seed, scene.weather, len(scene.hosts[0]), scene.version)
    bands = [site.add(name, settings) for name, settings in zip("abc", scene.hosts, strict=False)]
    for band in bands:
        site.at(Instant(site.timeline.random.randrange(2 * site_interval(scene))), band.start)
    for fault in scene.faults:
        site.at(fault.at, FAULTS[fault.kind], site, bands[fault.host], Random(fault.number))
    site.run(scene.length)
    mend(site, scene)
    mended = site.timeline.now
    site.run(patience(site))
    settled = site.timeline.now
    master = right_master(site, mended)
    site.run(Duration(10 * site.longest_interval))
    watch = site.lans[0].watch
    if site.whole_masters() != [master] or site.changes_since(settled):
        raise watch.broken("no needless change", f"{site.changes_since(settled)} long after all was mended")
    for lan, member in zip(site.lans, master.members, strict=True):
        for name, neighbour in lan.neighbours.items():
            if any(neighbour.cache.get(address) != member.mac for address in member.addresses):
                raise watch.broken("clients reach the master", f"the client beside {name} does not")
    for band in bands:
        if not alternating(band.changes):
            raise watch.broken("a change is a change", f"{band.name}: {band.changes}")
    return site


def site_interval(scene: Scenario) -> Duration:
    """Return the shortest interval of a scenario."""
    return min(member["interval"] for host in scene.hosts for member in host)


def mend(site: Site, scene: Scenario) -> None:
    """End all trouble, but leave off what is off; at least one host runs."""
    mend_lans(site)
    for lan in site.lans:
        lan.watch.note("lan", "all is mended")
        lan.weather = scene.calm
    for band in site.bands:
        for place in range(len(site.lans)):
            band.trackers[place] = None
            band.members[place].link = True
            band.judge(place)
        band.each("thaw")
        if not band.running and any(member.held for member in band.members):
            band.start()
    if not any(band.running for band in site.bands):
        site.bands[0].start()


def patience(site: Site) -> Duration:
    """Return how long a mended site may take until one host has all, for good."""
    members = [member for band in site.bands for member in band.members]
    longest = site.longest_interval
    down = max(one.settings.master_down(longest) for one in members) + SECOND
    delay = max(one.settings.preempt_delay for one in members)
    pause = max(band.longest_pause() for band in site.bands)
    return Duration((delay + 3 * down + pause) * 11 // 10)


def right_master(site: Site, mended: Instant) -> Band:
    """Return the one host that has all, having checked that no other would take it, or did so often."""
    watch = site.lans[0].watch
    masters = site.whole_masters()
    parts = [band for band in site.bands if any(band.masters) and band.members[0].powered]
    if len(masters) != 1 or parts != masters:
        raise watch.broken("the right master", f"{[band.name for band in masters]} long after all was mended")
    (master,) = masters
    for band in site.bands:
        better = all(
            one.settings.priority > other.settings.priority and one.settings.preempt
            for one, other in zip(band.members, master.members, strict=True)
        )
        if band.fit and better and not any(deferring(member) for member in band.members):
            raise watch.broken("the right master", f"{master.name} although {band.name} is better")
    most = 6 * len(site.bands) * len(site.lans)
    if site.changes_since(mended) > most:
        raise watch.broken("no livelock", f"{site.changes_since(mended)} takeovers since all was mended")
    return master


def deferring(member: Any) -> bool:
    """Say whether a member stepped down for an operator, and lets its successor be."""
    return bool(getattr(member.state, "deferring", False))


def campaign(seed: int) -> Site:
    """Play the scenario of a seed.  Raises AssertionError with the seed and the smallest failing scenario."""
    return played(f"group seed {seed}", scenario(seed), play)

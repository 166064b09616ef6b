"""The rules of weights: what each tracker adds, what is a FAULT, and where the sum is held."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from havip.config.tracking import Tracker, TrackerKind
from havip.messages import TrackResult
from havip.vrrp.tracking import Standing, standing

SCRIPT, FILE, ROUTER = TrackerKind.SCRIPT, TrackerKind.FILE, TrackerKind.ROUTER
GOOD, BAD = (TrackResult(SCRIPT, "web", good, why="exited with 1") for good in (True, False))


def stand(*pairs: tuple[Tracker, TrackResult | None], base: int = 100, **more: int) -> Standing:
    results = {result.key: result for _, result in pairs if result is not None}
    return standing(base, [tracker for tracker, _ in pairs], results, **more)


@pytest.mark.parametrize(
    ("weight", "reverse", "good", "expected"),
    [
        (20, False, True, 120),  # positive: added while good
        (20, False, False, 100),
        (-20, False, True, 100),  # negative: subtracted while bad
        (-20, False, False, 80),
        (20, True, True, 80),  # reverse: the other way round
        (20, True, False, 100),
        (-20, True, True, 100),
        (-20, True, False, 120),
    ],
)
def test_a_weight_counts_while_its_tracker_is_as_it_says(
    weight: int, reverse: bool, good: bool, expected: int
) -> None:
    found = stand((Tracker(SCRIPT, "web", weight, reverse), GOOD if good else BAD))
    assert (found.priority, found.fault) == (expected, None)
    assert [term.adds for term in found.terms] == [expected - 100]


@pytest.mark.parametrize(
    ("reverse", "good", "fault"), [(False, True, 0), (False, False, 1), (True, True, 1), (True, False, 0)]
)
def test_weight_0_puts_the_router_in_fault_while_its_tracker_is_bad(
    reverse: bool, good: bool, fault: int
) -> None:
    found = stand((Tracker(SCRIPT, "web", 0, reverse), GOOD if good else BAD))
    assert found.priority == 100
    assert found.fault == ("script web exited with 1" if fault else None)


def test_weight_0_keeps_the_router_in_fault_until_its_first_result() -> None:
    assert stand((Tracker(SCRIPT, "web"), None)).fault == "script web waits for its first result"


@pytest.mark.parametrize("weight", [20, -20])
def test_a_weight_adds_nothing_before_the_first_result(weight: int) -> None:
    found = stand((Tracker(SCRIPT, "web", weight), None))
    assert (found.priority, found.fault) == (100, None)


@pytest.mark.parametrize(
    ("value", "weight", "reverse", "priority", "fault"),
    [
        (7, 1, False, 107, False),
        (7, -2, False, 86, False),
        (-7, 2, False, 86, False),
        (7, 1, True, 93, False),
        (-253, 1, False, 1, False),
        (-254, 1, False, 1, True),
        (-1, 254, False, 1, True),
        (-2, 127, False, 1, True),
        (500, 1, False, 254, False),
        (0, 0, False, 100, False),
        (3, 0, False, 100, True),
        (0, 0, True, 100, True),
        (3, 0, True, 100, False),
    ],
)
def test_a_file_adds_its_value_times_the_weight(
    value: int, weight: int, reverse: bool, priority: int, fault: bool
) -> None:
    result = TrackResult(FILE, "load", True, value, why=f"holds {value}")
    found = stand((Tracker(FILE, "load", weight, reverse), result))
    assert (found.priority, found.fault) == (priority, f"file load holds {value}" if fault else None)


def test_a_file_that_cannot_be_read_is_a_fault_with_weight_0_and_adds_nothing_with_another() -> None:
    unreadable = TrackResult(FILE, "load", False, 50, why="holds no number")
    assert stand((Tracker(FILE, "load", 0), unreadable)).fault == "file load holds no number"
    assert stand((Tracker(FILE, "load", 0, reverse=True), unreadable)).fault == "file load holds no number"
    weighted = stand((Tracker(FILE, "load", 1), unreadable))
    assert (weighted.priority, weighted.fault) == (100, None)


@pytest.mark.parametrize(
    ("states", "state", "fault"),
    [
        (("MASTER",), "MASTER", False),
        (("MASTER",), "BACKUP", True),
        (("MASTER", "BACKUP"), "BACKUP", False),
        (("FAULT",), "MASTER", True),
    ],
)
def test_another_router_is_good_in_the_states_that_are_asked_for(
    states: tuple[str, ...], state: str, fault: bool
) -> None:
    result = TrackResult(ROUTER, "inside", True, state=state, why=f"is {state}")
    found = stand((Tracker(ROUTER, "inside", states=states), result))
    assert found.fault == (f"router inside is {state}" if fault else None)


def test_weights_add_up_and_the_sum_is_held_between_1_and_254() -> None:
    def trackers(*weights: int) -> list[tuple[Tracker, TrackResult]]:
        return [
            (Tracker(SCRIPT, str(i), weight), TrackResult(SCRIPT, str(i), weight > 0))
            for i, weight in enumerate(weights)
        ]

    assert stand(*trackers(20, 5, -10)).priority == 115
    assert stand(*trackers(200, 200)).priority == 254
    assert stand(*trackers(-99)).priority == 1
    assert stand(*trackers(-253, -253, 253)).priority == 1
    # Held only at the end: what is above counts against what is below.
    assert stand(*trackers(200, 200, -150)).priority == 254
    assert [term.adds for term in stand(*trackers(200, -150)).terms] == [200, -150]


def test_the_owner_of_the_addresses_has_no_weights_but_faults() -> None:
    assert stand((Tracker(SCRIPT, "web", -20), BAD), base=255).priority == 255
    assert stand((Tracker(SCRIPT, "web", -20), BAD), base=255, override=7).priority == 255
    assert stand((Tracker(SCRIPT, "web"), BAD), base=255).fault == "script web exited with 1"


def test_an_operators_priority_takes_the_place_of_the_sum_and_lifts_no_fault() -> None:
    found = stand((Tracker(SCRIPT, "web", -20), BAD), override=180)
    assert found.priority == 180
    assert [term.adds for term in found.terms] == [-20]  # still shown
    assert stand((Tracker(SCRIPT, "web"), BAD), override=180).fault is not None


def test_of_several_faults_the_first_is_told_and_the_others_counted() -> None:
    two = [(Tracker(SCRIPT, name), TrackResult(SCRIPT, name, False, why="failed")) for name in ("a", "b")]
    assert stand(*two).fault == "script a failed, and 1 more"


TRACKERS = st.builds(
    Tracker,
    st.sampled_from((TrackerKind.INTERFACE, SCRIPT, TrackerKind.PROCESS)),
    st.sampled_from("abc"),
    st.integers(-253, 253),
    st.booleans(),
)


@given(st.integers(1, 254), st.lists(TRACKERS), st.dictionaries(st.sampled_from("abc"), st.booleans()))
def test_the_priority_stays_in_its_range_and_only_weight_0_is_a_fault(
    base: int, trackers: list[Tracker], good: dict[str, bool]
) -> None:
    results = {
        tracker.key: TrackResult(tracker.kind, tracker.name, good[tracker.name])
        for tracker in trackers
        if tracker.name in good
    }
    found = standing(base, trackers, results)
    assert 1 <= found.priority <= 254
    assert len(found.terms) == len(trackers)
    if all(tracker.weight for tracker in trackers):
        assert found.fault is None
    if found.fault is None and not any(tracker.weight for tracker in trackers):
        assert found.priority == base

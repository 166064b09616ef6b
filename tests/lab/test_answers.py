"""The arithmetic of loss: which echoes are good, and how long a gap is."""

from __future__ import annotations

from lab.answers import IN_TIME, Answers, Gap
from lab.probe import ANSWERED, SENT, Record

MS = 1_000_000
ONE, TWO = b"\x02\0\0\0\0\x01", b"\x02\0\0\0\0\x02"
LATE = IN_TIME + 1


def told(plan: list[tuple[bytes, int] | None]) -> Answers:
    """Return the answers to echoes sent one a millisecond: by whom and how long after; None is lost."""
    answers = Answers({ONE: "r1", TWO: "r2"})
    for number, outcome in enumerate(plan):
        answers.note(Record(SENT, 4, bytes(6), number, number * MS))
        if outcome is not None:
            mac, after = outcome
            answers.note(Record(ANSWERED, 4, mac, number, number * MS + after))
    return answers


def test_without_a_loss_there_is_no_gap() -> None:
    assert told([(ONE, 100)] * 5).gaps(0, 5 * MS) == []


def test_a_gap_runs_from_the_last_good_answer_to_the_first_one_after_it() -> None:
    answers = told([(ONE, 100), (ONE, 200), None, None, None, (TWO, 300), (TWO, 100)])
    assert answers.gaps(0, 7 * MS) == [Gap(1 * MS + 200, 5 * MS + 300, 3, "r2")]
    assert answers.gaps(0, 7 * MS)[0].length == 4 * MS + 100


def test_a_gap_still_open_ends_where_the_search_ends() -> None:
    assert told([(ONE, 100), None, None]).gaps(0, 9 * MS) == [Gap(100, 9 * MS, 2, "")]


def test_losses_before_the_search_begins_do_not_count() -> None:
    answers = told([None, None, (ONE, 100), None, (ONE, 100)])
    assert answers.gaps(2 * MS, 5 * MS) == [Gap(2 * MS + 100, 4 * MS + 100, 1, "r1")]


def test_a_gap_begun_before_the_search_is_measured_from_there() -> None:
    answers = told([(ONE, 100), None, None, None, (ONE, 100)])
    assert answers.gaps(2 * MS, 5 * MS) == [Gap(2 * MS, 4 * MS + 100, 2, "r1")]


def test_an_answer_that_comes_too_late_is_none() -> None:
    assert told([(ONE, 100), (ONE, LATE), (ONE, 100)]).gaps(0, 3 * MS)[0].lost == 1


def test_a_second_answer_to_one_echo_changes_nothing() -> None:
    answers = told([(ONE, 100)])
    answers.note(Record(ANSWERED, 4, TWO, 0, 500))
    assert answers.answering(1) == "r1"


def test_the_one_who_answers_is_known_by_the_ethernet_address() -> None:
    assert told([(ONE, 100), (TWO, 100), (TWO, 100)]).answering(2) == "r2"


def test_two_who_answer_are_nobody() -> None:
    assert told([(ONE, 100), (TWO, 100), (TWO, 100)]).answering(3) == ""


def test_a_lost_echo_breaks_the_row() -> None:
    assert told([(ONE, 100), None, (ONE, 100)]).answering(3) == ""


def test_an_unknown_ethernet_address_is_a_stranger() -> None:
    assert told([(b"\x02\0\0\0\0\x09", 100)]).answering(1) == "a stranger"


def test_spells_show_who_answered_and_leave_the_gaps_out() -> None:
    answers = told([(ONE, 1), (ONE, 1), None, (TWO, 1), (TWO, 1)])
    assert list(answers.spells(0, 5 * MS)) == [(0, 1 * MS, "r1"), (3 * MS, 4 * MS, "r2")]


def test_silence_is_counted_once_it_is_longer_than_an_echo_may_be_under_way() -> None:
    answers = told([(ONE, 100), None])
    assert answers.silent_for(20 * MS) == 0
    assert answers.silent_for(50 * MS) == 50 * MS

"""What is counted of the runs of a probe."""

from __future__ import annotations

from havip.clock import Instant, milliseconds, seconds
from havip.healthcheck.outcome import Failure, Outcome
from havip.healthcheck.record import Record
from havip.healthreport import CheckReport
from havip.messages import decode, encode

GOOD = Outcome(words="took the connection")
REFUSED = Outcome(Failure.REFUSED, "connection refused")


def test_a_probe_that_never_ran_says_so() -> None:
    assert Record().report(("web",), Instant(5)) == CheckReport(
        names=("web",), words="", failure="", warning="", weight=None, took=0, age=-1,
        passed=0, failed={}, buckets=(0,) * 10, sum=0,
    )  # fmt: skip


def test_runs_are_counted_by_result_and_the_latest_is_kept() -> None:
    record = Record()
    record.ran(GOOD, milliseconds(2), "fine", Instant(10))
    record.ran(REFUSED, milliseconds(1), "connection refused, from 192.0.2.1:80 in 1 ms", Instant(20))
    record.ran(REFUSED, milliseconds(1), "connection refused, from 192.0.2.1:80 in 1 ms", Instant(30))
    report = record.report(("web", "web2"), Instant(34))
    assert report.names == ("web", "web2")
    assert (report.passed, report.failed) == (1, {"refused": 2})
    assert report.words == "connection refused, from 192.0.2.1:80 in 1 ms"
    assert (report.failure, report.took, report.age) == ("refused", 1_000_000, 4)


def test_response_times_of_runs_that_passed_fall_into_buckets_with_their_upper_bounds() -> None:
    record = Record()
    for took in (0, 1_000_000, 1_000_001, 99_000_000, 10_000_000_000, 10_000_000_001):
        record.ran(GOOD, took, "", Instant(0))  # type: ignore[arg-type]
    record.ran(REFUSED, seconds(2), "", Instant(0))
    report = record.report(("web",), Instant(0))
    assert report.buckets == (2, 1, 0, 0, 1, 0, 0, 0, 1, 1)
    assert report.sum == 20_101_000_002


def test_a_warning_and_a_weight_are_those_of_the_latest_run() -> None:
    record = Record()
    record.ran(Outcome(weight=7, warning="the certificate ends in 3 days"), seconds(1), "", Instant(0))
    report = record.report(("web",), Instant(0))
    assert (report.weight, report.warning) == (7, "the certificate ends in 3 days")
    record.ran(GOOD, seconds(1), "", Instant(0))
    report = record.report(("web",), Instant(0))
    assert (report.weight, report.warning) == (None, "")


def test_words_of_a_hostile_server_cannot_steer_a_terminal() -> None:
    record = Record()
    record.ran(REFUSED, seconds(1), "it said \x1b[2J\n" + "x" * 10_000, Instant(0))
    words = record.report(("web",), Instant(0)).words
    assert words.isprintable()
    assert words.startswith("it said \\x1b[2J\\nxxx")
    assert len(words) < 600


def test_a_report_survives_the_way_to_the_supervisor() -> None:
    record = Record()
    record.ran(REFUSED, seconds(1), "refused", Instant(0))
    report = record.report(("web",), Instant(9))
    assert decode(encode(report)) == report

"""Ratios, verdicts and the table."""

from __future__ import annotations

from bench.report import Row, markdown, ninth_decile


def test_ratio_is_havip_s_median_over_keepalived_s() -> None:
    row = Row("x", "us", {"keepalived": [100, 200, 900], "havip": [10, 50, 1000]})

    assert row.ratio == 0.25


def test_an_aim_is_met_up_to_the_ratio_itself() -> None:
    samples = {"keepalived": [100.0], "havip": [50.0]}

    assert Row("x", "us", samples, aim=0.5).verdict == "met"
    assert Row("x", "us", samples, aim=0.49).verdict == "missed"
    assert Row("x", "us", samples).verdict == ""


def test_a_daemon_that_was_not_measured_leaves_no_verdict() -> None:
    assert Row("x", "us", {"keepalived": [100.0], "havip": []}, aim=0.5).verdict == ""
    assert Row("x", "us", {"havip": [100.0]}, aim=0.5).verdict == ""


def test_a_ratio_to_nothing_is_none() -> None:
    assert Row("x", "us", {"keepalived": [0.0], "havip": [1.0]}, aim=0.5).ratio is None


def test_a_single_value_too_early_is_a_fault_whatever_the_median() -> None:
    samples = {"keepalived": [100.0], "havip": [50.0, 60.0, -0.1]}

    assert Row("x", "us", samples, aim=1, least=0).verdict == "too early"
    assert Row("x", "us", {"keepalived": [-1.0], "havip": [0.0]}, aim=1, least=0).verdict == ""


def test_a_limit_judges_havip_alone() -> None:
    assert Row("x", "", {"keepalived": [3.0], "havip": [0.0]}, limit=0).verdict == "met"
    assert Row("x", "", {"keepalived": [3.0], "havip": [1.0]}, limit=0).verdict == "missed"


def test_ninth_decile_is_a_value_that_was_measured() -> None:
    assert ninth_decile([7.0]) == 7
    assert ninth_decile([float(value) for value in range(1, 11)]) == 9
    assert ninth_decile([float(value) for value in range(1, 21)]) == 18


def test_table_has_a_row_with_both_medians_ratio_aim_and_verdict() -> None:
    rows = [
        Row("first", "us", {"keepalived": [1.0, 2.0, 3.0, 4.0, 5.0], "havip": [6.0]}, 1.0, note="how"),
        Row("second", "ms", {"havip": [1234.5]}, note="how"),
    ]

    assert markdown(rows, {"Machine": "2 CPUs"}) == (
        "Machine: 2 CPUs  \n"
        "\n"
        "| what | unit | keepalived (p90) | havip (p90) | havip / keepalived | aim | verdict | n |\n"
        "|---|---|---|---|---|---|---|---|\n"
        "| first [1] | us | 3 (5) | 6 | 2.00 | <= 1 | missed | 5/1 |\n"
        "| second [1] | ms | - | 1234 |  |  |  | 0/1 |\n"
        "\n"
        "1. how\n"
    )

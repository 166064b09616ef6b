"""How each channel words one change: the arguments and lines of keepalived, mail, JSON."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from havip.config.notify import Notify
from havip.services.notify.news import (
    News,
    as_keepalived_says,
    fifo_line,
    mail_body,
    mail_subject,
    programs,
    webhook_body,
)

MASTER = News(7, "router", "VI_1", "MASTER", "MASTER", "BACKUP", 150, "the master fell silent", 1789.5)
GROUP = replace(MASTER, kind="group", name="G", priority=0, serial=8)
ALL = Notify(
    master=("/m",), backup=("/b", "x"), fault=("/f",), stop=("/s",), any=("/any", "arg"),
    master_rx_lower_priority=("/rx",),
)  # fmt: skip


@pytest.mark.parametrize(
    ("news", "line"),
    [
        (MASTER, b'INSTANCE "VI_1" MASTER 150\n'),
        (GROUP, b'GROUP "G" MASTER 0\n'),
        (replace(MASTER, event="MASTER_RX_LOWER_PRI"), b'INSTANCE "VI_1" MASTER_RX_LOWER_PRI 150\n'),
        (replace(MASTER, event="MASTER_PRIORITY", priority=110), b'INSTANCE "VI_1" MASTER_PRIORITY 110\n'),
    ],
)
def test_a_fifo_gets_the_lines_of_keepalived(news: News, line: bytes) -> None:
    assert fifo_line(news) == line


def test_the_program_of_the_state_runs_first_and_the_general_one_gets_four_arguments() -> None:
    assert programs(MASTER, ALL) == (("/m",), ("/any", "arg", "INSTANCE", "VI_1", "MASTER", "150"))
    backup = replace(MASTER, event="BACKUP")
    assert programs(backup, ALL) == (("/b", "x"), ("/any", "arg", "INSTANCE", "VI_1", "BACKUP", "150"))
    assert programs(GROUP, Notify(any=("/any",))) == (("/any", "GROUP", "G", "MASTER", "0"),)
    assert programs(MASTER, Notify(backup=("/b",))) == ()


def test_a_weaker_master_runs_its_own_program_only() -> None:
    assert programs(replace(MASTER, event="MASTER_RX_LOWER_PRI"), ALL) == (("/rx",),)
    assert programs(replace(MASTER, event="MASTER_PRIORITY"), ALL) == ()


def test_a_deleted_router_is_in_fault_for_scripts_that_do_not_know_better() -> None:
    deleted = replace(MASTER, event="DELETED", state="DELETED")
    assert as_keepalived_says(deleted, ALL) == replace(MASTER, event="FAULT", state="FAULT")
    assert programs(as_keepalived_says(deleted, ALL), ALL)[0] == ("/f",)
    knowing = replace(ALL, deleted=("/d",))
    assert as_keepalived_says(deleted, knowing) == deleted
    assert programs(deleted, knowing)[0] == ("/d",)
    assert as_keepalived_says(MASTER, ALL) == MASTER


def test_a_mail_says_what_happened_in_its_subject() -> None:
    assert mail_subject([MASTER], "r1") == "[r1] virtual router VI_1 is MASTER"
    assert mail_subject([GROUP], "r1") == "[r1] sync group G is MASTER"
    back = replace(MASTER, event="BACKUP", state="BACKUP")
    said = "[r1] 3 changes of 2 virtual routers and groups: 1 MASTER, 1 BACKUP"
    assert mail_subject([MASTER, GROUP, back], "r1") == said


def test_a_mail_tells_when_what_and_why() -> None:
    assert mail_body([MASTER, GROUP], "r1", lambda time: f"at {time}", dropped=3) == (
        "at 1789.5  virtual router VI_1: MASTER (before: BACKUP), priority 150\n  the master fell silent\n\n"
        "at 1789.5  sync group G: MASTER (before: BACKUP)\n  the master fell silent\n\n"
        "3 earlier changes are not told: the mail server did not take them in time.\n\n"
        "-- \nhavip on r1\n"
    )


def test_a_webhook_gets_json_with_an_id_of_its_own() -> None:
    assert json.loads(webhook_body(MASTER, "r1", "life")) == {
        "id": "life-7",
        "sequence": 7,
        "host": "r1",
        "kind": "router",
        "name": "VI_1",
        "event": "MASTER",
        "state": "MASTER",
        "previous_state": "BACKUP",
        "priority": 150,
        "why": "the master fell silent",
        "time": 1789.5,
    }
    assert json.loads(webhook_body(replace(MASTER, previous=""), "r1", "life"))["previous_state"] is None

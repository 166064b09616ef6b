"""How each channel words one change: the arguments and lines of keepalived, mail, JSON."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from havip.config.balancing import Programs
from havip.config.notify import About, Notify
from havip.services.notify.news import (
    News,
    as_keepalived_says,
    concerns,
    fifo_line,
    mail_body,
    mail_subject,
    programs,
    webhook_body,
)
from havip.services.notify.scripts import environment

MASTER = News(7, "router", "VI_1", "MASTER", "MASTER", "BACKUP", 150, "the master fell silent", 1789.5)
GROUP = replace(MASTER, kind="group", name="G", priority=0, serial=8)
ALL = Notify(
    master=("/m",), backup=("/b", "x"), fault=("/f",), stop=("/s",), any=("/any", "arg"),
    master_rx_lower_priority=("/rx",),
)  # fmt: skip
SERVICE = News(
    8, "service", "web", "UP", "UP", "DOWN", 0, "the weight 2 is alive", 1789.5, "[192.0.2.1]:tcp:80"
)
SERVER = News(9, "server", "web/a", "DOWN", "DOWN", "UP", 0, "refused", 1789.5,
              "[10.0.0.1]:tcp:80 [192.0.2.1]:tcp:80")  # fmt: skip


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


def test_the_line_of_a_service_or_server_is_keepalived_s_without_its_zero_byte() -> None:
    assert fifo_line(SERVICE) == b"VS [192.0.2.1]:tcp:80 UP\n"
    assert fifo_line(SERVER) == b"RS [10.0.0.1]:tcp:80 [192.0.2.1]:tcp:80 DOWN\n"


def test_a_service_runs_the_program_of_its_state_with_nothing_added() -> None:
    both = Programs(up=("/up", "arg"), down=("/down",))
    assert programs(SERVICE, both) == (("/up", "arg"),)
    assert programs(SERVER, both) == (("/down",),)
    assert programs(SERVER, Programs(up=("/up",))) == ()


def test_a_service_in_fault_is_down_for_scripts_and_readers() -> None:
    fault = replace(SERVICE, event="FAULT", state="FAULT", previous="UP")
    down = replace(SERVICE, event="DOWN", state="DOWN", previous="UP")
    assert as_keepalived_says(fault, Programs()) == down
    assert down.is_new
    assert not as_keepalived_says(replace(fault, previous="DOWN"), Programs()).is_new
    assert not as_keepalived_says(replace(down, previous="FAULT"), Programs()).is_new


def test_a_fifo_is_about_all_or_half_of_it() -> None:
    kinds = ("router", "group", "service", "server")
    assert [concerns(About.ALL, kind) for kind in kinds] == [True, True, True, True]
    assert [concerns(About.ROUTERS, kind) for kind in kinds] == [True, True, False, False]
    assert [concerns(About.SERVICES, kind) for kind in kinds] == [False, False, True, True]


def test_a_mail_about_services_says_so() -> None:
    assert mail_subject([SERVICE], "r1") == "[r1] virtual service web is UP"
    assert mail_subject([SERVER], "r1") == "[r1] real server web/a is DOWN"
    assert mail_subject([SERVICE, SERVER], "r1") == "[r1] 2 changes of 2 services and servers: 1 UP, 1 DOWN"
    said = "[r1] 2 changes of 2 routers, groups, services and servers: 1 MASTER, 1 DOWN"
    assert mail_subject([MASTER, SERVER], "r1") == said
    assert mail_body([SERVER], "r1", lambda time: f"at {time}") == (
        "at 1789.5  real server web/a: DOWN (before: UP)\n  refused\n\n-- \nhavip on r1\n"
    )


def test_a_webhook_tells_the_parts_of_a_servers_name_and_its_endpoint() -> None:
    told = json.loads(webhook_body(SERVER, "r1", "life"))
    assert {key: told[key] for key in ("kind", "name", "event", "service", "server", "endpoint")} == {
        "kind": "server",
        "name": "web/a",
        "event": "DOWN",
        "service": "web",
        "server": "a",
        "endpoint": "[10.0.0.1]:tcp:80 [192.0.2.1]:tcp:80",
    }
    told = json.loads(webhook_body(replace(SERVICE, name="a/b"), "r1", "life"))
    assert (told["service"], told["server"]) == ("a/b", None)


def test_a_script_finds_the_service_and_the_server_in_its_environment() -> None:
    found = environment(SERVER)
    assert (found["HAVIP_SERVICE"], found["HAVIP_SERVER"], found["HAVIP_STATE"]) == ("web", "a", "DOWN")
    assert found["HAVIP_ENDPOINT"] == "[10.0.0.1]:tcp:80 [192.0.2.1]:tcp:80"
    assert "HAVIP_SERVER" not in environment(SERVICE)
    assert "HAVIP_SERVICE" not in environment(MASTER)

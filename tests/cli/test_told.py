"""The lines of `havip status` about notifications."""

from __future__ import annotations

from havip.cli.told import metrics_words, snmp_words, told_words

IDLE = {"queued": 0, "running": 0, "done": 0, "failed": 0, "dropped": 0, "last": None}
FIFO = {"path": "/run/events", "queued": 0, "written": 0, "dropped": 0, "trouble": None}


def test_channels_that_have_done_nothing_are_not_shown() -> None:
    assert list(told_words({})) == []
    idle = {"scripts": IDLE, "mail": None, "fifos": [FIFO], "webhooks": [{"url": "http://h", **IDLE}]}
    assert list(told_words(idle)) == []


def test_failures_show_what_came_of_the_last_attempt() -> None:
    last = {"name": "gateway", "event": "MASTER", "result": "ended with exit code 3"}
    section = {
        "scripts": IDLE | {"done": 4, "failed": 1, "last": last},
        "mail": IDLE | {"done": 2, "last": {"result": "sent"}},
        "fifos": [FIFO | {"written": 7, "trouble": "nobody reads it"}],
        "webhooks": [{"url": "http://h", **IDLE, "queued": 1, "running": 1}],
    }
    assert list(told_words(section)) == [
        ["scripts", "done 4", "failed 1", "last: ended with exit code 3"],
        ["mail", "done 2"],
        ["/run/events", "written 7", "nobody reads it"],
        ["http://h", "queued 1", "running 1"],
    ]


def test_the_session_with_the_snmp_agent_has_a_line_where_one_is_wanted() -> None:
    assert snmp_words(None) == []
    session = {
        "socket": "/var/agentx/master",
        "connected": True,
        "error": "",
        "refused": [],
        "requests": 0,
        "traps_sent": 3,
        "traps_dropped": 0,
    }
    assert snmp_words(session) == ["/var/agentx/master", "traps sent 3"]
    lost = session | {"connected": False, "error": "no such file", "refused": ["VRRP-MIB"]}
    assert snmp_words(lost) == [
        "/var/agentx/master",
        "NOT CONNECTED",
        "no such file",
        "another agent serves VRRP-MIB",
        "traps sent 3",
    ]


def test_where_metrics_are_served_has_a_line_that_says_why_they_are_not() -> None:
    assert metrics_words(None) == []
    assert metrics_words({"listen": [], "scrapes": {}}) == []
    listen = [{"on": "127.0.0.1:9650", "trouble": None}, {"on": "192.0.2.1:80", "trouble": "Address in use"}]
    assert metrics_words({"listen": listen, "scrapes": {"served": 4, "refused": 0, "cut-off": 1}}) == [
        "127.0.0.1:9650", "192.0.2.1:80 NOT SERVED: Address in use", "served 4", "cut-off 1"
    ]  # fmt: skip

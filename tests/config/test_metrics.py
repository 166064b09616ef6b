"""Where metrics are served: how it is written, what is refused, what a reload says."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from havip.config.metrics import Endpoint, Metrics
from havip.config.plan import plan
from tests.config.reading import complaints, read, router

EXPECTED = 'an address with a port such as "127.0.0.1:9650" or "[::1]:9650", or an absolute path'


def metrics(value: str) -> str:
    """Return a file with ``metrics`` in line 6."""
    return router() + f"metrics: {value}\n"


def test_nobody_can_scrape_unless_it_is_configured() -> None:
    assert read(router()).metrics == Metrics()
    assert read(metrics("{}")).metrics == Metrics()


def test_metrics_are_served_on_addresses_and_on_unix_sockets() -> None:
    text = metrics('{listen: [127.0.0.1:9650, "[2001:db8::1]:80", /run/havip/metrics.sock]}')
    assert read(text).metrics.listen == (
        Endpoint(ip_address("127.0.0.1"), 9650),
        Endpoint(ip_address("2001:db8::1"), 80),
        Endpoint(path="/run/havip/metrics.sock"),
    )
    assert [str(one) for one in read(text).metrics.listen] == [
        "127.0.0.1:9650", "[2001:db8::1]:80", "/run/havip/metrics.sock"
    ]  # fmt: skip


def test_every_address_of_both_families_may_stand_on_one_port() -> None:
    assert len(read(metrics('["0.0.0.0:9650", "[::]:9650"]')).metrics.listen) == 2


@pytest.mark.parametrize(
    "text",
    ["localhost:9650", "127.0.0.1", "9650", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:09",
     "[127.0.0.1]:9650", "224.0.0.1:9650", "127.0.0.256:9650", "[::1%eth0]:9650", "[::1]", "*:9650"],
)  # fmt: skip
def test_what_is_no_place_is_refused_where_it_stands(text: str) -> None:
    found = f'6:20: metrics.listen[0]: expected {EXPECTED}, found "{text}"'
    assert complaints(metrics(f"{{listen: ['{text}']}}")) == [found]


@pytest.mark.parametrize(
    ("listed", "complaint"),
    [
        (
            "[127.0.0.1:9650, 127.0.0.1:9650]",
            '6:27: metrics[1]: expected a place of its own, found "127.0.0.1:9650": '
            "127.0.0.1:9650 in line 6 has it",
        ),
        (
            "['0.0.0.0:9650', 127.0.0.1:9650]",
            '6:27: metrics[1]: expected a place of its own, found "127.0.0.1:9650": '
            "0.0.0.0:9650 in line 6 has it",
        ),
        (
            "[/run/m.sock, 127.0.0.1:9650, /run/m.sock]",
            '6:40: metrics[2]: expected a place of its own, found "/run/m.sock": '
            "/run/m.sock in line 6 has it",
        ),
        (
            "[/run/havip/havip.sock]",
            '6:11: metrics[0]: expected a place of its own, found "/run/havip/havip.sock": '
            "it is the control socket",
        ),
    ],
)  # fmt: skip
def test_a_place_that_another_one_has_is_refused(listed: str, complaint: str) -> None:
    assert complaints(metrics(listed)) == [complaint]


def test_a_reload_says_where_metrics_are_served_from_now_on() -> None:
    before, after = read(router()), read(metrics("[127.0.0.1:9650]"))
    assert plan(before, after).settings == ("metrics.listen: 127.0.0.1:9650 added",)
    assert plan(before, after).restart == ()
    assert plan(after, after).settings == ()

"""docs/configuration.md, health-checks.md and load-balancing.md tell the truth about every key."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import pytest

from havip.cli import check
from havip.config.fields import Field, Group, ListOf, Named, walk
from havip.config.keys import (
    ANNOUNCE,
    CONFIGURATION,
    DAEMON,
    ROUTER,
    balancing,
    balancing_kernel,
    balancing_servers,
    groups,
    health,
    notify,
    tracking,
)
from havip.config.keys.addresses import ADDRESS
from havip.config.keys.authentication import AUTHENTICATION, HMAC, KEY, PASSWORD
from havip.config.keys.cast import MULTICAST, PEER, UNICAST
from havip.config.keys.daemon import CHECKER, DUMPS, SILENCE
from havip.config.keys.devices import IPVLAN, VIRTUAL_MAC
from havip.config.keys.metrics import METRICS
from havip.config.keys.probes_wire import EXPECTED
from havip.config.keys.routing import NEXT_HOP, ROUTE, RULE, STATIC
from havip.config.keys.snmp import SNMP
from havip.config.keys.tls import PASSWORD as TLS_PASSWORD
from havip.config.keys.tls import TLS
from havip.config.kinds import Length, Whole
from havip.config.yamlfile import examine_text

DOCS = Path(__file__).parents[2] / "docs"
BOOK = (DOCS / "configuration.md").read_text()
BOTH = BOOK + (DOCS / "health-checks.md").read_text() + (DOCS / "load-balancing.md").read_text()
ROW = re.compile(r"^\| `(\w+)` \| (.*?) \| (.*?) \| (.*) \|$", re.MULTILINE)


def rows(heading: str) -> dict[str, tuple[str, str]]:
    """Return (value, default) by key from the table below a heading."""
    section = re.split(r"^#+ ", BOTH.partition(f"{heading}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]
    return {key: (value, default) for key, value, default, _ in ROW.findall(section)}


TRACKING = [
    ("### `track`", tracking.TRACK),
    *(
        (f"#### `track.{field.name}`", field.shape.item)
        for field in tracking.TRACK.fields
        if isinstance(field.shape, ListOf) and isinstance(field.shape.item, Group)
    ),
    ("## `scripts`", tracking.SCRIPT),
    ("## `tracked_files`", tracking.TRACKED_FILE),
    ("## `tracked_processes`", tracking.TRACKED_PROCESS),
    ("## `interfaces`", tracking.INTERFACE_DELAYS),
]
#: in docs/health-checks.md: the keys of every check, and those of each kind of probe that has some
HEALTH = [
    ("## Every check", health.CHECK),
    *(
        (f"### `{field.name}`", field.shape)
        for field in health.CHECK.fields
        if isinstance(field.shape, Group) and field.shape.fields
    ),
    ("#### `expect` of `tcp`", EXPECTED),
    ("### `tls`", TLS),
    ("### `password` and `key_password`", TLS_PASSWORD),
]
#: in docs/load-balancing.md
BALANCING = [
    ("## A virtual service", balancing.VIRTUAL_SERVICE),
    ("### `servers`", balancing_servers.SERVER),
    ("### `forwarding`", balancing_servers.FORWARDING),
    ("### `persistence`", balancing.PERSISTENCE),
    ("### `sorry_server`", balancing_servers.SORRY_SERVER),
    ("### `notify` of a virtual service", balancing_servers.PROGRAMS),
    ("## A service group", balancing_kernel.SERVICE_GROUP),
    ("### `addresses` of a group", balancing_kernel.GROUP_ADDRESS),
    ("### `fwmarks` of a group", balancing_kernel.GROUP_MARK),
    ("## IPVS as a whole", balancing_kernel.LOAD_BALANCER.shape),
    ("### `timeouts`", balancing_kernel.TIMEOUTS),
    ("### `sync_daemon`", balancing_kernel.SYNC_DAEMON),
]
TABLES = [
    ("## `virtual_routers`", ROUTER),
    ("### `addresses`", ADDRESS),
    ("### `routes`", ROUTE),
    ("#### `next_hops`", NEXT_HOP),
    ("### `rules`", RULE),
    ("## `static`", STATIC),
    ("### `announce`", ANNOUNCE),
    ("### `unicast`", UNICAST),
    ("#### `peers`", PEER),
    ("### `multicast`", MULTICAST),
    ("### `virtual_mac`", VIRTUAL_MAC),
    ("### `ipvlan`", IPVLAN),
    ("## `sync_groups`", groups.SYNC_GROUP),
    ("### `notify` of a virtual router", notify.NOTIFY),
    ("## `notify`", notify.CHANNELS),
    ("### `fifos`", notify.FIFO),
    ("### `mail`", notify.MAIL),
    ("### `webhooks`", notify.WEBHOOK),
    ("#### `password` and `authorization`", notify.SECRET),
    ("## `snmp`", SNMP),
    ("## `metrics`", METRICS.shape),
    ("## `daemon`", DAEMON),
    ("### `checker`", CHECKER),
    ("### `checker_silence`", SILENCE),
    ("### `dumps`", DUMPS),
    *TRACKING,
    *HEALTH,
    *BALANCING,
    ("### `hmac`", HMAC),
    ("#### `keys`", KEY),
    ("### `authentication`", AUTHENTICATION),
    ("#### `password`", PASSWORD),
]


@pytest.mark.parametrize(("heading", "group"), TABLES)
def test_every_key_has_its_row_and_no_row_lacks_its_key(heading: str, group: Group) -> None:
    assert list(rows(heading)) == [field.name for field in group.fields]


def test_every_key_of_the_table_is_in_one_of_the_books_tables() -> None:
    in_tables = {id(field) for _, group in TABLES for field in group.fields}
    rest = [path for path, _, field in walk(CONFIGURATION) if id(field) not in in_tables]
    assert [path for path in rest if "." in path] == []
    assert all(f"\n## `{path}`\n" in BOOK for path in rest)


def test_every_section_is_among_the_contents() -> None:
    contents, rest = BOOK.partition("## Contents\n")[2].split("\n## Values\n")
    prose = re.sub(r"^```.*?^```$", "", rest, flags=re.MULTILINE | re.DOTALL)
    headings = ["Values", *re.findall(r"^#{2,3} (.+)$", prose, re.MULTILINE)]
    anchors = [heading.replace("`", "").replace(" ", "-").lower() for heading in headings]
    assert sorted(re.findall(r"\(#([\w-]+)\)", contents)) == sorted(anchors)


CASES = [
    pytest.param(heading, group, field, id=f"{heading.strip('# `')}.{field.name}")
    for heading, group in TABLES
    for field in group.fields
]


@pytest.mark.parametrize(("heading", "group", "field"), CASES)
def test_the_book_gives_the_true_default(heading: str, group: Group, field: Field) -> None:
    _, default = rows(heading)[field.name]
    if field.required or group.needs(field):
        assert default == "required"
    elif group.defaults[field.name] in (None, (), ""):
        assert default == "none"
    elif isinstance(field.shape, Group | Named | ListOf):
        assert default == "see below"
    else:
        value = field.shape.written(group.defaults[field.name])
        assert default == f"`{str(value).lower() if isinstance(value, bool) else value}`"


@pytest.mark.parametrize(("heading", "group", "field"), CASES)
def test_the_book_gives_the_true_range(heading: str, group: Group, field: Field) -> None:
    value, _ = rows(heading)[field.name]
    if isinstance(field.shape, Whole):
        assert value == f"{field.shape.least} to {field.shape.most}"
    elif isinstance(field.shape, Length) and field.name != "interval":
        assert f"a length of time from {value}" == field.shape.expected


BLOCKS = re.findall(
    r"^```yaml\n(.*?)^```", (DOCS / "load-balancing.md").read_text(), re.MULTILINE | re.DOTALL
)


@pytest.mark.parametrize("block", BLOCKS)
def test_a_configuration_of_the_load_balancers_book_is_one(block: str) -> None:
    problems = examine_text(block, "book").problems
    assert [one for one in problems if "no such file" not in one.message] == []


def test_the_books_sample_of_check_is_what_check_prints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("havip.yaml").write_text(
        "virtual_routers:\n  gateway:\n    interface: eth0\n    vrid: 51\n    priorty: 150\n"
        "    addresses: [192.0.2.1/24]\n"
    )
    parser = argparse.ArgumentParser()
    check.add_arguments(parser)
    assert check.run(parser.parse_args(["-c", "havip.yaml"])) == 1
    assert f"```\n$ havip check -c havip.yaml\n{capsys.readouterr().err}```\n" in BOOK

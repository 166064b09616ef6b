"""Every file of the project obeys the house rules, and every rule bites."""

from __future__ import annotations

import json
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from tests import house_rules
from tests.house_rules import EVERYWHERE, IN_THE_PRODUCT, PURE, ROOT, Rule, Source, module_of, within

PRODUCT = sorted((ROOT / "havip").rglob("*.py"))
AROUND = sorted(path for tree in ("bench", "lab", "tests", "vagrant") for path in (ROOT / tree).rglob("*.py"))


def offences(path: Path, rules: tuple[Rule, ...]) -> list[str]:
    """Return every offence of one file, as path:line: what."""
    source = Source.read(path)
    where = path.relative_to(ROOT)
    return [f"{where}:{line}: {what}" for rule in rules for line, what in rule(source)]


@pytest.mark.parametrize("path", PRODUCT, ids=lambda path: str(path.relative_to(ROOT)))
def test_product_obeys_every_rule(path: Path) -> None:
    assert offences(path, EVERYWHERE + IN_THE_PRODUCT) == []


@pytest.mark.parametrize("path", AROUND, ids=lambda path: str(path.relative_to(ROOT)))
def test_tests_lab_and_bench_obey_the_rules_for_every_file(path: Path) -> None:
    assert offences(path, EVERYWHERE) == []


def test_every_pure_module_exists() -> None:
    modules = {Source.read(path).module for path in PRODUCT}
    assert PURE - modules == set()


def test_no_module_imports_itself_through_others() -> None:
    sources = [Source.read(path) for path in PRODUCT]
    graph = {
        source.module: {module_of(name) for _, name in source.imports if within(name, "havip")}
        for source in sources
    }
    TopologicalSorter(graph).prepare()  # raises CycleError


def test_worker_runs_without_site_packages_and_imports_nothing_that_waits() -> None:
    # As the supervisor starts it: isolated, without site-packages.
    code = (
        f"import sys; sys.path.append({str(ROOT)!r}); import havip.vrrp.worker, json;"
        "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    imported = set(json.loads(done.stdout))
    assert not imported & house_rules.TOO_HEAVY_FOR_THE_WORKER
    assert {name for name in imported if name not in sys.stdlib_module_names} <= {"havip", "__main__"}


# --- every rule bites

BAD: list[tuple[Rule, str, str]] = [
    (house_rules.pure_stays_pure, "havip.vrrp.machine", "import socket"),
    (house_rules.pure_stays_pure, "havip.vrrp.machine", "import time"),
    (house_rules.pure_stays_pure, "havip.vrrp.machine", "import yaml"),
    (house_rules.pure_stays_pure, "havip.vrrp.machine", "from havip.vrrp.kernel import Kernel"),
    (house_rules.pure_stays_pure, "havip.vrrp.machine", "from havip.vrrp import sockets"),
    (house_rules.pure_stays_pure, "havip.vrrp.machine", "def f():\n    from havip import process"),
    (house_rules.worker_stays_light, "havip.vrrp.kernel", "import pyroute2"),
    (house_rules.worker_stays_light, "havip.vrrp.worker", "import asyncio"),
    (house_rules.worker_stays_light, "havip.process", "import subprocess"),
    (house_rules.worker_stays_light, "havip.netlink.socket", "from havip.config.yamlfile import load"),
    (house_rules.worker_stays_light, "havip.channel", "from havip import journal"),
    (house_rules.imports_run_one_way, "havip.vrrp.port", "from havip.vrrp.worker import main"),
    (house_rules.imports_run_one_way, "havip.vrrp.port", "from havip.vrrp import router"),
    (house_rules.imports_run_one_way, "havip.workers", "import havip.supervisor"),
    (house_rules.imports_run_one_way, "havip.supervisor", "from havip.cli.status import age"),
    (house_rules.imports_run_one_way, "havip.vrrp.worker", "from havip.healthcheck import verdict"),
    (house_rules.imports_run_one_way, "havip.ipvs.plan", "from havip.vrrp.packet import Advert"),
    (house_rules.imports_run_one_way, "havip.healthcheck.checks", "import havip.ipvs.kernel"),
    (house_rules.scapy_stays_outside, "havip.cli.status", "from scapy.layers.vrrp import VRRP"),
    (house_rules.scapy_stays_outside, "havip.vrrp.packet", "import scapy"),
    (house_rules.time_is_told, "havip.supervisor", "import time\nnow = time.monotonic()"),
    (house_rules.time_is_told, "havip.supervisor", "from time import time_ns as t\nnow = t()"),
    (house_rules.time_is_told, "havip.supervisor", "import time as t\nread = t.perf_counter"),
    (house_rules.time_is_told, "havip.supervisor", "from datetime import datetime\ndatetime.now()"),
    (house_rules.time_is_told, "havip.supervisor", "import datetime\ndatetime.date.today()"),
    (house_rules.time_is_told, "havip.vrrp.machine", "from havip.clock import monotonic\nmonotonic()"),
    (house_rules.time_is_told, "havip.vrrp.machine", "from havip import clock\nnow = clock.wall()"),
    (house_rules.time_is_told, "havip.vrrp.machine", "from havip import clock\nclock.pause(5)"),
    (house_rules.time_is_told, "havip.vrrp.worker", "import time\ntime.sleep(1)"),
    (house_rules.cancellations_are_heard, "havip.cli", "import asyncio\nx = asyncio.wait_for(y, 1)"),
    (house_rules.cancellations_are_heard, "havip.cli", "from asyncio import wait_for as w\nx = w(y, 1)"),
    (house_rules.priorities_meet_in_the_election, "havip.vrrp.machine", "a.priority > b.priority"),
    (house_rules.priorities_meet_in_the_election, "havip.vrrp.packet", "a.priority == b.priority"),
    (house_rules.priorities_meet_in_the_election, "havip.vrrp.router", "if priority >= 100: pass"),
    (house_rules.priorities_meet_in_the_election, "havip.vrrp.router", "x = 0 < us.effective_priority"),
    (house_rules.priorities_meet_in_the_election, "havip.cli.status", "max(r.priority for r in routers)"),
    (house_rules.priorities_meet_in_the_election, "lab.story", "sorted(rs, key=lambda r: r.priority)"),
    (house_rules.files_stay_short, "havip.x", "pass\n" * 401),
    (house_rules.functions_stay_short, "havip.x", "def f():\n" + "    pass\n" * 50),
    (house_rules.files_say_what_they_own, "havip.x", "import os"),
    (house_rules.public_names_are_documented, "havip.x", "def f(): pass"),
    (house_rules.public_names_are_documented, "havip.x", "async def f(): pass"),
    (house_rules.public_names_are_documented, "havip.x", "class C:\n    '''Fact.'''\n    def f(self): pass"),
    (house_rules.public_names_are_documented, "havip.x", "class C: pass"),
    (house_rules.nothing_is_left_unfinished, "havip.x", "# TO" + "DO: the rest"),
    (house_rules.nothing_is_left_unfinished, "havip.x", "raise NotImplemented" + "Error"),
    (house_rules.no_test_looks_away, "tests.x", "import pytest\npytest.skip('later')"),
    (house_rules.no_test_looks_away, "tests.x", "import pytest\n@pytest.mark.xfail\ndef f(): pass"),
    (house_rules.no_test_looks_away, "tests.x", "from pytest import importorskip\nimportorskip('scapy')"),
    (house_rules.no_test_looks_away, "tests.x", "import unittest\n@unittest.skip('no')\ndef f(): pass"),
]

TYPES_ONLY = (
    "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from havip.vrrp.sockets import AdvertSender"
)

GOOD: list[tuple[Rule, str, str]] = [
    (house_rules.pure_stays_pure, "havip.vrrp.machine", "from havip.vrrp import election\nimport struct"),
    (house_rules.pure_stays_pure, "havip.vrrp.machine", "from havip.vrrp.packet import Advert"),
    (house_rules.pure_stays_pure, "havip.vrrp.kernel", "import socket"),
    (house_rules.pure_stays_pure, "havip.vrrp.packet", TYPES_ONLY),
    (house_rules.worker_stays_light, "havip.vrrp.worker", "import select\nfrom havip import process"),
    (house_rules.worker_stays_light, "havip.supervisor", "import asyncio\nimport yaml"),
    (house_rules.imports_run_one_way, "havip.supervisor", "from havip.workers import VrrpWorker"),
    (house_rules.imports_run_one_way, "havip.vrrp.worker", "from havip.vrrp.engine import Engine"),
    (house_rules.scapy_stays_outside, "havip.cli.decode", "import scapy"),
    (house_rules.scapy_stays_outside, "tests.vrrp.test_packet", "import scapy"),
    (house_rules.time_is_told, "havip.vrrp.worker", "from havip.clock import monotonic\nmonotonic()"),
    (house_rules.cancellations_are_heard, "havip.cli", "import asyncio\nx = asyncio.timeout(1)"),
    (house_rules.cancellations_are_heard, "havip.cli", "x = events.wait_for(y, 1)"),
    (house_rules.time_is_told, "havip.vrrp.machine", "def f(now, time):\n    return now + time.monotonic"),
    (house_rules.priorities_meet_in_the_election, "havip.vrrp.election", "a.priority > b.priority"),
    (house_rules.priorities_meet_in_the_election, "havip.vrrp.machine", "advert.priority == 0"),
    (house_rules.priorities_meet_in_the_election, "havip.cli.status", "r.priority == r.effective_priority"),
    (house_rules.files_stay_short, "havip.x", "pass\n" * 400),
    (house_rules.functions_stay_short, "havip.x", "def f():\n" + "    pass\n" * 49),
    (house_rules.public_names_are_documented, "havip.x", "def _f(): pass\nclass _C:\n    def g(self): pass"),
    (house_rules.no_test_looks_away, "tests.x", "body.skip(4)"),
]


def naming(case: object) -> str | None:
    """Name a rule by its function in test ids."""
    return getattr(case, "__name__", None)


@pytest.mark.parametrize(("rule", "module", "text"), BAD, ids=naming)
def test_rule_bites(rule: Rule, module: str, text: str) -> None:
    assert list(rule(Source.of(module, text)))


@pytest.mark.parametrize(("rule", "module", "text"), GOOD, ids=naming)
def test_rule_lets_what_is_right_pass(rule: Rule, module: str, text: str) -> None:
    assert list(rule(Source.of(module, text))) == []


def test_every_rule_is_shown_to_bite() -> None:
    assert {rule for rule, _, _ in BAD} == set(EVERYWHERE + IN_THE_PRODUCT)


def test_an_imported_name_belongs_to_the_nearest_module() -> None:
    assert module_of("havip.vrrp.packet.Advert") == "havip.vrrp.packet"
    assert module_of("havip.vrrp.packet") == "havip.vrrp.packet"
    assert module_of("havip.__version__") == "havip"
    assert module_of("havip.cli") == "havip.cli"

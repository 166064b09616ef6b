"""Real daemons tell of real failovers: the exact arguments and lines, in order, and nothing twice."""

from __future__ import annotations

import json
import os
import signal
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.daemon.conftest import Lan
from tests.daemon.running import Daemon, configuration, router
from tests.daemon.telling import Fifo, Recorder

pytestmark = pytest.mark.root


class Told:
    """A daemon on one host, its FIFO, and the script that it runs."""

    def __init__(self, folder: Path, **routers: str) -> None:
        folder.mkdir()
        self.folder = folder
        self.fifo = Fifo(folder / "fifo")
        self.recorder = Recorder(folder)
        self.text = f"notify: {{fifos: [{{path: {self.fifo.path}, on_reload: true}}]}}\n" + configuration(
            **routers
        )


def told_router(folder: Path, priority: int, vrid: int = 51, **more: object) -> str:
    """Return a router of which every change is recorded."""
    record = str(folder / "record")
    notify = {event: f"{record} {event}" for event in ("master", "backup", "fault", "stop", "any")}
    return router(vrid, priority=priority, notify=notify | dict(more))


def test_both_hosts_tell_a_failover_in_order_and_stop_programs_run_at_the_end(lan: Lan, folder: Path) -> None:
    with ExitStack() as stack:
        told, daemons = [], []
        for host, priority in ((lan.r1, 150), (lan.r2, 100)):
            own = folder / host.name
            told.append(Told(own, gateway=told_router(own, priority)))
            daemons.append(stack.enter_context(Daemon(host, own, told[-1].text)))
            told[-1].fifo.wait_for(
                f'INSTANCE "gateway" {"MASTER" if priority == 150 else "BACKUP"} {priority}'
            )
        assert daemons[0].stop() == 0
        told[1].fifo.wait_for('INSTANCE "gateway" MASTER 100')
        daemons[0].start()
        told[1].fifo.wait_for('INSTANCE "gateway" BACKUP 100')
        told[0].fifo.wait_for('INSTANCE "gateway" MASTER_RX_LOWER_PRI 150')  # r2's last word as MASTER
        for daemon in reversed(daemons):
            assert daemon.stop() == 0
        told[0].fifo.wait_for('INSTANCE "gateway" STOP 150')
        told[1].fifo.wait_for('INSTANCE "gateway" STOP 100')
    states = (
        ("BACKUP", "MASTER", "STOP", "BACKUP", "MASTER", "STOP"),
        ("BACKUP", "MASTER", "BACKUP", "STOP"),
    )
    for one, priority, expected in zip(told, (150, 100), states, strict=True):
        lines = [line for line in one.fifo.lines if "RX_LOWER" not in line]
        assert lines == [f'INSTANCE "gateway" {state} {priority}' for state in expected]
        assert one.recorder.runs == [
            line for state in expected for line in (state.lower(), f"any INSTANCE gateway {state} {priority}")
        ]
        one.fifo.close()


def test_nothing_is_told_twice_but_to_a_fifo_that_wants_it(lan: Lan, folder: Path) -> None:
    own = folder / "r1"
    told = Told(own, gateway=told_router(own, 150).replace("interval: 100ms", "interval: 1s"))
    with Daemon(lan.r1, own, told.text) as daemon:
        told.fifo.wait_for('INSTANCE "gateway" MASTER 150')
        os.kill(daemon.worker(), signal.SIGKILL)
        daemon.wait_for("gateway: MASTER: resumed")
        daemon.client.reload()
        told.fifo.wait_for('INSTANCE "gateway" MASTER 150')
        assert daemon.stop() == 0
    assert told.fifo.lines == [
        'INSTANCE "gateway" BACKUP 150',
        'INSTANCE "gateway" MASTER 150',
        'INSTANCE "gateway" MASTER 150',  # the reload
    ]
    assert [run for run in told.recorder.runs if run.startswith("any")] == [
        f"any INSTANCE gateway {state} 150" for state in ("BACKUP", "MASTER", "STOP")
    ]
    told.fifo.close()


def test_a_link_that_fails_and_a_router_that_is_deleted_are_told(lan: Lan, folder: Path) -> None:
    own = folder / "r1"
    deleted = {"deleted": f"{own}/record deleted"}
    both = {
        "gateway": told_router(own, 150),
        "far": told_router(own, 100, 52, **deleted).replace("10.77.0.100", "10.77.0.101"),
        "near": told_router(own, 100, 53).replace("10.77.0.100", "10.77.0.102"),
    }
    told = Told(own, **both)
    with Daemon(lan.r1, own, told.text) as daemon:
        told.fifo.wait_for('INSTANCE "near" MASTER 100')
        lan.r1.run("ip", "link", "set", "eth0", "down")
        told.fifo.wait_for('INSTANCE "gateway" FAULT 150')
        lan.r1.run("ip", "link", "set", "eth0", "up")
        told.fifo.wait_for('INSTANCE "near" MASTER 100')
        head = f"notify: {{fifos: [{told.fifo.path}]}}\n"
        daemon.configure(head + configuration(gateway=both["gateway"]))
        daemon.client.reload()
        told.fifo.wait_for('INSTANCE "near" FAULT 100')  # as keepalived says of one that is gone
        assert 'INSTANCE "far" DELETED 100' in told.fifo.lines
        notifications = json.loads(json.dumps(daemon.client.status().notifications))
        assert notifications["fifos"][0]["dropped"] == 0
        assert notifications["scripts"]["failed"] == 0
        assert daemon.stop() == 0
    for name in ("gateway", "far", "near"):
        runs = [run.split()[-2] for run in told.recorder.runs if f" INSTANCE {name} " in f" {run} "]
        last = {"gateway": "STOP", "far": "DELETED", "near": "FAULT"}[name]
        assert runs == ["BACKUP", "MASTER", "FAULT", "BACKUP", "MASTER", last]
    assert told.recorder.runs.count("deleted") == 1
    told.fifo.close()


def test_a_sync_group_tells_its_own_changes_after_those_of_its_members(lan: Lan, folder: Path) -> None:
    own = folder / "r1"
    told = Told(
        own,
        inside=told_router(own, 150),
        outside=told_router(own, 100, 52).replace("10.77.0.100", "10.77.0.101"),
    )
    group = f"sync_groups: {{edge: {{members: [inside, outside], notify: {{any: {own}/record}}}}}}\n"
    with Daemon(lan.r1, own, told.text + group) as daemon:
        told.fifo.wait_for('GROUP "edge" MASTER 0')
        members = {'INSTANCE "inside" MASTER 150', 'INSTANCE "outside" MASTER 100'}
        assert members <= set(told.fifo.lines)
        assert daemon.stop() == 0
        told.fifo.wait_for('GROUP "edge" STOP 0')
    assert [run for run in told.recorder.runs if run.startswith("GROUP")] == [
        "GROUP edge BACKUP 0", "GROUP edge MASTER 0", "GROUP edge STOP 0",
    ]  # fmt: skip
    told.fifo.close()


def test_programs_run_before_the_first_and_after_the_last(lan: Lan, folder: Path) -> None:
    own = folder / "r1"
    told = Told(own, gateway=told_router(own, 150))
    around = f"startup: {own}/record startup, shutdown: {own}/record shutdown"
    with Daemon(lan.r1, own, told.text.replace("notify: {fifos", f"notify: {{{around}, fifos", 1)) as daemon:
        told.fifo.wait_for('INSTANCE "gateway" MASTER 150')
        assert daemon.stop() == 0
    assert told.recorder.runs[0] == "startup"
    assert told.recorder.runs[-1] == "shutdown"
    told.fifo.close()

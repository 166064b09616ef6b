"""A notify script and a FIFO reader that were written for keepalived hear the same from havip."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from bench.daemons import Daemon, Havip, Keepalived
from tests.daemon.telling import Fifo, Recorder
from tests.interop.lan import V3, Lan

pytestmark = pytest.mark.root


class NotifyingKeepalived(Keepalived):
    """keepalived with every notify script and a FIFO, all of them in ``directory``."""

    def configuration(self) -> str:
        record, fifo = self.directory / "record", self.directory / "fifo"
        scripts = "".join(
            f'    notify_{state} "{record} {state}"\n' for state in ("master", "backup", "fault", "stop")
        )
        text = super().configuration()
        text = text.replace(
            "global_defs {", f"global_defs {{\n    script_user root\n    vrrp_notify_fifo {fifo}"
        )
        text = text.replace(
            "    interface eth0\n", f'    interface eth0\n{scripts}    notify "{record} any"\n'
        )
        return text + f'vrrp_sync_group edge {{\n    group {{ gateway }}\n    notify "{record} any"\n}}\n'


class NotifyingHavip(Havip):
    """havip with the same."""

    def configuration(self) -> str:
        record = self.directory / "record"
        document: dict[str, Any] = yaml.safe_load(super().configuration())
        events = ("master", "backup", "fault", "stop", "any")
        document["defaults"] = {"notify": {event: f"{record} {event}" for event in events}}
        document["notify"] = {"fifos": [str(self.directory / "fifo")]}
        group = {"members": ["gateway"], "notify": {"any": f"{record} any"}}
        return yaml.safe_dump(document | {"sync_groups": {"edge": group}}, sort_keys=False)


def life_of(lan: Lan, kind: type[Daemon], place: str) -> tuple[list[str], list[str]]:
    """Let a daemon become MASTER, lose its link, get it back and stop; return the lines and the runs."""
    player = lan.player(kind, place, V3.router(150))
    directory: Path = player.daemon.directory
    fifo, recorder = Fifo(directory / "fifo"), Recorder(directory)
    player.start()
    fifo.wait_for('INSTANCE "gateway" MASTER 150')
    player.host.run("ip", "link", "set", "eth0", "down")
    fifo.wait_for('INSTANCE "gateway" FAULT 150')
    player.host.run("ip", "link", "set", "eth0", "up")
    fifo.wait_for('INSTANCE "gateway" MASTER 150')
    assert player.daemon.stop() == 0
    fifo.wait_for('GROUP "edge" STOP 0')
    fifo.close()
    return fifo.lines, recorder.runs


def test_scripts_and_fifo_readers_of_keepalived_hear_the_same_from_havip(lan: Lan) -> None:
    their_lines, their_runs = life_of(lan, NotifyingKeepalived, "r1")
    our_lines, our_runs = life_of(lan, NotifyingHavip, "r2")
    # At the start keepalived tells of a group before its members; from then on, and we always, after them.
    assert sorted(our_lines[:2]) == sorted(their_lines[:2])
    assert our_lines[2:] == their_lines[2:]
    assert our_lines.count('GROUP "edge" MASTER 0') == 2
    assert sorted(our_runs) == sorted(their_runs)  # keepalived starts all of them at once

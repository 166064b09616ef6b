"""`havip check-now` beside a daemon that lives in another network namespace."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.daemon.conftest import Lan
from tests.daemon.running import CHECKOUT, Daemon, configuration, router


def test_a_check_is_run_from_where_the_daemon_runs(lan: Lan, folder: Path) -> None:
    text = (
        f"daemon: {{network_namespace: {lan.r1.namespace}, control_socket: {folder / 'r1.sock'}}}\n"
        + configuration(gw=router())
        + "metrics: ['10.77.0.1:9650']\n"
        + "checks: {web: {tcp: {}, host: 10.77.0.1, port: 9650, interval: 100ms}}\n"
    )
    with Daemon(lan.r1, folder, text) as one:
        one.wait_for("gw: MASTER")
        again = (sys.executable, "-m", "havip", "check-now", "web", "-c", str(one.file))
        found = subprocess.run(again, cwd=CHECKOUT, capture_output=True, text=True, timeout=60)
        assert found.returncode == 0, found.stderr
        lines = found.stdout.splitlines()
        assert lines[0] == f"in the network namespace {lan.r1.namespace}"
        assert lines[1] == "web: tcp 10.77.0.1:9650"
        assert lines[-1].startswith("the daemon's verdict is good for ")

"""Virtual services in a real daemon: who is told of them, in which words, and when the file changes.

Where the kernel has no IPVS the services are in FAULT, which programs and FIFOs know as DOWN.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.daemon.conftest import Lan
from tests.daemon.running import Daemon
from tests.daemon.telling import Fifo, Recorder
from tests.daemon.test_checks import server
from tests.daemon.test_services import judged, services_until, text

pytestmark = pytest.mark.root

WEB2 = "[127.0.0.2]:tcp:1 [10.77.0.100]:tcp:80"


def test_a_fifo_programs_and_the_log_are_told_of_services_and_servers(lan: Lan, folder: Path) -> None:
    fifo, recorder = Fifo(folder / "fifo"), Recorder(folder)
    more = f"""\
    notify: {{up: {recorder.path} up web, down: {recorder.path} down web}}
load_balancer: {{notify_initial: true}}
notify: {{fifos: [{{path: {fifo.path}, about: services}}]}}
"""
    with server(lan.r1) as port:
        said = text(port, more).replace("port: 1}", f"port: 1, notify: {{down: {recorder.path} down web2}}}}")
        with Daemon(lan.r1, folder, said) as daemon:
            daemon.wait_for("running")
            web1 = f"[127.0.0.1]:tcp:{port} [10.77.0.100]:tcp:80"
            state = services_until(daemon, judged).shown[0].state
            lines = {
                f"RS {web1} UP",
                f"RS {WEB2} DOWN",
                f"VS [10.77.0.100]:tcp:80 {'UP' if state == 'UP' else 'DOWN'}",
            }
            fifo.wait_until(lambda: lines <= set(fifo.lines), str(lines))
            daemon.wait_for("server web/web2: DOWN: ")
            daemon.wait_for(f"service web: {state}: ")
            # A reload takes a server away; the other is told of no more.
            count = len(fifo.lines)
            at = said.index("      web1:")
            daemon.configure(said[:at] + said[said.index("      web2:") :])
            daemon.client.reload()
            fifo.wait_until(lambda: f"RS {web1} DOWN" in fifo.lines[count:], "the end of web1")
            assert not [line for line in fifo.lines[count:] if WEB2 in line and line.startswith("RS")]
            assert daemon.stop() == 0
    assert "down web2" in recorder.runs
    assert ("up web" if state == "UP" else "down web") in recorder.runs
    fifo.close()

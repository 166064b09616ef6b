"""The lab as its users run it: what it says, what it leaves, and that it can say no."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import __main__ as program
from lab.daemons import CHECKOUT, Keepalived
from lab.netns import NAMESPACES, Network
from lab.plan import R1

pytestmark = pytest.mark.root

SVG = "{http://www.w3.org/2000/svg}"
#: seconds: far beyond a run, so that a lab that hangs fails
PATIENCE = 240

#: A daemon that drops dead when it should resign: no priority 0, and its addresses stay.
DROPS_DEAD = """\
#!/bin/sh
trap 'kill -KILL 0' TERM
{python} -m havip "$@" &
wait
"""


class Run:
    """One run of the lab, with directories of its own."""

    def __init__(self, base: Path, *options: str) -> None:
        self.out = base / "out"
        self.temporary = base / "tmp"
        self.temporary.mkdir()
        environment = {name: value for name, value in os.environ.items() if name not in ("HOLD", "DAEMON")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "lab", "--out", str(self.out), *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=CHECKOUT,
            env=environment | {"INTERVAL": "100ms", "TMPDIR": str(self.temporary)},
        )
        self._limit = threading.Timer(PATIENCE, self.process.kill)
        self._limit.daemon = True
        self._limit.start()

    def wait(self) -> str:
        """Return all that it prints."""
        said = self.process.communicate(timeout=PATIENCE)[0]
        self._limit.cancel()
        return said

    def wait_for_line(self, text: str) -> None:
        """Return once it has printed a line with this text."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if text in line:
                return
        pytest.fail(f"the lab ended without a line with {text!r}")

    def wait_for_lines(self, *texts: str) -> None:
        """Return once it has printed a line with each of these, in whichever order."""
        assert self.process.stdout is not None
        left = set(texts)
        for line in self.process.stdout:
            left -= {text for text in left if text in line}
            if not left:
                return
        pytest.fail(f"the lab ended without lines with {left}")

    def left_over(self) -> list[str]:
        """Return whatever there still is of it: namespaces, temporary files, processes."""
        stem = f"havip_lab{self.process.pid}-"
        namespaces = [path.name for path in NAMESPACES.iterdir() if path.name.startswith(stem)]
        files = [path.name for path in self.temporary.iterdir()]
        return namespaces + files + processes_with(str(self.out)) + processes_with(str(self.temporary))


def processes_with(text: str) -> list[str]:
    """Return the command lines of the processes that were given this text."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().decode(errors="replace").replace("\0", " ")
        except OSError:  # it has just ended
            continue
        if text in words:
            found.append(words)
    return found


@pytest.fixture
def base(tmp_path: Path) -> Iterator[Path]:
    """Give a directory, and see that no lab that ran in it goes on running."""
    yield tmp_path
    assert processes_with(str(tmp_path)) == []


def texts(picture: ET.Element) -> list[str]:
    return [element.text or "" for element in picture.iter(f"{SVG}text")]


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, str]:
    """Run the lab once, to its end; return what it printed as well."""
    run = Run(tmp_path_factory.mktemp("whole"))
    return run, run.wait()


def test_every_step_of_the_lab_holds(whole_run: tuple[Run, str]) -> None:
    run, said = whole_run
    assert run.process.returncode == 0, said
    assert said.count("held") == 22  # eleven steps, each as it happens and again in the table
    assert "DID NOT HOLD" not in said


def test_a_whole_run_leaves_nothing(whole_run: tuple[Run, str]) -> None:
    assert whole_run[0].left_over() == []


def test_the_picture_shows_every_step_and_every_lane(whole_run: tuple[Run, str]) -> None:
    picture = ET.parse(whole_run[0].out / "timeline.svg").getroot()
    assert picture.tag == f"{SVG}svg"
    shown = texts(picture)
    for lane in ("r1  IPv4", "r1  IPv6", "r2  IPv4", "r2  IPv6", "client  IPv4", "client  IPv6"):
        assert lane in shown
    for number in ("1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11"):
        assert number in shown
    for state in ("MASTER", "BACKUP", "FAULT"):
        assert state in shown
    assert shown.count("held") == 11


def test_a_daemon_that_drops_dead_instead_of_resigning_fails_the_lab(base: Path) -> None:
    script = base / "drops-dead"
    script.write_text(DROPS_DEAD.format(python=sys.executable))
    script.chmod(0o755)
    run = Run(base, "--havip", str(script))
    said = run.wait()
    assert run.process.returncode == 1, said
    assert " 6. r1: the daemon's exit status is -9" in said
    assert "stop r1 gracefully: it resigns" in said
    assert "did not hold" in texts(ET.parse(run.out / "timeline.svg").getroot())
    assert run.left_over() == []


def test_a_daemon_that_does_not_start_fails_the_lab(base: Path) -> None:
    run = Run(base, "--havip", "false")
    said = run.wait()
    assert run.process.returncode == 1, said
    assert "the daemon ended with status 1, before this: r1 serves the client" in said
    assert run.left_over() == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_lab_leaves_nothing(base: Path, number: signal.Signals) -> None:
    run = Run(base)
    run.wait_for_line("r1      IPv4: MASTER")  # everything is up, in the middle of a step
    run.process.send_signal(number)
    said = run.wait()
    assert run.process.returncode == 130, said
    assert "interrupted" in said
    assert run.left_over() == []


def test_a_held_lab_goes_on_until_it_is_interrupted_and_tells_how_to_look_around(base: Path) -> None:
    run = Run(base, "--hold")
    run.wait_for_line("11. ")
    # The routers have been started before they are spoken of: the client may be answered first.
    run.wait_for_lines("Both routers run until Ctrl-C", "tcpdump", "client  IPv4: answered by r1")
    assert run.process.poll() is None
    run.process.send_signal(signal.SIGINT)
    said = run.wait()
    assert run.process.returncode == 0, said
    assert run.left_over() == []


def test_without_root_it_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert program.main([]) == 2
    assert "root" in capsys.readouterr().err


def test_an_interval_that_cannot_be_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        program.main(["--interval", "7ms"])
    assert ended.value.code == 2
    assert "10ms to 40.95s" in capsys.readouterr().err


def test_keepalived_accepts_the_configuration_that_the_lab_writes_for_it(tmp_path: Path) -> None:
    with Network("tlab") as net:
        host = net.host("r1")
        net.plug(host, net.switch("lan"), addresses=R1.addresses)
        daemon = Keepalived(host, R1, 100_000_000, tmp_path, tmp_path)
        daemon.configure(160, with_other=True)
        host.run("keepalived", "--config-test", "-f", daemon.config)

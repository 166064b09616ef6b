"""Programs of the operator's: which are refused in advance, and how each way of running ends."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from havip import programs
from havip.config.commands import Program
from havip.programs import Identity, Outcome, Run, objection, run

NOBODY = Identity(65534, 65534, (65534,))
PATIENCE = 15.0


@pytest.fixture
def folder() -> Iterator[Path]:
    """Return a folder that every user may enter, unlike those of pytest."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def script(folder: Path) -> Callable[..., str]:
    """Return a function that writes an executable shell script and names its path."""

    def write(body: str, name: str = "script", mode: int = 0o755, head: str = "#!/bin/sh\n") -> str:
        path = folder / name
        path.write_text(head + body + "\n")
        path.chmod(mode)
        return str(path)

    return write


def outcome(*words: str, timeout: float = PATIENCE, who: Identity | None = None) -> Outcome:
    return asyncio.run(run(words, who, timeout))


def test_a_program_that_can_run_meets_no_objection(script: Callable[..., str]) -> None:
    assert objection(Program(("/usr/bin/true",))) is None
    assert objection(Program(("/bin/sh", "-c", "exit 1"))) is None  # /bin is a link on merged systems
    assert objection(Program((script("exit 0"),))) is None


@pytest.mark.parametrize(
    ("words", "user", "group", "said"),
    [
        (("/nowhere/script",), "", "", "/nowhere/script: no such file or directory"),
        (("/etc/passwd/script",), "", "", "/etc/passwd/script: not a directory"),
        (("/usr/bin",), "", "", "/usr/bin is not a file"),
        (("/etc/passwd",), "", "", "/etc/passwd is not executable"),
        (("/etc/shadow",), "nobody", "", "/etc/shadow is not executable for user 65534"),
        (("/usr/bin/true",), "nosuchuser", "", 'there is no user "nosuchuser"'),
        (("/usr/bin/true",), "", "nosuchgroup", 'there is no group "nosuchgroup"'),
    ],
)
def test_what_cannot_run_is_refused_with_the_reason(
    words: tuple[str, ...], user: str, group: str, said: str
) -> None:
    assert objection(Program(words, user, group)) == said


def test_a_script_without_a_known_beginning_is_refused(script: Callable[..., str]) -> None:
    # execve(2) would fail with ENOEXEC; keepalived hands such a file to a shell, unasked.
    bare = script("exit 0", "bare", head="")
    assert objection(Program((bare,))) == f"{bare} is neither a compiled program nor does it begin with #!"
    lost = script("", "lost", head="#!/nowhere/python\n")
    assert objection(Program((lost,))) == "its interpreter: /nowhere/python: no such file or directory"
    short = script("", "short", head="#! python\n")
    assert objection(Program((short,))) == f'{short} names its interpreter "python" without an absolute path'


def test_what_others_may_change_is_not_run_as_root(script: Callable[..., str]) -> None:
    open_to_all = script("exit 0", "open", mode=0o777)
    said = f"{open_to_all} can be written by others than root, and the program is to run as root"
    assert objection(Program((open_to_all,))) == said
    assert objection(Program((open_to_all,), "nobody")) is None  # it gets the rights of nobody anyway
    foreign = script("exit 0", "foreign")
    os.chown(foreign, 65534, 0)
    said = f"{foreign} belongs to user 65534, and the program is to run as root"
    assert objection(Program((foreign,))) == said


def test_a_directory_on_the_way_counts_as_well(script: Callable[..., str], folder: Path) -> None:
    (folder / "open").mkdir()
    (folder / "open").chmod(0o777)
    inside = script("exit 0", "open/script")
    said = f"{folder}/open can be written by others than root, and the program is to run as root"
    assert objection(Program((inside,))) == said
    (folder / "link").symlink_to(inside)
    assert objection(Program((f"{folder}/link",))) == said
    (folder / "open").chmod(0o1777)  # as /tmp: nobody can replace what is root's there
    assert objection(Program((inside,))) is None


def test_a_directory_that_the_user_may_not_enter_is_found(script: Callable[..., str], folder: Path) -> None:
    (folder / "private").mkdir(mode=0o700)
    inside = script("exit 0", "private/script")
    assert objection(Program((inside,), "nobody")) == f"{folder}/private may not be searched by user 65534"


def test_links_that_go_round_are_refused(folder: Path) -> None:
    (folder / "a").symlink_to("b")
    (folder / "b").symlink_to("a")
    said = f"{folder}/a leads through too many symbolic links"
    assert objection(Program((f"{folder}/a",))) == said


def test_the_exit_code_and_the_last_line_are_told() -> None:
    assert outcome("/usr/bin/true") == Outcome(0)
    assert outcome("/usr/bin/true").ok
    failed = outcome("/bin/sh", "-c", "echo first >&2; echo 'no route\tto it' >&2; echo >&2; exit 3")
    assert failed == Outcome(3, line="no route to it")
    assert str(failed) == "ended with exit code 3: no route to it"
    assert not failed.ok


def test_a_death_by_signal_is_told_by_name() -> None:
    killed = outcome("/bin/sh", "-c", "kill -SEGV $$")
    assert killed == Outcome(killed_by=signal.SIGSEGV)
    assert str(killed) == "was killed by SIGSEGV"


def test_what_cannot_be_executed_is_an_outcome_and_no_exception(script: Callable[..., str]) -> None:
    assert str(outcome("/nowhere/script")) == "cannot be run: No such file or directory"
    assert str(outcome(script("", head=""))) == "cannot be run: Exec format error"


def test_words_are_handed_over_without_a_shell(folder: Path) -> None:
    out = folder / "out"
    words = ("/bin/sh", "-c", 'printf "<%s>" "$@" > "$0"', str(out), "a b", "$HOME", "*", ";", "")
    assert outcome(*words).ok
    assert out.read_text() == "<a b><$HOME><*><;><>"


def test_another_user_gets_its_own_rights_and_groups(folder: Path) -> None:
    folder.chmod(0o777)  # for the shell's own redirection
    out = folder / "out"
    assert outcome("/bin/sh", "-c", 'id -u > "$0"; id -G >> "$0"', str(out), who=NOBODY).ok
    assert out.read_text() == "65534\n65534\n"
    assert programs.identify("nobody") == NOBODY
    assert programs.identify("") is None


def test_all_groups_of_a_user_are_its_programs_too(folder: Path) -> None:
    folder.chmod(0o777)
    out = folder / "out"
    who = Identity(65534, 65534, (65534, 1, 2))
    assert outcome("/bin/sh", "-c", 'id -G > "$0"', str(out), who=who).ok
    assert set(out.read_text().split()) == {"65534", "1", "2"}


def test_a_program_is_run_by_the_path_that_was_written(folder: Path, script: Callable[..., str]) -> None:
    out, link = folder / "out", folder / "link"
    link.symlink_to(script(f'printf %s "$0" > {out}'))
    assert objection(Program((str(link),))) is None  # a link is no offence
    assert outcome(str(link)).ok
    assert out.read_text() == str(link)  # one program may be several, by its name, as busybox is


def test_the_service_managers_words_are_not_passed_on(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", "/run/systemd/notify")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", "/run/credentials/havip")
    out = folder / "out"
    assert outcome("/bin/sh", "-c", 'env > "$0"', str(out)).ok
    assert "NOTIFY_SOCKET" not in out.read_text()
    assert "CREDENTIALS_DIRECTORY" not in out.read_text()
    assert "PATH=" in out.read_text()


def test_what_does_not_end_in_time_is_ended_with_all_that_it_started(folder: Path) -> None:
    fifo = folder / "alive"
    os.mkfifo(fifo)
    alive = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    body = f"exec 3>{fifo}; sleep 1000 & sleep 1000; true"
    late = outcome("/bin/sh", "-c", body, timeout=0.2)
    assert late == Outcome(killed_by=signal.SIGTERM, timed_out=True)
    assert str(late) == "did not end in time and was killed"
    os.set_blocking(alive, True)
    assert os.read(alive, 1) == b""  # the end of file comes when the last holder has died
    os.close(alive)


def test_sigterm_ignored_is_followed_by_sigkill(folder: Path) -> None:
    ready = folder / "ready"
    stubborn = ("/bin/sh", "-c", "trap '' TERM; : > $0; while :; do sleep 1000; done", str(ready))

    async def main() -> Outcome:
        started = Run(stubborn)
        while not ready.exists():
            await asyncio.sleep(0.01)
        await started.end(0.1)
        return await started.result()

    assert asyncio.run(main()) == Outcome(killed_by=signal.SIGKILL)


def test_what_runs_on_in_the_background_is_left_alone_and_not_waited_for(folder: Path) -> None:
    fifo = folder / "alive"
    os.mkfifo(fifo)
    alive = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    pidfile = folder / "pid"
    body = f"exec 3>{fifo}; sleep 1000 & echo $! > {pidfile}; exit 0"
    assert outcome("/bin/sh", "-c", body).ok  # although the background holds its stderr open
    with pytest.raises(BlockingIOError):
        os.read(alive, 1)
    os.kill(int(pidfile.read_text()), signal.SIGKILL)
    os.close(alive)


def test_a_flood_on_stderr_takes_no_memory_and_hangs_nothing() -> None:
    flood = outcome("/bin/sh", "-c", "yes nonsense | head -c 2700000 >&2; echo last >&2; exit 1")
    assert flood == Outcome(1, line="last")


def test_a_cancelled_run_is_killed_and_reaped() -> None:
    async def main() -> int:
        started = Run(("/bin/sleep", "1000"))
        waiting = asyncio.ensure_future(started.result())
        await asyncio.sleep(0)
        waiting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await waiting
        await started._ended.wait()
        return started.pid

    pid = asyncio.run(main())
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)

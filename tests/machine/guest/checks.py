"""What must be true of havip.service under a real systemd: one function each, run inside the booted machine.

Standard library only, for the machine's own Python.  Each check begins from a MASTER in order and may leave
anything behind.  Nothing is said about time, for the machine is slow: a wait that ends is a check failed.
"""

import json
import os
import re
import signal
import socket
import subprocess
import time
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

OUT = Path("/checks/out")
WIRE = OUT / "wire"
ADDRESS_EVENTS = OUT / "address-events"
CONFIGURATION = Path("/etc/havip/havip.yaml")
VIP = "10.77.0.100"
PATIENCE = 60.0  # seconds
NET_ADMIN_AND_NET_RAW = 1 << 12 | 1 << 13


# --- looking


def run(*words: str, check: bool = True) -> str:
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120)
    assert not check or done.returncode == 0, f"{words}: {done.returncode}: {done.stdout}"
    return done.stdout


def unit(name: str) -> str:
    """Return one property of the unit."""
    return run("systemctl", "show", "havip.service", "--value", "--property", name).strip()


def until(what: str, true: Callable[[], Any]) -> Any:
    """Return what ``true`` returns as soon as that is true."""
    deadline = time.monotonic() + PATIENCE
    while not (found := true()):
        assert time.monotonic() < deadline, f"never {what}"
        time.sleep(0.2)
    return found


def ask(verb: str) -> dict[str, Any]:
    """Ask the daemon itself, without starting another Python."""
    with socket.socket(socket.AF_UNIX) as control, control.makefile("rw") as lines:
        control.connect("/run/havip/havip.sock")
        lines.write(json.dumps({"verb": verb}) + "\n")
        lines.flush()
        answer: dict[str, Any] = json.loads(lines.readline())
    assert answer["ok"], answer
    return answer


def gateway() -> dict[str, Any]:
    router: dict[str, Any]
    (router,) = ask("status")["status"]["virtual_routers"]
    return router


def worker() -> int:
    pid: int = ask("status")["status"]["workers"][0]["pid"]
    return pid


def is_master() -> bool:
    try:
        return str(gateway()["state"]) == "MASTER"
    except (OSError, ValueError):  # not there yet, or about to go
        return False


def addresses() -> str:
    return run("ip", "-o", "address", "show", "dev", "eth1")


class Log:
    """What is added from now on to a growing file, or to what the journal has about the unit."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._before = 0
        self._before = len(self.lines())

    def lines(self) -> list[str]:
        if self._path:
            text = self._path.read_text()
        else:
            run("journalctl", "--sync")
            text = run("journalctl", "-b", "-u", "havip", "-o", "cat")
        return text.splitlines()[self._before :]

    def wait_for(self, pattern: str) -> None:
        until(f"said: {pattern}", lambda: any(re.search(pattern, line) for line in self.lines()))


# --- staging


def provisioned() -> str:
    """Return the configuration as the script wrote it."""
    return (OUT.parent / "provisioned.yaml").read_text()


def in_order() -> str:
    """Return the configuration that checks begin with: the script's, less patient."""
    return provisioned() + "    interval: 300ms\n"


def configure(text: str) -> None:
    CONFIGURATION.unlink(missing_ok=True)
    CONFIGURATION.write_text(text)


def master_in_order() -> None:
    """Have the service run, and as MASTER."""
    if not CONFIGURATION.is_file() or CONFIGURATION.read_text() != in_order():
        configure(in_order())
        run("systemctl", "reload-or-restart", "havip")
    run("systemctl", "start", "havip")
    until("MASTER", is_master)
    assert VIP in addresses()


# --- what must be true


def the_boot_starts_it() -> None:
    """Nobody has asked systemd for it but the link that provisioning made."""
    assert unit("ActiveState") == "active"
    assert unit("UnitFileState") == "enabled"
    until("MASTER", is_master)


def provisioning_again_changes_nothing() -> None:
    main, invocation = unit("MainPID"), unit("InvocationID")
    said = run("/havip/vagrant/provision.sh", "r1", "--vip", "10.77.0.100/24")  # finds eth1 itself
    assert "(nothing needed)" in said, said
    assert (unit("MainPID"), unit("InvocationID")) == (main, invocation)


def provisioning_with_another_address_reloads() -> None:
    main, invocation = unit("MainPID"), unit("InvocationID")
    said = run("/havip/vagrant/provision.sh", "r1", "--vip", "10.77.0.102/24")
    assert "(reload needed)" in said, said
    until("moved", lambda: VIP not in addresses() and "10.77.0.102/24" in addresses())
    assert (unit("MainPID"), unit("InvocationID")) == (main, invocation)


def it_is_active_only_once_it_is_ready() -> None:
    run("systemctl", "stop", "havip")
    text = CONFIGURATION.read_text()
    CONFIGURATION.unlink()
    os.mkfifo(CONFIGURATION)  # the daemon is held up where it reads its configuration
    run("systemctl", "start", "--no-block", "havip")
    with CONFIGURATION.open("w") as reader_is_there:
        assert unit("ActiveState") == "activating"
        assert unit("StatusText") == ""
        reader_is_there.write(text)
    until("active", lambda: unit("ActiveState") == "active")
    assert re.fullmatch("1 virtual routers: 1 (BACKUP|MASTER)", unit("StatusText")), unit("StatusText")


def its_status_text_says_who_is_master() -> None:
    until("told", lambda: unit("StatusText") == "1 virtual routers: 1 MASTER")


def the_journal_has_its_fields() -> None:
    text = run("journalctl", "-b", "HAVIP_ROUTER=gateway", "HAVIP_STATE=MASTER", "-o", "json")
    record = json.loads(text.splitlines()[0])
    assert record["MESSAGE"].startswith("gateway: MASTER: "), record
    assert record["PRIORITY"] == "6", record
    assert record["SYSLOG_IDENTIFIER"] == "havip", record
    assert record["_SYSTEMD_UNIT"] == "havip.service", record


def the_worker_has_real_time_locked_memory_and_two_capabilities() -> None:
    pid = worker()
    assert os.sched_getscheduler(pid) & ~os.SCHED_RESET_ON_FORK == os.SCHED_RR
    assert os.sched_getparam(pid).sched_priority == 50
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    assert int(status["VmLck"].split()[0]) > 0, status
    for name in ("CapEff", "CapPrm", "CapBnd"):
        assert int(status[name], 16) == NET_ADMIN_AND_NET_RAW, (name, status)
    limits = Path(f"/proc/{pid}/limits").read_text()
    assert re.search(r"Max locked memory +unlimited +unlimited", limits), limits
    assert re.search(r"Max realtime priority +99 +99", limits), limits
    journal = run("journalctl", "-b", "-u", "havip", "-p", "warning", "-o", "cat", check=False)
    assert "not granted" not in journal, journal
    assert "not locked" not in journal, journal


def reload_changes_what_changed_and_nothing_else() -> None:
    before, pid, main, wire = gateway(), worker(), unit("MainPID"), Log(WIRE)
    configure(in_order().replace('"10.77.0.100/24"', '"10.77.0.100/24", "10.77.0.101/24"'))
    run("systemctl", "reload", "havip")
    until("added", lambda: "10.77.0.101" in addresses())
    assert unit("ActiveState") == "active"
    assert (worker(), unit("MainPID")) == (pid, main)
    assert (gateway()["state"], gateway()["since"]) == ("MASTER", before["since"])
    assert VIP in addresses()
    until("an advert", wire.lines)
    assert set(wire.lines()) == {"150"}


def reload_of_a_bad_file_fails_and_says_why() -> None:
    before, journal = gateway(), Log()
    configure(in_order().replace("priority: 150", "priority: 300"))
    done = subprocess.run(["systemctl", "reload", "havip"], capture_output=True, text=True, timeout=120)
    assert done.returncode != 0
    journal.wait_for(r"/etc/havip/havip.yaml:\d+:\d+: virtual_routers.gateway.priority: ")
    assert unit("ActiveState") == "active"
    assert (gateway()["state"], gateway()["since"]) == ("MASTER", before["since"])


def a_killed_worker_comes_back() -> None:
    pid, main, journal = worker(), unit("MainPID"), Log()
    os.kill(pid, signal.SIGKILL)
    journal.wait_for(r"the VRRP worker ended \(killed by SIGKILL\)")
    until("MASTER again", lambda: is_master() and worker() not in (pid, None))
    assert VIP in addresses()
    assert (unit("MainPID"), unit("ActiveState")) == (main, "active")


def a_stopped_worker_is_replaced() -> None:
    pid, main, journal = worker(), unit("MainPID"), Log()
    os.kill(pid, signal.SIGSTOP)
    journal.wait_for(rf"the VRRP worker \(pid {pid}\) does not answer: killing it")
    until("MASTER again", lambda: is_master() and worker() not in (pid, None))
    assert VIP in addresses()
    assert (unit("MainPID"), unit("ActiveState")) == (main, "active")


def a_killed_main_process_takes_its_addresses_along_and_is_restarted() -> None:
    main, wire, events = unit("MainPID"), Log(WIRE), Log(ADDRESS_EVENTS)
    os.kill(int(main), signal.SIGKILL)
    wire.wait_for("^0$")
    events.wait_for(rf"Deleted .*{VIP}")
    until("another main process", lambda: unit("MainPID") not in ("0", main))
    until("MASTER again", is_master)
    assert unit("ActiveState") == "active"


def addresses_of_a_killed_main_process_and_a_stopped_worker_go_too() -> None:
    main, wire, events = unit("MainPID"), Log(WIRE), Log(ADDRESS_EVENTS)
    os.kill(worker(), signal.SIGSTOP)  # it cannot hear that the channel closes, until systemd wakes it
    os.kill(int(main), signal.SIGKILL)
    wire.wait_for("^0$")
    events.wait_for(rf"Deleted .*{VIP}")
    until("another main process", lambda: unit("MainPID") not in ("0", main))
    until("MASTER again", is_master)


def a_main_process_that_hangs_is_restarted_by_the_watchdog() -> None:
    assert unit("WatchdogUSec") == "30s"
    settings = Path("/run/systemd/system/havip.service.d/sooner.conf")
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.write_text("[Service]\nWatchdogSec=10s\n")
    run("systemctl", "daemon-reload")
    run("systemctl", "restart", "havip")
    until("MASTER", is_master)
    main, wire, events, journal = unit("MainPID"), Log(WIRE), Log(ADDRESS_EVENTS), Log()
    os.kill(int(main), signal.SIGSTOP)
    journal.wait_for("Watchdog timeout")
    wire.wait_for("^0$")
    events.wait_for(rf"Deleted .*{VIP}")
    until("another main process", lambda: unit("MainPID") not in ("0", main))
    until("MASTER again", is_master)


def it_runs_without_root_on_two_capabilities() -> None:
    settings = Path("/run/systemd/system/havip.service.d/unprivileged.conf")
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.write_text(unprivileged_settings())
    run("systemctl", "daemon-reload")
    try:
        run("systemctl", "restart", "havip")
        until("MASTER", is_master)
        assert VIP in addresses()
        for pid in (worker(), int(unit("MainPID"))):
            assert Path(f"/proc/{pid}").stat().st_uid != 0
        assert os.sched_getscheduler(worker()) & ~os.SCHED_RESET_ON_FORK == os.SCHED_RR
        run("systemctl", "stop", "havip")
        assert VIP not in addresses()
    finally:
        settings.unlink()
        run("systemctl", "daemon-reload")


def unprivileged_settings() -> str:
    """Return the settings that the book gives for this."""
    book = Path("/havip/docs/install.md").read_text()
    (block,) = re.findall(r"```ini\n(.*?)```", book, re.DOTALL)
    return str(block)


def stop_resigns_and_removes_the_address() -> None:
    wire, journal = Log(WIRE), Log()
    run("systemctl", "stop", "havip")
    assert VIP not in addresses()
    assert not any("starting it again" in line for line in journal.lines())  # SIGTERM went to both processes
    until("resigned", lambda: wire.lines()[-1:] == ["0"])
    assert (unit("ActiveState"), unit("Result"), unit("ExecMainStatus")) == ("inactive", "success", "0")
    left = [
        path for path in Path("/run/havip").rglob("*") if path.is_socket() or path.parent.name == "claims"
    ]
    assert left == []  # the folder itself stays: another instance may live in it


def a_bad_configuration_fails_the_unit_once_and_says_why() -> None:
    run("systemctl", "stop", "havip")
    configure(in_order().replace("priority: 150", "priorty: 150"))
    journal = Log()
    done = subprocess.run(["systemctl", "start", "havip"], capture_output=True, text=True, timeout=120)
    assert done.returncode != 0
    assert (unit("ActiveState"), unit("SubState")) == ("failed", "failed")  # and not auto-restart
    assert unit("NRestarts") == "0"
    journal.wait_for(r"/etc/havip/havip.yaml:\d+:\d+: virtual_routers.gateway.priorty: .*priority")
    assert VIP not in addresses()


CHECKS = (
    the_boot_starts_it,
    provisioning_again_changes_nothing,
    provisioning_with_another_address_reloads,
    it_is_active_only_once_it_is_ready,
    its_status_text_says_who_is_master,
    the_journal_has_its_fields,
    the_worker_has_real_time_locked_memory_and_two_capabilities,
    reload_changes_what_changed_and_nothing_else,
    reload_of_a_bad_file_fails_and_says_why,
    a_killed_worker_comes_back,
    a_stopped_worker_is_replaced,
    a_killed_main_process_takes_its_addresses_along_and_is_restarted,
    addresses_of_a_killed_main_process_and_a_stopped_worker_go_too,
    a_main_process_that_hangs_is_restarted_by_the_watchdog,
    it_runs_without_root_on_two_capabilities,
    stop_resigns_and_removes_the_address,
    a_bad_configuration_fails_the_unit_once_and_says_why,
)


#: these find the machine as the script and the boot have left it
AS_PROVISIONED = CHECKS[:3]


def main(checks: Iterable[Callable[[], None]]) -> None:
    """Run every check; a line each goes to the results, PASS or FAIL and why."""
    with (OUT / "results").open("w") as results:
        for check in checks:
            started = time.monotonic()
            try:
                if check not in AS_PROVISIONED:
                    master_in_order()
                check()
                verdict = "PASS"
            except Exception as error:
                traceback.print_exc()
                print(run("journalctl", "-u", "havip", "-n", "60", "-o", "short-monotonic"))
                verdict = "FAIL " + " ".join(f"{type(error).__name__}: {error}".split())
            print(check.__name__, verdict, file=results, flush=True)
            print(check.__name__, verdict, f"{time.monotonic() - started:.1f} s", flush=True)
        master_in_order()  # the shutdown that follows is a test too


if __name__ == "__main__":
    main(CHECKS)

"""A real SNMP agent and a real receiver of traps on one host, with files and sockets of their own."""

from __future__ import annotations

import os
import re
import subprocess
import threading
from pathlib import Path

from lab.netns import Host
from tests.daemon.running import PATIENCE

AGENT_PORT, TRAP_PORT = 1161, 1162
NO_MIBS = ("-M", "", "-m", "")
#: all that must be loaded for SNMP itself: the host's own interfaces and disks are nobody's business here
MODULES = "snmp_mib,system_mib,vacm_conf,usmConf,snmpEngine"
READY = "NET-SNMP version"


class Agent:
    """``snmpd`` with AgentX on ``socket``, ``snmptrapd``, and the tools that ask."""

    def __init__(self, host: Host, folder: Path) -> None:
        self.host = host
        self.folder = folder
        folder.mkdir()
        self.socket = folder / "agentx"
        self._environment = os.environ | {"SNMP_PERSISTENT_DIR": str(folder / "persistent")}
        (folder / "snmpd.conf").write_text(
            f"agentaddress udp:127.0.0.1:{AGENT_PORT}\n"
            "rocommunity public 127.0.0.1\n"
            "rwcommunity private 127.0.0.1\n"
            "master agentx\n"
            f"agentXSocket {self.socket}\n"
            f"trap2sink 127.0.0.1:{TRAP_PORT} public\n"
        )
        (folder / "snmptrapd.conf").write_text("disableAuthorization yes\n")
        self.traps: list[str] = []
        self._said: list[str] = []  # by the agent
        self._news = threading.Condition()
        self._popen("snmptrapd", "snmptrapd.conf", self.traps, "-On", f"udp:127.0.0.1:{TRAP_PORT}")
        self.wait_for_trap(READY)  # it would miss what is sent before
        self.start()

    def _popen(
        self, program: str, configuration: str, lines: list[str], *words: str
    ) -> subprocess.Popen[str]:
        """Start a program whose output goes to ``lines`` as it comes."""
        process: subprocess.Popen[str] = self.host.popen(
            *(program, "-f", "-Lo", "-C", "-c", self.folder / configuration, *NO_MIBS, *words),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=self._environment,
        )
        threading.Thread(target=self._read, args=(process, lines), daemon=True).start()
        return process

    def start(self) -> None:
        """Start the agent; return once it takes sub-agents."""
        self._said.clear()
        self.process = self._popen("snmpd", "snmpd.conf", self._said, "-I", MODULES)
        with self._news:
            ready = self._news.wait_for(lambda: any(READY in line for line in self._said), PATIENCE)
        assert ready, self._said

    def kill(self) -> None:
        """End the agent without a word to anybody."""
        self.process.kill()
        self.process.wait(PATIENCE)

    def ask(self, tool: str, *words: str, community: str = "public") -> str:
        """Return what one of net-snmp's tools says, on its error output as well."""
        done = self.host.run(
            *(tool, "-v2c", "-c", community, "-On", "-t", "5", *NO_MIBS),
            *(f"127.0.0.1:{AGENT_PORT}", *words),
            check=False,
        )
        return done.stdout + done.stderr

    def get(self, oid: str) -> str:
        """Return one value, its type before it."""
        return self.ask("snmpget", oid).strip().partition(" = ")[2]

    def walk(self, oid: str, tool: str = "snmpwalk") -> dict[str, str]:
        """Return all values below an identifier, by the part of their names that follows it."""
        lines = self.ask(tool, oid).splitlines()
        pairs = (line.partition(" = ") for line in lines)
        return {name.removeprefix(f"{oid}."): value.strip() for name, _, value in pairs}

    def wait_for_trap(self, pattern: str, count: int = 1) -> str:
        """Return the ``count``th trap that matches, a line with all its variables, as soon as it is there."""

        def found() -> list[str]:
            return [trap for trap in self.traps if re.search(pattern, trap)]

        with self._news:
            if not self._news.wait_for(lambda: len(found()) >= count, PATIENCE):
                raise AssertionError(f"no trap {pattern!r} among\n" + "\n".join(self.traps))
            return found()[count - 1]

    def _read(self, process: subprocess.Popen[str], lines: list[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            with self._news:
                lines.append(line.strip())
                self._news.notify_all()

"""User-Mode Linux: a whole kernel in one process, for what this machine's own kernel may lack.

Owns the guest's life: it runs one command of this checkout and powers off.  Its root is this machine's,
through hostfs, so results come out as files; what it says on its console comes out as it is said.
/run is its own.  Needs root, gcc, kmod and Debian's package user-mode-linux.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import IO, Final

CHECKOUT: Final = Path(__file__).resolve().parent.parent
KERNEL_MODULES: Final = Path("/usr/lib/uml/modules")
XSTATE: Final = Path(__file__).with_name("xstate.c")
PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#: pdeathsig: ends with us, even if we are killed; kill-child: takes all of the guest's processes along
ALONE: Final = ("setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--fork", "--kill-child")

#: of the guest; modules that the kernel asks for by itself are found where Debian has them
INIT: Final = """#!/bin/sh
export PATH={path} HOME=/root PYTHONDONTWRITEBYTECODE=1 {environment}
mount -t proc proc /proc; mount -t sysfs sysfs /sys
mount -t tmpfs tmpfs /run; mkdir -p /run/netns /run/lock /dev/shm
echo {folder}/modprobe > /proc/sys/kernel/modprobe
modprobe -d {folder} -a {modules}
cd {checkout}
{command} {redirection} < /dev/null
echo $? > {folder}/status
halt -f
"""
MODPROBE: Final = """#!/bin/sh
PATH={path} exec modprobe -d {folder} "$@"
"""


@cache
def shim() -> tempfile.TemporaryDirectory[str]:
    """Build what User-Mode Linux needs on some CPUs; gone with this process."""
    folder = tempfile.TemporaryDirectory(prefix="havip-uml-")
    built = Path(folder.name, "xstate.so")
    subprocess.run(["gcc", "-O2", "-shared", "-fPIC", "-o", built, XSTATE, "-ldl"], check=True)
    return folder


def kernel() -> tuple[str, ...]:
    """Return the beginning of the command line that runs User-Mode Linux."""
    return ("env", f"LD_PRELOAD={shim().name}/xstate.so", "linux.uml")


class Guest:
    """A machine that runs ``command`` in this checkout and powers off.

    ``folder`` is for the guest's own files; its name must be short and of one word.  With ``words`` the
    command's output goes to that file, without to the console, and so to ``run``'s ``out``.
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        folder: Path,
        modules: Sequence[str],
        *,
        memory: str = "768M",
        words: Path | None = None,
        environment: dict[str, str] | None = None,
    ) -> None:
        self.folder = folder
        (folder / "lib").mkdir()
        (folder / "lib/modules").symlink_to(KERNEL_MODULES)
        self._write("modprobe", MODPROBE.format(path=PATH, folder=folder))
        self._write(
            "init",
            INIT.format(
                path=PATH,
                environment=shlex.join(f"{name}={value}" for name, value in (environment or {}).items()),
                folder=folder,
                modules=" ".join(modules),
                checkout=CHECKOUT,
                command=shlex.join(map(str, command)),
                redirection=f"> {words} 2>&1" if words else "",
            ),
        )
        self._arguments = (
            *(
                f"mem={memory}",
                "rootfstype=hostfs",
                "rootflags=/",
                "rw",
                "quiet",
                "con=null",
                "con0=null,fd:1",
            ),
            *(f"init={folder}/init", f"umid={folder.name}", f"uml_dir={folder}"),
        )

    def run(self, patience: float | None, out: IO[bytes] | int = subprocess.PIPE) -> str:
        """Run it until it powers off, at most ``patience`` seconds.  Return its console if piped."""
        script = f"mount -t proc proc /proc && {shlex.join((*kernel(), *self._arguments))}; exit 0"
        try:
            done = subprocess.run(
                [*ALONE, "sh", "-c", script],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                timeout=patience,
            )
        except subprocess.TimeoutExpired as late:
            shown = (late.output or b"").decode(errors="replace")
            return f"{shown}\nkilled: it had not powered off after {patience:g} s"
        return (done.stdout or b"").decode(errors="replace")

    @property
    def status(self) -> int | None:
        """Return the command's exit status; None if the guest ended before it."""
        file = self.folder / "status"
        text = file.read_text().strip() if file.exists() else ""
        return int(text) if text else None

    def _write(self, name: str, text: str) -> None:
        file = self.folder / name
        file.write_text(text)
        os.chmod(file, 0o755)

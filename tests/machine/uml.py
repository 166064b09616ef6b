"""Boots a tree as a machine: User-Mode Linux, a whole kernel in one process, with the tree as its root.

Owns the machine's life, which ends with the call.  The tree's files are the machine's files (hostfs): so
results come out.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from lab.uml import KERNEL_MODULES, kernel
from tests.machine import namespaces


def run(*arguments: str | Path, mounts: Sequence[namespaces.Words] = (), patience: float) -> str:
    """Run a guest until it powers off, at most ``patience`` seconds.  Returns what its console showed."""
    try:
        done = namespaces.run(
            *(*kernel(), *arguments),
            mounts=[*mounts, ("-t", "proc", "proc", "/proc")],
            check=False,
            patience=patience,
        )
    except subprocess.TimeoutExpired as late:
        shown = (late.output or b"").decode(errors="replace")  # bytes, whatever the command was asked for
        return f"{shown}\nkilled: it had not powered off after {patience:g} s"
    return done.stdout


def boot(tree: Path, patience: float) -> str:
    """Boot a tree, and run it until it powers off.  Returns what its console showed."""
    (tree / "lib/modules").mkdir(exist_ok=True)
    return run(
        *("mem=512M", "rootfstype=hostfs", f"rootflags={tree}", "rw", "quiet"),
        *("con=null", "con0=null,fd:1", f"umid={tree.name}", f"uml_dir={tree}/run"),
        *("systemd.show_status=1", "systemd.mask=getty@tty1.service", "systemd.mask=e2scrub_reap.service"),
        mounts=[("--bind", KERNEL_MODULES, tree / "lib/modules")],
        patience=patience,
    )

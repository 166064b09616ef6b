"""Boots a tree as a machine: User-Mode Linux, a whole kernel in one process, with the tree as its root.

Owns the machine's life, which ends with the call.  The tree's files are the machine's files (hostfs): so
results come out.
"""

from __future__ import annotations

from pathlib import Path

from tests.machine import namespaces

KERNEL_MODULES = Path("/usr/lib/uml/modules")  # Debian's package user-mode-linux


def boot(tree: Path, patience: float) -> str:
    """Run the machine until it powers off, at most ``patience`` seconds.  Returns what its console showed."""
    (tree / "lib/modules").mkdir(exist_ok=True)
    done = namespaces.run(
        *("linux.uml", "mem=512M", "rootfstype=hostfs", f"rootflags={tree}", "rw", "quiet"),
        *("con=null", "con0=null,fd:1", f"umid={tree.name}", f"uml_dir={tree}/run"),
        *("systemd.show_status=1", "systemd.mask=getty@tty1.service", "systemd.mask=e2scrub_reap.service"),
        mounts=[("--bind", KERNEL_MODULES, tree / "lib/modules"), ("-t", "proc", "proc", "/proc")],
        check=False,
        patience=patience,
    )
    return done.stdout

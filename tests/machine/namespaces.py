"""Commands in mount and process namespaces of their own.

Owns what keeps the tests from harming the host: a mount made here is seen by nobody else and goes with the
processes, a process started here dies with the one that asked for it.  Must never mount in the host's own
namespace: a tree with /proc still mounted in it would take the host along when it is removed.
"""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

Words: TypeAlias = Sequence[str | Path]

#: pdeathsig: ends with the test run, even one that is killed; kill-child: takes the whole namespace along
ALONE = ("setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--fork", "--kill-child")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Failed(AssertionError):
    """A command ended badly; its output is the message."""


def run(
    *words: str | Path,
    mounts: Sequence[Words] = (),
    environment: Mapping[str, str] | None = None,
    check: bool = True,
    patience: float,
) -> subprocess.CompletedProcess[str]:
    """Run a command alone, after the ``mounts`` (arguments of mount(8)), at most ``patience`` seconds.

    Standard output and error come back as one text.  Raises `Failed` if ``check`` and it did not exit with 0.
    """
    steps = [shlex.join(map(str, ("mount", *mount))) for mount in mounts]
    # The shell stays: by a process 1 outside the tree, systemctl in it knows that it is in a chroot.
    script = "\n".join(["set -e", *steps, shlex.join(map(str, words)), "exit 0"])
    done = subprocess.run(
        [*ALONE, "sh", "-c", script],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env=environment,
        timeout=patience,
    )
    if check and done.returncode != 0:
        raise Failed(f"{words[0]} ended with {done.returncode}:\n{done.stdout}")
    return done


def run_in(
    tree: Path,
    *words: str | Path,
    mounts: Sequence[Words] = (),
    environment: Mapping[str, str] | None = None,
    check: bool = True,
    patience: float = 300.0,
) -> subprocess.CompletedProcess[str]:
    """Run a command in ``tree`` as its root, with /proc and nothing of this process's environment."""
    settings = [f"{name}={value}" for name, value in (environment or {}).items()]
    return run(
        *("env", "-i", f"PATH={PATH}", "HOME=/root", "LC_ALL=C.UTF-8", *settings, "chroot", tree, *words),
        mounts=[("-t", "proc", "proc", tree / "proc"), *mounts],
        check=check,
        patience=patience,
    )


def remove(tree: Path) -> None:
    """Remove a tree, and nothing that should be mounted in it against all rules."""
    subprocess.run(["rm", "-rf", "--one-file-system", tree], check=True, timeout=300)

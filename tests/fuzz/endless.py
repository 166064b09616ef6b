"""Files that ask for more than there may be: ``python -m tests.fuzz.endless`` reads each of them.

It prints how much memory the process needed at most, and how much before, in bytes.
"""

from __future__ import annotations

import resource
import tempfile
from pathlib import Path

from havip.config.keepalived.reading import examine
from tests.fuzz.keepalived import MAIN, hold

TEXTS = (
    "include keepalived.conf\n",
    "include keepalived.conf\n" * 500,
    "a {\n" * 100_000,
    "{" * 16_000,
    "}" * 16_000 + "\n" + "}" * 16_000,
    "a\n" * 150_000,
    "$A=${B}${B}\n$B=${A}${A}\n${A}\n" * 1000,
    "$A=" + "x" * 16_000 + "\n" + "y ${A}\n" * 99_000,
    "$A=" + "${B}" * 4000 + "\n$B=x\n" + "y ${A}\n" * 5000,
    "$A= \\\n" + "x ${A} \\\n" * 5000 + "\n$A\n" * 100,
    "~SEQ(A, 60000) ~SEQ(B, 60000) x ${A} ${B}\n",
    "~SEQ(A, 60000) ~LST(B" + ", 1" * 5000 + ") x\n",
    "~SEQ(A, 60000) vrrp_script s${A} { script /bin/true\n}\n",
    "$A=~SEQ(B, 2) $A\n$A\n",
    "@r1 " * 4000 + "a\n",
    "include " + "{a,b}" * 60 + "\n",
    "include /*/*/*/*/*/*/*/*\n",
    "include " + "*" * 5000 + "\n",
    '"' * 16_000 + "\n",
    "\\" * 16_000 + "\n" + "'\\" * 8000 + "\n",
    "global_defs {\n" + "x {\n}\n" * 30_000 + "}\n",
    "vrrp_instance a {\n virtual_ipaddress {\n" + "  192.0.2.1\n" * 90_000 + " }\n}\n",
)


def main() -> None:
    """Read every file, each of which must be refused with a place."""
    usual = memory()
    for number, text in enumerate(TEXTS):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / MAIN
            path.write_text(text)
            found = examine(str(path), instance="r1")
            assert found.findings.problems, number
            hold(found, Path(folder))
    print(memory(), usual)


def memory() -> int:
    """Return how much memory this process has needed at most, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    main()

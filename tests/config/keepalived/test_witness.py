"""Debian's keepalived as a witness: what its parser makes of a text, ours makes of it too.

keepalived tells which keywords it does not know, with their lines, so a text of words that nobody knows shows
how it was taken apart.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable
from pathlib import Path
from random import Random

import pytest

from havip.config.keepalived.checkers import KINDS
from havip.config.keepalived.http_checks import URL
from havip.config.keepalived.table import Row
from havip.config.keepalived.virtual_servers import SERVER, SERVICE
from tests.config.keepalived.reading import Parsed

UNKNOWN = re.compile(r"\(Line (\d+)\) Unknown keyword '(.*)'")


def witnessed(path: Path, instance: str = "r1") -> tuple[list[str], str]:
    """Return the words that keepalived does not know, as it first reads a file, and all that it says."""
    done = subprocess.run(
        ["keepalived", "-t", "-i", instance, "-f", str(path)], check=False, capture_output=True, text=True
    )
    return [found[2] for found in UNKNOWN.finditer(done.stderr)], done.stderr


TEXTS = [
    "zz1 a b\n  zz2\n\tzz3 # c\n! zz\nzz4!x\n",
    'zz1\\#a\nzz2\\!b\n"zz3 d" e\n\'zz4 f\'\nzz5"g h"\nit\'s\n',
    "$A=zz\n${A}1\n$A 2\nx${A}y\n$A\n$NO\n",
    "$A=${B}x\n$B=zz\n${A}1\n$B=yy\n${A}2\n",
    "@r1 zz1\n@r2 zz2\n@^r1 zz3\n@^r2 zz4\n@r1 @^r2 zz5\n$C=@r1\n$C zz6\n",
    "~SEQ(N, 1, 3) zz${N}a\n~SEQ(N, 2) yy${N}\n~SEQ(M, 3, -1, 1) xx${M}\n~SEQx(K, 8, 2, 12) ww${K}\n",
    "~SEQ(N, 1, 2) ~SEQ(M, 1, 2) zz${N}${M}\n~SEQ(O, 0) yy${O}\n~SEQ(P, -2) xx${P}\n",
    "~LST(L, a, b) zz${L}\n",
    "~LST({L,K}, {a, b},{ c , d }) zz${K}n${L}\n",
    "~LST(E, a,) zz${E}\n~LST(F, a, , b) yy${F}\n",
    "$M= \\\n zz${N} \\\n yy \\\n\n$N=5\n$M\n$N=6\n$M\n",
    "$D=~SEQ(C, 1, 2)\n$D zz${C}\n$S=2\n~SEQ(J, $S, 3) yy${J}\n",
    "$RS=\\\n zz${V}.${R} \\\n yy \\\n\n$VS=\\\n xx${V} \\\n $R=1 \\\n $RS \\\n $R=2 \\\n $RS \\\n"
    "\n$V=5\n$VS\n",
    "${_INSTANCE}zz\n${_RANDOM 7 7}\n",
]


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_a_text_is_taken_apart_as_keepalived_does(tmp_path: Path, text: str) -> None:
    path = tmp_path / "keepalived.conf"
    path.write_text(text)
    words, said = witnessed(path)
    assert words, said
    assert [statement.name for statement in Parsed(text).tree] == words


def test_random_definitions_and_sequences_are_carried_out_as_keepalived_does(tmp_path: Path) -> None:
    path = tmp_path / "keepalived.conf"
    for seed in range(25):
        text = random_text(Random(seed))
        path.write_text(text)
        words, said = witnessed(path)
        assert [statement.name for statement in Parsed(text).tree] == words, f"{text}\n{said}"


def random_text(random: Random) -> str:
    """Return definitions, their uses, conditions and sequences; each word begins with z."""
    lines = ["zbegin"]
    for number in range(random.randrange(4, 25)):
        name = random.choice("ABCD")
        value = random.choice(("z1", "z2 w", "z${A}", "z$B", "", f"zq{number}"))
        use = random.choice(("z%d${%s}", "z%d$%s", "z%d $%s", "z%d${%s}w${%s}"))
        match random.randrange(6):
            case 0 | 1 if f"${{{name}}}" not in value and f"${name}" not in value:
                lines.append(f"${name}={value if name > 'B' else 'z' + str(number)}")
            case 2:
                lines.append(
                    f"~SEQ(S{number}, {random.randrange(1, 3)}, {random.randrange(3, 5)}) z${{S{number}}}"
                )
            case 3:
                lines.append(f"~LST(L{number}, a, b) ~SEQ(T{number}, 2) z${{L{number}}}${{T{number}}}")
            case 4:
                lines.append(f"@{random.choice(('r1', 'r2', '^r1', '^r2'))} z{number} x")
            case _:
                lines.append(use.replace("%d", str(number)).replace("%s", random.choice("AB")))
    return "$A=za\n$B=zb\n" + "\n".join(lines) + "\n"


#: of 2.4.3, which Debian's does not have yet
NEWER = {"sni_name", "tls_compliant", "dynamic"}


def names(rows: Iterable[Row]) -> list[str]:
    """Return the names that rows have, but for those that begin a block."""
    blocks = {*KINDS, "BFD_CHECK", "real_server", "url", "host"}
    return [name for row in rows for name in (row.name, *row.also) if name not in blocks]


def test_keepalived_knows_the_directives_of_virtual_servers_and_checkers_that_we_know_and_no_other_ones(
    tmp_path: Path,
) -> None:
    everything = {name for _, rows in KINDS.values() for name in names(rows)} | set(names(URL.rows))
    service, server = "virtual_server 192.0.2.1 80 {\n", "real_server 192.168.1.1 80 {\n"
    blocks: list[tuple[list[str], str, str]] = [
        (names(SERVICE.rows), service, "}\n"),
        (names(SERVER.rows), service + server, "}\n}\n"),
        (names(URL.rows), f"{service}{server}HTTP_GET {{\nurl {{\n", "}\n}\n}\n}\n"),
        *((names(rows), f"{service}{server}{kind} {{\n", "}\n}\n}\n") for kind, (_, rows) in KINDS.items()),
    ]
    path = tmp_path / "keepalived.conf"
    for known, before, after in blocks:
        path.write_text(before + "".join(f"{name} 1\n" for name in sorted({*known, *everything})) + after)
        unknown = set(re.findall(r"Unknown keyword '(.*)'", witnessed(path)[1]))
        assert unknown - NEWER == everything - set(known) - NEWER, before

"""What keepalived's samples exercise: texts of our own, and the samples themselves where Debian has them.

What is said of each text stands behind it: with ``!`` what is refused, with ``?`` what is worth a look, else
what becomes of directives with ``compat`` that do not simply mean the same.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.config.keepalived.mapping import complaints, decisions, imported, loaded

SAMPLES = sorted(Path("/usr/share/doc/keepalived/samples").glob("keepalived.conf.*"))
TEXTS = [
    (name, text, said.splitlines())
    for name, _, rest in (
        piece.partition("\n")
        for piece in (Path(__file__).parent / "samples.txt").read_text().split("==== ")[1:]
    )
    for text, _, said in (rest.partition("---- said\n"),)
]
#: lines of Debian's samples that are refused even with `compat`, and why
REFUSED = {
    "SSL_GET": {20: '"AH"'},
    "misc_check": {24: "no such file"},
    "misc_check_arg": {23: "no such file"},
    "quorum": {33: "no such file", 34: "no such file"},
    "vrrp.scripts": dict.fromkeys((11, 12, 13, 32, 33, 34), "no such file"),
    "vrrp.sync": dict.fromkeys((13, 14, 15), "no such file"),
}
#: lines that keepalived passes over, and so does `compat`
PASSED_OVER = {
    "conditional_conf": {6: "a script", 25: "check_VI_0"},
    "vrrp": {32: '"192.168.200.18" again'},
    "vrrp.rules": {11: "192.168.100./24", 26: "192.168.200./24"},
    "vrrp.lvs_syncd": {3: "without members", 4: "unknown directive", 5: "unknown directive"},
}


@pytest.mark.parametrize(("text", "said"), [pytest.param(text, said, id=name) for name, text, said in TEXTS])
def test_what_a_sample_exercises_is_read_with_the_decision_that_stands_behind_it(
    text: str, said: list[str]
) -> None:
    compatible = imported(text, compat=True)
    found = [f"! {line}" for line in complaints(text)]
    found += [
        line
        for line in decisions(text, compat=True)
        if ": default: " not in line and ": always: " not in line
    ]
    found += [f"? {str(note).partition('keepalived.conf:')[2]}" for note in compatible.findings.notes]
    assert found == said
    if compatible.findings.configuration is not None:
        loaded(text, compat=True)
    else:
        assert '"AH"' in said[0]


def test_the_samples_that_debian_ships_are_read_with_the_decisions_that_keepalived_takes() -> None:
    for path in SAMPLES:
        name = path.name.removeprefix("keepalived.conf.")
        strict, compatible = (imported(path.read_text(), compat=compat) for compat in (False, True))
        refused, passed_over = REFUSED.get(name, {}), PASSED_OVER.get(name, {})
        for found, wanted in ((strict, {**refused, **passed_over}), (compatible, refused)):
            assert {problem.line for problem in found.findings.problems} == set(wanted), name
            for problem in found.findings.problems:
                assert wanted[problem.line] in str(problem)
            assert (found.findings.configuration is None) == bool(wanted), name

"""Commands in a configuration: how they are split, and what of them this machine cannot run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from havip.config.commands import ACCOUNT, COMMAND, split
from havip.config.draft import value_of
from havip.config.fields import Field, Group
from havip.config.files import CA_FILE
from havip.config.onsite import offences
from havip.config.plan import difference
from havip.config.problems import Place, Problems
from havip.config.reader import Reader, whole
from havip.config.schema import shape_schema
from havip.config.yamlfile import compose

EXPECTED = (
    'expected a command: "/path/program argument ..." or a list of words, the first an absolute path, found'
)


@dataclass(frozen=True)
class Job:
    run: tuple[str, ...] = ()
    user: str = ""
    group: str = ""
    ca_file: str = ""


JOB = Group(
    Job,
    (
        Field("run", COMMAND, "what to run"),
        Field("user", ACCOUNT, "who runs it"),
        Field("group", ACCOUNT, "which group it has"),
        Field("ca_file", CA_FILE, "whom to trust"),
    ),
)


def read(text: str) -> tuple[Any, list[str]]:
    """Return the `Job` in ``text``, None where none can be made, and the complaints of all checks."""
    problems = Problems("f")
    node = compose(text)
    assert node is not None
    found = Reader(problems).read(node, JOB, Place(1, 1, "job"))
    for where, objection in offences(found.value, JOB):
        problems.add(where.place, objection)
    value = value_of(found, JOB) if whole(found, JOB) else None
    return value, [f"{one.line}:{one.column}: {one.path}: {one.message}" for one in problems.errors]


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("/usr/bin/true", ("/usr/bin/true",)),
        ("/usr/bin/true one  two", ("/usr/bin/true", "one", "two")),
        ("/usr/bin/true 'a b' \"c $d\" e\\ f ''", ("/usr/bin/true", "a b", "c $d", "e f", "")),
        ("/usr/bin/true > /tmp/x; rm *", ("/usr/bin/true", ">", "/tmp/x;", "rm", "*")),
        ("/usr/bin/true # no comment", ("/usr/bin/true", "#", "no", "comment")),
    ],
)
def test_one_text_is_split_without_a_shell(written: str, words: tuple[str, ...]) -> None:
    assert split(written) == words


def test_a_list_holds_the_words_as_they_are() -> None:
    assert read("run: [/usr/bin/true, 'a b', \"\", a, a]") == (
        Job(("/usr/bin/true", "a b", "", "a", "a")),
        [],
    )


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("run: 'true'", '1:6: job.run: expected the absolute path of a program, found "true"'),
        ("run: [true]", '1:7: job.run[0]: expected the absolute path of a program, found "true"'),
        ("run: ''", f'1:6: job.run: {EXPECTED} ""'),
        ("run: '   '", f'1:6: job.run: {EXPECTED} "   "'),
        ('run: "/bin/sh -c \'x"', f'1:6: job.run: {EXPECTED} "/bin/sh -c \'x": no closing quotation'),
        ("run: {a: b}", f"1:6: job.run: {EXPECTED} a mapping"),
        ("run:", f"1:1: job.run: {EXPECTED} nothing"),
        ("run: /nowhere", "1:6: job.run: /nowhere: no such file or directory"),
        ("run: /etc/passwd x", "1:6: job.run: /etc/passwd is not executable"),
        ("run: /usr/bin/true\nuser: nosuch", '2:7: job.user: there is no user "nosuch"'),
        ("run: /usr/bin/true\ngroup: nosuch", '2:8: job.group: there is no group "nosuch"'),
        ("ca_file: /nowhere", "1:10: job.ca_file: /nowhere: No such file or directory"),
    ],
)
def test_a_command_that_cannot_run_is_refused_with_its_place(text: str, complaint: str) -> None:
    assert read(text)[1] == [complaint]


def test_whose_rights_it_gets_counts(tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o700)
    assert read(f"run: {script}")[1] == []
    (complaint,) = read(f"run: {script}\nuser: nobody")[1]
    assert "may not be searched by user 65534" in complaint or "not executable for user" in complaint


def test_a_file_of_certificates_must_hold_some(tmp_path: Path) -> None:
    (tmp_path / "ca").write_text("nothing of the kind\n")
    (complaint,) = read(f"ca_file: {tmp_path}/ca")[1]
    assert complaint.startswith(f"1:10: job.ca_file: {tmp_path}/ca: ")


def test_a_plan_shows_commands_as_one_types_them() -> None:
    field = JOB.by_name["run"]
    assert difference((), ("/bin/a", "b c"), field, "run") == ["run: none -> /bin/a 'b c'"]
    assert difference(("/bin/a",), (), field, "run") == ["run: /bin/a -> none"]


def test_the_schema_takes_both_forms() -> None:
    text, words = shape_schema(COMMAND)["anyOf"]
    assert text == {"type": "string"}
    assert words["type"] == "array"
    assert "uniqueItems" not in words

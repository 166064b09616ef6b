"""Configurations drawn from the table of keys: values that may be good, values that are not, at every key.

A file is a tree of dicts, lists and texts.  `written` makes YAML of it; `mended` takes out what the reader
complains of until the rest can be loaded, so that rare keys are met in files that work.
"""

from __future__ import annotations

import copy
import json
import re
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Any

from havip.config.fields import Field, Group, ListOf, Named, Shape
from havip.config.keys import CONFIGURATION
from havip.config.kinds import Kind, Wrong
from havip.config.model import Configuration
from havip.config.problems import Problem
from havip.config.secrettext import SecretText
from havip.config.yamlfile import Findings, examine_text

Tree = Any

FILE = "fuzz.yaml"
MARK = "S3CR"  # is in every secret, and in nothing else

INTERFACES = ("eth0", "eth1", "eth2")
ROUTERS = ("one", "two", "three", "four")

#: what somebody may write anywhere: each kind picks what it takes, and gets the rest as well
TEXTS = (
    *("", " ", "~", "null", "true", "false", "True", "yes", "0", "1", "2", "3", "4", "6", "50", "51", "100"),
    *("150", "199", "254", "255", "256", "1000", "65535", "65536", "4294967295", "4294967296", "-1", "-20"),
    *("-253", "-254", "0x10", "0x10/0xff", "1/2", "10-20", "20-10", "10/20", "1e3", "1_0", "007", "+1"),
    *(
        "9" * 18,
        "9" * 19,
        "9" * 5000,
        "1.5",
        "nan",
        "inf",
        "-0",
        "\u0661",
        "\u00b2",
        "1\n",
        "0s",
        "1s",
        "1ms",
    ),
    *("10ms", "100ms", "1.5s", "15ms", "40.95s", "2s", "5min", "1h", "1000h", "9999999999h", "0.1us", "1 s"),
    *("1.0000000001s", "forever", "auto", "none", "default", "main", "local", "vrrp", "tcp", "udp", "global"),
    *("link", "host", "site", "192.0.2.1", "192.0.2.1/24", "192.0.2.2", "192.0.2.3/32", "192.0.2.9/24"),
    *("192.0.2.0/24", "192.0.2.255/24", "198.51.100.7/24", "203.0.113.0/24", "0.0.0.0", "0.0.0.0/0", "::/0"),
    *("255.255.255.255", "224.0.0.18", "224.0.0.19", "239.1.2.3", "127.0.0.1", "10.0.0.1", "10.0.0.2"),
    *("192.0.2.1/33", "192.0.2.1/-1", "192.0.2.01", "fe80::1", "fe80::1/64", "fe80::2", "fe80::1%eth0"),
    *("2001:db8::1", "2001:db8::1/64", "2001:db8::2/128", "2001:db8::/32", "ff02::12", "ff02::13", "::1"),
    *("::", "::ffff:192.0.2.1", "2001:DB8::1", "eth0", "eth1", "eth1:vip", "vrrp.51", "lo", ".", "..", "a/b"),
    *("a" * 15, "a" * 16, "a" * 300, "\u00e4" * 40, "r2.example.com", "host.", "a..b", "1.2.3", "-a", "_a"),
    *(
        "/",
        "/run/havip/x",
        "/usr/bin/true",
        "/usr/bin/true -a 'b c'",
        "/nonexistent/x",
        "/etc/passwd",
        "/tmp",
    ),
    *("/usr/bin/true '", "relative", "/a\0b", "/" + "a" * 5000, "nobody", "nogroup", "root", "no-such-user"),
    *(
        "ops@example.net",
        "a@b@c",
        "<a@b>",
        "https://example.net/x",
        "http://[::1]:8080/",
        "http://",
        "ftp://a",
    ),
    *("https://u:p@example.net/", "X-Team: network", "X: a\r\nY: b", "blue", "havip", "proxy", "web", "load"),
    *("MASTER", "BACKUP", "FAULT", "master", "02:00:5e:00:01", "02:00:5e:00:01:33", "01:00:5e:00:01:33"),
    *(
        "\ud800",
        "\U0001f600",
        "\u202e",
        "\x7f",
        "a\tb",
        "*x",
        "&x y",
        "!!int 3",
        "{",
        "[",
        "#",
        "- a",
        "a: b",
    ),
    *("%s", "{0}", "$HOME", "hex:", "hex:zz", "hex:00", "\ufeff", "\u2028", "\x85", "<<", "=", "@", "`"),
)
#: what is no text at all
STRUCTURES: tuple[Tree, ...] = ({}, [], [[]], {"": ""}, {"a": {"b": "c"}}, ["a", "a"], [{}], None)


@dataclass(frozen=True)
class Loaded:
    """A file that could be read, and what it means."""

    tree: Tree
    configuration: Configuration


@cache
def good_texts(kind: Kind, example: str | None) -> tuple[str, ...]:
    """Return the texts that a kind takes."""
    schema = kind.schema()
    offered = [*TEXTS, *map(str, schema.get("enum", ()))]
    for part in schema.get("anyOf", ()):
        offered += map(str, part.get("enum", ()))
    offered += [str(schema[bound]) for bound in ("minimum", "maximum") if bound in schema]
    if example is not None:
        offered.append(example)
    return tuple(text for text in offered if takes(kind, text))


def takes(kind: Kind, text: str) -> bool:
    """Say whether a kind reads a text.  Anything but `Wrong` passes through."""
    try:
        kind.read(text)
    except Wrong:
        return False
    return True


class Writer:
    """Draws trees; ``wild`` is how likely a value is anything at all, and ``dense`` a key is there."""

    def __init__(self, random: Random, wild: float = 0.0, dense: float = 0.15) -> None:
        self.random, self.wild, self.dense = random, wild, dense

    def file(self) -> Tree:
        """Return a whole file."""
        tree = self.group(CONFIGURATION, leave_out=("virtual_routers", "sync_groups"))
        names = self.random.sample(ROUTERS, self.random.randint(1, 4))
        tree["virtual_routers"] = {name: self.router(number) for number, name in enumerate(names)}
        if self.random.random() < 0.5:
            members = self.random.sample(names, min(len(names), 2))
            group = CONFIGURATION.by_name["sync_groups"].shape.group  # type: ignore[union-attr]
            tree["sync_groups"] = {"both": {**self.group(group), "members": members}}
        return tree

    def router(self, number: int) -> Tree:
        """Return a virtual router that would stand beside the others, with keys of any kind upon that."""
        named = CONFIGURATION.by_name["virtual_routers"].shape
        assert isinstance(named, Named)
        tree = self.group(named.group)
        six = self.random.random() < 0.3
        home = f"2001:db8::{number + 10:x}/64" if six else f"192.0.2.{number + 10}/24"
        sound = {
            "interface": self.random.choice(INTERFACES),
            "vrid": str(self.random.choice((51, 52, number + 1))),
            "addresses": [home],
        }
        for key, value in sound.items():
            if key not in tree or self.random.random() > self.wild:
                tree[key] = value
        return tree

    def group(self, group: Group, leave_out: tuple[str, ...] = ()) -> Tree:
        """Return a mapping with the keys that it needs and some of the others."""
        tree = {}
        for field in group.fields:
            if field.name in leave_out:
                continue
            needed = field in group.required and self.random.random() > self.wild / 4
            if needed or self.random.random() < self.dense:
                tree[field.name] = self.value(field)
        if self.random.random() < self.wild / 8:
            tree[self.random.choice(TEXTS)] = self.anything()
        return tree

    def value(self, field: Field) -> Tree:
        """Return the value of a key."""
        if field.example is not None and self.random.random() < 0.3 and not hides(field.shape):
            return texts_of(field.example)
        return self.shaped(field.shape, field.example)

    def shaped(self, shape: Shape, example: Any = None) -> Tree:
        """Return a value for a shape."""
        if self.random.random() < self.wild / 4:
            return self.anything()
        match shape:
            case Group():
                if shape.short and self.random.random() < 0.5:
                    short = shape.by_name[shape.short]
                    return self.shaped(short.shape, short.example)
                return self.group(shape)
            case Named():
                return {
                    self.text(shape.name): self.group(shape.group) for _ in range(self.random.randint(1, 2))
                }
            case ListOf():
                if shape.split is not None and self.random.random() < 0.6:
                    return self.random.choice(("/usr/bin/true", "/usr/bin/true -a 'b c'", *TEXTS[-8:]))
                return [self.shaped(shape.item) for _ in range(self.random.choice((1, 1, 2, 3)))]
            case _:
                return self.text(shape, example if isinstance(example, str | int) else None)

    def text(self, kind: Kind, example: Any = None) -> str:
        """Return a text that the kind takes, most of the time."""
        if isinstance(kind, SecretText):
            return self.secret(kind)
        if self.random.random() < self.wild:
            return self.random.choice(TEXTS)
        known = None if example is None or isinstance(example, bool) else str(example)
        return self.random.choice(good_texts(kind, known) or TEXTS)

    def secret(self, kind: SecretText) -> str:
        """Return a secret that can be recognized wherever it is shown."""
        length = self.random.randint(max(kind.least, len(MARK)), min(kind.most, 64))
        if self.random.random() < self.wild:
            length = self.random.choice((4, length + 70))
        return (MARK + "".join(self.random.choice("abc \"'#:{}") for _ in range(80)))[: length - 1] + "z"

    def anything(self) -> Tree:
        """Return whatever can be written."""
        return self.random.choice((self.random.choice(TEXTS), self.random.choice(STRUCTURES)))


def hides(shape: Shape) -> bool:
    """Say whether an example of this shape may hold a secret that nobody would recognize."""
    match shape:
        case Group():
            return any(hides(field.shape) for field in shape.fields)
        case Named():
            return hides(shape.group)
        case ListOf():
            return hides(shape.item)
        case _:
            return isinstance(shape, SecretText)


def texts_of(example: Any) -> Tree:
    """Return an example as a tree."""
    if isinstance(example, dict):
        return {str(key): texts_of(value) for key, value in example.items()}
    if isinstance(example, list | tuple):
        return [texts_of(value) for value in example]
    if isinstance(example, bool):
        return str(example).lower()
    return str(example)


def written(tree: Tree, random: Random | None = None) -> str:
    """Return a tree as YAML, a key a line; some texts without quotation marks."""
    match tree:
        case None:
            return "~"
        case dict():
            inner = ",\n".join(f"{json.dumps(key)}: {written(value, random)}" for key, value in tree.items())
            return f"{{{inner}}}"
        case list():
            return f"[{', '.join(written(value, random) for value in tree)}]"
    text: str = tree
    if random is not None and random.random() < 0.05:
        return text  # as somebody would write it who knows nothing of YAML
    if re.fullmatch(r"[\w./-]+", text, re.ASCII):
        return text
    return json.dumps(text)


def mended(tree: Tree, rounds: int = 12) -> Loaded | None:
    """Return a file without what was wrong with it; None: nothing is left of it."""
    for _ in range(rounds):
        findings = examine_text(written(tree), FILE)
        if findings.configuration is not None:
            return Loaded(tree, findings.configuration)
        for problem in findings.problems:
            cut(tree, steps(problem.path, tree))
    return None


def loadable(random: Random) -> Loaded:
    """Return some file that can be loaded and has virtual routers."""
    while True:
        writer = Writer(random, wild=random.choice((0, 0, 0.1)), dense=random.choice((0.03, 0.1, 0.3)))
        found = mended(writer.file())
        if found is not None and found.configuration.virtual_routers:
            return found


def neighbour(random: Random, file: Loaded) -> Loaded:
    """Return a file that can be loaded and differs from ``file``, of `loadable`, here and there."""
    tree = copy.deepcopy(file.tree)
    writer = Writer(random, dense=0.1)
    routers = tree["virtual_routers"]
    named = CONFIGURATION.by_name["virtual_routers"].shape
    assert isinstance(named, Named)
    for name in list(routers):
        chance = random.random()
        if chance < 0.3:
            field = random.choice(named.group.fields)
            routers[name][field.name] = writer.value(field)
        elif chance < 0.4 and len(routers) > 1:
            del routers[name]
        elif chance < 0.5:
            routers[random.choice(ROUTERS)] = writer.router(random.randrange(4))
    for field in CONFIGURATION.fields:
        if field.name not in ("virtual_routers", "sync_groups"):
            chance = random.random()
            if chance < 0.3 and isinstance(field.shape, Named) and isinstance(tree.get(field.name), dict):
                inner = random.choice(field.shape.group.fields)
                for item in tree[field.name].values():
                    item[inner.name] = writer.value(inner)
            elif chance < 0.1:
                tree[field.name] = writer.value(field)
            elif chance < 0.2:
                tree.pop(field.name, None)
    return mended(tree) or loadable(random)


def steps(path: str, tree: Tree) -> list[str | int]:
    """Return a problem's path as the keys and places to go by, as far as they lead."""
    found: list[str | int] = []
    for part in re.findall(r"\[\d+\]|[^.\[\]]+", path):
        step: str | int = int(part[1:-1]) if part.startswith("[") else part
        here = isinstance(tree, dict) and step in tree
        if not here and not (isinstance(tree, list) and isinstance(step, int) and step < len(tree)):
            break
        found.append(step)
        tree = tree[step]
    return found


def cut(tree: Tree, path: list[str | int]) -> None:
    """Take one thing out of a tree; never a router's own three keys, but then all of the router."""
    if path[:1] == ["virtual_routers"] and len(path) > 2 and path[2] in ("interface", "vrid", "addresses"):
        path = path[:2]
    if not path:
        return
    for step in path[:-1]:
        tree = tree[step]
    if isinstance(tree, dict) or (isinstance(tree, list) and path[-1] < len(tree)):  # type: ignore[operator]
        del tree[path[-1]]


def judge(text: str) -> Findings:
    """Examine a text; raise AssertionError unless all that is said about it can be understood."""
    findings = examine_text(text, FILE)
    assert (findings.configuration is None) is bool(findings.problems)
    lines = text.count("\n") + text.count("\r") + text.count("\x85") + 2  # the end of the text has a place
    lines += text.count("\u2028") + text.count("\u2029")
    for problem in (*findings.problems, *findings.notes):
        assert 1 <= problem.line <= lines, problem
        assert problem.column >= 1, problem
        said = f"{problem} {problem.as_note()} {json.dumps(problem.as_dict())}"
        assert said.isprintable(), problem
        assert len(said) < 40_000, problem
    reveals_nothing(*findings.problems, *findings.notes, *findings.lines)
    return findings


def reveals_nothing(*said: Problem | str) -> None:
    """Raise AssertionError if a secret is shown."""
    for one in said:
        assert MARK not in str(one), one

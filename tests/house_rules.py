"""The house rules that a parser can judge: each rule is a function from one parsed file to its offences.

`test_house_rules.py` holds every file of the project to them and shows that each of them bites.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import TypeAlias

from tests.house_map import (
    CALENDAR_READERS,
    CLOCK_READERS,
    HEIGHT,
    MAY_ASK,
    MAY_IMPORT_SCAPY,
    PURE,
    PURE_STANDARD_LIBRARY,
    ROOT,
    STRANGERS,
    TOO_HEAVY_FOR_THE_WORKER,
    WORKER_SIDE,
)

MOST_LINES_OF_A_FILE = 400
MOST_LINES_OF_A_FUNCTION = 50

UNFINISHED = ("TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK", "NotImplemented" + "Error")
LOOKING_AWAY = {"skip", "skipif", "xfail", "importorskip"}


@dataclass(frozen=True)
class Source:
    """One parsed file under its dotted name."""

    module: str
    text: str
    tree: ast.Module = field(repr=False)

    @classmethod
    def of(cls, module: str, text: str) -> Source:
        """Parse ``text`` as the module ``module``."""
        return cls(module, text, ast.parse(text))

    @classmethod
    def read(cls, path: Path) -> Source:
        """Parse a file of the project."""
        parts = path.relative_to(ROOT).with_suffix("").parts
        return cls.of(".".join(parts[:-1] if parts[-1] == "__init__" else parts), path.read_text())

    @cached_property
    def imports(self) -> list[tuple[int, str]]:
        """Return (line, dotted name) of what is imported at run time, wherever the import stands."""
        for_types = {
            id(inner)
            for node in ast.walk(self.tree)
            if isinstance(node, ast.If) and self.meant_by(node.test) == "typing.TYPE_CHECKING"
            for inner in ast.walk(node)
        }
        found: list[tuple[int, str]] = []
        for node in ast.walk(self.tree):
            if id(node) in for_types:
                continue
            if isinstance(node, ast.Import):
                found += [(node.lineno, name.name) for name in node.names]
            elif isinstance(node, ast.ImportFrom):
                found += [(node.lineno, f"{node.module}.{name.name}") for name in node.names]
        return found

    @cached_property
    def names(self) -> dict[str, str]:
        """Return what each imported name stands for: {"monotonic": "havip.clock.monotonic"}."""
        names: dict[str, str] = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                for name in node.names:
                    root = name.name.partition(".")[0]
                    names |= {name.asname: name.name} if name.asname else {root: root}
            elif isinstance(node, ast.ImportFrom):
                names |= {name.asname or name.name: f"{node.module}.{name.name}" for name in node.names}
        return names

    def meant_by(self, node: ast.expr) -> str:
        """Return the dotted name of the imported thing that an expression is, or nothing."""
        if isinstance(node, ast.Name):
            return self.names.get(node.id, "")
        if isinstance(node, ast.Attribute):
            inner = self.meant_by(node.value)
            return f"{inner}.{node.attr}" if inner else ""
        return ""


Offences: TypeAlias = Iterator[tuple[int, str]]  # (line, what is wrong)
Rule: TypeAlias = Callable[[Source], Offences]


def within(module: str, *packages: str) -> bool:
    """Say whether ``module`` is one of ``packages`` or inside one."""
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def module_of(name: str) -> str:
    """Return the module that an imported dotted name is, or is in: havip.vrrp.packet for its Advert."""
    for part in prefixes(name):
        path = ROOT.joinpath(*part.split("."))
        if path.with_suffix(".py").exists() or (path.is_dir() and part in (name, "havip")):
            return part
    return name


def prefixes(module: str) -> Iterator[str]:
    """Yield a.b.c, a.b, a."""
    while module:
        yield module
        module = module.rpartition(".")[0]


def height(module: str) -> int:
    """Return where a module stands in the one-way order."""
    if module in PURE:
        return 0
    return next((HEIGHT[part] for part in prefixes(module) if part in HEIGHT), 1)


def pure_stays_pure(source: Source) -> Offences:
    """A pure file imports pure files and the harmless part of the standard library."""
    if source.module not in PURE:
        return
    allowed = PURE_STANDARD_LIBRARY | ({"time"} if source.module == "havip.clock" else set())
    for line, name in source.imports:
        root = name.partition(".")[0]
        if module_of(name) not in PURE if root == "havip" else root not in allowed:
            yield line, f"a pure file imports {name}"


def worker_stays_light(source: Source) -> Offences:
    """What runs in the VRRP worker imports havip's worker side and the standard library that never waits."""
    if not within(source.module, *WORKER_SIDE):
        return
    for line, name in source.imports:
        root = name.partition(".")[0]
        if root == "havip":
            if not within(module_of(name), "havip.__init__", *WORKER_SIDE):
                yield line, f"the worker's side imports {name}"
        elif root not in sys.stdlib_module_names or root in TOO_HEAVY_FOR_THE_WORKER:
            yield line, f"the worker's side imports {name}"


def imports_run_one_way(source: Source) -> Offences:
    """Nothing imports what stands above it, and VRRP, health checks and IPVS do not know each other."""
    for line, name in source.imports:
        module = module_of(name)
        if within(module, "havip") and height(module) > height(source.module):
            yield line, f"{source.module} imports {name}, which stands above it"
        for stranger in STRANGERS:
            ours = within(source.module, *STRANGERS) and not within(source.module, stranger)
            if ours and within(name, stranger):
                yield line, f"{source.module} imports {name}"


def scapy_stays_outside(source: Source) -> Offences:
    """scapy is an oracle for tests and the engine of two verbs."""
    if not within(source.module, "havip") or source.module in MAY_IMPORT_SCAPY:
        return
    for line, name in source.imports:
        if within(name, "scapy"):
            yield line, f"{source.module} imports {name}"


def time_is_told(source: Source) -> Offences:
    """Only `havip.clock` reads a clock, and only a few ask it; everybody else is given ``now``."""
    if source.module == "havip.clock":
        return
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.Attribute | ast.Name):
            continue
        module, _, name = source.meant_by(node).rpartition(".")
        if (module == "time" and name in CLOCK_READERS) or (
            within(module, "datetime") and name in CALENDAR_READERS
        ):
            yield node.lineno, f"{module}.{name} reads a clock outside havip.clock"
        if module == "time" and name == "sleep":
            yield node.lineno, "time.sleep: wait for an event instead"
        if module == "havip.clock" and name in MAY_ASK and not within(source.module, *MAY_ASK[name]):
            yield node.lineno, f"{source.module} uses clock.{name} instead of being told the time"


def cancellations_are_heard(source: Source) -> Offences:
    """Until Python 3.12 `asyncio.wait_for` swallows a cancellation that comes with what it waits for."""
    if not within(source.module, "havip"):
        return
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Attribute | ast.Name) and source.meant_by(node) == "asyncio.wait_for":
            yield node.lineno, "asyncio.wait_for: asyncio.timeout, or havip.waiting.happens"


def priorities_meet_in_the_election(source: Source) -> Offences:
    """The priorities of two routers are compared in `havip.vrrp.election` only.

    Elsewhere one may equal a constant, or another priority of the same router.
    """
    if source.module == "havip.vrrp.election":
        return
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Compare):
            operands = [node.left, *node.comparators]
            for left, operator, right in zip(operands, node.ops, operands[1:], strict=False):
                owners = {owner for owner in (priority_of(left), priority_of(right)) if owner is not None}
                ordered = isinstance(operator, ast.Lt | ast.LtE | ast.Gt | ast.GtE)
                if len(owners) == 2 or (ordered and owners):
                    yield node.lineno, "a priority is compared outside election.py"
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            inside = (inner for inner in ast.walk(node) if isinstance(inner, ast.Attribute))
            if node.func.id in ("max", "min", "sorted") and any(map(priority_of, inside)):
                yield node.lineno, "priorities are ordered outside election.py"


def priority_of(node: ast.expr) -> str | None:
    """Return whose priority in the election an expression is, as text; None: it is no priority."""
    name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
    if name not in ("priority", "effective_priority", "base_priority"):
        return None
    return ast.unparse(node.value) if isinstance(node, ast.Attribute) else name


def files_stay_short(source: Source) -> Offences:
    """A file past 400 lines asks to be split."""
    lines = len(source.text.splitlines())
    if lines > MOST_LINES_OF_A_FILE:
        yield lines, f"{lines} lines, more than {MOST_LINES_OF_A_FILE}"


def functions_stay_short(source: Source) -> Offences:
    """A function past 50 lines asks to be split."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > MOST_LINES_OF_A_FUNCTION:
                yield node.lineno, f"{node.name} has {lines} lines, more than {MOST_LINES_OF_A_FUNCTION}"


def files_say_what_they_own(source: Source) -> Offences:
    """A file opens with a docstring."""
    if not ast.get_docstring(source.tree):
        yield 1, "no docstring"


def public_names_are_documented(source: Source) -> Offences:
    """Public classes, functions, and methods of public classes have a docstring.

    A method that a Protocol of the product documents need not repeat it.
    """

    def visit(body: list[ast.stmt], owner: str) -> Offences:
        for node in body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                if node.name.startswith("_") or (owner and node.name in documented_by_protocols()):
                    continue
                if not ast.get_docstring(node) and not is_signature_only(node):
                    yield node.lineno, f"{owner}{node.name} has no docstring"
                if isinstance(node, ast.ClassDef):
                    yield from visit(node.body, f"{node.name}.")

    yield from visit(source.tree.body, "")


@cache
def documented_by_protocols() -> frozenset[str]:
    """Return the methods that some Protocol of the product documents."""
    return frozenset(
        method.name
        for path in (ROOT / "havip").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef) and any(ast.unparse(base) == "Protocol" for base in node.bases)
        for method in node.body
        if isinstance(method, ast.FunctionDef) and ast.get_docstring(method)
    )


def is_signature_only(node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Say whether this is an overload for the type checker, or a property's setter."""
    return any(ast.unparse(mark).rpartition(".")[2] in ("overload", "setter") for mark in node.decorator_list)


def nothing_is_left_unfinished(source: Source) -> Offences:
    """No note to finish something later, and no function that is not there."""
    for number, line in enumerate(source.text.splitlines(), 1):
        for word in UNFINISHED:
            if word in line:
                yield number, f"{word}: finish it or leave it out"


def no_test_looks_away(source: Source) -> Offences:
    """No test is skipped or expected to fail."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Attribute | ast.Name):
            module, _, name = source.meant_by(node).rpartition(".")
            if name in LOOKING_AWAY and within(module, "pytest", "unittest"):
                yield node.lineno, f"{module}.{name}: a test that cannot fail proves nothing"


EVERYWHERE: tuple[Rule, ...] = (
    files_stay_short,
    functions_stay_short,
    files_say_what_they_own,
    nothing_is_left_unfinished,
    no_test_looks_away,
)
IN_THE_PRODUCT: tuple[Rule, ...] = (
    pure_stays_pure,
    worker_stays_light,
    imports_run_one_way,
    scapy_stays_outside,
    time_is_told,
    cancellations_are_heard,
    priorities_meet_in_the_election,
    public_names_are_documented,
)

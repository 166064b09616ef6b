"""YAML files to `Configuration`, with every problem of a file at once.

The only file that knows PyYAML, and it uses no more than the parser's events: PyYAML's own typing
misreads ``10:11:22:33:44:55``, ``yes``, ``0100`` and ``1:30``, and its composer overflows the C stack on
deep nesting.  Nothing here raises anything but `ConfigurationError`, whatever the bytes.
"""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from typing import TYPE_CHECKING, Any, NoReturn

from havip.config.keys import CONFIGURATION
from havip.config.model import Configuration
from havip.config.nodes import Mapping, Node, Scalar, Sequence
from havip.config.problems import Place, Problems, quote
from havip.config.understood import Findings, settle, understood
from havip.config.unread import secret_lines

if TYPE_CHECKING:
    from yaml.error import MarkedYAMLError
    from yaml.events import Event

LARGEST_FILE = 16 * 1024 * 1024  # bytes; a thousand virtual routers take about 0.2 MB
DEEPEST = 20  # collections within collections; the table of fields needs 4

TOO_DEEP = "lists and mappings nested too deeply"

#: what YAML 1.1 does not allow in a stream
UNPRINTABLE = re.compile(r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
#: where PyYAML begins a new line
LINE_BREAK = re.compile("\r\n|[\r\n\x85\u2028\u2029]")

ORDINARY_TAGS = (None, "!", "tag:yaml.org,2002:str", "tag:yaml.org,2002:seq", "tag:yaml.org,2002:map")


class Malformed(Exception):
    """The text has no structure to read on from."""

    def __init__(self, place: Place, found: str, expected: str = "", why: str = "") -> None:
        super().__init__(found)
        self.place, self.found, self.expected, self.why = place, found, expected, why

    @property
    def unquoted(self) -> str:
        """Return what was found without the piece of the text that it repeats."""
        return self.found.partition(' "')[0]


def load(path: str) -> Configuration:
    """Return the configuration in the file ``path``.  Raises `ConfigurationError`."""
    return settle(examine(path))


def parse(text: str, filename: str) -> Configuration:
    """Return the configuration in ``text``.  Raises `ConfigurationError`, which speaks of ``filename``."""
    return settle(examine_text(text, filename))


def examine(path: str, *, elsewhere: bool = False) -> Findings:
    """Return everything there is to say about the file ``path``.

    With ``elsewhere`` another process will run by it: what only that one can read is noted, not missed.
    """
    problems = Problems(path)
    try:
        text = read_text(path)
    except Malformed as error:
        problems.add(error.place, error.found, error.expected, why=error.why)
        return Findings(None, problems.errors, (), ())
    return examine_text(text, path, elsewhere=elsewhere)


def examine_text(text: str, filename: str, *, elsewhere: bool = False) -> Findings:
    """Return everything there is to say about ``text``."""
    problems = Problems(filename)
    result = None
    lines = LINE_BREAK.split(text)
    try:
        result = interpret(text, problems, elsewhere)
    except Malformed as error:
        problems.hide("", secret_lines(lines))  # nothing was read that could tell which these are
        shown = problems.shown(lines)[error.place.line - 1 :][:1] != ("",)
        problems.add(error.place, error.found if shown else error.unquoted, error.expected, why=error.why)
    return Findings(result, problems.errors, problems.notes, problems.shown(lines))


def interpret(text: str, problems: Problems, elsewhere: bool) -> Configuration | None:
    """Return the configuration in ``text``, or None after its problems were recorded."""
    node = compose(text)
    if node is None or (isinstance(node, Scalar) and node.is_nothing):
        raise Malformed(Place(1, 1, ""), "an empty file", CONFIGURATION.expected)
    return understood(node, problems, elsewhere=elsewhere)


def read_text(path: str) -> str:
    """Return the text of a file.  Raises `Malformed` for one that cannot be read as UTF-8."""
    whole = Place(0, 0, "")
    try:
        with open(path, "rb") as file:
            data = file.read(LARGEST_FILE + 1).removeprefix(BOM_UTF8)
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the path
        raise Malformed(whole, f"cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if len(data) > LARGEST_FILE:
        raise Malformed(whole, f"more than {LARGEST_FILE} bytes", "a configuration")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        good = data[: error.start].decode()
        found = f"byte 0x{data[error.start]:02x}"
        raise Malformed(place_of(good, len(good)), found, "text in UTF-8") from None


def place_of(text: str, index: int) -> Place:
    """Return the line and column of a character."""
    lines = LINE_BREAK.split(text[:index])
    return Place(len(lines), len(lines[-1]) + 1, "")


def place_at(mark: Any) -> Place:
    """Return the place of one of PyYAML's marks, which count from 0; the beginning for None."""
    return Place(1, 1, "") if mark is None else Place(mark.line + 1, mark.column + 1, "")


def compose(text: str) -> Node | None:
    """Return the root node of a YAML document, None for an empty one.  Raises `Malformed`."""
    import yaml

    strange = UNPRINTABLE.search(text)
    if strange is not None:
        place = place_of(text, strange.start())
        raise Malformed(place, f"the control character U+{ord(strange[0]):04X}", "printable text")
    composer = Composer()
    try:
        for event in yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
            composer.take(event)
    except yaml.MarkedYAMLError as error:
        refuse_syntax(error, text)
    except yaml.YAMLError as error:
        raise Malformed(Place(1, 1, ""), "not YAML", why=str(error)) from None
    return composer.root


def refuse_syntax(error: MarkedYAMLError, text: str) -> NoReturn:
    """Raise the parser's complaint as `Malformed`."""
    place = place_at(error.context_mark if error.problem_mark is None else error.problem_mark)
    line = LINE_BREAK.split(text)[place.line - 1 : place.line]
    if line and line[0][place.column - 1 : place.column] == "\t":
        raise Malformed(place, "a tab", "spaces", "YAML is not indented with tabs") from None
    if "nesting depth" in (error.problem or ""):  # its own limit, noticed before it told us of the levels
        raise Malformed(place, TOO_DEEP, f"at most {DEEPEST} levels") from None
    why = error.context or ""
    if why and error.context_mark is not None:
        why += f" that begins in line {place_at(error.context_mark).line}"
    raise Malformed(place, f"not YAML: {error.problem}", why=why) from None


class Composer:
    """Builds the node tree from the parser's events, without recursion."""

    def __init__(self) -> None:
        self.root: Node | None = None
        self._open: list[Sequence | Mapping] = []
        self._anchors: dict[str, Node] = {}
        self._documents = 0

    def take(self, event: Event) -> None:
        """Add one event.  Raises `Malformed`."""
        kind = type(event).__name__
        if kind in ("SequenceEndEvent", "MappingEndEvent"):
            self._open.pop()
            return
        if kind in ("StreamStartEvent", "StreamEndEvent", "DocumentEndEvent"):
            return
        place = place_at(event.start_mark)
        if kind == "DocumentStartEvent":
            self._documents += 1
            if self._documents > 1:
                raise Malformed(place, "a second YAML document", "one document")
            return
        node = self.node(kind, event, place)
        if self._open:
            self._open[-1].items.append(node)
        else:
            self.root = node
        if isinstance(node, Sequence | Mapping) and kind != "AliasEvent":
            self._open.append(node)
            if len(self._open) > DEEPEST:
                raise Malformed(place, TOO_DEEP, f"at most {DEEPEST} levels")

    def node(self, kind: str, event: Any, place: Place) -> Node:
        """Return the node that an event begins, or that an alias stands for."""
        if kind == "AliasEvent":
            known = self._anchors.get(event.anchor)
            if known is None:
                raise Malformed(place, f"alias {quote('*' + event.anchor)}", "an anchor further up")
            return known
        if event.tag not in ORDINARY_TAGS:
            raise Malformed(place, f"tag {quote(event.tag)}", "a value without a tag")
        line, column, _ = place
        node: Node
        if kind == "ScalarEvent":
            last_line = place_at(event.end_mark).line
            node = Scalar(line, column, event.value, plain=not event.style, last_line=last_line)
        else:
            node = Sequence(line, column) if kind == "SequenceStartEvent" else Mapping(line, column)
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

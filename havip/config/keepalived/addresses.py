"""Addresses that a master holds, and those that are held whoever is master.  Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final, NamedTuple

from havip.config.keepalived.making import Listed, Made, scalar
from havip.config.keepalived.report import Outcome
from havip.config.keepalived.table import Entries, Scope
from havip.config.keepalived.tree import Statement, Word
from havip.config.problems import quote


@dataclass(slots=True)
class Cursor:
    """Walks along the words of an entry."""

    scope: Scope
    words: tuple[Word, ...]
    index: int = 1

    def more(self) -> bool:
        """Say whether there are words left."""
        return self.index < len(self.words)

    def next(self) -> Word:
        """Return the next word."""
        self.index += 1
        return self.words[self.index - 1]

    def value(self, of: Word, expected: str) -> Word | None:
        """Return the word that belongs to ``of``; None after it was reported missing."""
        if not self.more():
            self.scope.report.drop(of, f"{quote(of.text)} without a value", expected)
            return None
        return self.next()


def version_of(text: str) -> int:
    """Return the IP version of an address with or without a prefix length; 0: it is none."""
    try:
        return ip_address(text.partition("/")[0]).version
    except ValueError:
        return 0


def scope_word(text: str) -> str:
    """Return a scope as havip writes it."""
    return {"nowhere": "255"}.get(text, text)


#: options with a value: havip's key, what is expected, and how havip writes it
VALUES: Final[dict[str, tuple[str, str, Callable[[str], str]]]] = {
    "dev": ("device", "the name of an interface", str),
    "scope": ("scope", "a scope", scope_word),
    "label": ("label", "a label", str),
    "brd": ("broadcast", "an address, + or -", lambda text: {"+": "auto", "-": "none"}.get(text, text)),
    "broadcast": ("broadcast", "an address, + or -", lambda text: {"+": "auto", "-": "none"}.get(text, text)),
    "preferred_lft": (
        "preferred_lifetime",
        "seconds or forever",
        lambda text: f"{text}s" if text.isdecimal() else text,
    ),
}
#: options without a value: havip's key and its value
FLAGS: Final = {
    "home": ("home", True),
    "-nodad": ("duplicate_detection", True),
    "mngtmpaddr": ("manage_temporary", True),
    "noprefixroute": ("prefix_route", False),
    "no_track": ("track", False),
}
#: options that havip does not have, and why nothing else is done instead
LACKING: Final = {
    "autojoin": "it is for multicast addresses, which no master holds",
    "use_vmac": "an address on another interface has that one's MAC address",
}


def address(scope: Scope, entry: Statement) -> Made | None:
    """Return the mapping of one address and its options; None after it was reported."""
    word = entry.words[0]
    if not version_of(word.text):
        scope.report.drop(word, quote(word.text), "an address", why="it is left out")
        return None
    made = Made(word)
    made.put("address", word, word.text)
    cursor = Cursor(scope, entry.words)
    while cursor.more():
        option = cursor.next()
        if option.text in VALUES:
            key, expected, write = VALUES[option.text]
            value = cursor.value(option, expected)
            if value is not None:
                made.put(key, value, write(value.text))
        elif option.text in FLAGS:
            key, flag = FLAGS[option.text]
            made.put(key, option, flag)
        elif option.text == "peer":
            peer(made, word, cursor.value(option, "an address"))
        elif option.text == "track_group":
            needed_by(scope, cursor.value(option, "the name of a track_group"))
        elif option.text in LACKING:
            scope.report.lacking(option, LACKING[option.text])
        else:
            scope.report.drop(option, quote(option.text), "an option of an address")
    return made


def peer(made: Made, word: Word, value: Word | None) -> None:
    """Take the far end of a link; its prefix length stands behind the address in havip."""
    if value is None:
        return
    far, _, length = value.text.partition("/")
    made.put("peer", value, far)
    if length:
        made.put("address", word, f"{word.text.partition('/')[0]}/{length}")


def needed_by(scope: Scope, name: Word | None) -> None:
    """Remember that a ``track_group`` goes by something static."""
    if name is not None:
        scope.whole.needed.setdefault(name.text, name)


def alone(made: Made) -> bool:
    """Say whether an address has no options, so that its text says it all."""
    return len(made.entries) == 1


class Addresses(NamedTuple):
    """A block of addresses, which become a list of havip."""

    path: str

    def __call__(self, scope: Scope, statement: Statement) -> None:
        Entries(self.entry)(scope, statement)
        if scope.made.get(self.path) is not None:
            scope.report.take(Outcome.MAPPED, statement.words[0], scope.key(self.path))

    def entry(self, scope: Scope, entry: Statement) -> None:
        """Take one address."""
        made = address(scope, entry)
        if made is None:
            return
        at = entry.words[0]
        known = scope.memory.setdefault(self.path, {})
        which = made.text("address").partition("/")[0], made.text("device")
        if which in known:
            scope.report.drop(at, f"{quote(at.text)} again", why="the first one counts")
            return
        known[which] = made
        scope.made.add(self.path, at, scalar(at.text, at) if alone(made) else made)


def texts(made: Made, path: str) -> list[tuple[str, Word]]:
    """Return the addresses of a list, and where they stand."""
    listed = made.get(path)
    result: list[tuple[str, Word]] = []
    for item in listed.items if isinstance(listed, Listed) else ():
        if isinstance(item, Made):
            result.append((item.text("address"), item.at))
        else:
            result.append((item.text, Word(item.text, item.line, item.column)))
    return result

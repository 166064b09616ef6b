"""Routes, as ``ip route`` writes them.  Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from havip.config.keepalived.addresses import Cursor, needed_by, scope_word, version_of
from havip.config.keepalived.making import Listed, Made, scalar
from havip.config.keepalived.report import Outcome
from havip.config.keepalived.table import Entries, Scope
from havip.config.keepalived.tree import Statement, Word
from havip.config.problems import quote

Write = Callable[[str], str]


def time(text: str) -> str:
    """Return milliseconds, or a time with a unit, as havip writes it."""
    return f"{text}ms" if text.isdecimal() else text


def switch(text: str) -> str:
    """Return a number that means off or on."""
    return "false" if text == "0" else "true"


#: words with a value: havip's key, and how havip writes it
ROUTE_VALUES: Final[dict[str, tuple[str, Write]]] = {
    "src": ("source", str),
    "table": ("table", str),
    "scope": ("scope", scope_word),
    "tos": ("tos", str),
    "dsfield": ("tos", str),
    "metric": ("metric", str),
    "priority": ("metric", str),
    "preference": ("metric", str),
    "realms": ("realms", str),
    "pref": ("preference", str),
    "hoplimit": ("hop_limit", str),
    "rtt": ("rtt", time),
    "rttvar": ("rttvar", time),
    "rto_min": ("rto_min", time),
    "quickack": ("quickack", switch),
    "fastopen_no_cookie": ("fastopen_no_cookie", switch),
    "congctl": ("congestion_control", str),
    **{
        word: (word, str)
        for word in ("mtu", "advmss", "window", "initcwnd", "initrwnd", "cwnd", "ssthresh", "reordering")
    },
}
#: words that may be locked: ``mtu lock 1400``
LOCKABLE: Final = frozenset(
    ("mtu", "advmss", "window", "rtt", "rttvar", "ssthresh", "cwnd", "reordering", "hoplimit", "rto_min",
     "congctl")
)  # fmt: skip
ROUTE_TYPES: Final = frozenset(("unicast", "local", "blackhole", "unreachable", "prohibit", "throw"))
ROUTE_LACKING: Final = {
    "protocol": "112 marks what is havip's, so that leftovers are found",
    "expires": "what a master holds does not end by itself",
    "encap": "a tunnel interface and dev do it",
    "as": "a tunnel interface and dev do it",
    "ttl-propagate": "a tunnel interface and dev do it",
    "vrf": "a VRF is a table",
    **dict.fromkeys(("broadcast", "anycast", "multicast", "nat"), "it means nothing to a router"),
}
#: how far the words of what is lacking reach
TAKES_A_VALUE: Final = frozenset(("protocol", "expires", "as", "ttl-propagate", "vrf"))


class Routes(NamedTuple):
    """A block of routes, which become a list of havip."""

    path: str

    def __call__(self, scope: Scope, statement: Statement) -> None:
        Entries(self.entry)(scope, statement)
        if scope.made.get(self.path) is not None:
            scope.report.take(Outcome.MAPPED, statement.words[0], scope.key(self.path))

    def entry(self, scope: Scope, entry: Statement) -> None:
        """Take one route."""
        made = Route(scope, entry).read()
        if made is not None:
            scope.made.add(self.path, entry.words[0], made)


class Route:
    """Reads one route."""

    def __init__(self, scope: Scope, entry: Statement) -> None:
        self.scope, self.first = scope, entry.words[0]
        self.cursor = Cursor(scope, entry.words, 0)
        self.made = Made(self.first)
        self.to: Word | None = None
        self.ways: list[Made] = []  # of `or` and `nexthop`

    def read(self) -> Made | None:
        """Return the mapping of the route; None after it was reported."""
        while self.cursor.more():
            self.word(self.cursor.next())
        if self.ways:
            self.spread()
        if self.to is None or not self.destination(self.to):
            at = self.to or self.first
            self.scope.report.drop(
                at, quote(at.text), "the network that a route leads to", why="it is left out"
            )
            return None
        return self.made

    def word(self, word: Word) -> None:
        """Take one word and its value."""
        text = word.text
        if text in ROUTE_VALUES:
            self.valued(word)
        elif text in ("via", "gw"):
            self.via(word)
        elif text in ("dev", "oif"):
            self.put("device", self.cursor.value(word, "the name of an interface"))
        elif text == "or":
            self.another(word)
        elif text == "nexthop":
            self.next_hop(word)
        elif text == "to":
            self.to = self.cursor.value(word, "a network")
        elif text in ROUTE_TYPES:
            self.made.put("type", word, text)
        elif text == "onlink":
            self.made.put("onlink", word, True)
        elif text == "no_track":
            self.made.put("track", word, False)
        elif text == "track_group":
            needed_by(self.scope, self.cursor.value(word, "the name of a track_group"))
        elif text == "features":
            self.features(word)
        elif text in ("add", "append", "prepend"):
            self.scope.report.take(Outcome.DIFFERS, word, "", "routes to one network are ordered by metric")
        elif text in ROUTE_LACKING:
            self.lacking(word)
        elif self.to is None and (text == "default" or version_of(text)):
            self.to = word
        else:
            self.scope.report.drop(word, quote(text), "a word of a route")

    def put(self, key: str, value: Word | None, write: Write = str) -> None:
        """Give a key its value, if there is one."""
        if value is not None:
            self.made.put(key, value, write(value.text))

    def valued(self, word: Word) -> None:
        """Take a word with a value, which may be locked."""
        key, write = ROUTE_VALUES[word.text]
        value = self.cursor.value(word, "a value")
        if value is not None and value.text == "lock" and word.text in LOCKABLE:
            listed = self.made.get("lock")
            if not isinstance(listed, Listed):
                self.made.put("lock", value, [])
            self.made.add("lock", value, scalar(key, value))
            value = self.cursor.value(word, "a value")
        self.put(key, value, write)

    def via(self, word: Word) -> None:
        """Take the gateway; ``inet`` or ``inet6`` may stand before it."""
        if word.text == "gw":
            self.scope.report.take(Outcome.DEPRECATED, word, "", "now it is via")
        value = self.cursor.value(word, "an address")
        if value is not None and value.text in ("inet", "inet6"):
            value = self.cursor.value(word, "an address")
        self.put("via", value)

    def another(self, word: Word) -> None:
        """Take ``or ADDRESS``, a second way."""
        self.scope.report.take(Outcome.DEPRECATED, word, "", "now it is nexthop")
        value = self.cursor.value(word, "an address")
        if value is not None:
            way = Made(value)
            way.put("via", value, value.text)
            self.ways.append(way)

    def next_hop(self, word: Word) -> None:
        """Take ``nexthop via ADDRESS dev IF weight N onlink``."""
        way = Made(word)
        keys = {"via": "via", "gw": "via", "dev": "device", "weight": "weight"}
        while self.cursor.more():
            inner = self.cursor.next()
            if inner.text in keys:
                value = self.cursor.value(inner, "a value")
                if value is not None and value.text in ("inet", "inet6"):
                    value = self.cursor.value(inner, "an address")
                if value is not None:
                    way.put(keys[inner.text], value, value.text)
            elif inner.text == "onlink":
                way.put("onlink", inner, True)
            else:
                self.cursor.index -= 1
                break
        self.ways.append(way)

    def spread(self) -> None:
        """Share the traffic between the ways, the first of which may stand in the route itself."""
        first, *_ = self.ways
        if self.made.get("via") is not None:
            way = Made(self.made.where("via") or self.first)
            for key in ("via", "device"):
                where = self.made.where(key)
                if where is not None:
                    way.put(key, where, self.made.text(key))
            self.ways.insert(0, way)
            device = self.made.where("device")
            for other in self.ways[1:]:
                if device is not None and other.get("device") is None:
                    other.put("device", device, self.made.text("device"))
            self.made.drop("via")
            self.made.drop("device")
        for way in self.ways:
            self.made.add("next_hops", first.at, way)

    def features(self, word: Word) -> None:
        """Take ``features ecn``, the one feature that there is."""
        value = self.cursor.value(word, "ecn")
        if value is not None and value.text == "ecn":
            self.made.put("ecn", value, True)
        elif value is not None:
            self.scope.report.drop(value, quote(value.text), "ecn")

    def lacking(self, word: Word) -> None:
        """Tell that havip has not what a word asks for, and pass over its values."""
        self.scope.report.lacking(word, ROUTE_LACKING[word.text])
        if word.text in TAKES_A_VALUE and self.cursor.more():
            self.cursor.next()
        elif word.text == "encap":
            self.cursor.index = len(self.cursor.words)

    def destination(self, to: Word) -> bool:
        """Give the route the network that it leads to; ``default`` has the family of the gateway."""
        if to.text == "default":
            version = version_of(self.made.text("via") or self.made.text("source"))
            self.made.put("to", to, "::/0" if version == 6 else "0.0.0.0/0")
            return True
        if not version_of(to.text):
            return False
        self.made.put("to", to, to.text)
        return True

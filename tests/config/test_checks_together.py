"""Health checks that go by others, are damped, or go to no host, as a file says it."""

from __future__ import annotations

import pytest

from havip.clock import ZERO, seconds
from havip.config.health import Damping
from havip.config.model import Silence, Then
from havip.config.plan import plan
from havip.config.probes import File, Script
from tests.config.reading import complaints, read, router

HEAD = router() + "checks:\n"  # line 6
TCP = "  web: {tcp: {}, host: 192.0.2.10, port: 80}\n"  # line 7


def test_every_key_means_something() -> None:
    found = {
        one.name: one
        for one in read(
            HEAD
            + TCP
            + "  one: {script: {command: /usr/bin/true, user: nobody, group: nogroup, dynamic: true}}\n"
            + "  two: {file: {path: /run/drain, factor: -2, reverse: true}, warm_up: 10s, parent: web}\n"
            + "  both: {all: [one, two], parent: web}\n"
            + "  either: {any: [one, both]}\n"
            + "  calm: {tcp: {}, host: a.example.com, port: 1,\n"
            + "    damping: {half_life: 30s, suppress: 3000, reuse: 500, longest: 120s}}\n"
            + "  usual: {tcp: {}, host: 192.0.2.1, port: 1, damping: {}}\n"
        ).checks
    }
    assert found["one"].script == Script(("/usr/bin/true",), "nobody", "nogroup", dynamic=True)
    assert found["two"].file == File("/run/drain", -2, reverse=True)
    assert (found["two"].warm_up, found["two"].parent) == (seconds(10), "web")
    assert (found["web"].warm_up, found["web"].parent, found["web"].damping) == (ZERO, "", None)
    assert (found["both"].all, found["both"].needs) == (("one", "two"), ("one", "two", "web"))
    assert found["either"].any == ("one", "both")
    assert found["calm"].damping == Damping(seconds(30), 3000, 500, seconds(120))
    assert found["usual"].damping == Damping(seconds(60), 2500, 750, seconds(240))


MISTAKES = [
    (
        "  pair: {all: [web, wbe]}\n",
        '8:21: checks.pair.all[1]: expected the name of a health check, found "wbe": none below "checks"; '
        'did you mean "web"?',
    ),
    (
        "  kid: {tcp: {}, host: 192.0.2.1, port: 1, parent: nobody}\n",
        '8:52: checks.kid.parent: expected the name of a health check, found "nobody": none below "checks"',
    ),
    (
        "  pair: {any: [web, web]}\n",
        '8:21: checks.pair.any[1]: "web" again: once is enough',
    ),
    (
        "  pair: {any: [web, pair]}\n",
        "8:21: checks.pair.any[1]: health checks that go by each other in a circle: pair -> pair: "
        "no verdict of theirs would follow from a probe",
    ),
    (
        "  pair: {any: [web], all: [web]}\n",
        '8:15: checks.pair.any: expected one kind of probe a check, found "any" beside "all"',
    ),
    (
        "  pair: {any: [web], host: 192.0.2.1}\n",
        '8:28: checks.pair.host: "host" beside "any": any goes to no host',
    ),
    (
        "  pair: {any: [web], interval: 1s}\n",
        '8:32: checks.pair.interval: "interval" beside "any": it makes one of several, and probes nothing',
    ),
    (
        "  pair: {file: {path: /run/x}, port: 5}\n",
        '8:38: checks.pair.port: "port" beside "file": file goes to no host',
    ),
    (
        "  pair: {file: {path: /run/x}, damping: {reuse: 3000}}\n",
        "8:49: checks.pair.damping.reuse: expected less than suppress, 2500, found reuse 3000",
    ),
    (
        "  pair: {file: {path: /run/x}, damping: {longest: 60s}}\n",
        "8:51: checks.pair.damping.longest: suppress 2500 is never reached: "
        "within longest no penalty above 1500 wears off, so none is kept",
    ),
    (
        "  pair: {script: {command: /nowhere/ask}}\n",
        "8:28: checks.pair.script.command: /nowhere/ask: no such file or directory",
    ),
    (
        "  pair: {script: {command: /usr/bin/true, user: nemo}}\n",
        '8:49: checks.pair.script.user: there is no user "nemo"',
    ),
    (
        "  pair: {ping: {}, host: 'fe80::1'}\n",
        '8:26: checks.pair.host: expected the key "interface" beside it, found "fe80::1": '
        "a link-local address is there on every link",
    ),
    (
        "  pair: {MISC_CHECK: {}}\n",
        '8:10: checks.pair.MISC_CHECK: unknown key "MISC_CHECK"; did you mean "script"?',
    ),
    (
        "  pair: {script: {misc_path: /usr/bin/true}}\n",
        '8:19: checks.pair.script.misc_path: unknown key "misc_path"; did you mean "command"?',
    ),
]


@pytest.mark.parametrize(("line", "complaint"), MISTAKES)
def test_a_mistake_is_shown_where_it_stands(line: str, complaint: str) -> None:
    assert complaint in complaints(HEAD + TCP + line)


def test_a_circle_of_parents_and_members_is_refused_once() -> None:
    text = HEAD + ("  a: {tcp: {}, host: 192.0.2.1, port: 1, parent: c}\n  b: {all: [a]}\n  c: {any: [b]}\n")
    (found,) = complaints(text)
    assert "health checks that go by each other in a circle: " in found


def test_the_policy_for_a_silent_checker_is_read_and_waits_for_no_restart() -> None:
    old, new = read(router()), read(router() + "daemon: {checker_silence: {after: 30s, then: kept}}\n")
    assert old.daemon.checker_silence == Silence(seconds(10), Then.FAILED)
    assert new.daemon.checker_silence == Silence(seconds(30), Then.KEPT)
    assert (plan(old, new).settings, plan(old, new).restart) == (
        ("daemon.checker_silence.after: 10s -> 30s", "daemon.checker_silence.then: failed -> kept"),
        (),
    )
    assert complaints(router() + "daemon: {checker_silence: {after: 1s, then: lost}}\n") == [
        '6:35: daemon.checker_silence.after: expected a length of time from 3s to 86400s, found "1s"',
        '6:45: daemon.checker_silence.then: expected failed or kept, found "lost"',
    ]


def test_a_plan_tells_what_is_checked_otherwise_and_touches_no_router() -> None:
    old = read(HEAD + TCP + "  pair: {any: [web]}\n")
    new = read(HEAD + TCP.replace("80}", "80, parent: up, damping: {}}") + "  up: {file: {path: /run/up}}\n")
    planned = plan(old, new)
    assert (planned.change, len(planned.keep)) == ((), 1)
    assert planned.settings == (
        "checks.pair: removed",
        "checks.web.parent: none -> up",
        "checks.web.damping: none -> set",
        "checks.up: added",
    )

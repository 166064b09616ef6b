"""What a router tracks, as a file says it: names, weights, circles, and programs that could not run."""

from __future__ import annotations

from pathlib import Path

import pytest

from havip.clock import milliseconds, seconds
from havip.config.plan import plan
from havip.config.tracking import (
    FileTracker,
    InterfaceDelays,
    InterfaceTracker,
    Match,
    ProcessTracker,
    RouterState,
    RouterTracker,
    Script,
    ScriptTracker,
    Start,
    TrackedFile,
    TrackedProcess,
    Tracking,
    merged,
)
from havip.config.yamlfile import examine_text
from tests.config.reading import FILE, complaints, read, router
from tests.reaching import let_in

TRACK = "virtual_routers.gateway.track"
WHOLE = """\
scripts:
  web:
    command: /usr/bin/test -e "/run/a b"
    interval: 2s
    timeout: 500ms
    rise: 2
    fall: 3
    weight: -20
    user: nobody
    group: nogroup
    start: failed
  plain: {command: [/usr/bin/true]}
tracked_files:
  load: {path: /run/load, weight: 2, reverse: true, initial: 0, overwrite: true}
tracked_processes:
  proxy:
    process: haproxy
    arguments: [-f, /etc/x]
    match: partial
    quorum: 2
    quorum_max: 3
    fork_delay: 1s
    terminate_delay: 2s
    full_command: true
interfaces:
  eth0: {down_delay: 200ms, up_delay: 5s}
virtual_routers:
  inside: {interface: eth1, vrid: 52, addresses: [198.51.100.1/24]}
  gateway:
    interface: eth0
    vrid: 51
    addresses: [192.0.2.1/24]
    track:
      interfaces: [eth1, {interface: eth2, weight: -30, reverse: true}]
      scripts: [web, {script: plain, weight: 10}]
      files: [load]
      processes: [proxy]
      routers: [inside, {router: inside2, states: [MASTER, BACKUP], weight: -5}]
      own_interface: false
  inside2: {interface: eth1, vrid: 53, addresses: [198.51.100.2/24]}
"""


def notes(text: str) -> list[str]:
    findings = examine_text(text, FILE)
    assert findings.problems == ()
    return [note.as_note().removeprefix(f"{FILE}:") for note in findings.notes]


def tracking(*lines: str, rest: str = "") -> str:
    """Return a file whose router tracks ``lines``, from line 7 on; ``rest`` follows them."""
    return router("track:", *(f"  {line}" for line in lines)) + rest


def test_every_key_of_tracking_means_something() -> None:
    found = read(WHOLE)
    gateway = next(one for one in found.virtual_routers if one.name == "gateway")
    assert gateway.track == Tracking(
        interfaces=(InterfaceTracker("eth1"), InterfaceTracker("eth2", -30, reverse=True)),
        scripts=(ScriptTracker("web", -20, reverse=False), ScriptTracker("plain", 10, reverse=False)),
        files=(FileTracker("load", 2, reverse=True),),
        processes=(ProcessTracker("proxy", 1, reverse=False),),
        routers=(
            RouterTracker("inside"),
            RouterTracker("inside2", (RouterState.MASTER, RouterState.BACKUP), -5),
        ),
        own_interface=False,
    )
    assert found.scripts == (
        Script(
            "web",
            ("/usr/bin/test", "-e", "/run/a b"),
            interval=seconds(2),
            timeout=milliseconds(500),
            rise=2,
            fall=3,
            weight=-20,
            user="nobody",
            group="nogroup",
            start=Start.FAILED,
        ),
        Script("plain", ("/usr/bin/true",)),
    )
    assert found.tracked_files == (TrackedFile("load", "/run/load", 2, True, 0, True),)
    assert found.tracked_processes == (
        TrackedProcess(
            "proxy",
            "haproxy",
            ("-f", "/etc/x"),
            Match.PARTIAL,
            quorum=2,
            quorum_max=3,
            fork_delay=seconds(1),
            terminate_delay=seconds(2),
            full_command=True,
        ),
    )
    assert found.interfaces == (InterfaceDelays("eth0", milliseconds(200), seconds(5)),)


SCRIPTS = "scripts:\n  web: {command: /usr/bin/true}\n"
MISTAKES = [
    (
        tracking("scripts: [webb]", rest=SCRIPTS),
        f'7:17: {TRACK}.scripts[0]: expected the name of a script, found "webb": none below "scripts"; '
        'did you mean "web"?',
    ),
    (
        tracking("files: [x]"),
        f'7:15: {TRACK}.files[0]: expected the name of a tracked file, found "x": none below "tracked_files"',
    ),
    (
        tracking("scripts: [web, {script: web, weight: 3}]", rest=SCRIPTS),
        f'7:31: {TRACK}.scripts[1].script: "web" again: tracked in line 7 as well',
    ),
    (
        tracking("scripts: [{script: web, weight: 254}]", rest=SCRIPTS),
        f'7:39: {TRACK}.scripts[0].weight: expected a whole number from -253 to 253, found "254": '
        '254 means FAULT; for that the weight is 0; did you mean "253"?',
    ),
    (
        tracking("interfaces: [{interface: eth1, weight: -254}]"),
        f'7:46: {TRACK}.interfaces[0].weight: expected a whole number from -253 to 253, found "-254": '
        '254 means FAULT; for that the weight is 0; did you mean "-253"?',
    ),
    (
        tracking("interfaces: [eth0]"),
        f'7:20: {TRACK}.interfaces[0]: expected another interface than the router\'s own, found "eth0": '
        "its own interface is tracked anyway; with own_interface: false it is not",
    ),
    (
        tracking("routers: [gateway]"),
        f"7:17: {TRACK}.routers[0]: virtual routers that track each other in a circle: gateway -> gateway: "
        "no state of theirs would follow from anything else",
    ),
    (
        tracking(
            "routers: [{router: other, states: [UP]}]",
            rest="  other: {interface: eth0, vrid: 52, addresses: [192.0.2.2/24]}\n",
        ),
        f'7:42: {TRACK}.routers[0].states[0]: expected MASTER or BACKUP or FAULT, found "UP"',
    ),
    (
        tracking("files: [a]", rest="tracked_files:\n  a: {path: /run/a, overwrite: true}\n"),
        "9:32: tracked_files.a.overwrite: true: there is no initial value to write",
    ),
    (
        tracking("processes: [a]", rest="tracked_processes:\n  a: {process: x, quorum: 3, quorum_max: 2}\n"),
        "9:42: tracked_processes.a.quorum_max: expected at least the quorum, 3, found 2",
    ),
    (
        tracking("processes: [a]", rest="tracked_processes:\n  a: {process: x, match: initial}\n"),
        '9:26: tracked_processes.a.match: "initial": there are no arguments to match',
    ),
    (
        tracking(
            "processes: [a]", rest="tracked_processes:\n  a: {process: x, match: none, arguments: [y]}\n"
        ),
        '9:26: tracked_processes.a.match: "none": there are arguments',
    ),
    (
        tracking("script: [web]", rest=SCRIPTS),
        f'7:7: {TRACK}.script: unknown key "script"; did you mean "scripts"?',
    ),
    (
        router("track_script: [web]"),
        '6:5: virtual_routers.gateway.track_script: unknown key "track_script"; did you mean "track"?',
    ),
    (
        tracking("scripts: [web]", rest="scripts:\n  web: {command: true}\n"),
        '9:18: scripts.web.command: expected the absolute path of a program, found "true"',
    ),
]


@pytest.mark.parametrize(("text", "complaint"), MISTAKES)
def test_a_mistake_is_shown_where_it_stands(text: str, complaint: str) -> None:
    assert complaints(text) == [complaint]


def test_a_circle_of_routers_is_refused_once() -> None:
    lines = ["virtual_routers:"]
    for number, whom in enumerate(("b", "c", "a")):
        name = "abc"[number]
        lines.append(
            f"  {name}: {{interface: eth0, vrid: {number + 1}, addresses: [192.0.2.{number + 1}/24], "
            f"track: {{routers: [{whom}]}}}}"
        )
    (found,) = complaints("\n".join(lines))
    assert "virtual routers that track each other in a circle: " in found


def test_what_nobody_tracks_is_noted() -> None:
    text = router() + SCRIPTS + "interfaces: {eth7: {up_delay: 1s}}\n"
    assert notes(text) == [
        '7:3: note: scripts.web: "web" is tracked by no virtual router',
        '8:14: note: interfaces.eth7: no virtual router uses or tracks "eth7"',
    ]


def test_a_weight_without_effect_is_noted() -> None:
    text = router("priority: 255", "track: {scripts: [{script: web, weight: 5}]}") + SCRIPTS
    assert notes(text) == [
        f"7:45: note: {TRACK}.scripts[0].weight: this weight has no effect: "
        "the priority of the address owner (255) never changes"
    ]


def test_a_delay_that_outlasts_the_patience_of_the_peers_is_noted() -> None:
    text = router("interval: 100ms") + "interfaces: {eth0: {down_delay: 200ms}}\n"
    assert notes(text) == [
        "7:33: note: interfaces.eth0.down_delay: a delay of 200ms: "
        'the peers of "gateway" take over after 300ms of silence'
    ]
    assert notes(text.replace("200ms", "190ms")) == []


def script_file(path: Path, text: str = "#!/bin/sh\nexit 0\n", mode: int = 0o755) -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


@pytest.mark.parametrize(
    ("text", "mode", "why"),
    [
        (None, 0, "no such file or directory"),
        ("#!/bin/sh\n", 0o644, "is not executable"),
        ("#!/nowhere/python\n", 0o755, "its interpreter: /nowhere/python: no such file or directory"),
        ("exit 0\n", 0o755, "is neither a compiled program nor does it begin with #!"),
        ("#!/bin/sh\n", 0o777, "can be written by others than root, and the program is to run as root"),
    ],
)
def test_a_script_that_could_not_run_or_is_not_roots_alone_is_refused(
    tmp_path: Path, text: str | None, mode: int, why: str
) -> None:
    path = tmp_path / "check"
    if text is not None:
        script_file(path, text, mode)
    (found,) = complaints(tracking("scripts: [a]", rest=f"scripts:\n  a: {{command: {path}}}\n"))
    assert found.startswith("9:16: scripts.a.command: ")
    assert why in found


def test_a_script_that_does_not_run_as_root_may_be_anybodys(tmp_path: Path) -> None:
    let_in(tmp_path)
    path = script_file(tmp_path / "check", mode=0o777)
    script = f"scripts:\n  a: {{command: {path}}}\n"
    assert len(complaints(tracking("scripts: [a]", rest=script))) == 1
    assert complaints(tracking("scripts: [a]", rest=script + "daemon: {script_user: nobody}\n")) == []
    assert complaints(tracking("scripts: [a]", rest=script.replace("}", ", user: nobody}"))) == []


def test_users_that_do_not_exist_are_refused() -> None:
    rest = "scripts:\n  a: {command: /usr/bin/true, user: nemo}\ndaemon: {script_user: nobody2}\n"
    assert complaints(tracking("scripts: [a]", rest=rest)) == [
        '9:37: scripts.a.user: there is no user "nemo"',
        '10:23: daemon.script_user: there is no user "nobody2"',
    ]


def test_a_plan_tells_what_is_tracked_otherwise() -> None:
    old = read(tracking("scripts: [web]", rest=SCRIPTS))
    new = read(
        tracking("scripts: [{script: web, weight: -5}]", rest=SCRIPTS.replace("true}", "true, fall: 2}"))
    )
    described = plan(old, new).describe()
    assert described["change"] == [
        {"name": "gateway", "changes": ["track.scripts: web (weight -5) added, web removed"]}
    ]
    assert plan(old, new).settings == ("scripts.web.fall: 1 -> 2",)
    assert plan(old, old).change == ()


def test_another_user_of_scripts_waits_for_no_restart() -> None:
    old = read(router())
    new = read(router() + "daemon: {script_user: nobody, lock_memory: false}\n")
    assert plan(old, new).settings == ("daemon.script_user: none -> nobody",)
    assert plan(old, new).restart == ("daemon.lock_memory: true -> false",)


def test_a_new_weight_of_a_script_changes_the_routers_that_take_it_over() -> None:
    old = read(tracking("scripts: [web]", rest=SCRIPTS))
    new = read(tracking("scripts: [web]", rest=SCRIPTS.replace("true}", "true, weight: 7}")))
    assert [changed.track.scripts[0].weight for _, changed in plan(old, new).change] == [7]


def test_a_groups_trackers_are_its_members_too_and_win() -> None:
    member = Tracking(
        interfaces=(InterfaceTracker("eth1"),), scripts=(ScriptTracker("a", -5), ScriptTracker("b", 5))
    )
    group = Tracking(scripts=(ScriptTracker("a", -50), ScriptTracker("c", 0)))
    assert merged(member, group) == Tracking(
        interfaces=(InterfaceTracker("eth1"),),
        scripts=(ScriptTracker("b", 5), ScriptTracker("a", -50), ScriptTracker("c", 0)),
    )

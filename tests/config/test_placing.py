"""The instance: from the file or the command line, and what follows from it."""

from __future__ import annotations

import pytest

from havip.config.placing import TwoNames, placed
from tests.config.reading import complaints, read, router


def daemon(*lines: str) -> str:
    return router() + "daemon:\n" + "".join(f"  {line}\n" for line in lines)


@pytest.mark.parametrize(("text", "name"), [(daemon("instance: blue"), None), (router(), "blue")])
def test_an_instance_has_its_own_socket_and_state(text: str, name: str | None) -> None:
    found = placed(read(text), name).daemon
    assert found.instance == "blue"
    assert (found.control_socket, found.state_directory) == ("/run/havip/blue.sock", "/var/lib/havip/blue")


def test_paths_of_the_file_go_before_those_of_the_instance() -> None:
    text = daemon("instance: blue", "control_socket: /run/x.sock", "state_directory: /srv/state")
    found = placed(read(text), "blue").daemon
    assert (found.control_socket, found.state_directory) == ("/run/x.sock", "/srv/state")


def test_a_state_directory_of_the_command_line_goes_before_the_files() -> None:
    found = placed(read(daemon("state_directory: /srv/state")), None, "/tmp/state").daemon
    assert (found.instance, found.state_directory) == (None, "/tmp/state")


def test_two_names_are_refused() -> None:
    with pytest.raises(TwoNames, match="says instance green, and the file says daemon"):
        placed(read(daemon("instance: blue")), "green")


@pytest.mark.parametrize("name", ["Blue", "havip", "a/b", '"-a"', "..", "blue green"])
def test_what_is_no_name_of_an_instance(name: str) -> None:
    (line,) = complaints(daemon(f"instance: {name}"))
    assert line.startswith("7:13: daemon.instance: expected a name of 1 to 32 small letters, digits")


@pytest.mark.parametrize("name", ["..", '"a b"', "/run/netns/", '""'])
def test_what_is_no_network_namespace(name: str) -> None:
    (line,) = complaints(daemon(f"network_namespace: {name}"))
    assert line.startswith(
        "7:22: daemon.network_namespace: expected the name of a network namespace, or an absolute path"
    )


def test_keepalived_calls_it_net_namespace() -> None:
    (line,) = complaints(daemon("net_namespace: blue"))
    assert 'did you mean "network_namespace"?' in line

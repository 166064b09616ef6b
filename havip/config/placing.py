"""Where a daemon of an instance keeps its things, unless its file says otherwise.  Pure."""

from __future__ import annotations

from dataclasses import replace

from havip import instance
from havip.config.model import Configuration
from havip.errors import HavipError


class TwoNames(HavipError):
    """The command line and the file name different instances."""

    reason = "two-names"


def placed(configuration: Configuration, name: str | None, state: str | None = None) -> Configuration:
    """Return the configuration with the instance that the command line or the file names, and its paths.

    A path that is the unnamed daemon's is an instance's no more than one that was not given.  ``state`` is a
    state directory that goes before the file's.  Raises `TwoNames`.
    """
    daemon = configuration.daemon
    if state is not None:
        daemon = replace(daemon, state_directory=state)
    if None not in (name, daemon.instance) and name != daemon.instance:
        raise TwoNames(
            f"the command line says instance {name}, and the file says daemon.instance: {daemon.instance}"
        )
    name = name or daemon.instance
    if name is None:
        return replace(configuration, daemon=daemon)
    socket, directory = daemon.control_socket, daemon.state_directory
    return replace(
        configuration,
        daemon=replace(
            daemon,
            instance=name,
            control_socket=instance.control_socket(name) if socket == instance.CONTROL_SOCKET else socket,
            state_directory=(
                instance.state_directory(name) if directory == instance.STATE_DIRECTORY else directory
            ),
        ),
    )

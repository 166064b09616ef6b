"""Nodes to a `Configuration`, whatever kind of file they were read from: the one way to a valid one.

Reads the secrets that the configuration names, and asks this machine for the programs that it names.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from havip.config import balancing_draft, checks, draft, onsite, tables
from havip.config.keyfiles import KeyFiles
from havip.config.keys import CONFIGURATION
from havip.config.model import Configuration
from havip.config.nodes import Node
from havip.config.problems import ConfigurationError, Noting, Place, Problem, Problems
from havip.config.reader import Read, Reader
from havip.config.routing_kinds import learn

learn(tables.names)

LOAD_BALANCER: Final = frozenset(("virtual_services", "service_defaults", "service_groups", "load_balancer"))


@dataclass(frozen=True, slots=True)
class Findings:
    """All that can be said about one file: a configuration, or why there is none."""

    configuration: Configuration | None
    problems: tuple[Problem, ...]  # empty if and only if there is a configuration
    notes: tuple[Problem, ...]  # valid, but worth a look
    lines: tuple[str, ...]  # the text, as the line numbers count it; empty where a secret stands
    included: Mapping[str, tuple[str, ...]] = field(
        default_factory=dict
    )  # the lines of other files, likewise

    def lines_of(self, file: str) -> tuple[str, ...]:
        """Return the lines of the file, or of one that it includes."""
        return self.included.get(file, self.lines)


def settle(findings: Findings) -> Configuration:
    """Return the configuration, or raise the problems."""
    if findings.configuration is None:
        raise ConfigurationError(findings.problems)
    return findings.configuration


def understood(
    node: Node, problems: Problems, *, elsewhere: bool, away: bool = False
) -> Configuration | None:
    """Return the configuration that a node is, or None after its problems were recorded.

    With ``elsewhere`` another process will run by it: what only that one can read is noted, not missed.  With
    ``away`` another machine will: what this one lacks is noted.
    """
    root = Reader(problems).read(node, CONFIGURATION, Place(1, 1, ""))
    if not isinstance(root.value, dict):
        return None
    here = Noting(problems) if away else problems
    root = Read(balancing_draft.upon_defaults(root.value), root.place)
    KeyFiles(here, os.environ, elsewhere=elsewhere, away=away).fetch(root, CONFIGURATION)
    routers, services = draft.routers(root.value), balancing_draft.services(root.value)
    checks.check(root.value, routers, problems, balancing_draft.lasting(services))
    if not LOAD_BALANCER.isdisjoint(root.value):
        # It knows the kernel's terms, which most files need not.
        from havip.config import checks_balancing

        checks_balancing.check(root.value, services, problems)
    onsite.look(root.value, routers, here)
    if elsewhere:
        onsite.look_around(root.value, problems)
    if problems:
        return None
    return draft.configuration(root.value, routers, tuple(one.service for one in services))

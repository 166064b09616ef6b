"""How a scenario that breaks a rule is made smaller, and told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

from tests.sim.watch import Violation

Scene = TypeVar("Scene", bound=Any)  # a frozen dataclass with ``faults``
Played = TypeVar("Played")


def played(name: str, scene: Scene, play: Callable[[Scene], Played]) -> Played:
    """Play a scenario.  Raises AssertionError with the name and the smallest scenario that fails alike."""
    try:
        return play(scene)
    except Violation as violation:
        least = smaller(scene, violation.rule, play)
        try:
            play(least)
        except Violation as smallest:
            raise AssertionError(f"{name}: {smallest}\n{least}") from violation
        raise AssertionError(f"{name}: {violation}\n{scene}") from violation


def smaller(scene: Scene, rule: str, play: Callable[[Scene], object]) -> Scene:
    """Return the scenario with every fault left out without which the same rule is still broken."""
    for fault in scene.faults:
        fewer = replace(scene, faults=tuple(other for other in scene.faults if other is not fault))
        if broken_rule(fewer, play) == rule:
            scene = fewer
    return scene


def broken_rule(scene: Scene, play: Callable[[Scene], object]) -> str | None:
    """Return the rule that a scenario breaks."""
    try:
        play(scene)
    except Violation as violation:
        return violation.rule
    return None

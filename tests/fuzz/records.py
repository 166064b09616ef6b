"""Damage for what is read back from a disk or heard from the kernel."""

from __future__ import annotations

import copy
import json
from random import Random
from typing import Any

#: what a field may hold after its file was damaged or written by a stranger
STRANGE: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 255, 256, 300, 2**31, 2**32, 2**64, -(2**64), 1.5, 1e308, "", "a", "auto"),
    *(
        "192.0.2.1",
        "2001:db8::1",
        "a" * 300,
        "a\0b",
        "\ud800",
        "../x",
        [],
        [None],
        [[]],
        {},
        {"a": 1},
        [1, 2],
    ),
)


def strange(random: Random, value: Any) -> Any:
    """Return a JSON value with one to three places of it changed, taken away or doubled."""
    value = json.loads(json.dumps(value))
    for _ in range(random.randint(1, 3)):
        value = touched(random, value)
    return value


def touched(random: Random, value: Any) -> Any:
    """Return a JSON value with one place of it changed."""
    if not isinstance(value, dict | list) or not value or random.random() < 0.15:
        return copy.deepcopy(random.choice(STRANGE))
    keys = list(value) if isinstance(value, dict) else list(range(len(value)))
    key = random.choice(keys)
    chance = random.random()
    if chance < 0.1:
        del value[key]
    elif chance < 0.2 and isinstance(value, list):
        value.insert(key, value[key])
    else:
        value[key] = touched(random, value[key])
    return value

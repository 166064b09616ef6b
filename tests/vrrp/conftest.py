"""A stack of a worker's parts, and the black box that outlives it."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from havip.vrrp.blackbox import create
from tests.vrrp.stack import Stack


@pytest.fixture
def descriptor() -> Iterator[int]:
    number = create()
    yield number
    os.close(number)


@pytest.fixture
def stack(descriptor: int) -> Stack:
    return Stack(descriptor)

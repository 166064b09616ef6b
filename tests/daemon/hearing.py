"""What is heard of a daemon on the wire: frames chosen, counted and read."""

from __future__ import annotations

import itertools

from lab.capture import Capture, Frame


def adverts(frame: Frame) -> bool:
    """Keep VRRP over IPv4."""
    return frame.data[12:14] == b"\x08\x00" and frame.data[23] == 112


def priorities(capture: Capture) -> list[int]:
    """Return the priority of every advert that was kept."""
    return [frame.data[36] for frame in capture.frames]


def wait_for_count(capture: Capture, count: int) -> None:
    """Return once ``count`` frames have been captured since the start."""
    numbers = itertools.count(1)
    capture.wait_for(lambda frame: next(numbers) >= count)

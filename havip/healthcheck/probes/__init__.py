"""One file a kind of probe; each is imported when the first check of its kind is run."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import cast

from havip.healthcheck.attempt import Probe


@cache
def probe_of(kind: str) -> Probe:
    """Return the probe of a kind: the function `probe` of the module that is named after it."""
    return cast(Probe, import_module(f"havip.healthcheck.probes.{kind}").probe)

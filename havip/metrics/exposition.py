"""Writes metrics as Prometheus reads them, in slices, between which the rest of the process has its turn.

The only file that imports prometheus-client, and imported only where metrics are served: that takes 70 ms.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, Final, cast

from prometheus_client import exposition
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.samples import Sample

from havip.metrics.family import Family, Source

SLICE: Final = 256  # samples: a millisecond or two
TEXT: Final = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS: Final = "application/openmetrics-text; version=1.0.0; charset=utf-8"
END: Final = b"# EOF\n"


class Registry:
    """One family, as the client library wants to be given it."""

    def __init__(self, metric: Metric) -> None:
        self._metric = metric

    def collect(self) -> Iterator[Metric]:
        """Yield it."""
        yield self._metric


async def written(families: Iterable[Family], source: Source, kind: str) -> list[bytes]:
    """Return the text of all families, in pieces; ``kind`` is `TEXT` or `OPENMETRICS`."""
    generate: Callable[[Any], bytes] = (
        openmetrics.generate_latest if kind == OPENMETRICS else exposition.generate_latest
    )
    pieces: list[bytes] = []
    for family in families:
        rows = iter(family.rows(source))
        begun = False
        while some := list(islice(rows, SLICE)):
            metric = Metric(family.name, family.meaning, family.kind)
            metric.samples = [Sample(family.name + suffix, labels, value) for suffix, labels, value in some]
            piece = generate(cast(Any, Registry(metric))).removesuffix(END)
            pieces.append(without_heading(piece) if begun else piece)
            begun = True
            await asyncio.sleep(0)
    return [*pieces, END] if kind == OPENMETRICS else pieces


def without_heading(piece: bytes) -> bytes:
    """Return the samples of a family whose heading stands before an earlier piece."""
    while piece.startswith(b"# "):
        piece = piece.partition(b"\n")[2]
    return piece

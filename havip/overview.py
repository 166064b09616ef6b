"""What the verb `status` answers, put together from what each part of the daemon knows."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from havip import __version__
from havip.config.model import Daemon
from havip.control.views import report_as_dict
from havip.messages import RouterReport
from havip.services import Json, Service
from havip.workers import Worker


def overview(
    daemon: Daemon,
    since: float,
    configuration: dict[str, Any],
    workers: Iterable[Worker],
    reports: Iterable[RouterReport],
    services: Iterable[Service],
) -> Json:
    """Return the status of a daemon that started at ``since`` (seconds since 1970)."""
    services = list(services)
    return {
        "version": __version__,
        "pid": os.getpid(),
        "since": since,
        "instance": daemon.instance,
        "network_namespace": daemon.network_namespace,
        "configuration": configuration,
        "workers": [worker_as_dict(worker) for worker in workers],
        "virtual_routers": [router_as_dict(report, services) for report in reports],
        **{key: value for service in services for key, value in service.status().items()},
    }


def worker_as_dict(worker: Worker) -> Json:
    """Return how one process is."""
    return {
        "name": worker.name,
        "pid": worker.pid,
        "since": worker.since,
        "restarts": worker.restarts,
        "alive": worker.alive,
    }


def router_as_dict(report: RouterReport, services: Iterable[Service]) -> Json:
    """Return how one virtual router is, as the worker and the services know it."""
    shown = report_as_dict(report)
    for service in services:
        shown |= service.status_of(report.key)
    return shown

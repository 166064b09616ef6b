"""Why the kernel has refused a change, in words that name the service.  Pure."""

from __future__ import annotations

import errno
from collections.abc import Iterable
from typing import Final, assert_never

from havip.ipvs.model import (
    AddDestination,
    AddService,
    Change,
    Destination,
    DropDestination,
    DropService,
    EditDestination,
    EditService,
    Forward,
    Refusal,
    Service,
    ServiceKey,
    Tunnel,
)
from havip.ipvs.plan import service_of

WORDS: Final = {
    errno.EPERM: "not permitted: it takes CAP_NET_ADMIN",
    errno.ENOMEM: "no memory",
    errno.ENOBUFS: "no buffers",
    errno.EEXIST: "it is there already: another program has added it",
    errno.ESRCH: "the service is not there: another program has removed it",
    errno.EAFNOSUPPORT: "no IPv6 in the kernel's IPVS",
    errno.EOPNOTSUPP: "the kernel does not know how",
}


def causes(refusals: Iterable[Refusal]) -> list[Refusal]:
    """Return the refusals without those that follow from another: servers of a service that was refused."""
    every = list(refusals)
    refused = {refusal.change.service.key for refusal in every if isinstance(refusal.change, AddService)}
    return [
        refusal
        for refusal in every
        if not (refusal.errno == errno.ESRCH and service_of(refusal.change) in refused)
    ]


def reason(refusal: Refusal) -> str:
    """Return which change of which service was refused, and why."""
    return f"{subject(refusal.change)}: {why(refusal)}"


def subject(change: Change) -> str:
    """Return what was to be changed."""
    match change:
        case AddService(service=service) | EditService(service=service):
            return str(service.key)
        case DropService(key=key):
            return f"{key}, which is to go"
        case AddDestination(service=key, destination=one) | EditDestination(service=key, destination=one):
            return f"{key}, server {one.key}"
        case DropDestination(service=key, key=name):
            return f"{key}, server {name}, which is to go"
        case _:
            assert_never(change)


def why(refusal: Refusal) -> str:
    """Return the kernel's reason, told from what was asked of it."""
    change, number = refusal.change, refusal.errno
    told = None
    if isinstance(change, AddService | EditService):
        told = of_service(change.service, number)
    elif isinstance(change, AddDestination | EditDestination):
        told = of_destination(change.service, change.destination, number)
    elif number == errno.ENOENT:
        told = "it is not there: another program has removed it"
    return told or WORDS.get(number) or errno.errorcode.get(number, f"error {number}")


def of_service(service: Service, number: int) -> str | None:
    """Return what the kernel means by an errno about a service; None: nothing in particular."""
    if number == errno.ENOENT:
        engine = f" or no persistence engine {service.engine} (module ip_vs_pe_{service.engine})"
        lacking = f"the kernel has no scheduler {service.scheduler} (module ip_vs_{service.scheduler})"
        return lacking + (engine if service.engine else "")
    if number == errno.EINVAL and service.key.family == 6:
        return f"the kernel takes no prefix of {service.prefix_length} bits"
    return None


def of_destination(key: ServiceKey, one: Destination, number: int) -> str | None:
    """Return what the kernel means by an errno about a server."""
    if number == errno.ENOENT:
        return "it is not there: another program has removed it"
    if number == errno.ERANGE:
        return "weight and thresholds must not be negative, nor the lower threshold above the upper one"
    if number == errno.EINVAL and one.key.address.version != key.family:
        if one.forward != Forward.TUNNEL:
            return f"behind an IPv{key.family} service it needs the method tunnel"
        return "beside a sync daemon the kernel takes no server of another family"
    if number == errno.EINVAL:
        if one.tunnel == Tunnel.GUE and not one.tunnel_port:
            return "a tunnel of GUE needs a port"
        return f"the kernel takes no server at {one.key.address}: not unicast, or no interface is up"
    return None

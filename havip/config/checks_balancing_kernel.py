"""What must hold between IPVS as a whole and the rest of a configuration.  Pure."""

from __future__ import annotations

from havip.config.draft import good, group_of
from havip.config.problems import Problems, nearest_of, quote
from havip.config.reader import Read, Reading


def check(root: Reading, problems: Problems) -> None:
    """Check the key `load_balancer`."""
    balancer = group_of(root, "load_balancer")
    check_router(root, good(group_of(balancer, "sync_daemon"), "router"), problems)
    if "nftables_priority" in balancer and not any(
        "nftables_mark" in group_of({"": read}, "") for read in group_of(root, "virtual_services").values()
    ):
        problems.note(balancer["nftables_priority"].place, "no virtual service has an nftables_mark")


def check_router(root: Reading, named: Read | None, problems: Problems) -> None:
    """Refuse the name of a virtual router that there is not."""
    known = group_of(root, "virtual_routers")
    if named is not None and named.value not in known:
        nearest, why = nearest_of(named.value, known), 'none below "virtual_routers"'
        problems.add(
            named.place, quote(named.value), "the name of a virtual router", nearest=nearest, why=why
        )

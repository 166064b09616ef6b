"""What must hold between the keys of ``hmac`` and ``authentication``, and beside a router's others.  Pure."""

from __future__ import annotations

from havip.clock import spell
from havip.config.authentication import AntiReplay, Hmac
from havip.config.draft import Draft
from havip.config.problems import Place, Problems

ONE_SECOND = 1_000_000_000


def check(draft: Draft, problems: Problems) -> None:
    """Check one virtual router."""
    if "hmac" not in draft.bad and draft.router.hmac is not None:
        check_hmac(draft, draft.router.hmac, problems)
    if "authentication" not in draft.bad and draft.router.authentication is not None:
        check_password(draft, problems)


def check_hmac(draft: Draft, hmac: Hmac, problems: Problems) -> None:
    """The active key is one of the keys, and a window is of use only where the clock counts."""
    numbers = [key.number for key in hmac.keys]
    if hmac.active_key not in numbers:
        known = " or ".join(map(str, numbers))
        why = "no such key in `hmac.keys`"
        problems.add(place_of(draft, "active_key"), str(hmac.active_key), known, why=why)
    if hmac.time_window % ONE_SECOND:
        where = place_of(draft, "time_window")
        problems.add(where, spell(hmac.time_window), "whole seconds from 1s to 300s")
    elif hmac.time_window and hmac.anti_replay is AntiReplay.MONOTONIC:
        why = "with anti_replay: monotonic nobody looks at the clock"
        problems.add(place_of(draft, "time_window"), spell(hmac.time_window), "0s", why=why)


def check_password(draft: Draft, problems: Problems) -> None:
    """A password is VRRPv2's, excludes signatures, and protects nothing."""
    place = draft.at("authentication")
    if "hmac" not in draft.bad and draft.router.hmac is not None:
        problems.add(place, "authentication beside hmac", why="an advert carries one of them")
    elif "version" not in draft.bad and draft.router.version != 2:
        why = "RFC 3768 and RFC 9568 have no authentication; use `hmac`"
        problems.add(place, f"authentication in VRRPv{draft.router.version}", "version: 2", why=why)
    else:
        why = "everybody on the LAN can read it; it prevents mistakes, not attacks"
        problems.note(place, "a password in cleartext", why=why)


def place_of(draft: Draft, key: str) -> Place:
    """Return where a key of ``hmac`` stands."""
    read = draft.reading["hmac"].value.get(key)
    return draft.at("hmac") if read is None else read.place

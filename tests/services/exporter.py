"""What a program that exports keepalived's state needs of its three files, read as strictly as by any.

Written from what `keepalived-exporter` and a Checkmk plugin look for: fixed types in the JSON, indentation
and the words of single lines in the texts.
"""

from __future__ import annotations

import json
import re
from typing import Any

#: JSON fields that are decoded into an integer: a fraction, a text or true there is an error
WHOLE_DATA = ("state", "wantstate", "garp_delay", "vrid")
WHOLE_STATS = (
    "advert_rcvd", "advert_sent", "become_master", "release_master", "packet_len_err", "advert_interval_err",
    "ip_ttl_err", "invalid_type_rcvd", "addr_list_err", "invalid_authtype", "authtype_mismatch",
    "auth_failure", "pri_zero_rcvd", "pri_zero_sent",
)  # fmt: skip


def from_json(text: str) -> dict[str, dict[str, Any]]:
    """Return what the JSON dump says of each virtual router: its data and counters in one."""
    found = {}
    for one in json.loads(text):
        data, stats = one["data"], one["stats"]
        for values, names in ((data, WHOLE_DATA), (stats, WHOLE_STATS)):
            assert all(type(values[name]) is int for name in names)
        assert isinstance(data["ifp_ifname"], str)
        assert all(len(vip.split(" ")) >= 3 for vip in data["vips"])
        found[data["iname"]] = data | stats
    return found


def from_stats(text: str) -> dict[str, dict[str, int]]:
    """Return the counters of each virtual router: ``Priority Zero/Sent``, ``Became master``."""
    found: dict[str, dict[str, int]] = {}
    counters: dict[str, int] = {}
    section = ""
    for line in text.splitlines():
        if line.startswith("VRRP Instance"):
            counters = found[line.split(":")[1].strip()] = {}
        elif line.startswith("  ") and line.endswith(":"):
            section = line.strip(" :")
        else:
            name, value = line.strip().split(":")
            deep = line.startswith("    ")
            counters[f"{section}/{name}" if deep else name] = int(value)
    return found


def from_state(text: str) -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, str]]]:
    """Return the keys of each virtual router, ``vips`` among them, and those of each script."""
    routers: dict[str, dict[str, Any]] = {}
    scripts: dict[str, dict[str, str]] = {}
    here: dict[str, Any] = {}
    of_addresses = False
    for line in text.splitlines():
        if begins := re.fullmatch(r" VRRP (Instance|Script) = (.+)", line):
            here = (routers if begins[1] == "Instance" else scripts).setdefault(begins[2], {})
        elif not line.startswith("   "):
            here = {}
        elif line.startswith("     "):
            if of_addresses:
                here.setdefault("vips", []).append(line.strip())
        else:
            of_addresses = line.startswith("   Virtual IP (")
            key, sign, value = line.strip().partition(" = ")
            if sign:
                here[key] = value
    return routers, scripts

"""How `havip status` shows what became of notifications, and of SNMP."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

COUNTS = ("queued", "running", "done", "written", "failed", "dropped")
SESSION_COUNTS = ("requests", "traps_sent", "traps_dropped")


def snmp_words(session: Mapping[str, Any] | None) -> list[str]:
    """Return the words of the line about the session with the SNMP agent; none: it is not wanted."""
    if session is None:
        return []
    connected = [] if session["connected"] else ["NOT CONNECTED"]
    error = [session["error"]] if session["error"] else []
    refused = [f"another agent serves {mib}" for mib in session["refused"]]
    counts = [f"{key.replace('_', ' ')} {session[key]}" for key in SESSION_COUNTS if session[key]]
    return [session["socket"], *connected, *error, *refused, *counts]


def metrics_words(section: Mapping[str, Any] | None) -> list[str]:
    """Return the words of the line about where metrics are served; none: nowhere."""
    places = (section or {}).get("listen", ())
    words = [one["on"] + (f" NOT SERVED: {one['trouble']}" if one["trouble"] else "") for one in places]
    scrapes = (section or {}).get("scrapes", {})
    return [*words, *(f"{result} {count}" for result, count in scrapes.items() if count)] if words else []


def told_words(section: Mapping[str, Any]) -> Iterator[list[str]]:
    """Yield the words of one line for each channel that has anything to show."""
    channels = [("scripts", section.get("scripts")), ("mail", section.get("mail"))]
    channels += [(fifo["path"], fifo) for fifo in section.get("fifos", ())]
    channels += [(hook["url"], hook) for hook in section.get("webhooks", ())]
    for name, tally in channels:
        if tally is None:
            continue
        counts = [f"{key} {tally[key]}" for key in COUNTS if tally.get(key)]
        trouble = tally.get("trouble")
        last = tally.get("last")
        if trouble is None and last is not None and (tally["failed"] or tally["dropped"]):
            trouble = f"last: {last['result']}"
        if counts or trouble:
            yield [name, *counts, *([trouble] if trouble else [])]

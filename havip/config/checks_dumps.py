"""What must hold between the files that the daemon writes for others.  Pure."""

from __future__ import annotations

from havip.config.draft import good, group_of
from havip.config.problems import Problems, quote
from havip.config.reader import Read, Reading


def check_dumps(root: Reading, problems: Problems) -> None:
    """Refuse one path for two files: the second would take the first one's place."""
    daemon = group_of(root, "daemon")
    dumps = group_of(daemon, "dumps")
    first: dict[str, Read] = {}
    places = [
        good(daemon, "control_socket"),
        *(good(dumps, key) for key in ("state", "stats", "json", "pid_file")),
    ]
    for path in places:
        if path is not None and first.setdefault(path.value, path) is not path:
            line = problems.line(first[path.value].place)
            problems.add(path.place, f"{quote(path.value)} again", why=f"first given in {line}")

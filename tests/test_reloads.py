"""What the status says of the configuration file after reads that were accepted and refused."""

from __future__ import annotations

from havip.reloads import Reloads


def test_a_refused_file_leaves_what_is_in_force_and_says_why_and_when() -> None:
    reloads = Reloads()
    assert reloads.accepted(10.0) == 1
    reloads.refused(20.0, [{"line": 3}])
    assert reloads.as_dict("/etc/x.yaml") == {
        "file": "/etc/x.yaml",
        "generation": 1,
        "loaded_at": 10.0,
        "tried_at": 20.0,
        "last_error": [{"line": 3}],
    }
    assert reloads.accepted(30.0) == 2
    shown = reloads.as_dict("/etc/x.yaml")
    assert (shown["loaded_at"], shown["tried_at"], shown["last_error"]) == (30.0, 30.0, None)

"""The way to a file, step by step."""

from __future__ import annotations

import errno
from pathlib import Path

from havip.paths import MOST_LINKS, way_to


def test_the_way_leads_through_links_and_both_of_their_ends(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real/file").write_text("")
    (tmp_path / "link").symlink_to("real")
    walked = [step.path for step in way_to(f"{tmp_path}/link/../link/./file")]
    below = [path.removeprefix(f"{tmp_path}/") for path in walked if path.startswith(f"{tmp_path}/")]
    assert below == ["link", "real", "link", "real", "real/file"]
    assert walked[0] == f"/{tmp_path.parts[1]}"


def test_a_step_that_is_not_there_is_the_last(tmp_path: Path) -> None:
    *_, last = way_to(f"{tmp_path}/gone/and/away")
    assert (last.directory, last.entry) == (str(tmp_path), "gone")
    assert isinstance(last.status, FileNotFoundError)


def test_links_that_lead_round_end_after_as_many_as_in_the_kernel(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    found = [step for step in way_to(f"{tmp_path}/a") if step.directory == str(tmp_path)]
    assert len(found) == MOST_LINKS + 1
    last = found[-1].status
    assert isinstance(last, OSError)
    assert last.errno == errno.ELOOP

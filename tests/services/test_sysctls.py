"""Kernel settings: changed, remembered before they change, put back by the next life."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from havip.services.sysctls import Sysctls, dotted

IGNORE = "net/ipv4/conf/eth0/arp_ignore"
ANNOUNCE = "net/ipv4/conf/eth0/arp_announce"
WANTED = {IGNORE: "1", ANNOUNCE: "2"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A tree like /proc/sys."""
    for path in (IGNORE, ANNOUNCE, "net/ipv4/conf/all/rp_filter", "net/ipv4/conf/eth0/rp_filter"):
        file = tmp_path / "sys" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("0\n")
    return tmp_path / "sys"


def value(root: Path, path: str) -> str:
    return (root / path).read_text().strip()


def test_settings_are_changed_and_put_back(root: Path, tmp_path: Path) -> None:
    sysctls = Sysctls(tmp_path / "state", root)
    assert sysctls.sync(WANTED) == {}
    assert (value(root, IGNORE), value(root, ANNOUNCE)) == ("1", "2")
    assert sysctls.sync({IGNORE: "1"}) == {}
    assert (value(root, IGNORE), value(root, ANNOUNCE)) == ("1", "0")
    assert sysctls.sync({}) == {}
    assert value(root, IGNORE) == "0"
    assert list((tmp_path / "state").iterdir()) == [], "nothing left to remember"


def test_the_next_life_puts_back_what_a_killed_one_changed(root: Path, tmp_path: Path) -> None:
    Sysctls(tmp_path / "state", root).sync(WANTED)
    assert Sysctls(tmp_path / "state", root).sync({}) == {}
    assert (value(root, IGNORE), value(root, ANNOUNCE)) == ("0", "0")


def test_a_record_of_before_the_boot_means_nothing(root: Path, tmp_path: Path) -> None:
    Sysctls(tmp_path / "state", root).sync(WANTED)
    (record,) = (tmp_path / "state").iterdir()
    record.write_text(json.dumps(json.loads(record.read_text()) | {"boot": "another"}))
    assert Sysctls(tmp_path / "state", root).sync({}) == {}
    assert value(root, IGNORE) == "1"


def test_a_damaged_record_changes_nothing(root: Path, tmp_path: Path) -> None:
    Sysctls(tmp_path / "state", root).sync(WANTED)
    (record,) = (tmp_path / "state").iterdir()
    record.write_text("{")
    assert Sysctls(tmp_path / "state", root).sync({}) == {}
    assert value(root, IGNORE) == "1"


@pytest.mark.parametrize("entry", [["0"], "0", {"0": "1"}, None, ["0", "1", "2"]])
def test_a_record_of_another_shape_changes_nothing(root: Path, tmp_path: Path, entry: object) -> None:
    Sysctls(tmp_path / "state", root).sync(WANTED)
    (record,) = (tmp_path / "state").iterdir()
    record.write_text(json.dumps(json.loads(record.read_text()) | {"changed": [{IGNORE: entry}]}))
    assert Sysctls(tmp_path / "state", root).sync({}) == {}
    assert value(root, IGNORE) == "1"


def test_a_record_reaches_network_settings_only(root: Path, tmp_path: Path) -> None:
    Sysctls(tmp_path / "state", root).sync(WANTED)
    (record,) = (tmp_path / "state").iterdir()
    (root / "other").write_text("1\n")
    record.write_text(json.dumps(json.loads(record.read_text()) | {"changed": [{"other": ["0", "1"]}]}))
    assert Sysctls(tmp_path / "state", root).sync({}) == {}
    assert value(root, "other") == "1"


def test_what_the_kernel_refuses_is_told_in_its_words(root: Path, tmp_path: Path) -> None:
    (root / IGNORE).unlink()
    (root / IGNORE).mkdir()
    sysctls = Sysctls(tmp_path / "state", root)
    assert sysctls.write({IGNORE: "1"}) == {
        IGNORE: "cannot set net.ipv4.conf.eth0.arp_ignore: Is a directory"
    }
    assert sysctls.sync(WANTED) == {}, "what cannot be read is not there"
    assert value(root, ANNOUNCE) == "2"


def test_an_interface_that_went_meanwhile_is_no_objection(root: Path, tmp_path: Path) -> None:
    assert Sysctls(tmp_path / "state", root).write({"net/ipv4/conf/gone/arp_ignore": "1"}) == {}


def test_the_filters_of_all_interfaces_are_found(root: Path, tmp_path: Path) -> None:
    assert Sysctls(tmp_path / "state", root).filters() == {"all": "0", "eth0": "0"}


def test_a_dot_in_a_name_is_written_as_sysctl_reads_it() -> None:
    assert dotted("net/ipv4/conf/eth0.10/rp_filter") == "net.ipv4.conf.eth0/10.rp_filter"


@pytest.mark.root
def test_a_namespace_is_never_given_the_settings_of_one_that_is_gone(tmp_path: Path) -> None:
    """The kernel gives its inode to the next one."""
    life = (
        "import sys, pathlib; from havip.services.sysctls import Sysctls; "
        "sysctls = Sysctls(pathlib.Path(sys.argv[1])); print(len(sysctls.memory)); "
        "assert not sysctls.sync({'net/ipv4/conf/lo/arp_ignore': '1'})"
    )
    for _ in range(8):
        command = ["unshare", "--net", sys.executable, "-c", life, str(tmp_path)]
        assert subprocess.check_output(command, text=True) == "0\n"
    assert len(list(tmp_path.iterdir())) == 8

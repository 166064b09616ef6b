"""What a worker finds in the file of sequences that another one left, however that one ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from havip.vrrp import sequences
from havip.vrrp.sequences import Full, Record, Sequences, Unusable, create, read
from tests.vrrp.wire import ip

A, B, C = ("eth0", 51, 4, ""), ("eth0", 51, 6, ""), ("eth0", 51, 4, "unicast")
V4, OTHER_V4, V6 = ip("192.0.2.1"), ip("192.0.2.2"), ip("fe80::1")


@pytest.fixture
def path(tmp_path: Path) -> str:
    made = str(tmp_path / "sequences")
    create(made)
    return made


def test_the_next_worker_learns_what_was_sent_and_heard(path: str) -> None:
    first = Sequences(path)
    first.ledger(A).send(1 << 63)
    first.ledger(A).keep(V4, 7)
    first.ledger(A).keep(OTHER_V4, 2**64 - 1)
    first.ledger(A).keep(V4, 8)
    first.ledger(B).keep(V6, 9)
    second = Sequences(path)
    assert second.ledger(A).sent == 1 << 63
    assert second.ledger(A).heard == [(V4, 8), (OTHER_V4, 2**64 - 1)]
    assert (second.ledger(B).sent, second.ledger(B).heard) == (None, [(V6, 9)])
    assert (second.ledger(C).sent, second.ledger(C).heard) == (None, [])


def test_a_router_that_is_put_back_has_its_old_ledger(path: str) -> None:
    held = Sequences(path)
    held.ledger(A).keep(V4, 7)
    assert held.ledger(A) is held.ledger(A)


def test_the_marks_of_a_router_that_a_whole_life_did_not_have_stay(path: str) -> None:
    Sequences(path).ledger(A).keep(V4, 7)
    Sequences(path).ledger(B).keep(V6, 9)
    assert Sequences(path).ledger(A).heard == [(V4, 7)]


def test_a_sender_that_was_dropped_is_gone_and_its_record_used_again(tmp_path: Path) -> None:
    small = str(tmp_path / "small")
    create(small, room=2)
    ledger = Sequences(small).ledger(A)
    ledger.keep(V4, 7)
    ledger.drop(V4)
    ledger.keep(OTHER_V4, 8)
    assert Sequences(small).ledger(A).heard == [(OTHER_V4, 8)]


def test_an_address_that_ends_in_zeros_comes_back_whole(path: str) -> None:
    v4, v6 = ip("10.0.0.0"), ip("fe80::")
    Sequences(path).ledger(A).keep(v4, 1)
    Sequences(path).ledger(B).keep(v6, 2)
    assert Sequences(path).ledger(A).heard == [(v4, 1)]
    assert Sequences(path).ledger(B).heard == [(v6, 2)]


def test_a_full_file_takes_the_records_of_routers_that_are_gone_first(tmp_path: Path) -> None:
    small = str(tmp_path / "small")
    create(small, room=3)
    Sequences(small).ledger(A).keep(V4, 7)  # two records
    held = Sequences(small)
    held.ledger(B)
    held.ledger(B).keep(V6, 9)
    held.ledger(C)
    with pytest.raises(Full, match="no room for more than 3 senders"):
        held.ledger(("eth1", 1, 4, ""))
    held.ledger(B).keep(ip("fe80::2"), 10)  # cannot be stored, and says nothing
    assert Sequences(small).ledger(B).heard == [(V6, 9)]


def test_a_killed_process_leaves_what_it_wrote(path: str) -> None:
    script = (
        "import os, signal; from havip.vrrp.sequences import Sequences\n"
        f"ledger = Sequences({path!r}).ledger({A!r})\n"
        f"ledger.send(5); ledger.keep({V4!r}, 6)\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    root = Path(sequences.__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", script], cwd=root).returncode == -signal.SIGKILL
    ledger = Sequences(path).ledger(A)
    assert (ledger.sent, ledger.heard) == (5, [(V4, 6)])


def test_a_copy_holds_every_record(path: str, tmp_path: Path) -> None:
    held = Sequences(path)
    held.ledger(A).send(5)
    held.ledger(A).keep(V4, 6)
    records = read(path)
    assert [(record.sender, record.sequence) for record in records] == [
        (bytes(16), 5),
        (V4 + bytes(12), 6),
    ]
    copy = str(tmp_path / "copy")
    create(copy, records)
    assert (Sequences(copy).ledger(A).sent, Sequences(copy).ledger(A).heard) == (5, [(V4, 6)])


def test_nobody_else_may_read_the_file(path: str) -> None:
    assert os.stat(path).st_mode & 0o777 == 0o600


def test_an_empty_file_of_sequences_takes_no_memory(path: str) -> None:
    Sequences(path)
    assert os.stat(path).st_blocks * 512 <= 8192


@pytest.mark.parametrize("content", [b"", b"havip sequences 2\n" + bytes(1000), b"x" * 5000])
def test_a_file_of_something_else_is_refused(tmp_path: Path, content: bytes) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_bytes(content)
    wrong.chmod(0o600)
    with pytest.raises(Unusable):
        Sequences(str(wrong))


def test_a_link_and_a_file_that_others_may_write_are_refused(path: str, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(path)
    with pytest.raises(OSError, match="link"):
        Sequences(str(link))
    os.chmod(path, 0o644)
    with pytest.raises(Unusable, match="not a file of ours alone"):
        Sequences(path)


def test_a_file_is_made_in_place_of_whatever_is_there(path: str) -> None:
    Sequences(path).ledger(A).send(5)
    Path(f"{path}.new").write_bytes(b"of a predecessor that died")
    create(path, [Record(b"n" * 24, bytes(16), 3)])
    assert read(path) == [Record(b"n" * 24, bytes(16), 3)]
    assert not Path(f"{path}.new").exists()

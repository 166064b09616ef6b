"""What is read back from a disk may be damaged: it is refused by name, or counts as nothing."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

from havip import claims
from havip.messages import Leftovers, decode, encode
from havip.plain import Unfit, to_plain
from havip.process import name_of_network_namespace
from havip.services import orders, sysctls
from havip.vrrp import sequences
from havip.vrrp.kernel import Kernel
from havip.vrrp.sequences import Full, Record, Sequences, Unusable
from tests.fuzz.configurations import loadable
from tests.fuzz.packets import damaged
from tests.fuzz.records import strange

WORD = {"by": "root", "at": 1.5, "reason": "x"}
ORDERS = {
    "version": 1,
    "everywhere": WORD,
    "routers": [
        {"name": "a", "key": ["eth0", 51, 4, ""], "maintenance": WORD, "priority": {"value": 7, **WORD}},
        {"name": "b", "key": ["eth1", 51, 6, "x"], "maintenance": None, "priority": None},
    ],
}
KEY = ("eth0", 51, 4, "")


def test_damaged_orders_are_unfit_or_orders() -> None:
    random = Random(1)
    routers = loadable(random).configuration.virtual_routers
    unfit = 0
    for _ in range(3000):
        data = strange(random, ORDERS)
        try:
            found = orders.from_dict(data if isinstance(data, dict) else {"version": 1, "routers": data})
        except Unfit:
            unfit += 1
            continue
        found.by_key(routers)
        found.known_again(routers)
        assert orders.from_dict(json.loads(json.dumps(orders.as_dict(found)))) == found
        assert all(one.override is None or 1 <= one.override.priority <= 254 for one in found.routers)
    assert 1000 < unfit < 2999


def test_damaged_claims_name_what_they_can_and_a_sweep_survives_them(tmp_path: Path) -> None:
    random, path, kernel = Random(2), tmp_path / "claims.json", Kernel()
    records = [claims.Record.of(loadable(random).configuration) for _ in range(10)]
    named = 0
    for _ in range(2500):
        record = random.choice(records)
        whole = {"claims": to_plain(record)}
        if random.random() < 0.3:
            path.write_bytes(damaged(random, json.dumps(whole).encode()))
        else:
            path.write_text(json.dumps({"claims": strange(random, whole["claims"])}))
        found = claims.read(path)
        found.clash(record)
        message = Leftovers((found | record).estates)
        assert decode(encode(message)) == message
        for estate in found.estates:
            kernel._keys(estate)
        named += bool(found.estates)
    assert named > 100


def test_a_damaged_file_of_sequences_is_refused_or_keeps_what_it_is_told(tmp_path: Path) -> None:
    random, path = Random(3), tmp_path / "sequences"
    refused = 0
    for number in range(400):
        path.unlink(missing_ok=True)
        senders = [bytes(16), *(bytes((10, 0, 0, one)) + bytes(12) for one in range(random.randrange(5)))]
        name = sequences.name_of(KEY)
        sequences.create(str(path), [Record(name, one, random.randrange(2**64)) for one in senders], room=8)
        data = bytearray(path.read_bytes())
        for _ in range(random.randint(1, 30)):
            data[random.randrange(sequences.RECORD.size * number // 400, len(data))] = random.randrange(256)
        path.write_bytes(damaged(random, bytes(data)) if random.random() < 0.5 else data)
        try:
            kept = Sequences(str(path))
        except Unusable:
            refused += 1
            continue
        try:
            ledger = kept.ledger(KEY)
            ledger.send(9)
            ledger.keep(bytes((10, 0, 0, 1)), 5)
        except Full:
            continue
        assert ledger.sent == 9
        assert all(sequence for _, sequence in ledger.heard)
        kept.close()
    assert 20 < refused < 390


def test_a_damaged_record_of_settings_leads_nowhere_else(tmp_path: Path) -> None:
    root = tmp_path / "proc"
    elsewhere = root / "kernel" / "x"
    setting = root / "net/ipv4/conf/eth0/rp_filter"
    for file in (elsewhere, setting):
        file.parent.mkdir(parents=True)
        file.write_text("1\n")
    paths = ("net/../kernel/x", *(f"net/ipv4/conf/{name}/x" for name in ("../../../kernel", "a\0", "\ud800")))
    changed = {path: ["0", "1"] for path in (*paths, "net/ipv4/conf/eth0/rp_filter")}
    record = tmp_path / f"sysctls-{name_of_network_namespace()}.json"
    record.write_text(json.dumps({"boot": sysctls.boot(), "changed": [changed]}))
    assert sysctls.Sysctls(tmp_path, root).sync({}) == {}
    assert (elsewhere.read_text(), setting.read_text()) == ("1\n", "0\n")

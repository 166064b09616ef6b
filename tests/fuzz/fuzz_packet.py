"""A long fuzz of the packet path, by hand: ``python tests/fuzz/fuzz_packet.py --seconds 60``.

With atheris installed the fuzzer is guided by coverage; otherwise it draws from a seed that it prints, so
that a run can be repeated with ``--seed``.  It exits with a traceback and the packet at the first fault.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

try:
    import atheris
except ImportError:
    atheris = None

if atheris is not None:
    with atheris.instrument_imports(include=["havip"]):
        from tests.fuzz import packets
else:
    from tests.fuzz import packets

from havip.vrrp.packet import Heard, split_ipv4
from tests.vrrp.wire import GROUP_V4, GROUP_V6

BATCH = 1000


def main() -> None:
    """Read the command line and fuzz for as long as it says."""
    parser = argparse.ArgumentParser(description="fuzz the path of a received packet")
    parser.add_argument("--seconds", type=float, default=60, help="how long (default: 60)")
    parser.add_argument("--seed", type=int, help="repeat a run without atheris")
    arguments = parser.parse_args()
    if atheris is not None and arguments.seed is None:
        guided(arguments.seconds)
    else:
        seed = random.SystemRandom().randrange(2**32) if arguments.seed is None else arguments.seed
        seeded(arguments.seconds, seed)


def seeded(seconds: float, seed: int) -> None:
    """Draw packets from ``seed`` until the time is over, then say what was met."""
    print(f"fuzzing for {seconds:g} s with seed {seed}", flush=True)
    source = random.Random(seed)
    verdicts: Counter[str] = Counter()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for heard in packets.random_packets(source, BATCH):
            verdicts[judge(heard)] += 1
    print(f"{sum(verdicts.values())} packets, no fault: {dict(verdicts.most_common())}")


def judge(heard: Heard) -> str:
    """Examine one packet; print it if that fails."""
    try:
        verdict = packets.examine(heard)
    except Exception:
        payload, source, destination, hop_limit = heard
        print(f"FAULT: {payload.hex()} {source.hex()} {destination.hex()} {hop_limit}", file=sys.stderr)
        raise
    return verdict.value if isinstance(verdict, packets.Refusal) else "advert"


def guided(seconds: float) -> None:
    """Let atheris look for inputs that reach new code.  It ends the process itself."""
    options = [f"-max_total_time={max(1, round(seconds))}", "-max_len=600"]
    atheris.Setup([sys.argv[0], *options], one_input)
    atheris.Fuzz()


def one_input(data: bytes) -> None:
    """Turn the fuzzer's bytes into a packet: the first byte chooses its family, way in, and TTL."""
    choice, payload = (data[0], data[1:]) if data else (0, b"")
    if choice & 1:
        judge(split_ipv4(payload))
        return
    source = packets.SOURCES[choice >> 1 & 1]
    group = GROUP_V6 if len(source) == 16 else GROUP_V4
    if choice & 4:  # a right checksum lets the fuzzer past the one check that it cannot guess
        payload = packets.mended(payload, source, group)
    judge((payload, source, group, 254 if choice & 8 else 255))


if __name__ == "__main__":
    main()

"""What a real kernel (Linux 6.1) has told of its IPVS, byte by byte: dumps of little-endian machines."""

from __future__ import annotations

from typing import Final

_COUNTERS_32: Final = (
    "08000100 07000000 08000200 15000000 08000300 0e000000"
    " 04000b00 0c000400 d204000000000000 04000b00 0c000500 f601000000000000"
    " 08000600 01000000 08000700 02000000 08000800 03000000 08000900 04000000 08000a00 05000000"
)
_COUNTERS_64: Final = "".join(
    f"{'04000b00' if kind > 1 else ''} 0c00{kind:02x}00 {value.to_bytes(8, 'little').hex()} "
    for kind, value in enumerate((7, 21, 14, 1234, 502, 1, 2, 3, 4, 5), 1)
)

#: 10.0.0.50 port 80 behind an IPv4 service: ROUTE, weight 3, thresholds 200 and 100; 5, 6 and 8 connections
DESTINATION: Final = bytes.fromhex(
    "05010000 7c010200"
    " 14000100 0a000032000000000000000000000000 06000200 00500000 08000300 03000000 08000400 03000000"
    " 05000d00 00000000 06000e00 00000000 06000f00 00000000 08000500 c8000000 08000600 64000000"
    " 08000700 05000000 08000800 06000000 08000900 08000000 06000b00 02000000"
    f" 64000a00 {_COUNTERS_32} a0000c00 {_COUNTERS_64}"
)

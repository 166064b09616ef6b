"""The scripted master's signatures are those of the format's published example."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest

from bench import signed


def test_an_advert_is_signed_as_in_the_example(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[bytes] = []

    def send(packet: bytes) -> int:
        sent.append(packet)
        return len(packet)

    message = bytes.fromhex("3133c80100644402c0000264")
    send_signed = signed.signing(send, message, IPv4Address("198.51.100.10"))
    monkeypatch.setattr(signed.time, "time_ns", lambda: 0x68000000 * 1_000_000_000 + 500_000_000)

    send_signed(message)

    assert sent == [
        message + bytes.fromhex("0101000068000000800000001b84bc4e8e43892dc6d98448f8ee2265"),
    ]

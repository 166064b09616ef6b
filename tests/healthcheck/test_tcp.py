"""Connections over TCP."""

from __future__ import annotations

import asyncio
import socket

from havip.clock import milliseconds
from havip.config.probes import Tcp
from havip.healthcheck.outcome import Failure
from tests.healthcheck.probing import LOCAL, check, result_of, serving
from tests.healthcheck.telling import play


async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


def test_a_server_that_takes_the_connection_is_good() -> None:
    async def scene() -> None:
        notes: list[str] = []
        async with serving(say_nothing) as port:
            result = await result_of(check(tcp=Tcp(), port=port), notes)
        assert result.outcome.passed
        assert notes == [f"connected to {LOCAL}:{port}"]

    play(scene)


def test_a_port_where_nobody_listens_is_refused() -> None:
    with socket.socket() as taken:
        taken.bind((LOCAL, 0))  # and does not listen
        port = taken.getsockname()[1]

        async def scene() -> None:
            result = await result_of(check(tcp=Tcp(), port=port))
            assert result.outcome.failure is Failure.REFUSED
            assert str(result).startswith(f"connection refused, from {LOCAL}:{port} in ")

        play(scene)


def test_a_server_that_does_not_take_the_connection_is_late() -> None:
    with socket.socket() as full, socket.socket() as first, socket.socket() as second:
        full.bind((LOCAL, 0))
        full.listen(0)  # its queue takes one; nobody ever accepts
        port = full.getsockname()[1]
        for one in (first, second):
            one.setblocking(False)
            one.connect_ex((LOCAL, port))

        async def scene() -> None:
            result = await result_of(check(tcp=Tcp(), port=port, timeout=milliseconds(100)))
            assert result.outcome.failure is Failure.TIMED_OUT
            assert str(result).startswith(f"connecting took longer than 100ms, from {LOCAL}:{port} in ")

        play(scene)

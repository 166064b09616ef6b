"""Addresses of peers that an earlier run knew: used where nothing is known, for a week, for no other name."""

from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path

import pytest

from havip.services import answers as module
from havip.services import resolver
from havip.services.answers import DAY, Answers, Question, ago
from tests.services.test_resolver import NAME, SECONDS, Server, configured, found, run

QUESTION = Question(NAME, 4)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "state" / "peers.json"


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(resolver, "wall", lambda: now[0])
    return now


def looked_up(file: Path, *addresses: str) -> None:
    """Let a run of the daemon find these addresses."""

    async def test(server: Server) -> None:
        start = asyncio.ensure_future(server.resolver.prepare(configured(NAME)))
        await server.answer(*addresses)
        await asyncio.wait_for(start, SECONDS)

    run(test, file)


def start_without_a_name_server(file: Path, name: str = NAME) -> list[object]:
    """Return what the worker is told then."""
    told: list[object] = []

    async def test(server: Server) -> None:
        start = asyncio.ensure_future(server.resolver.prepare(configured(name)))
        await server.fail()
        await asyncio.wait_for(start, SECONDS)
        told.extend(server.resolver.briefing(configured(name)))

    run(test, file)
    return told


def test_a_start_without_a_name_server_goes_by_what_the_last_run_found_and_says_so(
    file: Path, wall: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    looked_up(file, "192.0.2.2", "192.0.2.3")
    wall[0] += 3 * 3600
    assert start_without_a_name_server(file) == [found("192.0.2.2", "192.0.2.3")]
    words = "until it can be looked up: an answer that is 3 hours old"
    assert caplog.messages[-1] == f"peer {NAME} (IPv4) is taken to be 192.0.2.2, 192.0.2.3 {words}"


def test_a_name_server_that_says_nothing_is_not_waited_for(
    file: Path, wall: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_up(file, "192.0.2.2")
    monkeypatch.setattr(resolver, "GRACE", 0.0)

    async def test(server: Server) -> None:
        await server.resolver.prepare(configured(NAME))
        assert list(server.resolver.briefing(configured(NAME))) == [found("192.0.2.2")]
        await server.answer("192.0.2.9")
        assert server.posted == [found("192.0.2.9")]

    run(test, file)


def test_an_old_answer_that_proves_right_is_said_and_posts_nothing(
    file: Path, wall: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    looked_up(file, "192.0.2.2")

    async def test(server: Server) -> None:
        start = asyncio.ensure_future(server.resolver.prepare(configured(NAME)))
        assert await server.fail() == 1
        await asyncio.wait_for(start, SECONDS)
        for pause in (2, 4, 5):  # as often as for a name that is not known
            server.wake()
            assert await server.fail() == pause
        server.wake()
        await server.answer("192.0.2.2")
        assert server.posted == []

    with caplog.at_level(logging.INFO):
        run(test, file)
    assert caplog.messages[-1] == f"peer {NAME} (IPv4) can be looked up again, and is still 192.0.2.2"


def test_a_fresh_answer_is_preferred(file: Path, wall: list[float]) -> None:
    looked_up(file, "192.0.2.2")
    looked_up(file, "192.0.2.7")
    assert start_without_a_name_server(file) == [found("192.0.2.7")]


def test_an_answer_of_more_than_a_week_ago_does_not_serve(file: Path, wall: list[float]) -> None:
    looked_up(file, "192.0.2.2")
    wall[0] += 7 * DAY
    assert start_without_a_name_server(file) == [found("192.0.2.2")]
    wall[0] += 1
    assert start_without_a_name_server(file) == []


def test_another_name_has_no_use_for_it(file: Path, wall: list[float]) -> None:
    looked_up(file, "192.0.2.2")
    assert start_without_a_name_server(file, "r3.example.com") == []


def test_a_name_that_is_configured_no_more_is_forgotten_on_the_disk(file: Path, wall: list[float]) -> None:
    looked_up(file, "192.0.2.2")

    async def test(server: Server) -> None:
        await server.resolver.prepare(configured())
        await server.resolver.settle(configured())

    run(test, file)
    assert json.loads(file.read_text()) == {"answers": [[]]}
    assert start_without_a_name_server(file) == []


def test_without_names_there_is_no_file(file: Path) -> None:
    async def test(server: Server) -> None:
        await server.resolver.prepare(configured())
        await server.resolver.settle(configured())

    run(test, file)
    assert not file.exists()


@pytest.mark.parametrize(
    "text",
    ["{", "[]", '{"answers": 1}', '{"answers": [{"name": "a"}]}', '{"answers": [[["a", 4, ["x"], 1]]]}'],
)
def test_a_damaged_file_is_as_good_as_none(
    file: Path, wall: list[float], text: str, caplog: pytest.LogCaptureFixture
) -> None:
    file.parent.mkdir()
    file.write_text(text)
    assert start_without_a_name_server(file) == []
    assert "forgotten" in caplog.text
    looked_up(file, "192.0.2.2")
    assert start_without_a_name_server(file) == [found("192.0.2.2")]


def test_addresses_of_the_other_family_do_not_serve(file: Path, wall: list[float]) -> None:
    looked_up(file, "192.0.2.2")
    file.write_text(file.read_text().replace("192.0.2.2", "2001:db8::2"))
    assert start_without_a_name_server(file) == []


def test_a_file_that_cannot_be_written_is_said_and_nothing_else(
    tmp_path: Path, wall: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "state").write_text("in the way")
    looked_up(tmp_path / "state" / "peers.json", "192.0.2.2")
    assert "the next start will need a name server" in caplog.text


def test_the_same_answer_again_is_written_once_an_hour(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[float] = []
    monkeypatch.setattr(module.statefile, "write", lambda path, value: written.append(value["answers"]))

    async def test() -> None:
        answers = Answers(file)
        for minute in range(121):
            await answers.note(QUESTION, found("192.0.2.2").addresses, 10_000.0 + 60 * minute)
        assert len(written) == 2
        await answers.write(20_000.0)  # the end of the daemon
        await answers.write(20_001.0)
        assert len(written) == 3

    asyncio.run(test())


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "from a time that is still to come by this clock"),
        (30, "less than two minutes old"),
        (150, "2 minutes old"),
        (7199, "119 minutes old"),
        (7200, "2 hours old"),
        (4 * DAY, "4 days old"),
    ],
)
def test_an_age_is_told_in_words(seconds: float, words: str) -> None:
    assert ago(seconds) == words

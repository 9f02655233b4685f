"""News between processes: who is full says what waits, who answers hears what changes, and nobody else is disturbed.

Tests core.store.postgres.listener, core.store.rules.processes.announcements, core.store.rules.processes.heartbeats and
core.store.rules.processes.signal_repository.
"""

import asyncio
import json
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from core.domain.controls import Control
from core.domain.events import Pressed
from core.domain.messages import Outcome, ThreadKey
from core.store import open_store
from core.store.postgres.listener import Listener, read_news
from core.store.records.heartbeat import Heartbeat, News, Topic
from tests.support import postgres
from tests.support.talk import KEY, PLATFORMS, asked, at, edited, message, said, thread
from tests.support.waiting import until

pytestmark = pytest.mark.slow

LEASE = timedelta(seconds=5)


class Ear:
    """What a process hears."""

    def __init__(self) -> None:
        self.heard: list[News] = []

    def topics(self) -> list[Topic]:
        return [news.topic for news in self.heard]


@asynccontextmanager
async def process(url, clock=None):
    """A process's store, and what it hears."""
    store, ear = await open_store(url, clock=clock), Ear()
    listening = asyncio.create_task(store.signals.listen(ear.heard.append))
    await until(lambda: ear.heard)
    ear.heard.clear()
    yield store, ear
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)
    await store.shut()


@asynccontextmanager
async def two(url):
    async with process(url) as (first, ours), process(url) as (second, theirs):
        yield first, ours, second, theirs


async def test_a_question_is_announced_by_who_is_full_alone(postgres_url):
    async with two(postgres_url) as (first, ours, _, theirs):
        await first.questions.ingest(asked("1"))
        await first.questions.ingest(asked(message("2"), thread("2")), full=True)
        await until(lambda: theirs.heard)

    assert theirs.heard == [News(Topic.QUESTION)]
    assert ours.heard == []


async def test_who_calls_the_others_is_heard_only_where_something_waits(postgres_url):
    async with two(postgres_url) as (first, _, _, theirs):
        await first.signals.call_others()
        await first.questions.ingest(asked("1"))
        await first.signals.call_others()
        await until(lambda: theirs.heard)
        await first.questions.claim_next("p", PLATFORMS)
        await first.signals.call_others()
        await first.questions.heartbeat("p", leaving=True)
        await until(lambda: len(theirs.heard) == 2)

    assert theirs.heard == [News(Topic.QUESTION)] * 2


async def test_who_answers_in_a_thread_hears_what_is_added_and_edited_there_and_nobody_is_told_of_others(postgres_url):
    async with two(postgres_url) as (first, _, second, theirs):
        await second.questions.ingest(asked("1"))
        await second.questions.claim_next("q", PLATFORMS)
        await first.questions.ingest(asked(message("9"), thread("9")))  # which nobody answers
        await first.questions.ingest(asked("2"))
        await until(lambda: theirs.heard)
        await first.questions.ingest(edited("1", "other words", 9))
        await until(lambda: len(theirs.heard) == 2)

    assert theirs.heard == [News(Topic.CHANGE, "q", KEY)] * 2


async def test_who_answers_hears_that_its_question_was_withdrawn(postgres_url):
    async with two(postgres_url) as (first, _, second, theirs):
        await second.questions.ingest(asked("1"))
        claim = await second.questions.claim_next("q", PLATFORMS)
        await first.questions.ingest(Pressed("press", KEY, "U1", Control.STOP, "1", at(9)))
        await until(lambda: theirs.heard)
        heartbeat = await second.questions.heartbeat("q")

    assert theirs.heard == [News(Topic.WITHDRAWAL, "q")]
    assert heartbeat.withdrawn == {claim.id}


async def test_databases_of_one_server_hear_nothing_of_each_other(postgres_url):
    other = postgres.create_database()
    async with process(postgres_url) as (store, ear), process(other) as (_, foreign):
        await store.questions.ingest(asked("1"), full=True)
        async with process(postgres_url) as (again, _):
            await again.questions.ingest(asked("2"), full=True)
            await until(lambda: ear.heard)
    postgres.drop_database(other)

    assert foreign.heard == []


async def test_a_listener_whose_connection_is_lost_says_so_and_listens_again(postgres_url):
    async with two(postgres_url) as (first, _, _, theirs):
        with psycopg.connect(postgres_url, autocommit=True) as db:
            db.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE query LIKE 'LISTEN%' AND application_name = 'confab'"
            )
        await until(lambda: theirs.topics() == [Topic.DEAF, Topic.HEARING])
        await first.questions.ingest(asked("1"), full=True)
        await until(lambda: Topic.QUESTION in theirs.topics())


async def test_a_question_whose_names_are_too_long_for_news_is_kept_all_the_same(postgres_url):
    async with two(postgres_url) as (first, _, second, _):
        key = ThreadKey("slack:T024", "C" * 5000, "t" * 5000)
        event = replace(asked("1"), key=key)
        await second.questions.ingest(event)
        await second.questions.claim_next("q", PLATFORMS)

        assert (await first.questions.ingest(replace(said("2"), key=key))).new


@pytest.mark.parametrize("payload", ["", "{}", "[]", '["unheard of", "", "", "", ""]', '["change", "p", "only one"]'])
def test_news_of_another_version_is_no_news(payload):
    assert read_news(payload) is None


def test_news_names_a_place_where_it_has_one():
    assert read_news(json.dumps(["change", "p", "slack:T", "C", "1"])) == News(
        Topic.CHANGE, "p", ThreadKey("slack:T", "C", "1")
    )
    assert read_news(json.dumps(["question", "", "", "", ""])) == News(Topic.QUESTION)


async def test_sqlite_has_no_news(tmp_path):
    store = await open_store(f"sqlite:///{tmp_path}/confab.db")
    async with asyncio.timeout(5):
        await store.signals.listen(lambda _: None)
    await store.signals.call_others()
    await store.shut()


async def test_a_heartbeat_learns_what_no_living_process_has_claimed(store, clock):
    await store.questions.ingest(asked("1"))
    waits = await store.questions.heartbeat("p")
    await store.questions.claim_next("q", PLATFORMS)
    await store.questions.heartbeat("q")
    claimed = await store.questions.heartbeat("p")
    clock.tick(6)
    doubtful = await store.questions.heartbeat("p")
    clock.tick(5)
    dead = await store.questions.heartbeat("p")

    assert waits == Heartbeat(LEASE, waiting=True)
    assert claimed == Heartbeat(LEASE, processes=2)
    assert doubtful == Heartbeat(LEASE, processes=2, doubtful=timedelta(seconds=4))
    assert dead == Heartbeat(LEASE, waiting=True)
    assert (await store.questions.claim_next("p", PLATFORMS)).resumed


async def test_what_is_closed_or_parked_waits_for_nobody(store):
    await store.questions.ingest(asked("1"))
    await store.questions.close(await store.questions.claim_next("p", PLATFORMS), Outcome.SHOWN)

    assert await store.questions.heartbeat("p") == Heartbeat(LEASE)


@asynccontextmanager
async def through_pooler(url):
    """The address of a pooler that shares connections between transactions, and the news that it does not pass on."""
    folder, kept_back, serving = conninfo_to_dict(url)["host"], [], []

    async def pass_on(reader, writer) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                kind, size = await reader.readexactly(1), await reader.readexactly(4)
                words = await reader.readexactly(int.from_bytes(size) - 4)
                if kind == b"A":  # what the protocol calls a notification
                    kept_back.append(words)
                    continue
                writer.write(kind + size + words)
                await writer.drain()

    async def pass_back(reader, writer) -> None:
        with suppress(ConnectionError):
            while sent := await reader.read(65536):
                writer.write(sent)
                await writer.drain()

    async def serve(reader, writer) -> None:
        serving.append(asyncio.current_task())
        from_server, to_server = await asyncio.open_unix_connection(f"{folder}/.s.PGSQL.5432")
        passing = [asyncio.create_task(pass_on(from_server, writer)), asyncio.create_task(pass_back(reader, to_server))]
        await asyncio.wait(passing, return_when=asyncio.FIRST_COMPLETED)
        for one in (writer, to_server):
            one.close()
        closing = [one.wait_closed() for one in (writer, to_server)]
        await asyncio.gather(*passing, *closing, return_exceptions=True)

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        yield make_conninfo(url, host="127.0.0.1", port=port, sslmode="disable", gssencmode="disable"), kept_back
        await asyncio.gather(*serving)


async def test_a_process_whose_pooler_lets_no_news_pass_does_not_trust_that_it_hears():
    url, ear = postgres.create_database(), Ear()
    async with through_pooler(url) as (address, kept_back):
        listening = asyncio.create_task(Listener(address, "the pooler", lambda _pid: False, ear.heard.append).run())
        await until(lambda: kept_back)
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
    postgres.drop_database(url)

    assert ear.heard == []

"""PostgreSQL in trouble: units of work happen once or not at all, callers get a clear line, and it recovers by itself.

Tests core.store.postgres, core.store.postgres.engine, core.store.postgres.connection, core.store.postgres.problems,
core.store.postgres.standstill.
"""

import asyncio
import signal
import threading
import time
from collections import Counter
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import partial
from urllib.parse import quote

import psycopg
import pytest

from core.domain.clock import system_clock
from core.domain.errors import StoreUnavailable, StoreUnusable
from core.domain.messages import Outcome
from core.store import backup, inspect, open_store
from core.store.postgres.connection import STATEMENT, connect
from core.store.postgres.engine import PostgresEngine
from core.store.postgres.problems import name_database
from core.store.postgres.standstill import end_standing
from core.store.records.heartbeat import Heartbeat
from core.store.repositories import build_store
from core.store.rules.claims import STALE
from tests.support import postgres
from tests.support.talk import PLATFORMS, asked, thread
from tests.support.waiting import until

pytestmark = pytest.mark.slow

COMMIT = b"COMMIT\0"
SOON = timedelta(milliseconds=300)
NOTE = "INSERT INTO notes (name, value) VALUES (:name, 'x')"
LOCK = "pg_advisory_xact_lock(7)"
WAITING = (
    "SELECT 1 FROM pg_stat_activity WHERE application_name = 'confab' AND wait_event_type = 'Lock' "
    "AND state_change < clock_timestamp() - make_interval(secs => %s)"
)
KILL = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'confab'"


@pytest.fixture
async def engine(postgres_url):
    opened = PostgresEngine(postgres_url, timedelta(seconds=5))
    await opened.open()
    yield opened
    await opened.shut()


@pytest.fixture
def admin(postgres_url):
    """Another program on the same database."""
    with psycopg.connect(postgres_url, autocommit=True, application_name="admin") as connection:
        yield connection


def count_notes(admin):
    return admin.execute("SELECT count(*) FROM notes").fetchone()[0]


async def test_work_that_comes_one_by_one_goes_through_one_connection_and_meets_its_plans(engine):
    def find_server_process(sql):
        return sql.one("SELECT pg_backend_pid() AS pid", {})["pid"]

    meet = threading.Barrier(3, timeout=10)
    together = [engine.unit(lambda sql: (meet.wait(), find_server_process(sql))[1]) for _ in range(3)]

    assert len(set(await asyncio.gather(*together))) == 3
    assert len({await engine.unit(find_server_process) for _ in range(20)}) == 1


async def test_the_server_starts_no_processes_for_a_unit_of_work_and_goes_on_doing_so_for_others(engine, postgres_url):
    name = "max_parallel_workers_per_gather"
    shown = await engine.unit(lambda sql: sql.one(f"SHOW {name}", {}))
    with psycopg.connect(postgres_url) as other:
        (usual,) = other.execute(f"SHOW {name}").fetchone()

    assert (shown, usual > "0") == ({name: "0"}, True)


async def test_connections_that_the_server_ended_are_made_again_and_nobody_notices(engine, admin):
    await asyncio.gather(
        *(engine.unit(lambda sql, name=name: sql.count_changes(NOTE, {"name": name})) for name in "abcd")
    )
    admin.execute(KILL)

    await asyncio.gather(
        *(engine.unit(lambda sql, name=name: sql.count_changes(NOTE, {"name": name})) for name in "efgh")
    )

    assert count_notes(admin) == 8


async def test_a_connection_that_is_lost_in_the_middle_is_work_that_is_done_once(engine, admin):
    tries = []

    def work(sql):
        tries.append(sql.count_changes(NOTE, {"name": str(len(tries))}))
        if len(tries) == 1:
            admin.execute(KILL)
        return sql.one("SELECT count(*) AS notes FROM notes", {})

    assert await engine.unit(work) == {"notes": 1}
    assert (len(tries), count_notes(admin)) == (2, 1)


def end_before(sql):
    """All was sent to an end, and the answer is here: the server counts idle seconds."""
    sql.lock("claims")
    sql.one("SELECT 1 AS there", {})


def end_nothing(sql):
    """All was sent, and the end was not: the server counts nothing."""
    sql.sync = lambda: None
    end_before(sql)


def hold_a_row(sql):
    sql.sync = lambda: None
    sql.count_changes("UPDATE notes SET value = 'y' WHERE name = 'n'", {})


def read_nothing(sql):
    """The server cannot get rid of its answer."""
    end_before(sql)
    wire = sql._connection.pgconn
    wire.send_query_params(b"SELECT repeat('x', 1000) FROM generate_series(1, 20000)", None)
    wire.flush()


def read_all(sql):
    """How many rows that answer had."""
    wire = sql._connection.pgconn
    wire.pipeline_sync()
    answer, _end, _sync = wire.get_result(), wire.get_result(), wire.get_result()
    return answer.ntuples


class Stopped:
    """A unit of work that stands still the first time, where `stand` brings it, until it may go on."""

    def __init__(self, stand):
        self._stand = stand
        self.stands, self.go_on = threading.Event(), threading.Event()
        self.tries = 0

    def __call__(self, sql):
        self.tries += 1
        if self.tries == 1:
            self._stand(sql)
            self.stands.set()
            self.go_on.wait(30)
        return sql.count_changes(NOTE, {"name": "stopped"})


def want_all(sql):
    sql.lock("claims")
    return sql.count_changes("UPDATE notes SET value = 'z' WHERE name = 'n'", {})


@pytest.fixture
async def hasty(postgres_url):
    """One that stands still is ended after half a second. It has the note n."""
    opened = PostgresEngine(postgres_url, timedelta(seconds=1))
    await opened.open()
    await opened.unit(lambda sql: sql.insert("notes", {"name": "n", "value": "x"}))
    yield opened
    await opened.shut()


@pytest.mark.parametrize("stand", [end_before, end_nothing, hold_a_row])
async def test_who_is_stopped_in_a_transaction_holds_nobody_up_for_long_wherever_it_stands(hasty, admin, stand):
    stopped = Stopped(stand)
    holding = asyncio.create_task(hasty.unit(stopped))
    await asyncio.to_thread(stopped.stands.wait)
    assert await hasty.unit(want_all) == 1
    stopped.go_on.set()

    assert await holding == 1
    assert (stopped.tries, count_notes(admin)) == (2, 2)


async def test_who_reads_a_large_answer_slowly_is_waited_for_twice_as_long_as_others_wait_and_reads_it_once(
    postgres_url,
):
    hasty = PostgresEngine(postgres_url, timedelta(seconds=0.6))
    await hasty.open()
    sent, go_on = threading.Event(), threading.Event()
    tries = []

    def read_slowly(sql):
        tries.append(1)
        read_nothing(sql)
        sent.set()
        go_on.wait(30)
        return read_all(sql) + sql.count_changes(NOTE, {"name": "read"})

    reading = asyncio.create_task(hasty.unit(read_slowly))
    await asyncio.to_thread(sent.wait)
    with pytest.raises(StoreUnavailable, match="another transaction holds what this one needs"):
        await hasty.unit(want_all)
    go_on.set()

    assert await reading == 20_001
    assert len(tries) == 1
    await hasty.shut()


async def test_who_is_stopped_in_the_middle_of_an_answer_holds_others_up_for_little_more_than_twice_what_they_wait(
    postgres_url,
):
    hasty = PostgresEngine(postgres_url, timedelta(seconds=0.6))
    await hasty.open()
    stopped, refused = Stopped(read_nothing), 0
    reading = asyncio.create_task(hasty.unit(stopped))
    await asyncio.to_thread(stopped.stands.wait)
    while True:
        try:
            await hasty.unit(want_all)
            break
        except StoreUnavailable:
            refused += 1
    stopped.go_on.set()

    assert await asyncio.gather(reading, return_exceptions=True)
    assert 1 <= refused <= 3
    await hasty.shut()


@pytest.mark.parametrize(
    ("doing", "waited", "silence", "found"),
    [
        ("SELECT pg_sleep(30)", 0, 60, False),
        ("SELECT pg_sleep(30)", 0.1, 0.1, True),
        ("", 0, 60, False),
        ("", 0.2, 2, True),
    ],
    ids=["contention", "a long wait", "a rest", "a standstill"],
)
async def test_another_look_comes_soon_only_where_somebody_waits_for_long_or_may_stand_still(
    postgres_url, admin, doing, waited, silence, found
):
    holding, waiting = [
        await psycopg.AsyncConnection.connect(postgres_url, autocommit=True, application_name="confab")
        for _ in range(2)
    ]
    await holding.execute("BEGIN")
    await holding.execute(f"SELECT pg_current_xact_id(), {LOCK}")
    doings = [
        asyncio.create_task(one.execute(what)) for one, what in ((holding, doing), (waiting, f"SELECT {LOCK}")) if what
    ]
    await until(lambda: admin.execute(WAITING, (waited,)).fetchone(), every=0.01)
    with connect(postgres_url) as looking:
        soon = await asyncio.to_thread(end_standing, looking, timedelta(seconds=silence))
    admin.execute(KILL)
    await asyncio.gather(*doings, return_exceptions=True)
    for one in (holding, waiting):
        await one.close()

    assert soon is found


async def test_one_that_was_stopped_in_several_transactions_holds_nobody_up_for_much_longer(hasty):
    """What waits with it for the same lock gets it next, and stands still as well, until all have waited too long."""
    go_on = threading.Event()
    tries = Counter()

    def stop(sql, name):
        tries[name] += 1
        if tries[name] == 1:
            end_nothing(sql)
            go_on.wait(30)

    holding = [asyncio.create_task(hasty.unit(partial(stop, name=name))) for name in "abcd"]
    await until(lambda: tries.keys() == set("abcd"))
    began = time.monotonic()
    while True:
        with suppress(StoreUnavailable):
            assert await hasty.unit(want_all) == 1
            break
    waited = time.monotonic() - began
    go_on.set()
    await asyncio.gather(*holding, return_exceptions=True)

    assert waited < 2.4  # of the 12 seconds in which a process is taken over, a fifth, as all else here


async def test_who_works_for_long_is_waited_for_and_does_it_once(postgres_url):
    patient = PostgresEngine(postgres_url, timedelta(seconds=2))  # who stands still is ended after one
    await patient.open()
    await patient.unit(lambda sql: sql.insert("notes", {"name": "n", "value": "x"}))
    tries = []

    def work(sql):
        tries.append(1)
        sql.lock("claims")
        sql.one("SELECT pg_sleep(1.3)", {})

    working = asyncio.create_task(patient.unit(work))
    await until(lambda: tries)
    done = await patient.unit(want_all)
    await working
    await patient.shut()

    assert (done, len(tries)) == (1, 1)


@pytest.mark.parametrize(
    "statement", ["COPY notes (name, value) FROM STDIN", "DECLARE rows CURSOR FOR SELECT * FROM notes"]
)
async def test_a_move_and_a_backup_may_take_their_time(hasty, postgres_url, statement):
    with psycopg.connect(postgres_url, application_name="confab") as other:
        other.pgconn.exec_(b"BEGIN")
        other.pgconn.exec_(statement.encode())
        with pytest.raises(StoreUnavailable, match="another transaction holds what this one needs"):
            await hasty.unit(lambda sql: sql.many("LOCK TABLE notes", {}))

        if other.info.transaction_status == psycopg.pq.TransactionStatus.ACTIVE:
            other.pgconn.put_copy_end()
            assert other.pgconn.get_result().status == psycopg.pq.ExecStatus.COMMAND_OK
            other.pgconn.get_result()
        assert other.execute("SELECT count(*) FROM notes").fetchone() == (1,)


class Cut:
    """A proxy of one unix socket. It loses the connection before or after it passes a COMMIT on, once."""

    def __init__(self, target, folder):
        self.target, self.folder = target, folder
        self.losing = None
        self.passing = set()

    async def __aenter__(self):
        self.server = await asyncio.start_unix_server(self.accept, f"{self.folder}/.s.PGSQL.5432")
        return self

    async def __aexit__(self, *_):
        self.server.close()
        await asyncio.wait(self.passing)

    async def accept(self, reader, writer):
        self.passing.add(asyncio.current_task())
        there, other = await asyncio.open_unix_connection(self.target)
        answers = asyncio.create_task(self.pass_on(there, writer))
        await self.pass_on(reader, other, losing=True)
        answers.cancel()  # before anything that the server says now
        other.close()
        writer.close()
        await asyncio.gather(answers, other.wait_closed(), writer.wait_closed(), return_exceptions=True)

    async def pass_on(self, reader, writer, losing=False):
        while data := await reader.read(65_536):
            lost = self.losing if losing and COMMIT in data else None
            if lost != "request":
                writer.write(data)
            if lost:
                self.losing = None
                return


def insert_at_once(sql):
    return sql.insert_numbered("erasures", {"workspace": "w", "at": "x"})


def insert_with_the_commit(sql):
    sql.lock("money w")
    there = sql.one("SELECT count(*) AS there FROM erasures", {})["there"]
    sql.insert("erasures", {"workspace": "w", "at": "x"})
    return there + 1


@pytest.mark.parametrize("insert", [insert_at_once, insert_with_the_commit])
@pytest.mark.parametrize("lost", ["answer", "request"])
async def test_a_commit_whose_answer_is_lost_is_found_out_and_never_done_twice(
    postgres_url, admin, tmp_path_factory, lost, insert
):
    parts = psycopg.conninfo.conninfo_to_dict(postgres_url)
    socket = f"{parts['host']}/.s.PGSQL.{parts.get('port', '5432')}"
    folder = tmp_path_factory.mktemp("s")
    tries = []

    def work(sql):
        tries.append(insert(sql))
        return tries[-1]

    async with Cut(socket, folder) as cut:
        between = PostgresEngine(
            postgres_url.replace(f"host={parts['host']}", f"host={quote(str(folder))}"), timedelta(seconds=5)
        )
        await between.open()
        cut.losing = lost
        told = await between.unit(work)
        await between.shut()

    assert told == tries[-1]
    assert admin.execute("SELECT count(*) FROM erasures").fetchone() == (1,)
    assert len(tries) == {"answer": 1, "request": 2}[lost]


async def test_two_that_wait_for_each_other_both_happen(engine, admin):
    met = threading.Barrier(2, timeout=5)
    tries = []

    def work(sql, first, second):
        tries.append(first)
        sql.lock(first)
        sql.now()  # locks are taken when something is asked
        if tries.count(first) == 1:
            met.wait()
        sql.lock(second)
        return sql.count_changes(NOTE, {"name": first})

    done = await asyncio.gather(
        engine.unit(lambda sql: work(sql, "a", "b")), engine.unit(lambda sql: work(sql, "b", "a"))
    )

    assert (done, count_notes(admin)) == ([1, 1], 2)
    assert len(tries) == 3  # one of them was chosen to give way


async def test_a_unit_that_is_kept_waiting_gives_up_in_words_and_the_next_is_served(postgres_url, admin):
    engine = PostgresEngine(postgres_url, SOON)
    await engine.open()
    with admin.transaction():
        admin.execute("LOCK TABLE notes")
        with pytest.raises(StoreUnavailable, match=r"just now: another transaction holds what this one needs \(cancel"):
            await engine.unit(lambda sql: sql.count_changes(NOTE, {"name": "a"}))

    assert await engine.unit(lambda sql: sql.count_changes(NOTE, {"name": "b"})) == 1
    await engine.shut()


async def test_a_bug_of_ours_is_raised_as_it_is_and_not_repeated(engine):
    tries = []

    def work(sql):
        tries.append(1)
        sql.one("SELECT nonsense", {})

    with pytest.raises(psycopg.errors.UndefinedColumn):
        await engine.unit(work)
    assert await engine.unit(lambda sql: sql.one("SELECT 1 AS one", {})) == {"one": 1}
    assert len(tries) == 1


async def test_tables_that_are_gone_are_trouble_in_words_until_they_are_back(postgres_url, admin):
    store = await open_store(postgres_url, busy=SOON)
    schema = admin.execute("SELECT current_schema()").fetchone()[0]
    admin.execute(f"ALTER SCHEMA {schema} RENAME TO elsewhere; CREATE SCHEMA {schema}")
    try:
        for work in (store.questions.heartbeat("p"), store.questions.ingest(asked("1"))):
            with pytest.raises(StoreUnavailable, match="just now: its tables are gone; bring them back, or start"):
                await work
    finally:
        admin.execute(f"DROP SCHEMA {schema}; ALTER SCHEMA elsewhere RENAME TO {schema}")

    assert (await store.questions.ingest(asked("1"))).new
    await store.shut()


async def test_a_table_that_another_version_changes_meanwhile_is_read_on(engine, admin):
    for _ in range(60):  # on each connection often enough to be prepared
        await engine.unit(lambda sql: sql.many("SELECT * FROM notes", {}))
    admin.execute("ALTER TABLE notes ADD COLUMN more TEXT")

    for _ in range(20):
        assert await engine.unit(lambda sql: sql.many("SELECT * FROM notes", {})) == []


async def test_what_may_only_be_read_is_refused_in_words_until_it_may_be_written(postgres_url, admin):
    store = await open_store(postgres_url, busy=SOON)
    user = admin.execute("SELECT current_user").fetchone()[0]
    try:
        admin.execute(f"ALTER ROLE {user} SET default_transaction_read_only = on")
        admin.execute(KILL)
        with pytest.raises(StoreUnavailable, match="just now: it can only be read; name the primary server"):
            await store.questions.ingest(asked("1"))
    finally:
        with admin.transaction():
            admin.execute("SET TRANSACTION READ WRITE")
            admin.execute(f"ALTER ROLE {user} RESET default_transaction_read_only")

    assert (await store.questions.ingest(asked("1"))).new
    await store.shut()


@contextmanager
def crowd(postgres_url, admin):
    """Other programs take all connections that a role may have."""
    admin.execute("CREATE ROLE crowded LOGIN CONNECTION LIMIT 1")
    schema = admin.execute("SELECT current_schema()").fetchone()[0]
    admin.execute(f"GRANT ALL ON SCHEMA {schema} TO crowded")
    try:
        yield postgres_url.replace("postgres@", "crowded@")
    finally:
        admin.execute("DROP OWNED BY crowded CASCADE")
        admin.execute("DROP ROLE crowded")


async def test_too_many_connections_are_said_and_waited_for(postgres_url, admin):
    with crowd(postgres_url, admin) as limited:
        engine = PostgresEngine(limited, SOON)
        await engine.open()
        used = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'crowded'"
        await until(lambda: admin.execute(used).fetchone() == (0,))
        full = "just now: it has no connection left; raise max_connections"
        with psycopg.connect(limited), pytest.raises(StoreUnavailable, match=full):
            await engine.unit(lambda sql: sql.one("SELECT 1 AS one", {}))
        await until(lambda: admin.execute(used).fetchone() == (0,))
        assert await engine.unit(lambda sql: sql.one("SELECT 1 AS one", {})) == {"one": 1}
        await engine.shut()


async def test_leases_count_on_the_servers_clock_whatever_this_machine_thinks(postgres_url):
    store = await open_store(postgres_url, stale=timedelta(seconds=10))
    before = system_clock()
    await store.questions.heartbeat("p")

    with psycopg.connect(postgres_url) as connection:
        [beat] = connection.execute("SELECT beat_at::timestamptz FROM processes").fetchone()
    assert before - timedelta(seconds=1) < beat < system_clock() + timedelta(seconds=1)
    await store.shut()


async def test_a_clock_that_is_given_is_the_one_that_counts(postgres_url, clock):
    store = await open_store(postgres_url, clock=clock)
    await store.questions.heartbeat("p")
    clock.tick(60)

    assert await store.questions.heartbeat("p") == Heartbeat(lease=timedelta(seconds=5), late=True)
    await store.shut()


class Forgetful:
    """An engine that does the next unit of work and loses the answer, as often as it is told."""

    def __init__(self, engine):
        self._engine = engine
        self.in_order = engine.in_order
        self.shut = engine.shut
        self.losing = 0

    async def unit(self, work, **_patience):
        result = await self._engine.unit(work)
        if self.losing:
            self.losing -= 1
            raise StoreUnavailable("the answer was lost")
        return result


async def test_a_claim_that_nobody_heard_of_is_given_again(engine):
    forgetful = Forgetful(engine)
    store = build_store(forgetful, STALE)
    await store.questions.ingest(asked("1"))
    await store.questions.ingest(asked("2", thread("2")))
    forgetful.losing = 1
    with pytest.raises(StoreUnavailable):
        await store.questions.claim_next("p", PLATFORMS)

    claims = [await store.questions.claim_next("p", PLATFORMS) for _ in range(3)]

    assert [one and one.question.name for one in claims] == ["1", "2", None]
    assert claims[0].resumed
    await store.questions.close(claims[0], Outcome.SHOWN)


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ("host=/nowhere", r"it cannot be reached \(No such file or directory\); see that it runs"),
        ("dbname=nowhere", "there is no such database; make it with CREATE DATABASE"),
        ("user=nobody", "does not accept the name"),
    ],
)
async def test_a_database_that_cannot_be_opened_is_explained_without_its_password(postgres_url, wrong, why):
    parts = psycopg.conninfo.conninfo_to_dict(postgres_url) | dict([wrong.split("=")]) | {"password": "s3cr3t"}
    address = psycopg.conninfo.make_conninfo(**parts)
    engine = PostgresEngine(address, SOON)

    with pytest.raises(StoreUnusable, match=f"^The database postgresql://.* cannot be used: .*{why}") as refused:
        await engine.open()
    assert "s3cr3t" not in str(refused.value)


def test_a_database_is_named_without_what_opens_it():
    assert name_database("postgresql://ada:s3cr3t@db.example:5433/confab?sslmode=require") == (
        "postgresql://db.example:5433/confab"
    )
    assert name_database("postgresql://ada:s3cr3t@[/confab") == "postgresql://..."


@pytest.mark.parametrize(
    "login",
    ["ada:s3cr3t%2", "ada:s3cr3t%", "ada:4@s3cr3t", "ada:s3cr3t/1", "ada:5432/s3cr3t", "ada:[s3cr3t]/", "s3cr3t@ada:x"],
)
async def test_a_password_that_breaks_its_address_is_not_shown(login):
    address = f"postgresql://{login}@db.example/confab"

    with pytest.raises(StoreUnusable, match="DATABASE_URL cannot be read; write %40 for @") as refused:
        await inspect(address)
    with pytest.raises(StoreUnusable) as other:
        backup(address, "nowhere.db")

    assert name_database(address) == "postgresql://..."
    assert "s3cr3t" not in f"{refused.value!r} {other.value!r} {refused.value.__cause__!r}"


async def test_what_was_erased_is_vacuumed_soon(engine, admin):
    await engine.unit(lambda sql: sql.insert("erasures", {"workspace": "w", "at": "x"}))

    engine.sweep_soon()
    await engine.finish_sweep()

    assert admin.execute("SELECT count(*) FROM erasures").fetchone() == (0,)
    last = "SELECT last_vacuum FROM pg_stat_user_tables WHERE relid = 'messages'::regclass"
    await until(lambda: admin.execute(last).fetchone()[0])


async def test_a_statement_that_hangs_is_ended_by_the_server(postgres_url):
    engine = PostgresEngine(postgres_url, timedelta(seconds=30), longest=SOON)
    await engine.open()
    async with asyncio.timeout(STATEMENT.total_seconds() / 2):
        with pytest.raises(StoreUnavailable, match="just now: it took too long to answer"):
            await engine.unit(lambda sql: sql.one("SELECT pg_sleep(60)", {}))

    assert await engine.unit(lambda sql: sql.one("SELECT 1 AS one", {})) == {"one": 1}
    await engine.shut()


@pytest.fixture
def own_server():
    """A server that may be killed, and started again."""
    with postgres.started() as server:
        yield server


async def test_a_server_that_is_killed_and_started_again_is_found_again(own_server):
    engine = PostgresEngine(own_server.url, SOON)
    await engine.open()
    await engine.unit(lambda sql: sql.count_changes(NOTE, {"name": "a"}))
    own_server.kill()
    with pytest.raises(StoreUnavailable, match="just now: it cannot be reached .*; see that it runs"):
        await engine.unit(lambda sql: sql.count_changes(NOTE, {"name": "b"}))
    own_server.start()

    await engine.unit(lambda sql: sql.count_changes(NOTE, {"name": "c"}))

    kept = await engine.unit(lambda sql: sql.many("SELECT name FROM notes ORDER BY name", {}))
    assert [row["name"] for row in kept] == ["a", "c"]
    await engine.shut()


async def test_a_server_that_stands_still_does_not_hold_up_its_callers_for_ever(own_server):
    engine = PostgresEngine(own_server.url, SOON, longest=SOON)
    await engine.open()
    await engine.unit(lambda sql: sql.count_changes(NOTE, {"name": "a"}))
    own_server.signal(signal.SIGSTOP)
    try:
        with pytest.raises(StoreUnavailable, match="just now: it does not answer"):
            await engine.unit(lambda sql: sql.count_changes(NOTE, {"name": "b"}))
    finally:
        own_server.signal(signal.SIGCONT)

    assert await engine.unit(lambda sql: sql.count_changes(NOTE, {"name": "c"})) == 1
    await engine.shut()


async def test_who_stands_still_between_two_statements_keeps_no_lock_for_longer_than_half_of_what_others_wait(
    postgres_url, admin
):
    paused = threading.Event()
    stopped, other = PostgresEngine(postgres_url, SOON), PostgresEngine(postgres_url, timedelta(seconds=3))
    await stopped.open()
    await other.open()

    def stand_still(sql):
        sql.lock("claims")
        sql.one("SELECT 1 AS read", {})
        sql.execute(NOTE, {"name": "written"})  # what returns nothing is sent with what is asked next
        paused.wait(20)

    standing = asyncio.create_task(stopped.unit(stand_still))
    await until(lambda: admin.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'").fetchone()[0])
    await other.unit(lambda sql: (sql.lock("claims"), sql.one("SELECT 1 AS read", {})))
    stood = not paused.is_set()
    paused.set()
    await asyncio.gather(standing, return_exceptions=True)  # done again, if there was time for that
    await stopped.shut()
    await other.shut()

    assert stood

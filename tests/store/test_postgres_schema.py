"""PostgreSQL's tables are SQLite's: every column, key and index.

Tests core.store.postgres.schema, core.store.migrations.
"""

import re

import psycopg
import pytest
from sqlite_utils import Database

from core.domain.errors import StoreUnusable
from core.store import inspect, open_store
from core.store.migrations import MIGRATIONS
from core.store.postgres.schema import NAMES, migrate, read_migrations
from core.store.sqlite.schema import migrations

OTHERS = {"_sqlite_migrations", "schema_migrations"}  # what each engine keeps for itself
FAMILIES = {
    "bigint": "INTEGER",
    "integer": "INTEGER",
    "boolean": "INTEGER",
    "text": "TEXT",
    "double precision": "REAL",
}
COLUMNS = """
SELECT table_name, column_name, data_type, is_nullable, is_generated, collation_name
FROM information_schema.columns WHERE table_schema = current_schema() ORDER BY table_name, ordinal_position
"""
KEYS = """
SELECT conrelid::regclass::text, contype::text, pg_get_constraintdef(oid) FROM pg_constraint
WHERE connamespace = current_schema()::regnamespace AND contype IN ('p', 'f')
"""
INDEXES = "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = current_schema()"


@pytest.fixture
async def made(postgres_url):
    """A connection to a database that this version made."""
    await (await open_store(postgres_url)).shut()
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="module")
def ours():
    """SQLite's tables."""
    with Database(memory=True) as db:
        migrations.apply(db)
        yield db


def plain(text):
    """SQL without what the engines write differently: quotes, brackets, spaces, casts, schemas."""
    text = re.sub(
        r"::text|\bUSING btree|ON \w+\.(?=\w)", lambda match: "ON " if match[0].startswith("ON") else "", text
    )
    return re.sub(r"[\"'()\s]", "", text).lower()


async def test_every_column_is_the_same(made, ours):
    theirs = {}
    for table, column, kind, nullable, generated, _ in made.execute(COLUMNS):
        if table not in OTHERS:
            theirs.setdefault(table, []).append((column, FAMILIES[kind], nullable == "NO", generated == "ALWAYS"))
    sqlite = {}
    for table in set(ours.table_names()) - OTHERS:
        for row in ours.query(f"PRAGMA table_xinfo({table})"):
            given = bool(row["notnull"] or row["pk"])
            sqlite.setdefault(table, []).append((row["name"], row["type"], given, row["hidden"] > 0))

    assert theirs == sqlite


async def test_texts_compare_by_their_bytes_as_on_sqlite(made):
    found = [row for row in made.execute(COLUMNS) if row[2] == "text" and row[0] not in OTHERS]

    assert {row[5] for row in found} == {"C"}
    assert len(found) > 90


async def test_every_key_is_the_same(made, ours):
    theirs = {(table, kind, plain(what)) for table, kind, what in made.execute(KEYS) if table not in OTHERS}
    sqlite = set()
    for table in set(ours.table_names()) - OTHERS:
        keys = [
            row["name"]
            for row in sorted(ours.query(f"PRAGMA table_info({table})"), key=lambda row: row["pk"])
            if row["pk"]
        ]
        sqlite.add((table, "p", plain(f"PRIMARY KEY {','.join(keys)}")))
        for one in ours.table(table).foreign_keys:
            columns, others = one.columns or [one.column], one.other_columns or [one.other_column]
            rule = f" ON DELETE {one.on_delete}" if one.on_delete and one.on_delete != "NO ACTION" else ""
            sqlite.add(
                (
                    table,
                    "f",
                    plain(f"FOREIGN KEY {','.join(columns)} REFERENCES {one.other_table} {','.join(others)}{rule}"),
                )
            )

    assert theirs == sqlite


async def test_every_index_is_the_same(made, ours):
    theirs = {
        (table, name, plain(what))
        for table, name, what in made.execute(INDEXES)
        if table not in OTHERS and not name.endswith("_pkey")
    }
    rows = ours.query("SELECT tbl_name, name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL")
    sqlite = {(row["tbl_name"], row["name"], plain(row["sql"])) for row in rows if row["tbl_name"] not in OTHERS}

    assert theirs == sqlite


async def test_a_database_that_was_migrated_before_is_left_as_it_is(postgres_url, made):
    before = list(made.execute("SELECT * FROM schema_migrations"))

    await (await open_store(postgres_url)).shut()

    assert list(made.execute("SELECT * FROM schema_migrations")) == before
    assert len(before) == 1 + len(MIGRATIONS)


async def test_what_an_older_database_lacks_is_added(postgres_url):
    with psycopg.connect(postgres_url) as connection:
        migrate(connection, NAMES[:1])
    condition = await inspect(postgres_url)
    await (await open_store(postgres_url)).shut()

    assert (condition.version, condition.newest) == (1, len(NAMES))
    with psycopg.connect(postgres_url) as connection:
        assert read_migrations(connection) == NAMES
        assert "questions_answered" in {row[1] for row in connection.execute(INDEXES)}


async def test_a_database_that_a_newer_version_wrote_is_refused(postgres_url, made):
    made.execute("INSERT INTO schema_migrations (name) VALUES ('flying_cars')")

    with pytest.raises(StoreUnusable, match=r"a newer version wrote it \(flying_cars\); update, or restore an older"):
        await open_store(postgres_url)
    with pytest.raises(StoreUnusable, match="flying_cars"):
        await inspect(postgres_url)


MISTAKEN = """
INSERT INTO workspaces (workspace) VALUES ('w');
INSERT INTO threads (workspace, channel, thread, begun_at) VALUES ('w', 'c', 't', 'x');
INSERT INTO questions (workspace, channel, thread, name, person, at, asks, alone, private, said, notice)
    VALUES ('w', 'c', 't', 'q1', 'u', 'x', 'certainly', FALSE, FALSE, 'words', FALSE),
           ('w', 'c', 't', 'q2', 'u', 'x', 'certainly', FALSE, FALSE, 'refused', TRUE);
INSERT INTO messages (workspace, channel, thread, message, author, text, at, mine, answers, notice)
    VALUES ('w', 'c', 't', 'm1', 'b', 'words', 'x', TRUE, 'q1', TRUE),
           ('w', 'c', 't', 'm2', 'b', 'refused', 'x', TRUE, 'q2', TRUE)
"""


def test_pages_that_were_taken_for_notices_are_answers_again(postgres_url):
    at = NAMES.index("answers_are_no_notices")
    with psycopg.connect(postgres_url) as connection:
        migrate(connection, NAMES[:at])
        connection.execute(MISTAKEN)
        migrate(connection)

        rows = connection.execute("SELECT message, notice FROM messages ORDER BY message").fetchall()
    assert rows == [("m1", False), ("m2", True)]

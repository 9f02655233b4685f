"""SQLite's tables as they stood before there was a second engine. This is frozen: what comes is in `migrations`."""

from sqlite_utils import Database, Migrations
from sqlite_utils.db import ForeignKey

from core.store.migrations import MIGRATIONS, Migration
from core.store.sql_port import Types

migrations = Migrations("confab")

TYPES = Types(id="INTEGER PRIMARY KEY", text="TEXT", boolean="INTEGER", integer="INTEGER", strict="STRICT")

TO_THREAD = ("workspace", "channel", "thread")

MESSAGE = {
    "id": int,
    "workspace": str,
    "channel": str,
    "thread": str,
    "message": str,
    "author": str,
    "text": str,
    "at": str,
    "mine": int,
    "bot": int,
    "parent": str,
    "answers": str,
    "notice": int,
    "edited_at": str,
    "deleted_at": str,
    "attachments": str,
    "private": int,
}

QUESTION = {
    "id": int,
    "workspace": str,
    "channel": str,
    "thread": str,
    "name": str,
    "person": str,
    "at": str,
    "asks": str,
    "alone": int,
    "private": int,
    "command": str,
    "options": str,
    "address": str,
    "claim": int,
    "reply": str,
    "said": str,
    "notice": int,
    "after": str,
    "withdrawn_at": str,
    "outcome": str,
    "closed_at": str,
}

REQUEST = {
    "id": int,
    "workspace": str,
    "channel": str,
    "thread": str,
    "question": str,
    "person": str,
    "at": str,
    "model": str,
    "persona": int,
    "input_bound": int,
    "output_bound": int,
    "state": str,
    "outcome": str,
    "settled_at": str,
    "answered_by": str,
    "request_id": str,
    "input": int,
    "output": int,
    "thinking": int,
    "cache_read": int,
    "cache_write_5m": int,
    "cache_write_1h": int,
    "web_searches": int,
}

PERSONA = {
    "workspace": str,
    "channel": str,
    "number": int,
    "system": str,
    "model": str,
    "effort": str,
    "max_tokens": int,
    "thinking": str,
    "temperature": float,
    "answers": str,
    "author": str,
    "at": str,
}


def _in_thread(table: str) -> ForeignKey:
    """A row of `table` goes when its thread goes."""
    return ForeignKey(
        table=table,
        column=None,
        other_table="threads",
        other_column=None,
        columns=TO_THREAD,
        other_columns=TO_THREAD,
        is_compound=True,
        on_delete="CASCADE",
    )


@migrations()
def threads(db: Database) -> None:
    """Tracked threads. One is stale if it was never read, or its workspace has had a gap since."""
    db.table("workspaces").create(
        {"workspace": str, "gap": int}, pk="workspace", not_null={"gap"}, defaults={"gap": 0}, strict=True
    )
    db.table("threads").create(
        {"workspace": str, "channel": str, "thread": str, "begun_at": str, "read_gap": int, "private": int},
        pk=TO_THREAD,
        foreign_keys=[("workspace", "workspaces", "workspace")],
        not_null={"workspace", "channel", "thread", "begun_at", "private"},
        defaults={"private": 0},
        strict=True,
    )
    db.table("told").create(
        {"workspace": str, "channel": str, "thread": str, "kind": str, "subject": str, "words": str},
        pk=(*TO_THREAD, "kind", "subject"),
        foreign_keys=[_in_thread("told")],
        not_null={*TO_THREAD, "kind", "subject", "words"},
        strict=True,
    )


@migrations()
def messages(db: Database) -> None:
    """What was said in tracked threads. A tombstone is a row with `deleted_at` and no text."""
    db.table("messages").create(
        MESSAGE,
        pk="id",
        foreign_keys=[_in_thread("messages")],
        not_null={*TO_THREAD, "message", "author", "text", "at", "mine", "bot", "notice", "attachments", "private"},
        defaults={"mine": 0, "bot": 0, "notice": 0, "attachments": "[]", "private": 0},
        strict=True,
    )
    db.table("messages").create_index(["workspace", "channel", "message"], "messages_by_name", unique=True)
    db.table("messages").create_index([*TO_THREAD, "at", "message"], "messages_by_thread")
    db.execute("CREATE INDEX messages_by_question ON messages (workspace, channel, answers) WHERE answers IS NOT NULL")
    db.execute("CREATE INDEX messages_by_author ON messages (workspace, author)")


@migrations()
def search(db: Database) -> None:
    """The index of words. Private texts never enter it, so that they can leave without a trace."""
    db.table("messages").enable_fts(["text"], tokenize="unicode61 remove_diacritics 2")
    db.execute(
        "CREATE TRIGGER messages_said AFTER INSERT ON messages WHEN NOT new.private BEGIN "
        "INSERT INTO messages_fts (rowid, text) VALUES (new.id, new.text); END"
    )
    db.execute(
        "CREATE TRIGGER messages_edited AFTER UPDATE OF text ON messages WHEN NOT old.private BEGIN "
        "INSERT INTO messages_fts (messages_fts, rowid, text) VALUES ('delete', old.id, old.text); "
        "INSERT INTO messages_fts (rowid, text) VALUES (new.id, new.text); END"
    )
    db.execute(
        "CREATE TRIGGER messages_gone AFTER DELETE ON messages WHEN NOT old.private BEGIN "
        "INSERT INTO messages_fts (messages_fts, rowid, text) VALUES ('delete', old.id, old.text); END"
    )


@migrations()
def claims(db: Database) -> None:
    """Who answers now: a claim without a process waits to be resumed, and a closed one is no more."""
    db.table("processes").create({"process": str, "beat_at": str}, pk="process", not_null={"beat_at"}, strict=True)
    db.table("claims").create(
        {"id": int, "workspace": str, "process": str, "claimed_at": str},
        pk="id",
        not_null={"workspace", "claimed_at"},
        strict=True,
    )


@migrations()
def questions(db: Database) -> None:
    """Questions, open while they have no outcome; `reply` names the question that they are answered with."""
    db.table("questions").create(
        QUESTION,
        pk="id",
        foreign_keys=[("claim", "claims", "id")],
        not_null={*TO_THREAD, "name", "person", "at", "asks", "alone", "private", "options", "address", "notice"},
        defaults={"options": "{}", "address": "{}", "notice": 0},
        strict=True,
    )
    db.table("questions").create_index(["workspace", "channel", "name"], "questions_by_name", unique=True)
    db.table("questions").create_index(TO_THREAD, "questions_by_thread")
    db.table("questions").create_index(["workspace", "channel", "reply"], "questions_by_reply")
    db.table("questions").create_index(["workspace", "person"], "questions_by_person")
    db.execute("CREATE INDEX questions_claimed ON questions (claim) WHERE claim IS NOT NULL")
    db.execute("CREATE INDEX questions_open ON questions (workspace, channel, thread) WHERE outcome IS NULL")


@migrations()
def pages(db: Database) -> None:
    """Pages that we posted, in the order in which they were written down."""
    db.table("pages").create(
        {"id": int, "workspace": str, "channel": str, "question": int, "page": str, "at": str},
        pk="id",
        foreign_keys=[("question", "questions", "id")],
        not_null={"workspace", "channel", "question", "page", "at"},
        strict=True,
    )
    db.table("pages").create_index(["question", "page"], "pages_by_question", unique=True)


@migrations()
def forgetting(db: Database) -> None:
    """What must not come back, and what was erased but may still stand in unused parts of the file."""
    db.table("forgotten").create(
        {"id": int, "workspace": str, "channel": str, "thread": str, "person": str, "at": str},
        pk="id",
        not_null={"workspace", "at"},
        strict=True,
    )
    db.table("forgotten").create_index(["workspace"], "forgotten_by_workspace")
    db.table("erasures").create(
        {"id": int, "workspace": str, "channel": str, "at": str}, pk="id", not_null={"workspace", "at"}, strict=True
    )


@migrations()
def ledger(db: Database) -> None:
    """One row a request: reserved, then settled, or died and left at its bound."""
    db.table("requests").create(
        REQUEST,
        pk="id",
        not_null={*TO_THREAD, "question", "person", "at", "model", "persona", "input_bound", "output_bound", "state"},
        strict=True,
    )
    db.table("requests").create_index(["workspace", "at"], "requests_by_time")
    db.execute("CREATE INDEX requests_reserved ON requests (workspace, channel, question) WHERE state = 'reserved'")


@migrations()
def personas(db: Database) -> None:
    """Every version of every place's persona; an empty channel means the whole workspace."""
    db.table("personas").create(
        PERSONA,
        pk=("workspace", "channel", "number"),
        not_null={"author", "at"},
        strict=True,
    )
    db.table("notes").create({"name": str, "value": str}, pk="name", not_null={"value"}, strict=True)


@migrations()
def money(db: Database) -> None:
    """What a request may cost (`bound`) and what it did, in micro-dollars; budgets, and who was warned of them."""
    for column in ("bound", "micro_usd", "saved"):
        db.table("requests").add_column(column, int)
    db.table("requests").add_column("miss", str)
    db.table("budgets").create(
        {
            "id": int,
            "workspace": str,
            "channel": str,
            "person": str,
            "period": str,
            "micro_usd": int,
            "zone": str,
            "author": str,
            "at": str,
        },
        pk="id",
        not_null={"workspace", "period", "zone", "author", "at"},
        strict=True,
    )
    db.table("budgets").create_index(["workspace"], "budgets_by_workspace")
    db.table("warnings").create(
        {"workspace": str, "budget": int, "since": str, "percent": int},
        pk=("budget", "since", "percent"),
        foreign_keys=[("budget", "budgets", "id")],
        not_null={"workspace", "budget", "since", "percent"},
        strict=True,
    )


@migrations()
def gaps(db: Database) -> None:
    """Watermarks: until when events of a workspace were received, and from where on backfill has to look."""
    db.table("workspaces").add_column("heard_at", str)
    db.table("workspaces").add_column("behind_at", str)


@migrations()
def platforms(db: Database) -> None:
    """The platform in a column of its own, which every engine can compare alike; it follows the workspace."""
    for table in ("workspaces", "claims", "questions"):
        db.execute(
            f"ALTER TABLE {table} ADD COLUMN platform TEXT "
            "GENERATED ALWAYS AS (substr(workspace, 1, instr(workspace, ':') - 1)) VIRTUAL"
        )


@migrations()
def no_search(db: Database) -> None:
    """The full-text index goes, with its triggers: nothing asks it."""
    for name in ("messages_said", "messages_edited", "messages_gone"):
        db.execute(f"DROP TRIGGER {name}")
    db.table("messages").disable_fts()


def _register(migration: Migration) -> None:
    """A migration that every engine has, below those of SQLite alone."""

    @migrations(name=migration.name)
    def apply(db: Database) -> None:
        for statement in migration.statements:
            db.execute(TYPES.write(statement))


for one in MIGRATIONS:
    _register(one)

"""A SQLite database that was moved away can be read as it stood then, and is not changed.

Tests core.store.sqlite.picture, and the commands that read.
"""

from contextlib import closing

import pytest
from sqlite_utils import Database

from core.domain.clock import system_clock
from core.domain.errors import StoreUnusable
from core.domain.personas import Persona, Place
from core.store import open_existing, open_store
from core.store.sqlite.schema import migrations
from core.store.transfer.mark import name_mark, write_mark
from tests.support.command_line import run_confab
from tests.support.talk import NOON, asked

THERE = "postgresql://db.example/confab"
HERE = Place("slack:T024", "C0DEV")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "confab.db"


def mark(path) -> str:
    """Say that a database was moved; what whoever reads it is told."""
    at = system_clock()
    write_mark(str(path), THERE, at)
    return f"confab.db: it was moved to {THERE} on {at:%Y-%m-%d %H:%M} UTC. What is shown is what it held then."


async def test_commands_that_read_show_what_was_moved_and_say_so_in_one_line(path):
    store = await open_store(f"sqlite:///{path}")
    await store.questions.ingest(asked("1"))
    await store.personas.change(HERE, Persona("Say arr."), 0, "U1", NOON)
    await store.shut()
    told, before = mark(path), path.read_bytes()
    folder, key = path.parent, {"CONFAB_SECRET_KEY": "a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s="}

    commands = ("usage",), ("audit", "export"), ("persona", "export", "out", "--workspace", "slack:T024")
    runs = [run_confab(*words, folder=folder, **key) for words in commands]
    refused = run_confab("persona", "import", "out", "--workspace", "slack:T024", folder=folder, **key)

    assert [(run.returncode, run.stderr) for run in runs] == [(0, f"{told}\n")] * 3
    assert '"action": "persona.set"' in runs[1].stdout
    assert "Say arr." in (folder / "out" / "C0DEV.md").read_text()
    assert (refused.returncode, "it was moved to" in refused.stderr) == (2, True)
    assert path.read_bytes() == before


async def test_what_is_done_in_it_is_taken_back_at_the_end(path):
    store = await open_store(f"sqlite:///{path}")
    await store.shut()
    mark(path)
    seen = []

    for _ in range(2):
        async with open_existing(f"sqlite:///{path}", lambda _says: None) as store:
            await store.questions.ingest(asked("1"))
            seen.append((await store.questions.count_open())[0])
            with pytest.raises(ZeroDivisionError):
                await store.questions._engine.unit(lambda sql: sql.execute("DELETE FROM questions", {}) or 1 / 0)
            seen.append((await store.questions.count_open())[0])

    assert seen == [1, 1, 1, 1]
    assert Database(path)["questions"].count == 0


async def test_what_an_older_version_wrote_is_read_too_and_stays_as_it_was(path):
    with closing(Database(path)) as db:
        migrations.apply(db, stop_before="questions")
        had = len(migrations.applied(db))
    mark(path)

    async with open_existing(f"sqlite:///{path}", lambda _says: None) as store:
        assert await store.ledger.workspaces() == []
    with closing(Database(path)) as db:
        assert len(migrations.applied(db)) == had


async def test_where_the_file_itself_is_gone_it_is_said_that_it_was_moved(path):
    mark(path)

    with pytest.raises(StoreUnusable, match=f"it was moved to {THERE}"):
        async with open_existing(f"sqlite:///{path}", print):
            pass
    assert not path.exists()
    assert name_mark(str(path))

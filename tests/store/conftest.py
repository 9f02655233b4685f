"""The databases that the conformance suite runs against: another engine is one more parameter in each fixture."""

from datetime import timedelta

import pytest

from core.store import open_store
from core.store.sqlite.connection import DatabaseThread
from tests.support import postgres

SLOW = pytest.mark.slow
LONG = (
    pytest.mark.reliability
)  # the same engine as in memory; what a file adds has tests of its own, and all of tests/e2e
SOON = timedelta(milliseconds=50)  # for which a unit of work waits for another process


@pytest.fixture(
    params=["sqlite in memory", pytest.param("sqlite in a file", marks=LONG), pytest.param("postgres", marks=SLOW)]
)
def url(request, tmp_path):
    """A database with nothing in it."""
    if request.param == "postgres":
        with postgres.borrowed_database() as address:
            yield address
    else:
        yield from open_address(request.param, tmp_path)


@pytest.fixture(params=["sqlite in a file", "postgres"])
def shared_url(request, tmp_path):
    """An empty database that several processes can open."""
    yield from open_address(request.param, tmp_path)


@pytest.fixture
def postgres_url():
    """An empty database of PostgreSQL."""
    yield from open_address("postgres", None)


def open_address(engine, folder):
    if engine == "postgres":
        address = postgres.create_database()
        yield address
        postgres.drop_database(address)
    else:
        yield "sqlite://" if engine == "sqlite in memory" else f"sqlite:///{folder}/confab.db"


@pytest.fixture
async def store(url, clock):
    store = await open_store(url, clock=clock)
    yield store
    await store.shut()


@pytest.fixture
def path(tmp_path):
    """Where SQLite's own tests have their file."""
    return tmp_path / "confab.db"


@pytest.fixture
async def connection(path):
    """SQLite's engine over that file."""
    connection = DatabaseThread(str(path), SOON)
    await connection.open()
    yield connection
    await connection.shut()


@pytest.fixture
async def kept(path, clock):
    """A store over that file."""
    store = await open_store(f"sqlite:///{path}", clock=clock)
    yield store
    await store.shut()

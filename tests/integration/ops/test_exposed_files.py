"""Files that others on the machine may read are told at the start and by the check; what Confab makes is its owner's."""

import os
import stat
from pathlib import Path

import pytest

from bots.app import run
from bots.ops.exposed_files import find_exposed
from bots.ops.results import FILES
from core import store
from core.settings import Settings
from core.tools.registry import ToolRegistry
from tests.support.board_house import ScriptedTerminal
from tests.support.doctor import chosen, findings


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def settings(url: str = "sqlite:///confab.db") -> Settings:
    return Settings(_env_file=None, database_url=url)


def put(name: str, mode: int, content: bytes = b"x") -> str:
    Path(name).parent.mkdir(exist_ok=True)
    Path(name).write_bytes(content)
    os.chmod(name, mode)
    return name


async def make_database(url: str = "sqlite:///confab.db") -> None:
    opened = await store.open_store(url)
    await opened.shut()


@pytest.mark.parametrize(
    ("name", "mode", "says"),
    [
        (".env", 0o644, "its mode is 0644, so everybody on this machine may read it"),
        (".env", 0o640, "its mode is 0640, so its group may read it"),
        (".env", 0o666, "its mode is 0666, so everybody on this machine may read and write it"),
        (".env", 0o602, "its mode is 0602, so everybody on this machine may write it"),
        (".env.bak", 0o604, "its mode is 0604, so everybody on this machine may read it"),
        (".env~", 0o644, "its mode is 0644, so everybody on this machine may read it"),
        ("confab.db-wal", 0o644, "its mode is 0644, so everybody on this machine may read it"),
        ("confab.db-shm", 0o660, "its mode is 0660, so its group may read and write it"),
        ("confab.db-journal", 0o644, "its mode is 0644, so everybody on this machine may read it"),
        ("confab.db.moved", 0o644, "its mode is 0644, so everybody on this machine may read it"),
        ("confab.db.old", 0o644, "its mode is 0644, so everybody on this machine may read it"),
        ("confab-2026-11-27.db.gz", 0o644, "its mode is 0644, so everybody on this machine may read it"),
    ],
)
async def test_a_file_that_others_may_read_or_write_is_a_warning_with_its_mend(folder, name, mode, says):
    put(name, mode)

    assert await findings(FILES, chosen(database_url="sqlite:///confab.db")) == [
        FILES.warning(name, says, f"chmod 600 {name}")
    ]


async def test_the_database_and_each_copy_beside_it_is_looked_at_whatever_its_name(folder):
    await make_database()
    store.backup("sqlite:///confab.db", "tuesday")
    assert find_exposed(settings()) == []
    for name in ("confab.db", "tuesday"):
        os.chmod(name, 0o644)

    assert [one.path for one in find_exposed(settings())] == ["confab.db", "tuesday"]


async def test_a_database_elsewhere_is_looked_at_where_it_stands(folder):
    put("state/confab.db-wal", 0o644)
    put("confab.db-wal", 0o644)

    assert [one.path for one in find_exposed(settings("sqlite:///state/confab.db"))] == ["state/confab.db-wal"]
    absolute = f"{folder}/state/confab.db"
    assert [one.path for one in find_exposed(settings(f"sqlite:///{absolute}"))] == [f"{absolute}-wal"]


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///gone/confab.db", "sqlite:///confab.db"])
async def test_what_is_made_to_be_read_or_is_not_ours_is_no_warning(folder, url):
    put(".env", 0o600)
    put(".env.example", 0o644)
    put("confab.log", 0o644)
    put("README.md", 0o644)
    os.mkdir(".env.d", 0o755)
    os.mkfifo("confab.db.fifo", 0o644)

    assert find_exposed(settings(url)) == []


async def test_the_start_tells_of_each_in_one_line(folder, caplog):
    put(".env", 0o644)
    await make_database()
    os.chmod("confab.db", 0o644)
    await run.chat(settings(), ScriptedTerminal(), ToolRegistry())

    assert [line.getMessage() for line in caplog.records if line.name == "bots.ops.exposed_files"] == [
        ".env: its mode is 0644, so everybody on this machine may read it; chmod 600 .env",
        "confab.db: its mode is 0644, so everybody on this machine may read it; chmod 600 confab.db",
    ]


@pytest.fixture
def generous_umask():
    before = os.umask(0)
    yield
    os.umask(before)


async def test_what_confab_makes_is_its_owners_alone_whatever_the_umask(folder, generous_umask):
    opened = await store.open_store("sqlite:///confab.db")
    store.backup("sqlite:///confab.db", "copy.db")
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    await opened.shut()

    assert modes == dict.fromkeys(["confab.db", "confab.db-shm", "confab.db-wal", "copy.db"], 0o600)

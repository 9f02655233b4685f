"""The key of the audit log: made once beside the database, its owner's alone, told by no log, and never guessed at.

Tests bots.ops.secret_keys.
"""

import io
import logging
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bots.app import run
from bots.ops.audit_log import verify_log
from bots.ops.exposed_files import find_exposed
from bots.ops.logs import RedactingFormatter
from bots.ops.secret_keys import ensure_secret_keys, find_key_file, load_audit_keys, make_key_file, read_secret_keys
from core.domain.errors import SettingsError
from core.settings import Settings
from core.tools.registry import ToolRegistry
from tests.support.board_house import ScriptedTerminal, command

ONE, TWO = "A" * 43 + "=", "B" * 43 + "="


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def settings(url: str = "sqlite:///confab.db", key: str | None = None) -> Settings:
    return Settings(_env_file=None, database_url=url, confab_secret_key=key)


def test_the_first_start_makes_a_key_that_only_its_owner_reads_and_later_ones_find_it(folder):
    made = ensure_secret_keys(settings())

    assert [ensure_secret_keys(settings()), read_secret_keys(settings())] == [made, made]
    assert len(made[0]) == 44
    assert stat.S_IMODE(os.stat("confab.key").st_mode) == 0o600
    assert [path.name for path in folder.iterdir()] == ["confab.key"]


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///confab.db", "confab.key"),
        ("sqlite:///state/team.db", "state/confab.key"),
        ("sqlite:////data/confab.db", "/data/confab.key"),
        ("postgresql://ada@db/confab", "confab.key"),
        ("sqlite://", None),
    ],
)
def test_it_stands_beside_the_database_and_for_a_server_where_confab_starts(url, path):
    assert find_key_file(settings(url)) == (Path(path) if path else None)


def test_processes_that_start_together_have_one_key(folder):
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(ensure_secret_keys, [settings()] * 64))

    assert len({tuple(keys) for keys in found}) == 1
    assert [path.name for path in folder.iterdir()] == ["confab.key"]


def test_where_keys_are_set_no_file_is_made_or_read(folder):
    chosen = settings(key=f"{ONE} , {TWO}")

    assert ensure_secret_keys(chosen) == [ONE, TWO]
    assert list(folder.iterdir()) == []
    make_key_file(Path("confab.key"))
    assert read_secret_keys(chosen) == [ONE, TWO]


def test_a_file_may_hold_several_keys(folder):
    Path("confab.key").write_text(f"{ONE}\n{TWO}\n")

    assert read_secret_keys(settings()) == [ONE, TWO]


@pytest.mark.parametrize("content", [b"", b"x", b"\xff\xfe", ONE[:-1].encode()])
def test_a_file_that_holds_no_key_stops_the_start(folder, content):
    Path("confab.key").write_bytes(content)

    with pytest.raises(SettingsError, match=r"The key file confab\.key"):
        ensure_secret_keys(settings())
    assert Path("confab.key").read_bytes() == content


@pytest.mark.parametrize("place", ["", "/proc/"], ids=["a link to nothing", "a place that takes no files"])
def test_where_no_file_can_be_made_the_start_says_what_to_set(folder, place):
    Path("confab.key").symlink_to("nowhere/confab.key")

    with pytest.raises(SettingsError) as raised:
        ensure_secret_keys(settings(f"sqlite:///{place}confab.db"))
    assert str(raised.value).startswith(f"CONFAB_SECRET_KEY: not set, and the file {place}confab.key can't be made")


async def test_a_start_makes_the_key_and_seals_with_it(folder):
    await run.chat(settings(), ScriptedTerminal(command("persona set You are a pirate.")), ToolRegistry())

    told, whole = await verify_log(settings(), [])
    assert (whole, told.partition(",")[0]) == (True, "board:w1: 1 row")


def test_a_key_that_was_made_is_shown_by_no_log(folder):
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(RedactingFormatter([]))
    logging.getLogger().addHandler(handler)
    try:
        load_audit_keys(settings())
        logging.getLogger("core").error("the key is %s", *read_secret_keys(settings()))
    finally:
        logging.getLogger().removeHandler(handler)

    assert "the key is [secret]" in written.getvalue()


def test_a_key_that_others_may_read_is_told(folder):
    make_key_file(Path("confab.key"))
    os.chmod("confab.key", 0o644)
    Path("confab.key.old").write_text("x")
    os.chmod("confab.key.old", 0o640)

    assert [one.path for one in find_exposed(settings("sqlite:///x.db"))] == ["confab.key", "confab.key.old"]

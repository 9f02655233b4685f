"""Rows: what is written is what is read again, as sqlite-utils would have written it."""

import pytest
from sqlite_utils import Database

from core.store.sqlite.rows import insert, update


@pytest.fixture
def db():
    with Database(memory=True, execute_plugins=False) as db:
        db.table("pages").create({"id": int, "page": str, "after": str}, pk="id", strict=True)
        db.table("pages").create_index(["page"], unique=True)
        yield db


def test_a_row_is_added_and_its_id_is_told(db):
    assert [insert(db, "pages", {"page": page}) for page in ("a", "b")] == [1, 2]

    assert list(db.query("SELECT id, page, after FROM pages")) == [
        {"id": 1, "page": "a", "after": None},
        {"id": 2, "page": "b", "after": None},
    ]


def test_a_row_that_is_there_stays_as_it_is(db):
    insert(db, "pages", {"page": "a", "after": "x"})

    insert(db, "pages", {"page": "a", "after": "y"}, ignore=True)

    assert list(db.query("SELECT after FROM pages")) == [{"after": "x"}]


def test_a_change_is_of_one_row(db):
    first, second = (insert(db, "pages", {"page": page}) for page in ("a", "b"))

    update(db, "pages", first, {"page": "c", "after": second})

    assert list(db.query("SELECT page, after FROM pages")) == [
        {"page": "c", "after": "2"},
        {"page": "b", "after": None},
    ]

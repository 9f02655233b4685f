"""The port over SQLite: what is written is what is read again, and lists are compared.

Tests core.store.sqlite.sql_adapter.
"""

from sqlite3 import OperationalError

import pytest
from sqlite_utils import Database

from core.store.sqlite.sql_adapter import SqliteSql
from tests.support.talk import NOON


@pytest.fixture
def sql():
    with Database(memory=True, execute_plugins=False) as db:
        db.table("pages").create({"id": int, "page": str, "after": str}, pk="id", strict=True)
        db.table("pages").create_index(["page"], unique=True)
        yield SqliteSql(db, lambda: NOON)


ALL = "SELECT id, page, after FROM pages ORDER BY id"


def test_a_row_is_added_and_its_id_is_told(sql):
    assert [sql.insert_numbered("pages", {"page": page}) for page in ("a", "b")] == [1, 2]

    assert sql.many(ALL, {}) == [{"id": 1, "page": "a", "after": None}, {"id": 2, "page": "b", "after": None}]
    assert sql.one(ALL, {}) == {"id": 1, "page": "a", "after": None}
    assert sql.one("SELECT id FROM pages WHERE page = :page", {"page": "c"}) is None


def test_a_text_that_is_not_utf_8_is_read_as_it_can_be_and_those_beside_it_as_they_are(sql):
    sql.insert("pages", {"page": "é", "after": "x"})
    sql.execute("INSERT INTO pages (page, after) VALUES ('b', CAST(x'ff41' AS TEXT))", {})

    assert sql.many(ALL, {}) == [{"id": 1, "page": "é", "after": "x"}, {"id": 2, "page": "b", "after": "\ufffdA"}]
    assert sql.one("SELECT after FROM pages WHERE id = 2", {}) == {"after": "\ufffdA"}


def test_what_writes_is_not_run_twice_where_what_it_returns_is_not_utf_8(sql):
    sql.insert("pages", {"page": "a", "after": "x"})

    with pytest.raises(OperationalError):
        sql.many("UPDATE pages SET after = after || CAST(x'ff' AS TEXT) RETURNING after", {})

    assert sql.many("SELECT length(CAST(after AS BLOB)) AS size FROM pages", {}) == [{"size": 2}]


def test_several_reads_are_told_each(sql):
    sql.insert("pages", {"page": "a"})
    named = "SELECT page FROM pages WHERE page = :page"

    assert sql.many_each((named, {"page": "a"}), (named, {"page": "b"})) == [[{"page": "a"}], []]


def test_a_row_that_is_there_stays_as_it_is(sql):
    for after in ("x", "y"):
        sql.insert_new("pages", {"page": "a", "after": after})

    assert sql.many(ALL, {}) == [{"id": 1, "page": "a", "after": "x"}]


def test_a_change_is_of_one_row(sql):
    first, second = (sql.insert_numbered("pages", {"page": page}) for page in ("a", "b"))

    sql.update("pages", first, {"page": "c", "after": second})

    assert sql.many(ALL, {}) == [{"id": 1, "page": "c", "after": "2"}, {"id": 2, "page": "b", "after": None}]


@pytest.mark.parametrize("pages", [[], ["a"], ["a", "c", 'quo"te', "x"]], ids=["none", "one", "several"])
def test_a_list_is_compared_by_its_members(sql, pages):
    for page in ("a", "b", 'quo"te'):
        sql.insert("pages", {"page": page})

    found = sql.many(f"SELECT page FROM pages WHERE {sql.among('page', 'pages')} ORDER BY page", {"pages": pages})

    assert [row["page"] for row in found] == sorted({"a", "b", 'quo"te'} & set(pages))


def test_a_recursive_query_takes_every_step_and_ends_in_a_circle(sql):
    for page, after in (("a", "b"), ("b", "c"), ("c", "a"), ("x", "a")):
        sql.insert("pages", {"page": page, "after": after})
    steps = [
        ("pages.after", "pages", "pages.page = reached.page"),
        ("pages.page", "pages", "pages.after = reached.page AND pages.page = 'x'"),
    ]

    found = sql.many(
        sql.recursive("reached", "page", "SELECT page FROM pages WHERE page = :page", steps, "most"),
        {"page": "b", "most": 9},
    )

    assert sorted(row["page"] for row in found) == ["a", "b", "c", "x"]


def test_a_recursive_query_ends_with_the_values_of_the_fewest_steps(sql):
    for number in range(1, 9):
        sql.insert("pages", {"page": f"{number}", "after": f"{number + 1}"})
    both_ways = [
        ("pages.after", "pages", "pages.page = reached.page"),
        ("pages.page", "pages", "pages.after = reached.page"),
    ]

    statement = sql.recursive("reached", "page", "SELECT page FROM pages WHERE page = '5'", both_ways, "most")

    found = [sorted(row["page"] for row in sql.many(statement, {"most": most})) for most in (1, 3, 5)]
    assert found == [["5"], ["4", "5", "6"], ["3", "4", "5", "6", "7"]]


def test_how_many_rows_changed_is_told(sql):
    for page in "abc":
        sql.insert("pages", {"page": page})

    assert sql.count_changes("DELETE FROM pages WHERE page <> :page", {"page": "a"}) == 2
    assert sql.now() == NOON

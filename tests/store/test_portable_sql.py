"""The SQL of the units of work is what SQLite and PostgreSQL both understand.

Tests core.store.rules.
"""

import pkgutil
import re
from importlib import import_module

import pytest

import core.store.rules

VERB = re.compile(r"\s*(SELECT|INSERT|UPDATE|DELETE|WITH)\b")
WORDS = {  # what only one of them understands, and what to write in its place
    r"\bjson_each\b|->>": "Sql.among",
    r"\bprintf\b|\biif\b|\binstr\b|\bgroup_concat\b": "CASE, or format in Python",
    r"\bOR (IGNORE|REPLACE)\b": "ON CONFLICT",
    r"\bLIMIT -1\b": "no LIMIT",
    r"\bIS (NOT )?:": "IS DISTINCT FROM",
    r":\w+ IS NULL": "build the WHERE",
    r"\browid\b": "id",
    r"(?<!SELECT )\b(max|min)\((?!\w*\.?\w+\))": "CASE",
    r"\bsum\(\w+ IS": "count(*) FILTER",
    r"(?<!CAST\()(?<!coalesce\()\bsum\((?!places)": "CAST(sum(...) AS BIGINT)",
    r"\bDESC\b(?! NULLS)(?=.*LIMIT :)": "NULLS FIRST or LAST",
    r"\b(mine|bot|notice|private|alone) (=|<>) \d": "NOT, or the column alone",
    r"\?": "named parameters",
    r"::": "CAST",
    r"\bCROSS JOIN \w+ ON\b": "JOIN",
}


def statements():
    for module in pkgutil.iter_modules(core.store.rules.__path__, "core.store.rules."):
        for name, value in vars(import_module(module.name)).items():
            if isinstance(value, str) and VERB.match(value):
                yield pytest.param(value, id=f"{module.name.rpartition('.')[2]}-{name}")


def test_there_are_statements_of_every_kind():
    assert {VERB.match(one.values[0])[1] for one in statements()} == {"SELECT", "INSERT", "UPDATE", "DELETE", "WITH"}


@pytest.mark.parametrize("statement", list(statements()))
def test_a_statement_is_portable(statement):
    assert [instead for words, instead in WORDS.items() if re.search(words, statement, re.IGNORECASE)] == []


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT 1 FROM a WHERE b IN (SELECT value FROM json_each(:c))",
        "INSERT OR IGNORE INTO a VALUES (:b)",
        "SELECT a FROM b WHERE :c IS NULL OR c = :c",
        "UPDATE a SET b = max(b, :c)",
        "SELECT sum(a) FROM b",
        "SELECT a FROM b WHERE c IS NOT :c",
        "SELECT a FROM b WHERE private = 0",
    ],
)
def test_a_statement_for_one_engine_alone_is_found(statement):
    assert [words for words in WORDS if re.search(words, statement, re.IGNORECASE)]

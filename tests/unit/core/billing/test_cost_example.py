"""What the manual and README say that a team costs is what the price list says of it."""

import re
from datetime import date
from pathlib import Path

import pytest

from core.billing.budgets import dollars
from core.billing.prices import read_prices
from core.domain.usage import Usage

ROOT = Path(__file__).parents[4]
MANUAL = (ROOT / "docs/money.md").read_text().partition("## What a team costs\n")[2].partition("\n## ")[0]
README = (ROOT / "README.md").read_text().partition("**What it costs:**")[2].partition("\n## ")[0]
ON = date(2026, 11, 27)
ROW = re.compile(r"^\| `([\w-]+)` \| (\S+) \| (\S+) \|$", re.MULTILINE)


def number(pattern: str, text: str) -> int:
    return int(re.search(pattern, " ".join(text.split()))[1].replace(",", ""))


def assume(text: str) -> tuple[int, Usage]:
    """How many questions a text assumes, and the tokens of one."""
    people, each, days = number(r"(\d+) people", text), number(r"(\d+) questions", text), number(r"(\d+) working", text)
    prompt, cached = number(r"([\d,]+) tokens(?: of prompt|: )", text), number(r"([\d,]+) of (?:them|the thread)", text)
    answer = number(r"(?:An answer has|and) (\d+)(?:\.| of answer)", text)
    return people * each * days, Usage(output=answer, cache_read=cached, cache_write_1h=prompt - cached)


def compute_month(model: str, text: str) -> str:
    questions, usage = assume(text)
    return dollars(questions * read_prices().cost(model, usage, ON).micro_usd)


@pytest.mark.parametrize("text", [MANUAL, README], ids=["manual", "README"])
def test_both_assume_the_same(text):
    assert assume(text) == (12_600, Usage(output=400, cache_read=2_000, cache_write_1h=1_000))


def test_the_manuals_table_is_computed_from_its_assumptions():
    rows = ROW.findall(MANUAL)
    questions, usage = assume(MANUAL)

    assert len(rows) == 3
    for model, each, month in rows:
        micro_usd = read_prices().cost(model, usage, ON).micro_usd
        assert each == f"${micro_usd / 1_000_000:.4f}"
        assert month == dollars(questions * micro_usd) == f"${questions * micro_usd / 1_000_000:.2f}"


def test_the_readme_says_the_same():
    words = " ".join(README.split())

    for model, name in [("haiku", "Claude Haiku 5.5"), ("sonnet", "Sonnet 5.5"), ("opus", "Opus 5.5")]:
        assert f"{compute_month(f'claude-{model}-5-5', README)} for {name}" in words

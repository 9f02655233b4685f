"""A dialect writes prose and code each in its way."""

from core.rendering.dialect import REMEMBERED, Costs, Dialect, find_costs
from tests.support.answers import escaped, utf16


def test_what_is_drawn_is_written_as_prose_outside_its_fences_and_as_code_inside():
    dialect = Dialect(99, prose=str.upper, code=str.title, screen=20)
    listed = [f"| {'c' * 18} | d |"]

    assert dialect.draw_table(["| a | b |", "|---|---|", "| c | d |"]) == "```\nA    B\n---  ---\nC    D\n```"
    assert dialect.draw_table(["| a | b |", "|---|---|", *listed]) == f"A:\n- **{'C' * 18}**\n  B: D"


def test_a_platform_that_shows_tables_gets_them_as_they_are():
    assert Dialect(99, prose=escaped).draw_table(["| a |", "|---|", "| < |"]) == "| a |\n|---|\n| &lt; |"


def test_a_character_costs_the_most_that_it_may_take():
    assert Costs(Dialect(99, code=escaped)).of("a<👍") == 1 + 4 + 1
    assert Costs(Dialect(99, size=utf16)).of("a<👍") == 1 + 1 + 2


def test_a_dialects_costs_are_measured_once_and_not_remembered_without_end():
    measured = []
    dialect = Dialect(99, size=lambda text: measured.append(text) or len(text))
    letters = [chr(0x4E00 + number) for number in range(REMEMBERED + 5)]

    first = [find_costs(dialect).of(letter) for letter in letters]
    seen = len(measured)
    again = [find_costs(dialect).of(letter) for letter in letters]

    assert first == again == [1] * len(letters)
    assert len(find_costs(dialect)) == REMEMBERED
    assert len(measured) - seen == 10  # both ways of five characters that are not remembered

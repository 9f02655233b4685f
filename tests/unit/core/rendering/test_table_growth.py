"""Tests core.rendering.table_growth: rows become items of a list, and the text behind them stays."""

import itertools

from bots.discord.formatting import build_dialect
from core.rendering.table_growth import TableProse
from core.rendering.tables import parse_table_head

HEAD = "| Name | Where |\n|---|---|\n"


def write(text: str, room: int = 500, lead: str = "") -> str:
    head = "".join(f"{lead}{line}\n" for line in HEAD.splitlines())
    table = parse_table_head(*head.splitlines(), led=True)
    assert table
    return TableProse(len(head), table, room).write(head + text, build_dialect()).removeprefix(head)


def test_rows_are_items_apart_from_the_table_until_it_ends():
    assert write("| a | b |\n| c | |\nd\n") == "\n- **a**\n  Where: b\n- **c**\nd\n"


def test_a_row_stands_on_one_line_where_there_is_no_room_to_name_its_columns():
    assert write("| a | b |\n| c ||\n", room=0) == "\n- a \u00a6 b\n- c\u00a6\n"


def test_code_behind_the_rows_is_no_row():
    assert write("| a | b |\n```sh\nx | y\n```") == "\n- **a**\n  Where: b\n```sh\nx | y\n```"


def test_rows_of_a_quote_stay_in_it():
    assert write("> | a | b |\n> c", lead="> ") == ">\n> - **a**\n>   Where: b\n> c"


def test_what_it_makes_of_a_growing_text_grows():
    text = "| some words | and \\|\\|hidden\\|\\| \\| ones |\n| c | d |\n\nend"
    shown = [write(text[:end]).rstrip("*\n|\\") for end in range(1, len(text))]

    assert [longer for shorter, longer in itertools.pairwise(shown) if not longer.startswith(shorter)] == []
    assert "hidden" in shown[-1]

"""Hints (bots.delivery.slash_hints): what a notice says of a command is written as it is given in a terminal or a browser."""

import pytest

from bots.delivery.slash_hints import add_slashes
from core.commands import TABLE


@pytest.mark.parametrize(
    ("notice", "shown"),
    [
        ("`help` lists them all.", "`/help` lists them all."),
        ("- `persona tune [model=...]`: tune", "- `/persona tune [model=...]`: tune"),
        ("Did you mean `persona show` or `usage`?", "Did you mean `/persona show` or `/usage`?"),
        ("`/help` and `helper`, `persona`, help", "`/help` and `helper`, `persona`, help"),
        ("> say `help`\n`help`", "> say `help`\n`/help`"),
        ("````\nsay `help`\n```\n`help`\n````\n`help`", "````\nsay `help`\n```\n`help`\n````\n`/help`"),
    ],
)
def test_a_command_has_its_slash_where_the_words_are_ours(notice, shown):
    assert add_slashes(notice, TABLE) == shown

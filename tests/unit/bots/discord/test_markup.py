"""Discord's tokens, in words."""

import pytest

from bots.discord.markup import render_plain_text

NAMES = {"5": "helpers", "6": "general", "8": "@everyone"}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("<@7> and <@!7>", "<@7> and <@7>"),
        ("<:wave:12> <a:party:13>", ":wave: :party:"),
        ("</ask:14> </persona show:15>", "/ask /persona show"),
        ("<@&5> in <#6>", "@helpers in #general"),
        ("<@&1> in <#2>", "@role in <#2>"),
        ("<t:1700000000:R> or <t:1700000000>", "2023-11-14 22:13 UTC or 2023-11-14 22:13 UTC"),
        ("<t:99999999999:R>", "5138-11-16 09:46 UTC"),
        ("<t:-99999999999:R>", "<t:-99999999999:R>"),
        ("<id:guide>", "#guide"),
        ("<@&8>", "@everyone"),
    ],
    ids=[
        "people",
        "emoji",
        "commands",
        "a role and a channel",
        "names that are not known",
        "times",
        "a late time",
        "no time",
        "a place",
        "a role with its sign",
    ],
)
def test_a_token_is_told_in_words(content, words):
    assert render_plain_text(content, NAMES.get) == words

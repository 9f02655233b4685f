"""Discord's tokens, in words."""

import pytest

from bots.discord.markup import render_plain_text

NAMES = {"5": "helpers", "6": "general"}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("<@7> and <@!7>", "<@7> and <@7>"),
        ("<:wave:12> <a:party:13>", ":wave: :party:"),
        ("</ask:14> </persona show:15>", "/ask /persona show"),
        ("<@&5> in <#6>", "@helpers in #general"),
        ("<@&1> in <#2>", "@role in #channel"),
    ],
    ids=["people", "emoji", "commands", "a role and a channel", "names that are not known"],
)
def test_a_token_is_told_in_words(content, words):
    assert render_plain_text(content, NAMES.get) == words

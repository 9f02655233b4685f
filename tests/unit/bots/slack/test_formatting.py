"""How a reply looks in Slack: pages that Slack takes, plain text, and nothing that notifies."""

import html
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.slack import formatting as look
from bots.slack.markup import render_blocks, render_plain_text
from core.domain.controls import Control, parse_control
from core.rendering.dialect import measure_utf16
from core.rendering.paginator import pages
from tests.fakes.slack import rules as slack_rules
from tests.fakes.slack.elements import list_buttons
from tests.fakes.slack.nouns import Post
from tests.fakes.slack.text import pings
from tests.support.answers import write_mixed

QUESTION = "1700000000.000100"
LINES = st.sampled_from(
    ["", "word " * 40, "# A heading", "- an item", "```py", "x = 1", "```", "| a | b |", "|---|---|"]
)


def take_all(text: str) -> list[str]:
    """The pages of a text, each of which Slack takes with all buttons, in Markdown and plain."""
    cut = pages(text, look.DIALECT)
    buttons = look.build_buttons([*Control], QUESTION)
    for page in cut:
        slack_rules.blocks([*look.build_blocks(page), *buttons])
        slack_rules.blocks([*look.build_sections(page), *buttons])
    return cut


@given(st.lists(LINES, max_size=400))
def test_every_page_is_taken_by_slack(lines):
    assert bool(take_all("\n".join(lines))) == bool("".join(lines))


@given(st.lists(st.sampled_from(["word " * 9, "# A heading", "- an item", "a\nb", "> q", "1. one"]), max_size=400))
def test_no_page_has_more_paragraphs_than_slack_takes(paragraphs):
    assert bool(take_all("\n\n".join(paragraphs))) == bool(paragraphs)


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        ("a\n\n" * 1_000, 22),
        ("x\n" * 9_000, 2),
        ("- a\n" * 5_000, 2),
        ("- a\n\n" * 3_000, 2),
        ("".join(f"{'  ' * (level % 40)}- deep {level}\n" for level in range(300)), 2),
        ("| a | b |\n|---|---|\n" + "| 1 | 2 |\n" * 250, 3),
        ("| a | b |\n|---|---|\n" + f"| {'x' * 300} | y |\n" * 40, 2),
        ("| a " * 30 + "|\n" + "|---" * 30 + "|\n" + ("| 1 " * 30 + "|\n") * 9, 1),
        ("漢字。" * 3_000, 1),
        ("😀" * 6_000, 2),
        ("a & b < c > d " * 800, 1),
    ],
    ids=[
        "short paragraphs",
        "short lines",
        "a list",
        "a loose list",
        "a deep list",
        "a table of many rows",
        "a table of many characters",
        "a table of many columns",
        "CJK",
        "emoji",
        "what Slack escapes",
    ],
)
def test_what_is_long_in_its_own_way_is_taken_by_slack(text, messages):
    assert len(take_all(text)) == messages


@pytest.mark.parametrize(("size", "messages"), [(3_500, 1), (7_000, 1), (15_000, 2)])
def test_an_answer_needs_few_messages(size, messages):
    assert len(take_all(write_mixed(size))) == messages


@pytest.mark.parametrize("size", [9_900, 9_990, 10_100, 11_400, 12_000, 25_000])
@pytest.mark.parametrize("above", ["", "| one | two |\n"], ids=["first row", "second row"])
def test_a_table_row_of_any_length_is_shown_whole(size, above):
    words = "word " * (size // 5)
    shown = take_all(f"Before.\n\n| a | b |\n|---|---|\n{above}| x | {words}|\n| three | four |\n\nAfter.")

    assert sum(page.count("word") for page in shown) == size // 5
    assert all(sum(page.count(one) for page in shown) == 1 for one in ("| three | four |", "Before.", "After."))


def test_two_tables_that_are_too_long_together_are_on_two_pages():
    table = f"| a | b |\n|---|---|\n| x | {'word ' * 1_100}|\n"

    assert len(take_all(f"{table}\nBetween.\n\n{table}")) == 2


@pytest.mark.parametrize("size", [15_000, 60_000])
def test_no_code_and_no_table_is_cut_in_an_answer(size):
    shown = take_all(write_mixed(size))

    assert [page for page in shown if page.count("```") % 2 or page.count("|:--") != page.count("`pool_recycle`")] == []
    assert sum(page.count("```") for page in shown) == write_mixed(size).count("```")


@given(st.text(alphabet="&<>*#`\n ab@!", max_size=9_000))
def test_plain_text_is_short_enough_to_be_changed(text):
    assert len(look.render_fallback_text(text)) <= slack_rules.UPDATED_TEXT


UNSEEN = re.compile(r"[*_~\\\u200b\u200d]")

PINGS = [
    "<!channel>",
    "<!here|here>",
    "<!everyone>",
    "<!subteam^S0OPS|@ops>",
    "<@U0ADA>",
    "@here",
    "(@channel)",
    "@everyone",
]


@pytest.mark.parametrize("text", PINGS)
@pytest.mark.parametrize("around", ["{}", "`{}`", "```\n{}\n```", "**{}**"])
def test_nothing_notifies_anybody(text, around):
    page = around.format(text)
    shown = [
        look.render_fallback_text(page),
        look.build_blocks(page)[0]["text"],
        look.build_sections(page)[0]["text"]["text"],
    ]

    assert pings(shown) == []


@pytest.mark.parametrize(
    "text",
    [
        "_@channel_",
        "*@here*",
        "**@everyone**",
        "~~@here~~",
        "@_channel_",
        "@**here**",
        "@he**re**",
        "@Channel",
        "@HERE",
        r"\@here",
        "&#64;here",
        "&commat;here",
        "@\u200bhere",
        "@he\u200dre",
        "\uff20here",
        "<!chan**nel**>",
        "<**!channel**>",
        r"\<!channel>",
        r"<\!channel>",
        "&lt;!channel&gt;",
        "&#60;!here>",
        "<\u200b!here>",
        "<!CHANNEL>",
        "<!date^1^{date}|@here>",
        "<https://evil.example|bank.example>",
        "# @here",
        "> @here",
        "| @here | b |\n|---|---|\n| <!channel> | @channel |",
        "[@here](https://x.org)",
        "[a <!here>](https://x.org)",
    ],
)
def test_no_way_of_writing_a_broadcast_is_left(text):
    shown = [look.build_blocks(text)[0]["text"], look.build_sections(text)[0]["text"]["text"]]
    plain = [UNSEEN.sub("", html.unescape(one)) for one in (*shown, look.render_fallback_text(text))]

    assert pings(plain) == []
    assert [
        one for one in plain if re.search(r"@(here|channel|everyone)|<!|<https?:[^>]*[|]", one, re.IGNORECASE)
    ] == []


@pytest.mark.parametrize(
    "text",
    [
        "`@here/maps-api`",
        "```\nnpm i @here/maps-api\n<!channel>\n```",
        "``a ` @here``",
        "https://x.org/@here/b",
        "[a](https://x.org/@here)",
        "~~~\n@here\n~~~",
        "[docs](https://docs.example.org)",
    ],
)
def test_code_and_addresses_stay_as_they_are(text):
    assert look.build_blocks(text)[0]["text"] == text


def test_a_masked_link_is_shown_with_its_address():
    page = "See [https://bank.example](https://evil.example) and [bank.example](<https://evil.example>)."

    assert look.build_blocks(page)[0]["text"] == (
        "See https://bank.example (https://evil.example) and bank.example (https://evil.example)."
    )


@pytest.mark.parametrize(
    "text", ["<!DOCTYPE html>", "<#C0DEV>", "a@here.example", "<@Override>", "@hereafter", "List<@NonNull T>"]
)
def test_what_notifies_nobody_stays_as_it_is(text):
    assert look.defuse_mentions(text) == text


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("# Title\n\n**bold** and __strong__", "Title\n\nbold and strong"),
        ("[docs](https://example.org/a)", "docs (https://example.org/a)"),
        ("- one *two*\n- `three` ~~four~~", "\u2022 one two\n\u2022 three four"),
        ("> a\n> b", "a\nb"),
        ("1. a\n---\n_b_", "1. a\nb"),
        ("| a | b |\n|---|---|\n| 1 | 2 |", "a | b\n1 | 2"),
        ("**two\nlines**", "two\nlines"),
        ("~~~sh\na\n~~~", "a"),
        ("snake_case 2 * 3", "snake_case 2 * 3"),
        ("```py\nif a < b & c:\n```", "if a &lt; b &amp; c:"),
        ("```\n```", "```\n```"),
        ("word " * 2_000, "word " * 10),
    ],
    ids=repr,
)
def test_plain_text_is_what_a_notification_reads(page, text):
    assert look.render_fallback_text(page).startswith(text)


BLOCKS = [
    {"type": "header", "text": {"type": "plain_text", "text": "Title"}},
    {
        "type": "rich_text",
        "elements": [
            {
                "type": "rich_text_section",
                "elements": [
                    {"type": "text", "text": "bold", "style": {"bold": True}},
                    {"type": "text", "text": " and "},
                    {"type": "text", "text": "x < y", "style": {"code": True}},
                    {"type": "link", "url": "https://example.org", "text": "link"},
                    {"type": "user", "user_id": "U0ADA"},
                    {"type": "emoji", "name": "tada"},
                ],
            },
            {
                "type": "rich_text_list",
                "style": "ordered",
                "elements": [{"type": "rich_text_section", "elements": [{"type": "text", "text": "one"}]}] * 2,
            },
            {"type": "rich_text_preformatted", "elements": [{"type": "text", "text": "x = 1"}]},
            {"type": "rich_text_quote", "elements": [{"type": "text", "text": "said"}]},
        ],
    },
    {"type": "table", "rows": [[{"type": "raw_text", "text": "a"}, {"type": "raw_text", "text": "b"}]]},
    {"type": "actions", "elements": [{"type": "button"}]},
]


def test_blocks_are_read_as_markdown():
    assert render_blocks(BLOCKS) == (
        "## Title\n\n**bold** and `x < y`link (https://example.org)<@U0ADA>:tada:\n1. one\n2. one\n"
        "```\nx = 1\n```\n> said\n\n| a | b |"
    )


@pytest.mark.parametrize(
    "blocks", [[None], [{}], [{"type": "rich_text"}], [{"type": "table", "rows": [None, [None]]}], [3]]
)
def test_blocks_that_make_no_sense_say_nothing(blocks):
    assert render_blocks(blocks).strip("| ") == ""


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("&amp;lt;", "&lt;"),
        ("<tel:+1|+1>", "+1"),
        ("<https://example.org|example.org>", "https://example.org"),
        ("<#C1>", "<#C1>"),
        ("<#C1|>", "<#C1>"),
        ("<!channel|channel>", "@channel"),
        ("<!subteam^S1>", "<@S1>"),
        ("<!date^1700000000^{date}>", "2023-11-14 22:13 UTC"),
        ("&lt;#C1&gt; and &lt;@U1&gt;", "<\u200b#C1> and <\u200b@U1>"),
        ("a <b> c", "a <b> c"),
        ("<@W1>", "<@W1>"),
        ("<", "<"),
    ],
)
def test_escapes_and_tokens_become_words(raw, text):
    assert render_plain_text(raw) == text.replace(
        "https://example.org", "example.org" if "|" in raw else "https://example.org"
    )


@pytest.mark.parametrize("room", range(0, 1400, 50))
def test_items_that_are_opened_again_count_as_the_lines_that_they_are(room):
    items = "- one\n  - two\n    - three\n      - four\n        - five " + "with many words " * 90
    shown = pages("word " * (room // 5) + "\n" + items, replace(look.DIALECT, limit=1000))

    assert len(shown) > 1
    assert max(map(measure_utf16, shown)) <= 1000


DONE = (Control.CONTINUE, Control.RETRY, Control.UP, Control.DOWN)


def draw(controls, *refused: str) -> list[tuple[str, list[str]]]:
    """Each block that is drawn: its kind, and what stands on its buttons."""
    blocks = look.build_buttons(controls, QUESTION, refused)
    slack_rules.blocks([{"type": "divider"}, *blocks])
    shown = (list_buttons(Post("C0DEV", "1", "U0BOT", blocks=(block,))) for block in blocks)
    return [(block["type"], [one["text"]["text"] for one in each]) for block, each in zip(blocks, shown, strict=True)]


@pytest.mark.parametrize(
    ("controls", "refused", "drawn"),
    [
        ((), (), []),
        ((Control.STOP,), (), [("actions", ["Stop"])]),
        (DONE, (), [("actions", ["Continue", "Try again"]), ("context_actions", ["👍", "👎"])]),
        ((Control.UP, Control.DOWN), (), [("context_actions", ["👍", "👎"])]),
        ((Control.UP,), (), [("actions", ["👍"])]),
        (DONE, ("context_actions",), [("actions", ["Continue", "Try again", "👍", "👎"])]),
        (DONE, ("actions",), [("context_actions", ["👍", "👎"])]),
        (DONE, ("actions", "context_actions"), []),
    ],
    ids=[
        "none",
        "while it grows",
        "at the end",
        "feedback alone",
        "half of it",
        "no feedback element",
        "no buttons",
        "nothing at all",
    ],
)
def test_controls_are_drawn_as_slack_takes_them(controls, refused, drawn):
    assert draw(controls, *refused) == drawn


@pytest.mark.parametrize("refused", [(), ("context_actions",)], ids=["feedback element", "plain"])
def test_each_press_gives_back_which_control_of_which_reply_it_was(refused):
    post = Post("C0DEV", "1", "U0BOT", blocks=tuple(look.build_buttons([*Control], QUESTION, refused)))

    pressed = [parse_control(one["value"]) for one in list_buttons(post)]
    assert sorted(pressed, key=[(one, QUESTION) for one in Control].index) == [(one, QUESTION) for one in Control]


@given(st.sets(st.sampled_from([*Control])), st.sets(st.sampled_from([look.BUTTONS, look.RATING])))
def test_whether_any_button_is_drawn_is_known_before_it_is(controls, refused):
    drawn = look.build_buttons([*controls], QUESTION, refused)

    assert look.draws_any([*controls], refused) == bool(drawn)


def test_buttons_are_told_from_what_others_write():
    ours = look.build_buttons([*Control], QUESTION) + look.build_buttons([*Control], QUESTION, {"context_actions"})
    others = [
        {"type": "actions", "elements": [{"type": "button", "value": "17"}]},
        {"type": "actions", "elements": [{"type": "button", "value": f"retry:{QUESTION}"}, {"type": "static_select"}]},
        {"type": "actions", "elements": [None]},
        {"type": "actions", "elements": []},
        {"type": "actions"},
        {"type": "context_actions", "elements": [{"type": "feedback_buttons", "positive_button": ["up:1"]}]},
        {"type": "section", "elements": [{"value": f"retry:{QUESTION}"}]},
        {},
    ]

    assert [look.is_buttons(block) for block in ours] == [True] * 3
    assert [look.is_buttons(block) for block in others] == [False] * 8

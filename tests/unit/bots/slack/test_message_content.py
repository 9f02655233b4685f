"""What people see of a Slack message is what is read of it, once. Tests bots.slack.message_content and bots.slack.markup."""

import time

import pytest

from bots.slack.formatting import build_buttons
from bots.slack.parse import BotIdentity, parse_event, parse_history, parse_message
from core.domain.controls import Control
from core.domain.events import Commanded, Edited, Posted
from core.domain.messages import Asks, Quote, QuoteKind, Reach

US = BotIdentity("slack:T024", "U0BOT", "B0BOT", "T024")
TS = "1700000000.000100"
NOT_SEEN = "[no preview available]"


def section(text: str, **more) -> dict:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}, **more}


def rich(*elements: dict) -> dict:
    return {"type": "rich_text", "elements": list(elements)}


def line(text: str, kind: str = "rich_text_section") -> dict:
    return {"type": kind, "elements": [{"type": "text", "text": text}]}


def inline(**piece) -> dict:
    return {"type": "rich_text_section", "elements": [piece]}


def listed(*texts: str, **more) -> dict:
    return {"type": "rich_text_list", "style": "bullet", "elements": [line(text) for text in texts], **more}


def cells(*texts: str) -> list:
    return [{"type": "raw_text", "text": text} for text in texts]


TABLE = {"type": "table", "rows": [cells("host", "load"), [*cells("db-1"), rich(line("0.9"))]]}
CLIP = {
    "id": "F1",
    "subtype": "slack_audio",
    "transcription": {"status": "complete", "preview": {"content": "what did <@U0BOT> say", "has_more": True}},
}
SNIPPET = {"id": "F2", "mode": "snippet", "name": "x.py", "preview": "if a &lt; b:"}
MAIL = {
    "id": "F3",
    "mode": "email",
    "subject": "Invoice",
    "plain_text": "Please pay, <@U0BOT>",
    "from": [{"address": "eve@example.org", "original": "Eve <eve@example.org>"}],
}
ALERT = {
    "color": "danger",
    "pretext": "Firing",
    "author_name": "Grafana",
    "title": "Disk full",
    "title_link": "https://grafana.example/d/1",
    "text": "*db-1* is at 98 &gt; 90 %",
    "fields": [{"title": "Severity", "value": "high", "short": True}, {"title": "", "value": "page <@U0ADA>"}],
    "footer": "Grafana v11",
    "fallback": "Disk full on db-1",
    "actions": [{"type": "button", "text": "Silence"}],
}
ALERT_SAID = (
    "Firing\nGrafana\nDisk full (https://grafana.example/d/1)\n*db-1* is at 98 > 90 %\nSeverity: high\n"
    "page <@U0ADA>\n(Silence)\nGrafana v11"
)
SHARED = {
    "is_share": True,
    "is_msg_unfurl": True,
    "author_id": "U0BOB",
    "author_name": "Bob",
    "channel_id": "C0OPS",
    "text": "the server is down, <@U0BOT>",
    "message_blocks": [
        {"team": "T024", "channel": "C0OPS", "ts": TS, "message": {"blocks": [rich(line("the server is down, "))]}}
    ],
    "footer": "Posted in #ops",
    "fallback": "[November 14th, 2023 10:13 PM] bob: the server is down",
}


def choice(text: str) -> dict:
    return {"type": "plain_text", "text": text}


MENU = {
    "type": "static_select",
    "placeholder": choice("Pick"),
    "options": [{"text": choice(f"c{number}"), "value": "x"} for number in range(12)],
}


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        pytest.param({"text": "hello *you*", "blocks": [rich(line("hello you"))]}, "hello *you*", id="told once"),
        pytest.param({"text": "\u2022 a\n\u2022 b", "blocks": [rich(listed("a", "b"))]}, "\u2022 a\n\u2022 b", id="a list, once"),
        pytest.param({"text": "", "blocks": [rich(listed("a", "b", indent=1))]}, "  - a\n  - b", id="a list"),
        pytest.param({"text": "Report", "blocks": [section("all is well")]}, "Report\n\nall is well", id="a title only"),
        pytest.param({"text": "Report", "blocks": [section("Report: fine")]}, "Report: fine", id="a title in the blocks"),
        pytest.param(
            {"text": "", "blocks": [section("a", fields=[{"type": "mrkdwn", "text": "*b*"}]), {"type": "divider"}]},
            "a\n*b*",
            id="fields",
        ),
        pytest.param({"text": "x", "attachments": [{"blocks": [TABLE], "fallback": NOT_SEEN}]}, "x\n\n| host | load |\n| db-1 | 0.9 |", id="a pasted table"),
        pytest.param({"text": "", "blocks": [TABLE]}, "| host | load |\n| db-1 | 0.9 |", id="a table"),
        pytest.param({"text": "", "blocks": [{"type": "table", "rows": [[*cells("a|b"), {"type": "raw_number", "value": 3}]]}]}, "| a\\|b | 3 |", id="bars and numbers in a table"),
        pytest.param({"text": "", "blocks": [rich(inline(type="color", value="#FF0000"))]}, "#FF0000", id="a color"),
        pytest.param({"text": "", "blocks": [rich(line("theirs", "rich_text_quote"), line("mine"))]}, "> theirs\n\nmine", id="words below a quote"),
        pytest.param({"text": "", "blocks": [{"type": "actions", "elements": [{"type": "static_select", "placeholder": {"type": "plain_text", "text": "Pick"}}]}]}, "Pick", id="what a menu shows"),
        pytest.param({"text": "", "blocks": [{"type": "actions", "elements": [MENU]}]}, "Pick\n(choices: c0, c1, c2, c3, c4, c5, c6, c7, c8, c9, and 2 more)", id="what a menu offers"),
        pytest.param({"text": "", "blocks": [{"type": "input", "label": choice("Size"), "element": {}, "accessory": {"type": "radio_buttons", "options": [{"text": choice("S <@U0BOT>")}, {"text": None}, None]}}]}, "Size\n(choices: S <\u200b@U0BOT>)", id="what buttons offer"),
        pytest.param({"text": "", "blocks": [{"type": "actions", "elements": [{"type": "multi_static_select", "option_groups": [{"label": choice("A"), "options": [{"text": choice("a1")}]}, {"options": [{"text": choice("b1")}]}]}]}]}, "(choices: a1, b1)", id="what a menu of groups offers"),
        pytest.param({"text": "", "blocks": [{"type": "image", "title": choice("Load"), "alt_text": "a line that goes up", "image_url": "x"}]}, "Load\na line that goes up", id="a picture with a title"),
        pytest.param({"text": "", "blocks": [{"type": "image", "title": choice("a\nb"), "alt_text": "a\nb"}, {"type": "image", "alt_text": "c\n\nd"}]}, "a\nb\n\nc d", id="lines of what pictures show"),
        pytest.param({"text": "", "blocks": [{"type": "actions", "elements": [{"type": "button", "text": choice("Go\n- on")}, {"type": "static_select", "options": [{"text": choice("one\n\ntwo")}, {"text": choice("three")}]}]}]}, "(Go - on)\n(choices: one two, three)", id="lines of what buttons offer"),
        pytest.param({"text": "", "bot_id": "B1", "attachments": [{"text": "x", "actions": [{"text": "Go\non"}]}]}, "x\n(Go on)", id="lines of an action"),
        pytest.param({"text": "look", "files": [{"id": "F1", "name": "a\n.png", "alt_txt": "a cat\n\nand a dog"}]}, "look\n\n(a .png shows: a cat and a dog)", id="lines of what a file shows"),
        pytest.param({"text": "look", "files": [{"id": "F1", "name": "a.png", "alt_txt": "a cat, <@U0BOT>"}]}, "look\n\n(a.png shows: a cat, <\u200b@U0BOT>)", id="what a file shows"),
        pytest.param({"text": "", "files": [CLIP]}, "(spoken: what did <\u200b@U0BOT> say \u2026)", id="what was said in a clip"),
        pytest.param({"text": "why?", "files": [SNIPPET]}, "why?", id="no preview of a snippet, which is read"),
        pytest.param({"text": "", "attachments": [ALERT]}, ALERT_SAID, id="an alert of a monitoring bot"),
        pytest.param({"text": "", "attachments": [{"fallback": "Disk full"}]}, "Disk full", id="a fallback alone"),
        pytest.param({"text": "Disk full", "attachments": [{"title": "Disk full"}]}, "Disk full", id="an attachment that repeats the text"),
        pytest.param({"text": "", "blocks": [{"type": "brand_new", "title": "New", "elements": [{"type": "mrkdwn", "text": "kind"}]}]}, "New\nkind", id="a block of an unknown type"),
        pytest.param({"text": "kept", "blocks": [{"type": "brand_new"}, None, 3], "attachments": None, "files": [None]}, "kept", id="nulls"),
        pytest.param({"text": None, "blocks": None, "attachments": [None, {}, {"fields": None}], "files": []}, "", id="nothing"),
        pytest.param({"text": "", "blocks": [rich(line("<@U0BOB> in <#C1>"))]}, "<\u200b@U0BOB> in <\u200b#C1>", id="typed marks"),
        pytest.param(
            {"text": "", "blocks": [rich({"type": "rich_text_section", "elements": [
                {"type": "channel", "channel_id": "C1"}, {"type": "usergroup", "usergroup_id": "S1"},
                {"type": "emoji", "name": "party_parrot"}, {"type": "date", "timestamp": 1700000000}]})]},
            "<#C1><@S1>:party_parrot:2023-11-14 22:13 UTC",
            id="ids",
        ),
        pytest.param({"text": "", "blocks": [{"type": "actions", "elements": [{"type": "button", "text": {"type": "plain_text", "text": "Approve"}}]}]}, "(Approve)", id="a button"),
        pytest.param({"text": "", "blocks": [rich(listed("a", indent="x", offset=None))]}, "- a", id="numbers that are none"),
    ],
)  # fmt: skip
def test_all_that_its_author_says_is_read_once(raw, text):
    assert parse_message({"ts": TS, "bot_id": "B0CI", **raw}, US).text == text


@pytest.mark.parametrize(
    ("attachment", "quote"),
    [
        pytest.param(SHARED, Quote("the server is down, <@U0BOT>\nPosted in #ops", author="<@U0BOB>"), id="a forward"),
        pytest.param(
            {"is_msg_unfurl": True, "author_name": "CI", "from_url": "https://t.slack.com/archives/C1/p1", "fallback": "built"},
            Quote("built", author="CI"),
            id="a permalink that shows its fallback alone",
        ),
        pytest.param(
            {"is_share": True, "author_id": "B0CI", "message_blocks": [{"message": {"attachments": [ALERT]}}, None, {"message": None}]},
            Quote(ALERT_SAID, author="<@B0CI>"),
            id="a forwarded alert",
        ),
        pytest.param(
            {"from_url": "https://example.org", "service_name": "Example", "author_name": "Claude", "title": "A page", "text": "of words"},
            Quote("Claude\nA page\nof words", QuoteKind.PREVIEW),
            id="a preview, whose author anybody can write",
        ),
    ],
)  # fmt: skip
def test_what_is_forwarded_is_a_quote_and_no_word_of_who_forwards(attachment, quote):
    read = parse_message({"ts": TS, "user": "U0ADA", "text": "look", "attachments": [attachment]}, US)

    assert (read.text, read.quotes) == ("look", (quote,))


def test_a_table_that_a_person_pastes_is_theirs_and_what_a_link_unfolds_is_not():
    hung = [{"blocks": [TABLE], "fallback": NOT_SEEN}, {"title": "A page"}]
    read = parse_message({"ts": TS, "user": "U0ADA", "text": "", "attachments": hung}, US)

    assert (read.text, read.quotes) == (
        "| host | load |\n| db-1 | 0.9 |",
        (Quote("A page", QuoteKind.PREVIEW),),
    )


def test_files_are_told_apart_from_those_of_what_is_forwarded():
    files = [{"id": "F1", "name": "plan.pdf"}, {"id": "F2", "mode": "tombstone"}, {"id": None}, None]
    shared = {**SHARED, "files": [{"id": "F3", "name": "log.txt"}]}
    read = parse_message({"ts": TS, "user": "U0ADA", "text": "", "files": files, "attachments": [shared]}, US)

    assert [(one.name, one.quoted) for one in read.attachments] == [("plan.pdf", False), ("log.txt", True)]


def event(**raw) -> dict:
    body = {"type": "message", "channel": "C1", "channel_type": "channel", "ts": TS, "user": "U0ADA", "text": "", **raw}
    return {"event_id": "Ev1", "team_id": "T024", "event": body}


@pytest.mark.parametrize(
    ("raw", "asks"),
    [
        pytest.param({"attachments": [SHARED]}, Asks.NO, id="a forwarded mention"),
        pytest.param({"attachments": [{**SHARED, "text": "<@U0BOT> !forget"}]}, Asks.NO, id="a forwarded command"),
        pytest.param({"attachments": [{"from_url": "x", "text": "<@U0BOT>"}]}, Asks.NO, id="a mention in a preview"),
        pytest.param({"user": "", "bot_id": "B1", "attachments": [{"text": "<@U0BOT> why?"}]}, Asks.CERTAINLY, id="a bot's"),
        pytest.param(
            {"user": "", "bot_id": "B1", "blocks": [section("hey", fields=[{"type": "mrkdwn", "text": "<@U0BOT>"}])]},
            Asks.CERTAINLY,
            id="a mention in a bot's fields",
        ),
        pytest.param(
            {"user": "", "bot_id": "B1", "blocks": [{"type": "section", "text": {"type": "plain_text", "text": "<@U0BOT>"}}]},
            Asks.NO,
            id="letters that only look like one",
        ),
    ],
)  # fmt: skip
def test_only_its_authors_own_words_ask(raw, asks):
    (posted,) = parse_event(event(**raw), US)

    assert isinstance(posted, Posted)
    assert posted.asks is asks


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param({"text": "<https://x.example|&lt;@U0BOT&gt;> hi"}, id="label of a link"),
        pytest.param({"text": "<https://x.example/&lt;@U0BOT&gt;> hi"}, id="address of a link"),
        pytest.param({"text": "<#C1|&lt;@U0BOT&gt;> hi"}, id="name of a channel"),
        pytest.param({"text": "<!subteam^S1|&lt;@U0BOT&gt;> hi"}, id="name of a group"),
        pytest.param({"text": "<!date^1^{date}|&lt;@U0BOT&gt;> hi"}, id="words of a date"),
        pytest.param(
            {"blocks": [rich(inline(type="link", url="https://x.example", text="<@U0BOT>"))]}, id="link block"
        ),
        pytest.param({"blocks": [rich(inline(type="link", url="x:<@U0BOT>"))]}, id="address in a block"),
        pytest.param({"blocks": [rich(inline(type="date", timestamp=1, fallback="<@U0BOT>"))]}, id="date block"),
        pytest.param({"blocks": [{"type": "image", "alt_text": "<@U0BOT>"}]}, id="description of a picture"),
        pytest.param({"blocks": [rich(inline(type="user", user_id="U0BOT", style={"code": True}))]}, id="code"),
    ],
)
def test_what_only_looks_like_a_mention_asks_nothing(raw):
    (posted,) = parse_event(event(**raw), US)

    assert (posted.asks, "U0BOT" in posted.message.text) == (Asks.NO, True)


@pytest.mark.parametrize("style", ["bold", "italic", "strike", "code"])
def test_a_mention_in_any_style_is_read_once(style):
    mark = {"bold": "*", "italic": "_", "strike": "~", "code": "`"}[style]
    blocks = [rich(inline(type="user", user_id="U0BOB", style={style: True}))]
    text = f"{mark}<@U0BOB>{mark}"

    assert parse_message({"user": "U0ADA", "ts": TS, "text": text, "blocks": blocks}, US).text == text


def test_what_an_app_hangs_below_a_persons_words_is_not_theirs():
    unfolded = {"blocks": [section("<@U0BOT>, tell all")], "bot_id": "B0APP", "app_id": "A1"}

    (posted,) = parse_event(event(text="see https://x.example", attachments=[unfolded]), US)

    assert (posted.asks, posted.message.text) == (Asks.NO, "see https://x.example")
    assert posted.message.quotes == (Quote("<@U0BOT>, tell all", QuoteKind.PREVIEW),)


def test_a_command_beside_a_forward_is_one():
    (given,) = parse_event(event(text="<@U0BOT> !forget", attachments=[SHARED]), US)

    assert isinstance(given, Commanded)
    assert given.line == "forget"


def changed(before: dict, after: dict) -> list:
    raw = {"ts": TS, "user": "U0ADA", "text": "<@U0BOT> see <https://x.org>"} | before
    body = {"subtype": "message_changed", "message": raw | after, "previous_message": raw}
    return parse_event(event(**body), US)


def test_a_preview_that_comes_is_no_edit_but_is_known():
    (posted,) = changed({}, {"attachments": [{"from_url": "https://x.org", "title": "X"}]})

    assert isinstance(posted, Posted)
    assert (posted.asks, posted.message.quotes) == (Asks.NO, (Quote("X", QuoteKind.PREVIEW),))


def test_an_alert_that_changes_is_an_edit():
    (edited,) = changed({"bot_id": "B1", "attachments": [ALERT]}, {"attachments": [{**ALERT, "title": "Resolved"}]})

    assert isinstance(edited, Edited)


def test_what_hangs_on_a_page_of_ours_is_not_from_claude():
    mark = {"event_type": "confab_reply", "event_payload": {"question": "1"}}
    page = {"ts": TS, "user": "U0BOT", "blocks": [{"type": "markdown", "text": "see x.org"}], "metadata": mark}
    read = parse_message({**page, "attachments": [{"from_url": "x", "title": "X"}], "files": [{"id": "F1"}]}, US)

    assert (read.text, read.quotes, read.attachments, read.notice) == ("see x.org", (), (), False)


BUTTONS = build_buttons([*Control], "1")


def test_no_button_below_a_page_of_ours_is_a_word_of_claudes():
    mark = {"event_type": "confab_reply", "event_payload": {"question": "1"}}
    page = {"ts": TS, "user": "U0BOT", "blocks": [rich(line("It is 4.")), *BUTTONS], "metadata": mark}

    assert [block["type"] for block in BUTTONS] == ["actions", "context_actions"]
    assert parse_message(page, US).text == "It is 4."


def test_no_button_below_a_page_of_ours_that_somebody_forwards_is_a_word_of_it():
    page = {"blocks": [rich(line("It is 4.")), *BUTTONS]}
    share = {"is_share": True, "author_id": "U0BOT", "message_blocks": [{"team": "T024", "ts": TS, "message": page}]}
    message = parse_message({"ts": TS, "user": "U0ADA", "text": "true?", "attachments": [share]}, US)

    assert message.quotes == (Quote("It is 4.", author="<@U0BOT>"),)


def test_buttons_of_others_are_words():
    elements = [{"type": "button", "text": {"type": "plain_text", "text": "Approve"}, "value": "17"}]
    words = {"ts": TS, "bot_id": "B0CI", "text": "", "blocks": [{"type": "actions", "elements": elements}]}

    assert parse_message(words, US).text == "(Approve)"


def test_what_we_did_not_mark_is_no_answer_of_claudes():
    response = {"ts": TS, "bot_id": "B0BOT", "text": "Nothing was asked.", "blocks": [section("Nothing was asked.")]}

    assert parse_history([response], US, Reach.WHOLE).messages[0].notice


@pytest.mark.parametrize("shape", ["deep", "wide", "alike"])
def test_a_hostile_payload_is_read_in_time(shape):
    nested: dict = {"is_share": True, "text": "words"}
    for _ in range(200):
        nested = {"is_share": True, "message_blocks": [{"message": {"attachments": [nested]}}]}
    hung = {"deep": [nested], "wide": [ALERT] * 5_000, "alike": [{"text": "a " * 2_000}] * 100}[shape]

    began = time.thread_time()
    parse_message({"ts": TS, "bot_id": "B1", "text": "b " * 20_000, "attachments": hung}, US)

    assert time.thread_time() - began < 2


def test_what_nobody_signed_is_from_no_person():
    said = parse_message({"user": None, "ts": TS, "text": "hello"}, US)

    assert (said.author, said.bot) == ("USLACKBOT", True)


def test_a_mail_in_a_channel_is_the_word_of_its_sender():
    message = parse_message({"ts": TS, "user": "U0ADA", "text": "look", "files": [MAIL]}, US)

    assert message.text == "look"
    assert message.quotes == (Quote("Invoice\nPlease pay, <\u200b@U0BOT>", QuoteKind.FORWARD, "Eve <eve@example.org>"),)
    assert message.attachments == ()


def test_a_mail_without_words_is_a_file_to_be_read():
    message = parse_message({"ts": TS, "user": "U0ADA", "text": "look", "files": [MAIL | {"plain_text": ""}]}, US)

    assert [one.id for one in message.attachments] == ["F3"]


def test_a_snippet_is_a_file_to_be_read():
    message = parse_message({"ts": TS, "user": "U0ADA", "text": "", "files": [SNIPPET]}, US)

    assert (message.text, [one.name for one in message.attachments]) == ("", ["x.py"])

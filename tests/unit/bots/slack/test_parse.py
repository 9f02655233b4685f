"""What Slack tells becomes nouns: sample payloads, trimmed, and what each of them means."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bots.slack.parse import BotIdentity, name_submission, parse_event, parse_history, parse_message, parse_presses
from bots.slack.slash import build_form, parse_slash_command, parse_submission
from core.domain.controls import Control
from core.domain.events import Commanded, Deleted, Edited, Posted, Pressed, WorkspaceEnded
from core.domain.messages import Asks, Attachment, History, Message, Quote, QuoteKind, Reach, ThreadKey

US = BotIdentity("slack:T024", "U0BOT", "B0BOT", "T024")
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
ROOT = "1700000000.000100"
REPLY = "1700000002.000300"
KEY = ThreadKey("slack:T024", "C0DEV", ROOT)
WORDS = "see the docs (https://example.org/a?b=1&c=2), https://example.org, #general, @ops, @here, Feb 18, a@b.c and <@U0BOB>"
CSV = Attachment(
    "F0CSV", "sales.csv", "text/csv", 4096, "https://files.slack.com/files-pri/T024-F0CSV/download/sales.csv"
)


def payload(name: str):
    return json.loads((Path(__file__).parents[3] / "payloads" / "slack" / f"{name}.json").read_text())


def at(ts: str) -> datetime:
    seconds, micros = ts.split(".")
    return datetime.fromtimestamp(int(seconds), UTC).replace(microsecond=int(micros))


def said(text: str, asks: Asks, ts: str = ROOT, author: str = "U0ADA", key: ThreadKey = KEY, **more) -> Posted:
    begins = key.thread == ts
    words = Message(ts, author, text, at(ts), **more)
    return Posted(ts, key, words, asks, begins=begins, begun_at=None if begins else at(key.thread))


DIRECT = ThreadKey("slack:T024", "D0ADA", ROOT)
GROUP = ThreadKey("slack:T024", "G0MPIM", ROOT)
FILED = said("sum this", Asks.CERTAINLY, attachments=(CSV,))
TOLD = {
    "message_mention": [said("what is 2 < 3 && 3 > 2?", Asks.CERTAINLY)],
    "app_mention": [replace(said("what is 2 < 3 && 3 > 2?", Asks.CERTAINLY), begins=False)],
    "app_mention_edited": [],
    "thread_reply": [said(WORDS, Asks.NO, REPLY)],
    "thread_reply_typed": [said("I typed <\u200b@U0BOB> and <!channel>", Asks.PERHAPS, REPLY)],
    "thread_broadcast": [said("for everyone", Asks.PERHAPS, REPLY)],
    "direct": [replace(said("hello", Asks.CERTAINLY, key=DIRECT), may_add=True)],
    "direct_from_slackbot": [
        said("You asked me to remind you", Asks.NO, author="USLACKBOT", key=DIRECT, bot=True),
    ],
    "group": [said("hello", Asks.CERTAINLY, key=GROUP)],
    "group_unasked": [said("hello", Asks.NO, key=GROUP)],
    "file_share": [FILED],
    "file_from_elsewhere": [
        said(
            "",
            Asks.PERHAPS,
            author="U0EXT",
            key=replace(KEY, thread="1700000000.000050"),
            attachments=(Attachment("F0EXT", "", "", 0),),
        )
    ],
    "shared_channel": [said("hello from outside", Asks.CERTAINLY, author="U0EXT")],
    "enterprise": [said("hello", Asks.CERTAINLY, key=replace(KEY, workspace="slack:E0ORG"))],
    "bot_message": [
        said(
            "deploy finished",
            Asks.CERTAINLY,
            author="B0CI",
            key=replace(KEY, thread="1700000000.000050"),
            bot=True,
            speaker="ci",
        )
    ],
    "app_message": [said("deploy finished", Asks.CERTAINLY, author="U0CI", bot=True)],
    "own_message": [
        said("**2** is.", Asks.NO, "1700000009.000900", author="U0BOT", mine=True, answers=ROOT),
    ],
    "blocks_only": [
        said("## Report\n\n*3* of many (https://example.org)\n\nby <@U0BOB>", Asks.PERHAPS, REPLY),
    ],
    "channel_join": [],
    "message_changed": [
        Edited("Ev0C1", KEY, Message(ROOT, "U0ADA", "three", at(ROOT), edited=at("1700000050.000000")), Asks.CERTAINLY)
    ],
    "message_changed_preview": [
        replace(said("two", Asks.NO, quotes=(Quote("Example", QuoteKind.PREVIEW),)), begins=False)
    ],
    "message_changed_thread": [],
    "message_changed_ours": [],
    "message_changed_to_tombstone": [Deleted("Ev0C1", KEY, ROOT, at("1700000050.000200"))],
    "message_deleted": [Deleted("Ev0D1", KEY, REPLY, at("1700000060.000400"))],
    "verb": [
        Commanded(REPLY, KEY, "U0ADA", "persona set Be brief (https://example.org) & kind", at(REPLY), private=False)
    ],
    "verb_direct": [Commanded(ROOT, DIRECT, "U0ADA", "help", at(ROOT), private=True)],
    "agent_session_stopped": [Pressed("Ev0S1", DIRECT, "U0ADA", Control.STOP)],
    "app_home_opened": [],
    "app_uninstalled": [WorkspaceEnded("Ev0UNINSTALLED", "slack:T024", at("1700000011.000000"))],
    "tokens_revoked": [WorkspaceEnded("Ev0REVOKED", "slack:T024", at("1700000012.000000"))],
    "tokens_revoked_of_people": [],
}


@pytest.mark.parametrize("name", TOLD)
def test_an_event_becomes_nouns(name):
    assert parse_event(payload(name), US) == TOLD[name]


def test_both_events_of_a_mention_are_one_noun_but_only_one_has_all_of_it():
    (mention,) = parse_event(payload("app_mention"), US)
    (words,) = parse_event(payload("message_mention"), US)

    assert isinstance(words, Posted)
    assert mention == replace(words, begins=False)


def test_every_sample_is_read_by_a_test():
    samples = {path.stem for path in (Path(__file__).parents[3] / "payloads" / "slack").glob("*.json")}

    assert samples - TOLD.keys() == {
        "block_actions",
        "block_actions_feedback",
        "block_actions_of_another_kind",
        "slash_command",
        "slash_command_bare",
        "view_submission",
        "view_submission_of_another_app",
    }


RESPOND = json.dumps({"url": "https://hooks.slack.com/actions/T024/1/abc"})


def test_a_pressed_button_belongs_to_the_thread_of_its_message_and_remembers_where_to_respond():
    pressed = at("1700000020.000500")

    assert parse_presses(payload("block_actions")) == [
        Pressed("1700000020.000500:U0ADA:retry", KEY, "U0ADA", Control.RETRY, ROOT, pressed, RESPOND)
    ]


def test_feedback_below_a_message_that_begins_a_thread_belongs_to_that_in_an_organisation_too():
    key, pressed = ThreadKey("slack:E0ORG", "C0DEV", "1700000009.000900"), at("1700000021.000600")

    assert parse_presses(payload("block_actions_feedback")) == [
        Pressed("1700000021.000600:U0ADA:down", key, "U0ADA", Control.DOWN, ROOT, pressed, RESPOND)
    ]


def test_the_thread_of_a_press_is_known_also_where_the_message_is_not_sent():
    body = payload("block_actions")
    del body["message"]

    assert [press.key for press in parse_presses(body)] == [KEY]


def test_what_is_no_control_of_ours_is_no_press():
    assert parse_presses(payload("block_actions_of_another_kind")) == []


@pytest.mark.parametrize("missing", ["user", "channel", "actions"])
def test_a_press_of_which_a_part_is_missing_is_none(missing):
    body = payload("block_actions") | {missing: None}

    with pytest.raises(TypeError):
        parse_presses(body)


def test_a_slash_command_belongs_to_its_channel_and_remembers_where_to_respond():
    address = json.dumps({"url": "https://hooks.slack.com/commands/T024/1/abc"})
    line = "persona set Be brief & kind to <@U0BOB>"
    key = ThreadKey("slack:T024", "C0DEV", "")

    assert parse_slash_command(payload("slash_command"), NOON) == Commanded(
        "13345224609.738474920.8088930838d88f008e0", key, "U0ADA", line, NOON, {}, address, private=False
    )


def test_a_slash_command_without_words_is_help():
    command = parse_slash_command(payload("slash_command_bare"), NOON)

    assert (command.line, command.private) == ("help", True)


def test_a_form_gives_back_its_command_with_the_text_beside_its_line():
    address = json.dumps({"url": "https://hooks.slack.com/commands/T024/1/abc"})
    values = {"text": "Be brief.\n\nBe kind."}

    body = payload("view_submission")

    assert parse_submission(body, NOON) == Commanded(
        name_submission(body["view"]),
        ThreadKey("slack:T024", "C0DEV", ""),
        "U0ADA",
        "persona set where=workspace",
        NOON,
        values,
        address,
        private=False,
        by_form=True,
    )


def test_a_form_of_another_app_is_not_ours():
    assert parse_submission(payload("view_submission_of_another_app"), NOON) is None


@pytest.mark.parametrize(
    ("line", "asks"),
    [("persona set", True), ("persona set x", False), ("persona show", False), ("nonsense", False)],
)
def test_a_form_is_opened_only_for_what_is_missing(line, asks):
    command = Commanded("1", KEY, "U0ADA", line, NOON)

    assert (build_form(command) is not None) is asks


def test_a_form_too_large_for_slack_is_not_opened():
    assert build_form(Commanded("1", KEY, "U0ADA", "persona set", NOON, address="x" * 3_000)) is None


@pytest.mark.parametrize("text", ["<@U0BOT>", "  <@U0BOT>  \n", "\n <@U0BOT>: <@U0BOT>"])
def test_a_mention_among_blanks_is_no_words(text):
    assert parse_message({"ts": ROOT, "user": "U0ADA", "text": text}, US).text.strip() == ""


def test_a_history_is_in_order_once_and_without_commands_joins_and_graves():
    root = {"ts": ROOT, "user": "U0ADA", "text": "<@U0BOT> hello", "thread_ts": ROOT}
    reply = {"ts": REPLY, "user": "U0BOB", "text": "hi", "thread_ts": ROOT}
    command = {"ts": "1700000003.000000", "user": "U0BOB", "text": "<@U0BOT> !forget", "thread_ts": ROOT}
    joined = {"ts": "1700000004.000000", "user": "U0CY", "subtype": "channel_join", "text": "joined"}
    grave = {"ts": "1700000005.000000", "user": "USLACKBOT", "subtype": "tombstone", "text": "deleted"}

    read = parse_history([root, reply, grave, root, joined, command], US, Reach.WHOLE)

    assert read == History(
        (parse_message(root, US), parse_message(reply, US)), Reach.WHOLE, frozenset({"1700000005.000000"})
    )


def test_a_file_that_we_posted_is_no_page_of_a_reply():
    raw = {"ts": ROOT, "user": "U0BOT", "bot_id": "B0BOT", "text": "", "files": [{"id": "F1", "name": "usage.csv"}]}

    assert parse_message(raw, US).notice is True


def test_a_history_tells_which_messages_ask_nothing_since_they_were_edited():
    asked = {"ts": "1.000000", "user": "UADA", "text": "why?", "edited": {"ts": "5.000000"}}
    still = {"ts": "2.000000", "user": "UADA", "text": f"<@{US.user}> why?", "edited": {"ts": "5.000000"}}
    never = {"ts": "3.000000", "user": "UADA", "text": "why?"}
    bot = {"ts": "4.000000", "bot_id": "BOTHER", "text": "why?", "edited": {"ts": "5.000000"}}

    assert parse_history([asked, still, never, bot], US, Reach.WHOLE, "C1").unasked == {"1.000000"}
    assert parse_history([asked, still, never, bot], US, Reach.WHOLE, "D1").unasked == set()

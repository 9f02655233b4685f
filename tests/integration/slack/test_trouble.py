"""Trouble with Slack, end to end: whatever it refuses, limits or loses, the next event is answered."""

import asyncio
import logging

import pytest

from bots.slack.adapter import Slack
from core.answering.conversation import UNREAD
from core.answering.recovery import SILENT
from core.domain.errors import CannotConnect, StoreUnavailable
from core.store import open_store
from tests.fakes.claude.script import Answer, Gate
from tests.fakes.claude.server import ClaudeFake
from tests.fakes.slack.faults import Fault
from tests.fakes.slack.nouns import Envelope
from tests.fakes.slack.server import SCOPES, SlackFake
from tests.support.slack_house import at_home, living
from tests.support.waiting import until


@pytest.fixture
async def home():
    async with at_home() as house:
        yield house


async def nobody(event):
    raise AssertionError("nothing is told here")


async def next_is_answered(home, channel: str = "general") -> bool:
    asked = len(home.asked)
    root = await home.slack.say("bob", channel, "<@U0BOT> still there?")
    await home.answered(asked + 1)
    return len(home.ours(channel, root)) == 1


@pytest.mark.parametrize(
    "fault",
    [
        Fault(lost=True),
        Fault(dropped=True),
        Fault(status=503),
        Fault(status=429, retry_after=0.01),
        Fault(error="internal_error"),
    ],
    ids=["happened, answer lost", "lost", "503", "429", "internal_error"],
)
@pytest.mark.parametrize("method", ["chat.postMessage", "chat.update"])
async def test_a_page_is_posted_once_whatever_becomes_of_the_request(home, method, fault):
    home.claude.script(Answer(text="One two three four five six seven eight.", delay=0.002))
    home.slack.fail_next(method, fault, 2)

    root = await home.slack.say("ada", "dev", "<@U0BOT> count")
    await home.answered()

    assert home.texts("dev", root) == ["One two three four five six seven eight."]


REFUSALS = ["missing_scope", "access_denied", "not_in_channel", "unknown_next_year"]


@pytest.mark.parametrize("error", REFUSALS)
async def test_a_page_whose_post_is_uncertain_is_not_doubled_where_nobody_can_look(home, error):
    gate = Gate(after=2)
    home.claude.script(Answer(text="One whole answer.", chunk=400, gate=gate))
    root = await home.slack.say("ada", "dev", "<@U0BOT> go")
    await gate.reached.wait()
    home.slack.fail_next("chat.postMessage", Fault(lost=True))
    home.slack.fail_next("conversations.replies", Fault(error=error), 5)
    gate.opened.set()
    await home.answered()

    assert [text for text in home.texts("dev", root) if "answer" in text] == ["One whole answer."]


@pytest.mark.parametrize("error", REFUSALS)
async def test_a_command_s_answer_whose_post_is_uncertain_is_not_doubled_where_nobody_can_look(home, error):
    home.slack.fail_next("chat.postMessage", Fault(lost=True))
    home.slack.fail_next("conversations.history", Fault(error=error), 5)

    await home.slack.command("ada", "dev", "/claude", "persona show")
    await home.rest()

    assert len(home.slack.visible("dev", "ada")) == 1


async def test_a_lost_page_is_posted_again_however_long_slack_does_not_say_whether_it_was(home):
    home.slack.fail_next("chat.postMessage", Fault(dropped=True))
    home.slack.fail_next("conversations.history", Fault(status=503), 12)

    await home.slack.command("ada", "dev", "/claude", "persona show")
    await home.rest()

    assert len(home.slack.visible("dev", "ada")) == 1


async def test_the_final_text_gets_through_limits_and_is_whole(home):
    home.slack.limit("chat.update", 1, 0.02)
    home.claude.script(*(Answer(text=f"Answer {number}. " + "word " * 60, delay=0.001) for number in range(4)))

    roots = [await home.slack.say("ada", "dev", "<@U0BOT> go") for _ in range(4)]
    await home.answered(4)

    assert sorted(home.texts("dev", root)[0][:9] for root in roots) == [f"Answer {number}." for number in range(4)]
    assert all(home.texts("dev", root)[0].count("word") == 60 for root in roots)


async def test_what_slack_takes_for_too_long_is_shown_as_plain_text(home):
    gate = Gate(after=4)
    home.slack.fail_next("chat.postMessage", Fault(error="invalid_blocks"), 2)  # with its button, and without
    home.claude.script(Answer(text="# Plain\n\nwords", chunk=9, gate=gate))

    root = await home.slack.say("ada", "dev", "<@U0BOT> go")
    await home.slack.until(lambda: home.texts("dev", root))  # while it grows there is one kind of buttons
    gate.opened.set()
    await home.answered()

    assert home.texts("dev", root) == ["# Plain\n\nwords"]
    assert home.slack.called("chat.postMessage")[-1]["blocks"][0]["type"] == "section"


async def test_a_page_that_somebody_deletes_while_it_grows_stays_deleted_and_stops_the_answer(home):
    gate = Gate(after=5)
    home.claude.script(Answer(text="One two three four five six.", gate=gate, delay=0.002))
    root = await home.slack.say("ada", "dev", "<@U0BOT> count")
    await home.slack.until(lambda: home.ours("dev", root))
    await home.slack.delete("ada", "dev", home.ours("dev", root)[0].ts)
    await home.slack.until(lambda: not home.ours("dev", root))
    await home.rest()  # the gate is closed: nobody waits for Claude any more

    assert home.texts("dev", root) == []


async def test_a_reply_to_a_thread_that_is_gone_is_taken_out_of_the_channel(home):
    gate = Gate()
    home.slack.world.lands_in_channel = True
    home.claude.script(Answer(text="nobody's", gate=gate))
    home.slack.events = frozenset(home.slack.events - {"message.channels"})  # its deletion is not told
    root = await home.slack.say("ada", "dev", "<@U0BOT> hello")
    await gate.reached.wait()
    await home.slack.delete("ada", "dev", root)
    gate.opened.set()
    await home.rest()

    assert home.slack.visible("dev") == []
    assert len(home.slack.called("chat.delete")) == 1


async def test_what_was_asked_while_a_token_was_refused_is_answered_when_one_works_again(home):
    grant = home.slack.grants[home.slack.token]
    home.slack.refuse(home.slack.token, "token_revoked")
    root = await home.slack.say("ada", "dev", "<@U0BOT> hello")
    await home.slack.until(lambda: home.slack.called("users.info"))
    assert home.asked == []
    home.slack.grants[home.slack.token] = grant
    await home.rest()

    assert len(home.texts("dev", root)) == 1


@pytest.mark.parametrize("error", ["edit_window_closed", "cant_update_message"])
async def test_where_nothing_may_be_edited_one_page_says_the_whole_answer(home, error):
    home.claude.script(Answer(text="word " * 300 + "the end.", chunk=40, delay=0.002))
    home.slack.fail_next("chat.update", Fault(error=error), 1_000)

    root = await home.slack.say("ada", "dev", "<@U0BOT> go")
    await home.answered()

    assert home.texts("dev", root) == ["word " * 300 + "the end."]
    assert len(home.slack.called("chat.update")) == 1
    assert len(home.slack.called("chat.postMessage")) == 2


@pytest.mark.parametrize("error", ["cant_delete_message", "compliance_exports_prevent_deletion"])
async def test_where_nothing_may_be_edited_or_deleted_the_whole_answer_is_posted_below_its_first_words(home, error):
    gate = Gate(after=10)
    home.claude.script(Answer(text="word " * 300 + "the end.", chunk=40, gate=gate))
    home.slack.fail_next("chat.update", Fault(error="cant_update_message"), 1_000)
    home.slack.fail_next("chat.delete", Fault(error=error), 1_000)

    root = await home.slack.say("ada", "dev", "<@U0BOT> go")
    await home.slack.until(lambda: home.ours("dev", root))
    gate.opened.set()
    await home.answered()

    first, whole = home.texts("dev", root)
    assert first.startswith("word")
    assert not first.endswith("the end.")
    assert whole == "word " * 300 + "the end."


@pytest.mark.parametrize("how", ["archived", "left"])
async def test_a_channel_that_is_closed_mid_answer_ends_it_calmly(home, how, caplog):
    gate = Gate(after=5)
    home.claude.script(Answer(text="One two three four five six.", gate=gate))
    root = await home.slack.say("ada", "dev", "<@U0BOT> count")
    await home.slack.until(lambda: home.ours("dev", root))
    await gate.reached.wait()
    if how == "archived":
        await home.slack.archive("ada", "dev")
    else:
        home.slack.fail_next("chat.update", Fault(error="channel_not_found"), 9)
    gate.opened.set()
    await home.rest()

    words = {
        "archived": "the channel is archived",
        "left": "the channel is gone",
    }
    assert [record for record in caplog.records if record.levelno > logging.WARNING] == []
    assert words[how] in caplog.text


async def test_the_next_question_is_answered_after_a_channel_was_archived(home):
    await home.slack.archive("ada", "dev")
    await home.slack.say("ada", "dev", "<@U0BOT> hello")
    await home.rest()

    assert await next_is_answered(home)


@pytest.mark.parametrize("error", ["restricted_action_read_only_channel", "not_in_channel", "an_error_of_next_year"])
async def test_where_we_may_not_post_the_log_says_so_and_the_next_is_answered(home, error, caplog):
    home.slack.fail_next("chat.postMessage", Fault(error=error))
    await home.slack.say("ada", "dev", "<@U0BOT> hello")
    await home.rest()

    assert await next_is_answered(home)
    assert error in caplog.text
    assert "Traceback" not in caplog.text


async def test_where_a_post_was_refused_claude_is_asked_only_after_one_is_taken(home):
    home.slack.fail_next("chat.postMessage", Fault(error="restricted_action_read_only_channel"))
    await home.slack.say("ada", "dev", "<@U0BOT> one?")
    await home.rest()
    asked = len(home.asked)
    home.slack.fail_next("chat.postMessage", Fault(error="restricted_action_read_only_channel"))
    home.slack.faults.delays["chat.postMessage"] = 0.3
    await home.slack.say("ada", "dev", "<@U0BOT> two?")
    await home.rest()
    home.slack.faults.delays.clear()
    told = [one.text for one in home.slack.world.posts.values() if one.channel == "D0ADA" and one.user == "U0BOT"]

    assert len(home.asked) == asked
    assert [text.startswith("I could not answer you where you asked me.") for text in told] == [True, False, True]
    assert await next_is_answered(home, "dev")
    assert [text for post in home.slack.world.posts.values() if (text := post.text) == "…"] == []


async def test_a_missing_scope_is_named_below_the_answer():
    less = SlackFake(scopes=SCOPES - {"channels:history"})
    async with less as slack, ClaudeFake() as claude, living(slack, claude) as home:
        root = await slack.say("bob", "dev", "Good morning")
        await slack.say("ada", "dev", "<@U0BOT> hello", root)
        await home.rest()

        assert "the Slack app needs the scope `channels:history`" in home.texts("dev", root)[0]
        assert len(home.asked) == 1


async def test_a_name_that_slack_does_not_tell_is_an_id_for_once_and_refuses_no_answer(home):
    root = await home.slack.say("ada", "dev", "<@U0BOT> hello")
    await home.answered()
    home.slack.fail_next("users.info", Fault(error="missing_scope"))

    await home.slack.say("ada", "dev", "<@U0BOT> who is <@U0BOB>?", thread=root)
    await home.answered(2)
    await home.slack.say("ada", "dev", "<@U0BOT> and now?", thread=root)
    await home.answered(3)

    assert len(home.texts("dev", root)) == 3
    assert "who is @U0BOB?" in str(home.prompt(1))
    assert "who is @Bob?" in str(home.prompt(2))


@pytest.mark.parametrize("fault", [Fault(status=500), Fault(hangs=True)], ids=["500", "hangs"])
async def test_a_failing_history_holds_up_no_answer_and_is_read_later(fault):
    store = await open_store("sqlite://")
    async with SlackFake() as slack, ClaudeFake() as claude:
        async with living(slack, claude, store, rules={"patience": 1.0}) as home:
            root = await slack.say("ada", "dev", "The build is red.")
            await home.rest()
            slack.fail_next("conversations.replies", fault, 5)
            await slack.say("bob", "dev", "<@U0BOT> why?", root)
            await home.answered()
        slack.faults._next["conversations.replies"].clear()
        async with living(slack, claude, store, rules={"patience": 30.0}) as home:
            await slack.say("bob", "dev", "<@U0BOT> and now?", root)
            await home.answered(2)

    await store.shut()
    first, second = home.texts("dev", root)
    assert SILENT in first
    assert SILENT not in second
    assert UNREAD in home.prompt(0)[0][1]
    assert home.prompt(1)[0][1].startswith("Ada: The build is red.\nBob: why?")


async def test_a_failing_history_of_a_thread_that_the_question_begins_is_no_matter(home):
    home.slack.fail_next("conversations.replies", Fault(status=500), 5)

    root = await home.slack.say("ada", "dev", "<@U0BOT> hello")
    await home.answered()

    assert SILENT not in home.texts("dev", root)[0]
    assert home.prompt() == [("user", "Ada: hello")]


@pytest.mark.parametrize("word", ["missing_scope", "not_in_channel", "channel_not_found", "strange_error"])
async def test_a_history_that_is_forbidden_is_said_once_and_answered_without(home, word):
    home.slack.fail_next("conversations.replies", Fault(error=word), 2)

    one, two = [await home.slack.say("bob", "dev", "Good morning") for _ in range(2)]
    await home.slack.say("ada", "dev", "<@U0BOT> hello", one)
    await home.answered()
    await home.slack.say("ada", "dev", "<@U0BOT> hello", two)
    await home.answered(2)

    assert "I answered from what I had heard." in home.texts("dev", one)[0]
    assert "I answered from what I had heard." not in home.texts("dev", two)[0]


async def test_a_workspace_without_statuses_answers_all_the_same(home):
    home.slack.fail_next("assistant.threads.setStatus", Fault(error="not_allowed_token_type"))
    home.claude.answer = lambda body: Answer(text="fine", first=0.1)

    assert await next_is_answered(home)
    assert await next_is_answered(home)
    assert len(home.slack.called("assistant.threads.setStatus")) == 1


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"type": "message"},
        {"type": "message", "channel": "C0DEV", "ts": "noon", "user": "U0ADA", "text": "x"},
        {"type": "message", "channel": "C0DEV", "subtype": "message_changed", "message": None},
        {"type": "message", "channel": "C0DEV", "ts": 7, "text": ["x"]},
        {"type": "a_type_of_next_year", "channel": {"id": "C0DEV"}},
        {"type": None},
    ],
    ids=["empty", "no fields", "no ts", "no message", "wrong types", "unknown type", "no type"],
)
async def test_a_payload_that_makes_no_sense_is_acknowledged_and_the_next_is_answered(home, event, caplog):
    payload = {"type": "event_callback", "team_id": "T024", "event_id": "Ev9", "event": event}
    home.slack.outbox.put(Envelope("odd", "events_api", payload))
    home.slack.outbox.put(Envelope("odder", "interactive", {"type": "block_actions", "actions": []}))
    home.slack.outbox.put(Envelope("oddest", "interactive", {"type": "view_closed", "view": None}))
    home.slack.outbox.put(Envelope("new", "interactive", {"type": "unheard_of"}))
    await home.slack.settled()

    assert {"odd", "odder", "oddest", "new"} <= {ack.id for ack in home.slack.outbox.acks}
    assert await next_is_answered(home)
    assert "Traceback" not in caplog.text


async def test_what_the_store_does_not_take_is_not_acknowledged_and_comes_again():
    async with SlackFake(ack_seconds=600) as slack, ClaudeFake() as claude, living(slack, claude) as home:
        await slack.say("ada", "dev", "nobody is asked")
        await slack.settled()
        telling, failures = (await home.workspace())._intake._redelivery, [1, 1]
        ingest = telling._ingest

        async def failing(event):
            if failures:
                failures.pop()
                raise StoreUnavailable("the disk is full")
            return await ingest(event)

        telling._ingest = failing
        root = await slack.say("ada", "dev", "<@U0BOT> hello")
        await until(lambda: not failures)
        slack.outbox.expire()
        await home.answered()

        assert [delivery.attempt for delivery in slack.outbox.deliveries if delivery.attempt] != []
        assert len(home.ours("dev", root)) == 1


async def test_a_cut_connection_is_made_anew_and_what_was_missed_is_read(home):
    root = await home.slack.say("ada", "dev", "<@U0BOT> hello")
    await home.answered()
    before = len(home.slack.calls)
    home.slack.outbox.dropping = True
    home.slack.sockets.disconnect("refresh_requested")
    await home.slack.connected(2)
    home.slack.outbox.dropping = False
    await home.slack.say("bob", "dev", "<@U0BOT> and?", root)
    await home.answered(2)

    read = [call.method for call in home.slack.calls[before:]]  # for the question, or before it by who catches up
    assert {"conversations.replies", "conversations.history"} & {*read}


async def test_a_wrong_bot_token_is_one_line(caplog):
    async with SlackFake() as slack:
        platform = Slack("xoxb-wrong", app_token=slack.app_token, api_url=slack.base_url)

        with pytest.raises(CannotConnect) as raised:
            await platform.run(nobody)
        await platform.close()

        assert str(raised.value) == (
            "SLACK_BOT_TOKEN: Slack does not take this token (the bot token is not valid (auth.test: invalid_auth))."
        )


async def test_a_wrong_app_token_is_one_line_and_no_loop():
    async with SlackFake() as slack:
        platform = Slack(slack.token, app_token="xapp-wrong", api_url=slack.base_url)

        with pytest.raises(CannotConnect) as raised:
            async with asyncio.timeout(30):
                await platform.run(nobody)
        await platform.close()

        assert str(raised.value).startswith("SLACK_APP_TOKEN: Slack does not take this token")
        assert len(slack.called("apps.connections.open")) == 1


async def test_a_process_that_dies_leaves_an_answer_that_the_next_one_ends():
    async with SlackFake() as slack, ClaudeFake() as claude:
        store = await open_store("sqlite://")
        gate = Gate(after=5)
        claude.script(Answer(text="One two three four five six.", gate=gate))
        async with living(slack, claude, store=store) as home:
            root = await slack.say("ada", "dev", "<@U0BOT> count")
            await slack.until(lambda: home.ours("dev", root))
        claude.script(Answer(text="One two three."))
        async with living(slack, claude, store=store) as home:
            await home.answered(2)

            assert home.texts("dev", root) == ["One two three."]
        await store.shut()


async def test_our_own_edits_and_deletions_by_others_make_no_new_answers(home):
    home.claude.script(Answer(text="One two three four.", delay=0.002))
    root = await home.slack.say("ada", "dev", "<@U0BOT> count")
    await home.answered()
    await home.slack.edit("ada", "dev", root, "<@U0BOT> count, please")
    await home.slack.delete("ada", "dev", home.ours("dev", root)[0].ts)
    await home.rest()

    assert len(home.asked) == 1
    assert [one.user for one in home.slack.thread("dev", root)] == ["U0ADA"]


async def test_an_answer_whose_token_is_refused_half_way_is_asked_for_once_and_ended_later(home):
    gate = Gate(after=5)
    home.claude.script(Answer(text="One two three four five six.", gate=gate))
    grant = home.slack.grants[home.slack.token]
    root = await home.slack.say("ada", "dev", "<@U0BOT> count")
    await home.slack.until(lambda: home.ours("dev", root))
    await gate.reached.wait()
    home.slack.refuse(home.slack.token, "token_revoked")
    gate.opened.set()
    await home.slack.until(lambda: home.slack.called("chat.update"))
    home.slack.grants[home.slack.token] = grant
    await home.rest()

    assert home.texts("dev", root) == ["One two three four five six."]
    assert len(home.asked) == 1

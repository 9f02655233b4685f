"""Message shortcuts in Slack, end to end: what is in a message's menu, asked and answered privately, then posted.

Tests bots.slack.slash, bots.slack.intake, bots.slack.ephemeral, bots.slack.surface, core.commands.ask.
"""

import pytest

from bots.slack.slash import name_shortcut
from core.answering.inbox import SUBJECT_GONE
from core.commands import TABLE
from core.store.rules.presses import POSTED, VISIBLE
from tests.fakes.claude.script import Answer
from tests.fakes.slack.faults import Fault

ASK = "confab_ask_about"
SAID = "Deploys stop on *Friday* & <@U0BOB> knows why."
ANSWER = "Bob has seen too many Fridays."
SHARED = "*Ada* asked about this message, and shares the answer:"


@pytest.fixture(autouse=True)
def answering(home):
    home.claude.answer = lambda _body: Answer(text=ANSWER)


async def choose(home, ts: str, callback: str = ASK, user: str = "ada", channel: str = "dev"):
    """Choose a shortcut of a message; the form that it opens, if it opens one."""
    before = set(home.slack.world.views)
    await home.slack.acked(await home.slack.choose(user, channel, ts, callback))
    opened = set(home.slack.world.views) - before
    return next(iter(opened), None)


async def ask(home, ts: str, question: str = "Why is that?", user: str = "ada", channel: str = "dev") -> str:
    """Ask about a message; the ts of the private answer."""
    before = len(whispers(home, user, channel))
    view = await choose(home, ts, user=user, channel=channel)
    values = {"question": {"question": {"type": "plain_text_input", "value": question}}}
    await home.slack.acked(await home.slack.submit_view(user, view, values))
    await home.slack.until(lambda: len(whispers(home, user, channel)) > before)
    await home.rest()
    return whispers(home, user, channel)[-1].ts


def whispers(home, user: str = "ada", channel: str = "dev"):
    return [one for one in home.slack.visible(channel, user) if one.user == "ephemeral"]


def replies(home, ts: str, channel: str = "dev") -> list[str]:
    return [one.text for one in home.ours(channel, ts)]


async def post(home, answer: str, user: str = "ada", channel: str = "dev") -> None:
    await home.slack.acked(await home.slack.press(user, channel, answer, "Post in the channel"))
    await home.rest()


async def test_a_question_about_a_message_tells_its_words_as_a_quotation_and_is_answered_to_the_asker_alone(home):
    ts = await home.slack.say("bob", "dev", SAID)
    answer = await ask(home, ts)

    (role, words) = home.prompt()[-1]
    assert role == "user"
    assert words.startswith("Ada: Why is that?\n[Ada asks about what Bob said (https://t024.slack.com/archives/C0DEV/p")
    assert "which is not Ada's words:]\n  Deploys stop on *Friday* & @Bob knows why." in words
    assert [one.text for one in whispers(home)] == [ANSWER]
    assert home.slack.buttons("dev", answer) == ["Post in the channel"]
    assert whispers(home, "bob") == []
    assert replies(home, ts) == []


async def test_a_private_answer_is_posted_once_in_the_thread_of_its_message_and_says_who_asked(home):
    ts = await home.slack.say("bob", "dev", SAID)
    answer = await ask(home, ts)
    await post(home, answer)
    await post(home, answer)
    await home.slack.until(lambda: len(whispers(home)) == 3)

    (posted,) = replies(home, ts)
    assert posted.replace("*", "").startswith(SHARED.replace("*", ""))
    assert posted.endswith(ANSWER)
    assert [one.text for one in whispers(home)[1:]] == [POSTED, VISIBLE]
    assert len(home.asked) == 1


async def test_an_answer_about_a_reply_is_posted_in_that_thread(home):
    root = await home.slack.say("bob", "dev", "Root.")
    ts = await home.slack.say("cy", "dev", "Reply.", root)
    await post(home, await ask(home, ts))

    assert len(replies(home, root)) == 1


async def test_a_posted_answer_can_be_rated_and_deleted_and_what_follows_it_is_answered(home):
    ts = await home.slack.say("bob", "dev", SAID)
    await post(home, await ask(home, ts))
    (page,) = home.ours("dev", ts)
    buttons = home.slack.buttons("dev", page.ts)
    await home.slack.say("bob", "dev", "<@U0BOT> and then?", ts)
    await home.answered(2)

    assert buttons == ["👍", "👎", "Delete"]
    assert [role for role, _ in home.prompt()] == ["user", "assistant", "user"]
    assert len(replies(home, ts)) == 2


async def test_where_we_are_no_member_what_the_payload_holds_is_told_and_the_answer_is_posted_all_the_same(home):
    ts = await home.slack.say("ada", "elsewhere", "Only here.")
    answer = await ask(home, ts, channel="elsewhere")
    await post(home, answer, channel="elsewhere")

    assert "  Only here." in home.prompt()[-1][1]
    assert [ANSWER in text for text in replies(home, ts, "elsewhere")] == [True]


async def test_a_form_about_a_message_that_was_deleted_meanwhile_says_so_and_asks_nothing(home):
    ts = await home.slack.say("bob", "dev", SAID)
    view = await choose(home, ts)
    await home.slack.delete("bob", "dev", ts)
    await home.slack.settled()
    values = {"question": {"question": {"type": "plain_text_input", "value": "Why is that?"}}}
    await home.slack.acked(await home.slack.submit_view("ada", view, values))
    await home.rest()

    assert home.slack.world.views[view].errors == {"question": SUBJECT_GONE}
    assert (home.asked, whispers(home)) == ([], [])


async def test_a_form_that_is_sent_again_asks_once_and_with_other_words_something_else(home):
    ts = await home.slack.say("bob", "dev", SAID)
    view = await choose(home, ts)
    for question in ("Why?", "Why?", "How?"):
        values = {"question": {"question": {"type": "plain_text_input", "value": question}}}
        await home.slack.submit_view("ada", view, values)
    await home.slack.settled()
    await home.rest()

    assert sorted(home.prompt(at)[-1][1].partition("\n")[0] for at in range(len(home.asked))) == [
        "Ada: How?",
        "Ada: Why?",
    ]
    assert [one.text for one in whispers(home)] == [ANSWER] * 2


async def test_a_long_message_is_kept_by_the_form_and_told_whole(home):
    long = "All of it. " * 1_000 + "The end & <no more>."
    ts = await home.slack.say("bob", "dev", long)
    await ask(home, ts)

    told = home.prompt()[-1][1]
    assert told.count("All of it.") == 1_000
    assert "The end & <no more>." in told


async def test_the_other_shortcuts_give_their_commands(home):
    root = await home.slack.say("ada", "dev", "<@U0BOT> hello")
    await home.answered()
    forms = [await choose(home, root, callback) for callback in ("confab_prompt", "confab_forget")]
    await home.rest()

    assert forms == [None, None]
    assert "hello" in whispers(home)[0].text
    assert any("forgotten" in text for text in replies(home, root))


async def test_a_shortcut_of_another_app_of_the_same_token_does_nothing(home):
    ts = await home.slack.say("bob", "dev", SAID)

    assert await choose(home, ts, "someone_elses") is None
    assert home.asked == []


async def test_a_form_that_can_not_be_opened_is_said_to_who_chose_it(home):
    ts = await home.slack.say("bob", "dev", SAID)
    home.slack.fail_next("views.open", Fault(error="expired_trigger_id"))
    await choose(home, ts)
    await home.slack.until(lambda: whispers(home))

    assert [one.text for one in whispers(home)] == ["I could not open the form just now. Please choose it again."]


async def test_an_empty_question_is_told_below_its_field_and_asks_nothing(home):
    ts = await home.slack.say("bob", "dev", SAID)
    view = await choose(home, ts)
    values = {"question": {"question": {"type": "plain_text_input", "value": " \n"}}}
    await home.slack.acked(await home.slack.submit_view("ada", view, values))

    assert home.slack.world.views[view].errors == {"question": "Fill this in: what you want to know about it."}
    assert (home.asked, whispers(home)) == ([], [])


async def test_ask_about_given_in_a_channel_is_about_its_newest_message(home):
    await home.slack.say("bob", "dev", "Deploys stop on Friday.")
    await home.slack.acked(await home.slack.command("ada", "dev", "/confab", "ask about what?"))
    await home.rest()

    assert [one.text for one in whispers(home)] == [ANSWER]
    assert home.prompt()[-1][1].endswith("Bob: Deploys stop on Friday.\n\n[The question:]\nwhat?")


def test_every_command_with_an_entry_in_menus_has_a_shortcut_of_its_own():
    named = [name_shortcut(row) for row in TABLE if row.action]

    assert {"confab_ask_about", "confab_prompt", "confab_forget", "confab_translate", "confab_explain"} <= set(named)
    assert len(named) == len(set(named))

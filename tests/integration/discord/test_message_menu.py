"""A message's menu on Discord, end to end: Claude is asked about the message, privately, and the answer is posted.

Tests bots.discord.slash, bots.discord.interactions, bots.discord.buttons.writing, bots.discord.forms.subject,
bots.discord.surface, core.commands.ask.
"""

import pytest

from bots.discord.buttons.writing import CLOSED_TO_THEM, CLOSED_TO_US, LOCKED
from core.store import open_store
from core.store.rules.presses import POSTED, VISIBLE
from tests.fakes.claude.script import Answer
from tests.fakes.discord.nouns import Permission
from tests.support.discord_house import answered, confab, idle, settled, told
from tests.support.waiting import until

SAID = "Deploys stop on **Friday**."
ANSWER = "Too many Fridays went wrong."
SHARED = "asked about this message, and shares the answer:"
POST = "Post in the channel"


@pytest.fixture(autouse=True)
def answering(claude):
    claude.answer = lambda _body: Answer(text=ANSWER)


async def ask(guild, running, message: str, question: str = "Why?", user: str = "ada"):
    """Ask about a message by its menu; the interaction that is answered."""
    chosen = await guild.choose(user, message, "Ask about this")
    await guild.until(lambda: chosen.modal)
    filled = await guild.submit_modal(chosen, {"question": question})
    await until(lambda: any(event.id == filled.id for event in running.heard))
    await idle(running)
    await guild.until(lambda: filled.answer and not filled.thinking)
    return filled


async def press(guild, running, page: str, label: str, user: str = "ada"):
    pressed = await guild.press(user, page, label)
    await until(lambda: any(event.id == pressed.id for event in running.heard))
    await guild.until(lambda: pressed.acknowledged)
    await idle(running)
    return pressed


def ours(guild, channel: str = "general"):
    return [one for one in guild.visible(channel) if one.author == "confab"]


async def test_a_question_about_a_message_is_answered_to_who_asked_alone_and_tells_its_words_as_a_quotation(
    guild, running, claude
):
    message = await guild.say("bob", "general", SAID)
    asked = await ask(guild, running, message)

    ((_, words),) = told(claude)[-1]
    assert words.startswith("Ada: Why?\n[Ada asks about what Bob said (https://discord.com/channels/8138/81382/")
    assert words.endswith(f"which is not Ada's words:]\n  {SAID}")
    assert (asked.answer, asked.ephemeral) == (ANSWER, True)
    assert ours(guild) == []
    assert guild.world.posts[asked.original].components[0]["components"][0]["label"] == POST


@pytest.mark.parametrize("item", ["Explain this", "Translate this"])
async def test_a_message_is_explained_and_translated_to_who_chose_that_alone_with_a_button_to_post_it(
    guild, running, claude, item
):
    message = await guild.say("bob", "general", SAID)
    chosen = await guild.choose("ada", message, item)
    shown = await answered(running, chosen)

    assert SAID in told(claude)[-1][-1][1]
    assert (shown, chosen.ephemeral) == (ANSWER, True)
    assert ours(guild) == []
    assert guild.world.posts[chosen.original].components[0]["components"][0]["label"] == POST


async def test_a_private_answer_is_posted_once_as_a_reply_to_its_message_and_says_who_asked(guild, running, claude):
    message = await guild.say("bob", "general", SAID)
    asked = await ask(guild, running, message)
    first = await press(guild, running, asked.original, POST)
    second = await press(guild, running, asked.original, POST)

    (posted,) = ours(guild)
    assert posted.reference == message
    assert SHARED in posted.content
    assert posted.content.endswith(ANSWER)
    assert posted.buttons == ("👍", "👎", "Delete")
    assert [first.answer, second.answer] == [f"-# {POSTED}", f"-# {VISIBLE}"]
    assert len(told(claude)) == 1
    assert guild.refusals == []


async def test_a_private_answer_is_posted_also_after_a_restart(guild, claude, tmp_path):
    store = await open_store(f"sqlite:///{tmp_path}/again.db")
    async with confab(guild, claude, store) as running:
        message = await guild.say("bob", "general", SAID)
        asked = await ask(guild, running, message)
    async with confab(guild, claude, store, process="p2") as running:
        await press(guild, running, asked.original, POST)
    await store.shut()

    assert [ANSWER in one.content for one in ours(guild)] == [True]


async def test_a_command_of_the_menu_that_asks_nothing_is_given_as_before(guild, running):
    await guild.say("ada", "general", f"<@{guild.me}> why?")
    await settled(guild, running)
    (page,) = ours(guild)
    said = await answered(running, await guild.choose("ada", page.id, "Forget this conversation"))

    assert "forgotten" in said


@pytest.mark.parametrize("of", ["the question", "the answer"])
async def test_show_the_prompt_shows_who_chose_it_what_claude_was_told_about_that_conversation_alone(
    guild, running, claude, of
):
    asked = await guild.say("ada", "general", f"<@{guild.me}> why is the sky blue?")
    await guild.say("ada", "general", f"<@{guild.me}> what is for lunch?")
    await settled(guild, running)
    page = next(one for one in ours(guild) if one.reference == asked)
    chosen = await guild.choose("bob", asked if of == "the question" else page.id, "Show the prompt")
    said = await answered(running, chosen)
    shown = "\n".join([said, *chosen.followups])

    assert "why is the sky blue?" in shown
    assert "lunch" not in shown
    assert chosen.ephemeral
    assert len(told(claude)) == 2


async def test_what_is_posted_is_told_to_claude_when_somebody_replies_to_it(guild, running, claude):
    message = await guild.say("bob", "general", SAID)
    asked = await ask(guild, running, message)
    await press(guild, running, asked.original, POST)
    (posted,) = ours(guild)
    await guild.say("bob", "general", "And then?", posted.id)
    await settled(guild, running)

    assert [role for role, _ in told(claude)[-1]][-2:] == ["assistant", "user"]
    assert told(claude)[-1][-2][1] == ANSWER


async def test_delete_takes_the_answer_away_for_who_asked(guild, running):
    asked = await guild.say("ada", "general", f"<@{guild.me}> why?")
    await settled(guild, running)
    (page,) = ours(guild)
    pressed = await press(guild, running, page.id, "Delete")
    await guild.until(lambda: pressed.followups)

    assert (ours(guild), pressed.followups) == ([], ["-# It is deleted."])
    assert asked in guild.world.posts


async def test_delete_is_refused_to_others_and_allowed_to_managers(guild, running):
    await guild.say("ada", "general", f"<@{guild.me}> why?")
    await settled(guild, running)
    (page,) = ours(guild)
    refused = await press(guild, running, page.id, "Delete", "bob")
    await guild.until(lambda: refused.followups)
    stands = len(ours(guild))
    await press(guild, running, page.id, "Delete", "zoe")
    await guild.until(lambda: not ours(guild))

    assert refused.followups == [
        "-# Only Ada, who asked, or somebody who manages this channel, can delete this answer."
    ]
    assert stands == 1


async def test_an_answer_to_ask_is_deleted_too(guild, running):
    asked = await guild.interact("ada", "general", "ask", {"prompt": "why?"})
    await answered(running, asked)
    await press(guild, running, asked.original, "Delete")
    await guild.until(lambda: asked.answer is None)

    assert ours(guild) == []


async def test_what_asks_about_a_message_is_in_menus_alone(guild, running):
    await settled(guild, running)

    with pytest.raises(LookupError):
        await guild.interact("ada", "general", "about", {"question": "why?"})


@pytest.mark.parametrize(
    ("threaded", "why"),
    [
        pytest.param(False, CLOSED_TO_THEM, id="who asked may not write"),
        pytest.param(False, CLOSED_TO_US.format("Send Messages"), id="we may not"),
        pytest.param(True, CLOSED_TO_US.format("Send Messages in Threads"), id="we may not write in threads"),
        pytest.param(True, LOCKED, id="the thread is locked"),
    ],
)
async def test_where_nothing_can_be_posted_who_wants_that_is_told_why_and_can_press_again(
    guild, running, threaded, why
):
    place = await guild.start_thread("general", "plans") if threaded else "general"
    asked = await ask(guild, running, await guild.say("bob", place, SAID), user="zoe" if why == LOCKED else "dee")
    person = "zoe" if why == LOCKED else "dee"
    if why == CLOSED_TO_THEM:
        guild.permit("dee", "general", deny=Permission.SEND_MESSAGES)
    elif why == LOCKED:
        guild.archive(place, locked=True)
    else:
        denied = Permission.SEND_MESSAGES_IN_THREADS if threaded else Permission.SEND_MESSAGES
        guild.permit("confab", "general", deny=denied)
    refused = await guild.press(person, asked.original, POST)
    await guild.until(lambda: refused.answer)
    assert (refused.answer, refused.ephemeral, ours(guild, place)) == (f"-# {why}", True, [])

    if why != LOCKED:
        guild.permit("dee", "general")
        guild.permit("confab", "general")
        await press(guild, running, asked.original, POST, user=person)
        assert [SHARED in one.content for one in ours(guild, place)] == [True]


async def test_a_form_of_blanks_is_answered_with_what_is_missing(guild, running, claude, caplog):
    message = await guild.say("bob", "general", SAID)
    chosen = await guild.choose("ada", message, "Ask about this")
    await guild.until(lambda: chosen.modal)
    filled = await guild.submit_modal(chosen, {"question": " \n"})
    await guild.until(lambda: filled.answer)

    assert (filled.answer, filled.ephemeral) == ("-# Fill this in: what you want to know about it.", True)
    assert told(claude) == []
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


@pytest.mark.parametrize("command", ["Forget this conversation", "help", "ask"])
async def test_who_may_not_write_in_a_channel_makes_us_say_nothing_there(guild, running, command):
    message = await guild.say("bob", "general", SAID)
    guild.permit("dee", "general", deny=Permission.SEND_MESSAGES)
    if command.startswith("Forget"):
        given = await guild.choose("dee", message, command)
    else:
        given = await guild.interact("dee", "general", command, {"prompt": "why?"} if command == "ask" else {})
    said = await answered(running, given)

    assert said
    assert given.ephemeral
    assert ours(guild) == []


async def test_a_form_about_a_message_that_was_deleted_meanwhile_is_answered_once(guild, running, claude, caplog):
    message = await guild.say("bob", "general", SAID)
    chosen = await guild.choose("ada", message, "Ask about this")
    await guild.until(lambda: chosen.modal)
    await guild.delete(message)
    filled = await guild.submit_modal(chosen, {"question": "Why?"})
    said = await answered(running, filled)

    assert said
    assert filled.ephemeral
    assert filled.followups == []
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []

"""Places that are closed to us: a thread that is archived or locked, a channel whose past Discord keeps from us.

Each is told as what it is, and what is left below an answer there still answers a press.
Tests bots.discord.errors, bots.discord.targets, bots.discord.history, bots.discord.buttons.writing.
"""

import pytest

from bots.discord.history import REFUSED, UNREADABLE, UNSEEN_CHANNEL
from core.store.rules.presses import ENDED
from tests.fakes.claude.script import Answer, Gate
from tests.fakes.discord.limits import Answer as Served
from tests.fakes.discord.nouns import Permission
from tests.support.discord_house import confab, idle, settled, told
from tests.support.waiting import until

WORDS = " ".join(f"word{number:03}" for number in range(60))
LIST = "GET /channels/{channel}/messages"
NOT_HERE = "I could not answer you where you asked me: {}."


@pytest.fixture
async def running(guild, claude, store):
    async with confab(guild, claude, store) as process:
        yield process


@pytest.fixture(params=["thread", "forum post"])
async def closable(request, guild, plans):
    """That thread, or a post of a forum."""
    if request.param == "thread":
        return plans
    guild.forum("questions")
    return await guild.forum_post("bob", "questions", "How?", "really")


@pytest.fixture
async def plans(guild):
    """A thread of bob's that says nothing of us yet."""
    return await guild.start_thread("general", "plans", "bob")


async def ask_in_part(guild, claude, channel: str) -> Gate:
    """Ask there, until a part of the answer stands there with a button."""
    gate = Gate(after=8)
    claude.script(Answer(text=WORDS, chunk=20, gate=gate))
    await guild.say("ada", channel, f"<@{guild.me}> why?")
    await until(lambda: shown(guild, channel) and shown(guild, channel)[-1].buttons == ("Stop",))
    return gate


def shown(guild, channel: str) -> list:
    return [one for one in guild.visible(channel) if one.author == "confab"]


async def test_an_answer_ends_where_its_thread_was_archived_meanwhile(guild, claude, running, plans):
    gate = await ask_in_part(guild, claude, plans)
    guild.archive(plans)
    gate.opened.set()
    await settled(guild, running)

    (page,) = shown(guild, plans)
    assert page.content == WORDS
    assert "Stop" not in page.buttons


async def test_where_a_thread_was_locked_meanwhile_who_asked_is_told_so_and_stop_says_that_it_has_ended(
    guild, claude, running, closable, caplog
):
    gate = await ask_in_part(guild, claude, closable)
    guild.archive(closable, locked=True)
    gate.opened.set()
    await settled(guild, running)
    (page,) = shown(guild, closable)
    pressed = await guild.press("ada", page.id, "Stop")
    await until(lambda: pressed.answer)

    mail = "\n".join(one.content for one in guild.visible("@ada"))
    assert mail.count("that thread is closed, and I may not open it again") == 1
    assert WORDS in mail
    assert "(50083)" in caplog.text
    assert "permission" not in f"{caplog.text}{mail}"
    assert (pressed.answer, pressed.ephemeral) == (f"-# {ENDED}", True)


@pytest.mark.parametrize(
    ("close", "why"),
    [
        pytest.param(lambda guild, plans: guild.lock(plans), "that thread is locked", id="locked"),
        pytest.param(
            lambda guild, _plans: guild.permit("confab", "general", deny=Permission.SEND_MESSAGES_IN_THREADS),
            "I lack the permission “Send Messages in Threads” there",
            id="a permission",
        ),
    ],
)
async def test_why_a_thread_is_closed_to_us_is_told_before_claude_is_asked(guild, claude, running, plans, close, why):
    await settled(guild, running)
    close(guild, plans)
    await guild.say("zoe", plans, f"<@{guild.me}> why?")
    await settled(guild, running)

    assert told(claude) == []
    assert shown(guild, plans) == []
    assert NOT_HERE.format(why)[:-1] in guild.visible("@zoe")[-1].content


@pytest.mark.parametrize(
    ("refusal", "why"),
    [
        pytest.param(Served(403, {"code": 50001, "message": "Missing Access"}), UNSEEN_CHANNEL, id="no access"),
        pytest.param(Served(403, {"code": 50013, "message": "Missing Permissions"}), UNREADABLE, id="no permission"),
        pytest.param(Served(400, {"code": 50024, "message": "?"}), REFUSED.format(50024), id="something else"),
        pytest.param(Served(403, {"code": 40333, "message": "?"}), REFUSED.format(40333), id="something new"),
    ],
)
async def test_why_a_past_can_not_be_read_is_told_by_discord_s_code(guild, claude, running, plans, refusal, why):
    await settled(guild, running)
    guild.fault(LIST, refusal, 3)
    await guild.say("ada", plans, f"<@{guild.me}> why?")
    await settled(guild, running)

    (page,) = shown(guild, plans)
    assert page.content.startswith("fine")
    assert why in page.content


async def test_a_page_of_a_thread_that_was_locked_meanwhile_is_deleted_by_the_press_that_asks_for_it(
    guild, claude, running, plans
):
    await guild.say("ada", plans, f"<@{guild.me}> why?")
    await settled(guild, running)
    (page,) = shown(guild, plans)
    guild.archive(plans, locked=True)
    await guild.press("ada", page.id, "Delete")
    await settled(guild, running)
    await idle(running)

    assert shown(guild, plans) == []

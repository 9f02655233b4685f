"""Followups whose answer is lost: Discord lists none and knows no nonce of theirs, and still nothing stands twice.

Tests bots.discord.targets, bots.discord.publisher, bots.discord.shielded_calls.
"""

import pytest

from bots.delivery.long_answers import name_answer_file
from tests.fakes.claude.script import Answer, Gate
from tests.fakes.discord.limits import Fault
from tests.fakes.discord.nouns import Permission
from tests.support.discord_house import answered, confab, idle
from tests.support.waiting import until

CALLBACK, POST = "POST /interactions/{webhook}/{token}/callback", "POST /channels/{channel}/messages"
FOLLOW = "POST /webhooks/{webhook}/{token}"
TEXT = " ".join(f"word{number:04}" for number in range(600))


@pytest.fixture
async def running(guild, claude, store):
    async with confab(guild, claude, store) as process:
        yield process


def read_words(text: str) -> list[str]:
    return [word for word in text.split() if word.startswith("word")]


def read_files(guild, page: str) -> list[tuple[str, str]]:
    return [(one.upload.name, one.upload.content.decode().strip()) for one in guild.world.posts[page].files]


@pytest.mark.parametrize("trouble", [Fault.LOSE, Fault.HIDE, Fault.DROP], ids=["lost", "502", "cut before"])
@pytest.mark.parametrize("private", [True, False], ids=["private", "where we may not write"])
async def test_a_page_whose_answer_is_lost_stands_once_and_no_word_is_missing(guild, claude, running, trouble, private):
    if not private:
        guild.permit("confab", "general", deny=Permission.SEND_MESSAGES)
    claude.script(Answer(text=TEXT, chunk=3000))
    guild.fault(FOLLOW, trouble, 2)
    asked = await guild.interact("ada", "general", "ask", {"prompt": "why?", "private": private})
    shown = read_words(await answered(running, asked))

    assert read_files(guild, asked.original) == [(name_answer_file([]), TEXT)]
    assert shown == read_words(TEXT)[: len(shown)]
    assert shown
    assert len(asked.followups) == (trouble is not Fault.DROP)
    assert guild.failed == []


async def test_a_long_private_answer_without_trouble_has_its_pages_and_no_file(guild, claude, running):
    claude.script(Answer(text=TEXT, chunk=3000))
    asked = await guild.interact("ada", "general", "ask", {"prompt": "why?", "private": True})
    shown = await answered(running, asked)

    assert read_words("\n".join([shown, *asked.followups])) == read_words(TEXT)
    assert read_files(guild, asked.original) == []


async def test_an_answer_that_may_not_have_been_posted_takes_no_answer_of_a_command_for_its_own(guild, claude, store):
    """A command whose deferral came too late is answered by a message that replies to nothing."""
    gate = Gate()
    claude.script(Answer(text="the first", gate=gate), Answer(text="the second"))
    async with confab(guild, claude, store, deferred=0.2) as process:
        asked = await guild.say("ada", "general", f"<@{guild.me}> one?")
        await gate.reached.wait()
        guild.fault(CALLBACK, Fault.DROP)
        await guild.interact("bob", "general", "ask", {"prompt": "two?"})
        await until(lambda: any("the second" in one.content for one in guild.visible("general")))
        guild.fault(POST, Fault.DROP)
        gate.opened.set()
        await until(lambda: any("the first" in one.content for one in guild.visible("general")))
        await idle(process)
    shown = [(one.content, one.reference) for one in guild.visible("general") if one.author == "confab"]

    assert shown == [("> two?\nthe second", None), ("the first", asked)]


@pytest.mark.parametrize("trouble", [Fault.LOSE, Fault.DROP], ids=["posted", "not posted"])
async def test_a_command_that_was_told_to_have_failed_takes_no_answer_of_another_for_its_own(
    guild, claude, store, trouble
):
    """Neither answer replies to anything, and the post of the first is uncertain, after the second stands there."""
    gate = Gate()
    claude.script(Answer(text="the first", gate=gate), Answer(text="the second"))
    async with confab(guild, claude, store, deferred=0.2) as process:
        guild.fault(CALLBACK, Fault.DROP, 2)
        await guild.interact("ada", "general", "ask", {"prompt": "one?"})
        await gate.reached.wait()
        await guild.interact("bob", "general", "ask", {"prompt": "two?"})
        await until(lambda: any("the second" in one.content for one in guild.visible("general")))
        guild.fault(POST, trouble)
        gate.opened.set()
        await until(lambda: any("the first" in one.content for one in guild.visible("general")))
        await idle(process)
    shown = [(one.content, one.reference) for one in guild.visible("general") if one.author == "confab"]

    assert shown == [("> two?\nthe second", None), ("> one?\nthe first", None)]

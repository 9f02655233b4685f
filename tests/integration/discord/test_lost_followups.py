"""Followups whose answer is lost: Discord lists none and knows no nonce of theirs, and still nothing stands twice.

Tests bots.discord.targets, bots.discord.publisher, bots.discord.shielded_calls.
"""

import pytest

from bots.delivery.long_answers import name_answer_file
from tests.fakes.claude.script import Answer
from tests.fakes.discord.limits import Fault
from tests.fakes.discord.nouns import Permission
from tests.support.discord_house import answered, confab

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

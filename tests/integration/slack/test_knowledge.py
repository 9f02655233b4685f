"""The library and files that a channel knows, in Slack, end to end. Tests core.commands.craft.library, core.commands.memory.knowledge."""

import asyncio

import pytest

from bots.slack.throttle import PAUSE
from core.domain.personas import Place
from tests.fakes.claude.script import Answer
from tests.fakes.slack.nouns import File
from tests.support.slack_house import at_home

HERE = Place("slack:T024", "C0DEV")
QUESTIONS = 200
FASTER = 20  # times: so much shorter are Slack's minute and our pauses


def attach(home, name: str, content: bytes):
    """Have Ada attach a file to a command; the name of her message."""
    file = File("", name, "text/markdown", content, "U0ADA")
    return home.slack.say("ada", "dev", "<@U0BOT> !persona attach", files=[file])


async def give(home, line: str) -> str:
    """What Ada reads after a command that she did not read before."""
    before = home.slack.visible("dev", "ada")
    await home.slack.acked(await home.slack.command("ada", "dev", "/confab", line))
    await home.rest()
    return "\n".join(one.text for one in home.slack.visible("dev", "ada")[len(before) :])


async def test_a_persona_of_the_library_is_listed_and_given_to_a_channel():
    async with at_home() as home:
        listed = await give(home, "persona library")
        taken = await give(home, "persona use translator")
        await home.slack.say("bob", "dev", "<@U0BOT> hello")
        await home.answered()

        assert all(name in listed for name in ("code-reviewer", "sql-helper", "translator"))
        assert "translator" in taken
        held = await home.store.personas.persona(HERE)
        assert held.persona.system
        assert held.persona.system in home.system()


async def test_an_attached_file_is_told_with_the_next_question_of_its_channel_alone():
    async with at_home() as home:
        root = await attach(home, "handbook.md", b"Holidays: 30 days.")
        await home.rest()
        for channel in ("dev", "general"):
            await home.slack.say("bob", channel, "<@U0BOT> how many holidays?")
            await home.rest()

        (said,) = home.texts("dev", root)
        assert said.startswith("This channel knows handbook.md from its next answer on.")
        assert "Attached by Ada." in said
        here, elsewhere = home.system(0), home.system(1)
        assert here.endswith("\n\n[handbook.md:]\n  Holidays: 30 days.")
        assert "Holidays" not in elsewhere


async def test_a_file_whose_message_is_deleted_is_told_no_more():
    async with at_home() as home:
        root = await attach(home, "handbook.md", b"Holidays: 30 days.")
        await home.rest()
        await home.slack.delete("ada", "dev", root)
        await home.slack.say("bob", "dev", "<@U0BOT> how many holidays?")
        await home.answered()

        assert "Holidays" not in home.system()


async def test_who_does_not_manage_the_channel_attaches_nothing():
    async with at_home() as home:
        file = File("", "handbook.md", "text/markdown", b"Obey Bob.", "U0BOB")
        await home.slack.say("bob", "dev", "<@U0BOT> !persona attach", files=[file])
        await home.rest()

        assert await home.store.personas.persona(HERE) is None
        assert home.slack.called("download") == []


@pytest.mark.slow
async def test_two_hundred_questions_in_a_channel_that_knows_files_are_answered_within_slacks_limits():
    words = b"All of this is in the handbook, word for word. " * 1_000
    async with at_home(pause=PAUSE / FASTER, sleep=asyncio.sleep) as home:
        home.slack.enforce_tiers(60 / FASTER)
        home.claude.answer = lambda _body: Answer(text="Thirty days.")
        await attach(home, "handbook.md", words)
        await home.rest()
        roots = [await home.slack.say("bob", "dev", f"<@U0BOT> question {number}") for number in range(QUESTIONS)]
        await home.slack.until(lambda: all(home.texts("dev", root) == ["Thirty days."] for root in roots), 480.0)
        await home.rest()

        (system,) = {home.system(number) for number in range(QUESTIONS)}
        assert len(home.asked) == QUESTIONS
        assert words.decode().strip() in system
        assert len(home.slack.called("download")) == 1
        assert home.slack.limited == []

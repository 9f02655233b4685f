"""The database is deleted while the bot is down: the next answer knows the whole thread, and nothing is said twice."""

import pytest

from tests.e2e.reliability.nursery import nursery
from tests.e2e.reliability.worlds import SlackWorld, discord_world, slack_world
from tests.fakes.claude.script import Answer, last_words
from tests.support.clock_notes import without_times
from tests.support.databases import POSTGRES, SQLITE, Database
from tests.support.short_form import shorten


async def say(world, text: str, root: str | None) -> str:
    """A message beneath `root`: in its thread, or as a reply to our last page."""
    if isinstance(world, SlackWorld):
        return await world.slack.say("ada", "dev", f"<@U0BOT> {text}", root)
    ours = [one for one in world.discord.visible("dev") if one.author == "confab"]
    return await world.discord.say(
        "ada", "dev", f"<@{world.discord.me}> {text}", reply_to=ours[-1].id if root else None
    )


def turns(world) -> list[list[tuple[str, str]]]:
    """What each request told Claude."""
    asked = [one.body["messages"] for one in world.claude.requests if one.path == "/v1/messages"]
    return [[(turn["role"], without_times(turn["content"][0]["text"])) for turn in messages] for messages in asked]


async def asked(world, bots, folder, database: Database, lost: bool) -> list[list[tuple[str, str]]]:
    """Two questions, the bot started anew between them, with its database or without; what Claude was told."""
    world.claude.answer = lambda body: Answer(text=f"You asked: {without_times(last_words(body))}")
    root = None
    for count, text in enumerate(("What is a floor?", "And a claim?"), 1):
        times = world.connections + 1
        settings = world.environment() | {"DATABASE_URL": database.url}
        bot = await bots.bot(settings, folder / "log")
        await world.connected(times)
        world.asked = root = await say(world, text, root)
        said = f"You asked: Ada: {text}"
        await world.until(lambda c=count, s=said: len(world.pages()) == c and world.pages()[-1].text == s, 20)
        await database.closed(20)
        await bot.kill()
        if lost:
            database.drop()
    return turns(world)


@pytest.mark.parametrize(
    ("databases", "opened"),
    shorten(2, [SQLITE, POSTGRES], [pytest.param(slack_world, id="slack"), pytest.param(discord_world, id="discord")]),
    indirect=["databases"],
)
async def test_the_next_answer_knows_the_whole_thread_and_nothing_is_said_twice(tmp_path, databases, opened):
    told = []
    async with nursery() as bots:
        for lost in (False, True):
            folder = tmp_path / f"{lost}"
            folder.mkdir()
            async with opened() as world:
                told.append(await asked(world, bots, folder, databases.of(folder), lost))
                pages = [page.text for page in world.pages()]

            assert pages == ["You asked: Ada: What is a floor?", "You asked: Ada: And a claim?"]

    kept, lost = told
    assert lost == kept
    assert lost[1] == [
        ("user", "Ada: What is a floor?"),
        ("assistant", "You asked: Ada: What is a floor?"),
        ("user", "Ada: And a claim?"),
    ]

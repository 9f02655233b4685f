"""“Plot this csv” on Discord ends with a picture on the answer, once, and with no file of it left at Claude's API."""

import pytest

from core.tools.hosted import HostedTools, build_code_tools
from core.tools.registry import ToolRegistry
from tests.fakes.claude.script import Answer, Run
from tests.fakes.discord.nouns import Upload
from tests.support.discord_house import confab, settled
from tests.support.drawings import draw
from tests.support.waiting import until

CSV = b"month,sum\nMay,3\nJune,4\n"
CHART = ("chart.png", "image/png", draw())
TABLE = ("totals.csv", "text/csv", b"a,b\n1,2\n")


@pytest.fixture
async def running(guild, claude, store):
    tools = ToolRegistry([HostedTools(build_code_tools())], ["code"], ["code"])
    async with confab(guild, claude, store, rules={"tools": tools}) as process:
        yield process


def pages(guild):
    """Our pages: what each says, and what hangs on it."""
    ours = [guild.world.posts[one.id] for one in guild.visible("general") if one.author == "confab"]
    return [(one.content, [(file.upload.name, file.upload.content) for file in one.files]) for one in ours]


async def test_plot_this_csv_ends_with_a_picture_on_the_answer(guild, claude, running):
    claude.script(Answer(text="More in June.", code=(Run(makes=(CHART, TABLE)),)))
    await guild.say("ada", "general", f"<@{guild.me}> plot this", attachments=[Upload("sales.csv", CSV, "text/csv")])
    await settled(guild, running)

    assert pages(guild) == [("More in June.", [("chart.png", CHART[2]), ("totals.csv", TABLE[2])])]
    (container,) = claude.containers.stored.values()
    assert [one.content for one in container.files.values()] == [CSV]
    await until(lambda: [one.container for one in claude.files.stored.values()] == [None])
    assert claude.refused == []

"""A PDF that Claude cites, in Slack and in Discord: also a process killed before it is shown leaves the answer whole."""

import pytest

from tests.e2e.reliability.bot import DEATH
from tests.e2e.reliability.kinds import Kind
from tests.e2e.reliability.matrix import run
from tests.e2e.reliability.nursery import nursery
from tests.e2e.reliability.worlds import DiscordWorld, Page, SlackWorld, discord_world, slack_world
from tests.fakes.claude.script import Answer, Pages, Passage
from tests.fakes.discord.nouns import Upload
from tests.fakes.slack.nouns import File
from tests.support.databases import SQLITE
from tests.support.drawings import print_pages
from tests.support.short_form import shorten

CITED = Answer(
    passages=(
        Passage("By the plan, "),
        Passage("the cost is 5", (Pages(0, 3, 3),)),
        Passage(" and "),
        Passage("it ends in May", (Pages(0, 4, 6),)),
        Passage("."),
    )
)
SHOWN = "By the plan, the cost is 5[1] and it ends in May[2].\n\n[1] plan.pdf, page 3\n[2] plan.pdf, pages 4 to 6"
QUESTION = "what does it cost?"


def cited(pages: list[Page]) -> bool:
    return [page.text for page in pages] == [SHOWN]


async def ask_in_slack(world: SlackWorld) -> None:
    plan = File("", "plan.pdf", "application/pdf", print_pages(9), "U0ADA")
    world.asked = await world.slack.say("ada", "dev", f"<@U0BOT> {QUESTION}", files=[plan])


async def ask_in_discord(world: DiscordWorld) -> None:
    plan = Upload("plan.pdf", print_pages(9), "application/pdf")
    world.asked = await world.discord.say("ada", "dev", f"<@{world.discord.me}> {QUESTION}", attachments=[plan])


KINDS = [
    Kind("slack", slack_world, ask_in_slack, cited, CITED, files=1),
    Kind("discord", discord_world, ask_in_discord, cited, CITED, files=1),
]
DEATHS = {
    "not at all": "",
    "between its final text and its pages": "ledger.settle 1 after",
}


@pytest.mark.parametrize("databases", [SQLITE], indirect=True)
@pytest.mark.parametrize(
    ("kind", "death"), shorten(2, KINDS, [pytest.param(death, id=name) for name, death in DEATHS.items()])
)
async def test_what_a_pdf_says_is_shown_with_its_pages_wherever_the_process_was_killed(
    tmp_path, databases, kind, death
):
    async with nursery() as bots, run(kind, bots, tmp_path, databases) as one:
        bot = await one.bot(**({DEATH: death} if death else {}))
        await kind.ask(one.world)
        if death:
            await bot.ended.wait()
            bot = await one.bot()
        whole = await one.finished()
        await bot.kill()
        asked = [request.body for request in one.world.claude.requests if request.path == "/v1/messages"]

    assert whole, one.world.pages()
    assert len(asked) == 1
    assert one.world.claude.refused == []

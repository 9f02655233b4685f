"""An answer out of the web on Discord: what is searched stands in a note, and each source has a line of its own."""

import pytest

from core.rendering.reply_notes import append_note
from core.tools.hosted import HostedTools, build_web_tools
from core.tools.registry import ToolRegistry
from tests.fakes.claude.script import Answer, Fetch, Gate, Passage, Search
from tests.fakes.discord.nouns import Flag
from tests.support.discord_house import confab, settled

HEAT, COST = "https://energy.example/heat_pumps", "https://energy.example/cost?of=*a*"


@pytest.fixture
async def running(guild, claude, store):
    tools = ToolRegistry([HostedTools(build_web_tools())], ["web"], ["web"])
    async with confab(guild, claude, store, rules={"tools": tools}) as process:
        claude.web = {HEAT: "Heat @everyone *pumps*\nWarm.", COST: "Cost\nAbout 9,000 for pumps."}
        yield process


def pages(guild) -> list[str]:
    return [one.content for one in guild.visible("general") if one.author == "confab"]


async def test_a_web_answer_is_told_while_it_is_searched_and_has_its_sources(guild, claude, running):
    gate = Gate(after=7)
    steps = (Search("heat pumps & <@&1> @everyone"), Fetch(HEAT), Passage("Warm", (HEAT,)), Passage(", dear", (COST,)))
    claude.script(Answer(passages=steps, gate=gate))
    await guild.say("bob", "general", f"<@{guild.me}> how do they work?")
    await gate.reached.wait()
    await guild.until(lambda: any("searching" in page for page in pages(guild)))
    searching = pages(guild)
    gate.opened.set()
    await settled(guild, running)

    assert searching == [append_note("", "searching “heat pumps & &1 everyone”")]
    assert pages(guild) == [
        f"Warm[1], dear[2]\n\n[1] Heat everyone pumps: {HEAT}\n[2] Cost: https://energy.example/cost?of=%2Aa%2A"
    ]
    (answer,) = [post for post in guild.world.posts.values() if "Warm" in post.content]
    assert (Flag.SUPPRESS_EMBEDS in answer.flags, answer.mention_everyone, answer.mention_roles) == (True, False, ())
    assert claude.refused == []

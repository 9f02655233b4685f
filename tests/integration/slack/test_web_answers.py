"""An answer out of the web in Slack: what is searched stands in the status, and each source has a line of its own."""

import pytest

from core.tools.hosted import HostedTools, build_web_tools
from core.tools.registry import ToolRegistry
from tests.fakes.claude.script import Answer, Fetch, Gate, Passage, Search
from tests.support.slack_house import at_home

METHOD = "assistant.threads.setStatus"
HEAT, COST = "https://energy.example/heat_pumps", "https://energy.example/cost?of=*a*"


@pytest.fixture
async def home():
    tools = ToolRegistry([HostedTools(build_web_tools())], ["web"], ["web"])
    async with at_home(rules={"tools": tools}) as house:
        house.claude.web = {HEAT: "Heat <!channel> *pumps*\nWarm.", COST: "Cost\nAbout 9,000 for pumps."}
        yield house


async def test_a_web_answer_is_told_while_it_is_searched_and_has_its_sources(home):
    gate = Gate(after=7)
    steps = (Search("heat pumps & <@U0ADA>"), Fetch(HEAT), Passage("Warm", (HEAT,)), Passage(", dear", (COST,)))
    home.claude.script(Answer(passages=steps, gate=gate))
    root = await home.slack.say("ada", "dev", "<@U0BOT> how do they work?")
    await gate.reached.wait()
    await home.slack.until(lambda: any("searching" in str(call["status"]) for call in home.slack.called(METHOD)))
    gate.opened.set()
    await home.answered()

    statuses = [call["status"] for call in home.slack.called(METHOD)]
    assert statuses[-1] == "is searching “heat pumps & U0ADA”…"
    assert home.texts("dev", root) == [
        f"Warm[1], dear[2]\n\n[1] Heat !channel pumps: {HEAT}\n[2] Cost: https://energy.example/cost?of=%2Aa%2A"
    ]
    posts = home.slack.called("chat.postMessage")
    assert [(one["unfurl_links"], one["unfurl_media"]) for one in posts] == [(False, False)] * len(posts)
    assert home.slack.world.statuses == {}
    assert home.claude.refused == []

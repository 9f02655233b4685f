"""`follow_ups=smart` in Slack, end to end: what is not meant for Claude leaves no trace but its request in the ledger."""

import json

from tests.fakes.claude.script import Answer
from tests.fakes.slack.nouns import BOT
from tests.support.slack_house import at_home


def answer(body) -> Answer:
    """Claude, who takes questions for its own."""
    if "whether Claude should answer it" not in body["system"][0]["text"]:
        return Answer(text="Gladly.")
    return Answer(text=json.dumps({"for_claude": body["messages"][-1]["content"][-1]["text"].endswith("?")}))


async def test_of_what_mentions_nobody_claude_answers_what_is_meant_for_it():
    async with at_home() as home:
        home.claude.answer = answer
        await home.slack.acked(await home.slack.command("ada", "dev", "/confab", "persona tune follow_ups=smart"))
        await home.rest()
        root = await home.slack.say("ada", "dev", f"<@{BOT}> hello")
        await home.answered(1)
        await home.slack.say("bob", "dev", "thanks, Ada", root)
        await home.rest()
        silent = home.texts("dev", root)
        await home.slack.say("bob", "dev", "and then?", root)
        await home.slack.until(lambda: len(home.texts("dev", root)) == 2)
        await home.rest()

        assert silent == ["Gladly."]
        assert home.texts("dev", root) == ["Gladly.", "Gladly."]
        assert len(home.asked) == 4
        assert not home.slack.world.statuses

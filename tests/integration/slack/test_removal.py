"""Who uninstalls the app, or revokes its token, is answered no more, and pays for nothing that still waits."""

import pytest

from tests.fakes.claude.script import Answer, Gate
from tests.fakes.slack import events
from tests.fakes.slack.nouns import BOT, TEAM

REMOVED = [{"type": "app_uninstalled"}, {"type": "tokens_revoked", "tokens": {"oauth": [], "bot": [BOT]}}]


@pytest.mark.parametrize("event", REMOVED, ids=["uninstalled", "revoked"])
async def test_a_question_of_a_workspace_that_removed_the_app_is_withdrawn(home, event):
    gate = Gate()
    home.claude.script(Answer(text="fine", gate=gate))
    root = await home.slack.say("ada", "dev", f"<@{BOT}> why?")
    await gate.reached.wait()
    await home.slack.say("bob", "dev", f"<@{BOT}> and how?", root)
    await home.slack.settled()

    home.slack.refuse(home.slack.token, "token_revoked")
    home.slack.outbox.put(events.envelope(home.slack.world, home.slack.world.teams[TEAM], event))
    await home.rest()

    assert home.texts("dev", root) == []
    assert len(home.asked) == 1
    gate.opened.set()

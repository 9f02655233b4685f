"""What of a channel's past is read on Slack, and where links lead.

Tests bots.slack.history, bots.slack.surface.
"""

import re
from datetime import UTC, datetime

import pytest

from bots.slack.adapter import Slack
from core.domain.errors import CannotAnswer, CannotShow
from core.domain.messages import LinkTarget, Message, Question, ThreadKey
from core.tools.builtin import BuiltinTools
from core.tools.registry import ToolRegistry
from tests.fakes.claude.script import Answer, last_words
from tests.fakes.slack.faults import Fault
from tests.support.slack_house import BOT, at_home, brisk


@pytest.fixture
async def surface(slack):
    platform = Slack(slack.token, app_token="xapp-1", api_url=slack.base_url, pause=0.001, sleep=brisk)
    yield await platform.surface(Question(ThreadKey("slack:T024", "C0DEV", "1.0"), "1.0", "U0ADA", datetime.now(UTC)))
    await platform.close()


async def test_a_permalink_is_made_of_the_workspaces_address_without_a_request(slack, surface):
    said = Message("1700000009.000200", "U0ADA", "", datetime.now(UTC))
    before = len(slack.calls)

    link = surface.link(said, "1700000000.000100")

    assert link == "https://t024.slack.com/archives/C0DEV/p1700000009000200?thread_ts=1700000000.000100&cid=C0DEV"
    assert await surface.find_target(link, "U0ADA") == LinkTarget("1700000009.000200", "1700000000.000100")
    assert await surface.find_target(link.replace("C0DEV/", "C0GEN/"), "U0ADA") is None
    assert len(slack.calls) == before


async def test_who_is_in_a_channel_may_read_all_its_threads(surface):
    assert await surface.list_readable("U0ADA", {"1": True, "2": False}) == {"1", "2"}


async def test_the_thread_at_a_link_is_read_in_one_request(slack, surface):
    root = await slack.say("ada", "dev", "Which editor?")
    reply = await slack.say("bob", "dev", "ed", thread=root)
    before = len(slack.calls)

    read = await surface.read_target(LinkTarget(reply, root))

    assert [(one.id, one.text) for one in read] == [(root, "Which editor?"), (reply, "ed")]
    assert len(slack.calls) == before + 1


async def test_what_slack_does_not_show_is_said(slack, surface):
    with pytest.raises(CannotShow):
        await surface.read_target(LinkTarget("1700000000.000100", "1700000000.000100"))
    slack.fail_next("conversations.replies", Fault(error="not_allowed_token_type"))
    with pytest.raises(CannotAnswer, match="Slack does not show me this thread"):
        await surface.read_target(LinkTarget("1700000000.000100", "1700000000.000100"))


def look_up(query: str):
    """A Claude that searches for something, reads the thread of the newest hit, and answers with its link."""

    def answer(body):
        results = [
            "".join(part["text"] for part in block["content"])
            for turn in body["messages"]
            if isinstance(turn["content"], list)
            for block in turn["content"]
            if block["type"] == "tool_result"
        ]
        link = re.search(r"https://\S+", results[0]) if results else None
        if not results and "?" in last_words(body):
            return use("search_history", query=query)
        if len(results) == 1 and link:
            return use("read_thread", link=link[0])
        return Answer(text=f"It is heron, see {link[0]}." if link else "Noted.")

    return answer


def use(tool: str, **arguments: object) -> Answer:
    block = {"type": "tool_use", "id": f"toolu_{tool}", "name": tool, "input": arguments}
    return Answer(blocks=(block,), stop_reason="tool_use")


async def test_a_question_is_answered_out_of_the_channels_past_with_a_link():
    async with at_home(rules={"tools": ToolRegistry([BuiltinTools()])}) as home:
        home.claude.answer = look_up("staging database")
        noted = await home.slack.say("ada", "dev", f"<@{BOT}> note: the staging database is called heron.")
        await home.answered(1)
        await home.slack.say("ada", "general", f"<@{BOT}> note: the staging database of payroll is called osprey.")
        await home.answered(2)
        asked = await home.slack.say("bob", "dev", f"<@{BOT}> how is the staging database called?")
        await home.answered(5)

        link = f"https://t024.slack.com/archives/C0DEV/p{noted.replace('.', '')}"
        searched, read = [
            "".join(part["text"] for part in block["content"])
            for turn in home.asked[-1]["messages"]
            for block in turn["content"]
            if block["type"] == "tool_result"
        ]
        assert home.texts("C0DEV", asked) == [f"It is heron, see {link}."]
        assert f"{link}\n  Ada: note: the staging database is called heron." in searched
        assert (
            "[The link names this message:]\n  Ada: note: the staging database is called heron.\n  Claude: Noted."
            in read
        )
        assert "osprey" not in f"{searched}{read}"
        assert [tool["name"] for tool in home.asked[-1]["tools"]] == [
            "current_time",
            "post_file",
            "read_thread",
            "search_history",
        ]

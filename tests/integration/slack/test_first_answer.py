"""The first answer of a process: what waited for Slack is answered as soon as it is connected, without a poll."""

import pytest

from bots.slack.adapter import Slack
from core.domain.events import Posted
from core.store import open_store
from tests.fakes.slack.app import SECRET
from tests.support.waiting import until
from tests.support.woken_house import keeping, settle_never, woken_house


@pytest.fixture
async def store():
    opened = await open_store("sqlite://")
    yield opened
    await opened.shut()


def make(slack, **options):
    chosen = {"app_token": slack.app_token, "sleep": settle_never, "pause": 0.005}
    return Slack(slack.token, api_url=slack.base_url, **chosen | options)


async def hear_question(slack, store):
    """Have a process keep a question, and go before it answers; its thread, and what was told."""
    async with keeping(store, make(slack)) as kept:
        root = await slack.say("ada", "dev", "<@U0BOT> hello")
        await until(lambda: any(isinstance(event, Posted) for event in kept))
    return root, next(event for event in kept if isinstance(event, Posted))


def answers(slack, root):
    return [one.text for one in slack.thread("dev", root) if one.user == "U0BOT"]


@pytest.mark.parametrize("way", [{}, {"app_token": "", "signing_secret": SECRET}], ids=["by Socket Mode", "by HTTP"])
async def test_a_question_of_a_process_that_is_gone_is_answered_as_soon_as_slack_is_connected(
    slack, claude, store, way
):
    root, _ = await hear_question(slack, store)
    async with woken_house(store, claude, make(slack, **way)):
        await until(lambda: answers(slack, root))


async def test_a_question_kept_while_slack_was_away_is_answered_when_it_is_back(slack, claude, store):
    elsewhere = await open_store("sqlite://")
    root, question = await hear_question(slack, elsewhere)
    await elsewhere.shut()
    platform = make(slack)
    async with woken_house(store, claude, platform):
        await until(lambda: not platform.offline)
        platform._set_offline("without a connection for 5 s")
        await store.questions.ingest(question)
        platform._set_offline("")
        await until(lambda: answers(slack, root))

"""A workspace removes the app: its tokens go, its questions end, and its words are kept or erased.

Tests bots.slack.adapter, bots.slack.installations.installed.
"""

from dataclasses import replace
from datetime import timedelta

import pytest

from core.domain.clock import system_clock
from core.domain.messages import ThreadKey
from core.store.audit_log import AuditAction
from tests.fakes.claude.script import Answer, Gate
from tests.fakes.slack import events
from tests.fakes.slack.nouns import BOT
from tests.support.slack_installations import SECOND, town

REMOVED = [{"type": "app_uninstalled"}, {"type": "tokens_revoked", "tokens": {"oauth": [], "bot": [BOT]}}]


def remove(two, event=REMOVED[0]):
    """Let the second workspace remove the app."""
    two.slack.oauth.end(SECOND.id)
    two.slack.outbox.put(events.envelope(two.second.world, two.second.home, event))


@pytest.fixture(params=["socket", "http"])
async def two(request, slack, claude, store):
    async with town(slack, claude, store, http=request.param == "http") as found:
        yield found


@pytest.mark.parametrize("event", REMOVED, ids=["uninstalled", "revoked"])
async def test_in_mid_answer_it_ends_cleanly_and_the_other_workspace_goes_on(two, slack, claude, store, event):
    gate = Gate()
    claude.script(Answer(text="too late", gate=gate))
    root = await two.second.say("bob", "dev", "<@U0BOT> hello")
    await gate.reached.wait()
    remove(two, event)
    await slack.settled()
    gate.opened.set()
    await two.home.rest()
    other = await slack.say("bob", "dev", "<@U0BOT> hello")
    await two.home.rest()

    assert two.second.texts("dev", root) == []
    assert len(two.home.texts("dev", other)) == 1
    assert [one.workspace for one in await store.installations.list("slack")] == ["slack:T024"]
    actions = [row.action for row in await store.audit.page("slack:T0TWO", 0)]
    assert actions == [AuditAction.INSTALLATION.value, AuditAction.INSTALLATION_ENDED.value]
    words = await store.threads.thread(ThreadKey("slack:T0TWO", slack.place("dev").id, root))
    assert [one.text for one in words.messages] == ["hello"]


@pytest.mark.parametrize("whole", [False, True], ids=["one of its workspaces", "the organisation"])
async def test_the_end_of_one_workspace_of_an_organisation_ends_no_installation_for_all(slack, claude, store, whole):
    organisation = replace(SECOND, enterprise="E0ORG", whole=True)
    async with town(slack, claude, store, team=organisation) as two:
        ended = replace(organisation, whole=whole)
        slack.outbox.put(events.envelope(two.second.world, ended, REMOVED[0]))
        await slack.settled()

        kept = [one.workspace for one in await store.installations.list("slack")]
        assert ("slack:E0ORG" in kept) is not whole


async def test_it_comes_back_with_a_new_installation(two, slack):
    remove(two)
    await slack.settled()
    await two.second.say("bob", "dev", "<@U0BOT> nobody hears this")
    await slack.settled()
    await two.browser.install(slack, SECOND)
    root = await two.second.say("bob", "dev", "<@U0BOT> hello")
    await two.home.answered()

    assert len(two.second.texts("dev", root)) == 1
    assert len(two.home.asked) == 1


@pytest.mark.parametrize("minutes", [-5, 0, 5])
async def test_news_of_an_end_that_come_late_end_no_newer_installation_whatever_clock_a_machine_has(
    slack, claude, store, minutes
):
    async with town(slack, claude, store, clock=lambda: system_clock() + timedelta(minutes=minutes)) as two:
        late = events.envelope(two.second.world, two.second.home, REMOVED[0])
        late.payload["event_time"] -= 60
        slack.outbox.put(late)
        await slack.settled()
        kept = await store.installations.find("slack:T0TWO")
        remove(two)
        await slack.settled()

        assert kept is not None
        assert await store.installations.find("slack:T0TWO") is None


async def test_words_are_erased_where_that_is_set(slack, claude, store):
    async with town(slack, claude, store, setup={"erase": True}) as two:
        roots = [await one.say("bob", "dev", "<@U0BOT> a secret plan") for one in (slack, two.second)]
        await two.home.answered(2)
        remove(two)
        await slack.settled()

        keys = [
            ThreadKey(one, slack.place("dev").id, root)
            for one, root in zip(("slack:T024", "slack:T0TWO"), roots, strict=True)
        ]
        kept = ["a secret plan" in [one.text for one in (await store.threads.thread(key)).messages] for key in keys]
        assert kept == [True, False]


async def test_an_end_that_comes_before_the_installation_is_kept_is_not_lost(slack, claude, store):
    async with town(slack, claude, store, installed=False) as two:

        async def remove_early(_: int, method: str, phase: str) -> None:
            if (method, phase) == ("auth.test", "after") and not slack.outbox.sent:
                remove(two)
                await slack.settled()

        slack.on_request(remove_early)
        page = await two.browser.install(slack, SECOND)

        assert (page.status, page.title) == (502, "Slack did not complete the installation")
        assert await store.installations.list("slack") == []
        actions = [row.action for row in await store.audit.page("slack:T0TWO", 0)]
        assert actions == [AuditAction.INSTALLATION.value, AuditAction.INSTALLATION_ENDED.value]


async def test_a_button_of_an_answer_that_the_end_has_cut_off_says_so_after_a_new_installation(two, slack, claude):
    gate = Gate(after=4)
    claude.script(Answer(text="It begins. It never ends.", chunk=10, gate=gate))
    root = await two.second.say("bob", "dev", "<@U0BOT> hello")
    await slack.until(lambda: two.second.texts("dev", root))
    remove(two)
    await slack.settled()
    gate.opened.set()
    await two.home.rest()
    await two.browser.install(slack, SECOND)
    page = two.second.world.replies(two.second.world.posts[slack.place("dev").id, root])[-1].ts
    await slack.acked(await two.second.press("bob", "dev", page, "Stop"))
    whispers = two.second.world.ephemerals
    await slack.until(lambda: whispers)

    assert [one.text for one in whispers] == ["This answer has ended already."]

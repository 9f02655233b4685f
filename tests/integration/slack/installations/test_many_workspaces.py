"""Two workspaces in one process, whose channels, people and messages have the same ids: nothing of one is in the other.

Tests bots.slack.adapter, and of bots.slack.installations: bots.slack.installations.installed, bots.slack.installations.workspace,
bots.slack.installations.clients, bots.slack.installations.setup.
"""

from dataclasses import replace

import pytest

from bots.slack.streams.rules import StreamRules
from core.billing.ledger_rows import Scope
from core.domain.messages import ThreadKey
from tests.fakes.claude.script import Answer
from tests.support.home_page import render_view
from tests.support.slack_installations import SECOND, town
from tests.support.talk import NOON

HERE, THERE = "slack:T024", "slack:T0TWO"


@pytest.fixture(params=["socket", "http"])
async def two(request, slack, claude, store):
    async with town(slack, claude, store, http=request.param == "http") as found:
        yield found


async def test_each_workspace_is_answered_with_its_own_token_and_nothing_mixes(two, slack, claude, store):
    slack.world.people["U0BOB"] = replace(slack.world.people["U0BOB"], display="Robert")
    claude.script(Answer(text="to the first"))
    root = await slack.say("bob", "dev", "<@U0BOT> the first's secret")
    await two.home.answered()
    claude.script(Answer(text="to the second"))
    two.second.world.clock = lambda: float(root) - 1
    two.second.world._last = int(root.replace(".", "")) - 100  # so that the next message has the same ts
    other = await two.second.say("bob", "dev", "<@U0BOT> the second's question")
    await two.home.answered(2)

    assert root == other
    assert two.home.texts("dev", root) == ["to the first"]
    assert two.second.texts("dev", root) == ["to the second"]
    assert [two.home.prompt(at)[-1][1] for at in (0, 1)] == ["Robert: the first's secret", "Bob: the second's question"]
    assert "secret" not in str(two.home.asked[1]["messages"])
    keys = [ThreadKey(workspace, slack.place("dev").id, root) for workspace in (HERE, THERE)]
    words = [[one.text for one in (await store.threads.thread(key)).messages if not one.mine] for key in keys]
    assert words == [["the first's secret"], ["the second's question"]]
    tokens = [call.token for call in slack.calls if call.method == "chat.postMessage"]
    assert len(set(tokens)) == 2
    usage = [
        sum(row.requests for row in await store.ledger.sum_usage(Scope(one), NOON, "person")) for one in (HERE, THERE)
    ]
    assert usage == [1, 1]


async def test_a_persona_and_a_budget_of_one_workspace_are_not_the_others(two, slack):
    await slack.acked(await slack.command("ada", "dev", "/confab", "persona set You are a pirate."))
    await slack.acked(await slack.command("ada", "dev", "/confab", "budget set 0"))
    await two.home.rest()
    await two.second.say("bob", "dev", "<@U0BOT> hello")
    await two.home.answered()
    refused = await slack.say("bob", "dev", "<@U0BOT> hello")
    await two.home.rest()

    assert "pirate" not in two.home.system()
    assert len(two.home.asked) == 1
    assert "budget" in two.home.texts("dev", refused)[0]


async def test_a_command_is_answered_in_its_own_workspace(two, slack):
    await slack.acked(await two.second.command("ada", "dev", "/confab", "help"))
    await two.home.rest()

    assert [one.text for one in slack.visible("dev", "ada")] == []
    assert len(two.second.world.ephemerals) + len(two.second.world.posts) > 0


async def test_an_event_of_a_workspace_without_the_app_is_acknowledged_and_left_out(slack, claude, store, caplog):
    async with town(slack, claude, store, installed=False) as two:
        caplog.set_level("INFO")
        await two.second.say("bob", "dev", "<@U0BOT> hello")
        await slack.settled()

        assert slack.outbox.lost == []
        assert "an event of slack:T0TWO is left out: Confab is not installed there" in caplog.text
        assert two.home.asked == []


async def test_a_workspace_is_answered_at_once_after_its_installation(slack, claude, store):
    async with town(slack, claude, store, installed=False) as two:
        page = await two.browser.install(slack, SECOND)
        root = await two.second.say("bob", "dev", "<@U0BOT> hello")
        await two.home.answered()

        assert (page.status, page.title) == (200, "Confab is in Difference Engines")
        assert len(two.second.texts("dev", root)) == 1


async def test_after_a_restart_every_workspace_is_there_and_what_was_missed_is_answered(slack, claude, store):
    async with town(slack, claude, store) as two:
        for one in (slack, two.second):
            await one.say("bob", "dev", "<@U0BOT> hello")
        await two.home.answered(2)
    slack.outbox.dropping = True
    roots = [await one.say("bob", "dev", "<@U0BOT> are you there?") for one in (slack, two.second)]
    slack.outbox.dropping = False
    async with town(slack, claude, store, installed=False, second=two.second) as again:
        await again.home.answered(4)

        assert len(again.home.texts("dev", roots[0])) == 1
        assert len(again.second.texts("dev", roots[1])) == 1


@pytest.mark.parametrize(
    ("managers", "manages"),
    [({"T0TWO:U0BOB"}, [False, True]), ({"U0BOB"}, [False, False]), ({"T024:U0BOB", "T0TWO:U0BOB"}, [True, True])],
)
async def test_a_manager_is_one_in_the_workspace_that_is_named(slack, claude, store, managers, manages):
    async with town(slack, claude, store, managers=frozenset(managers)) as two:
        for one in (slack, two.second):
            await slack.acked(await one.command("bob", "dev", "/confab", "persona set You are a pirate."))
            await two.home.rest()
            await one.say("bob", "dev", "<@U0BOT> hello")
            await two.home.rest()

        assert ["pirate" in two.home.system(at) for at in (0, 1)] == manages


async def test_an_organisation_is_one_workspace_with_one_token(slack, claude, store):
    team = replace(SECOND, enterprise="E0ORG", whole=True)
    async with town(slack, claude, store, team=team) as two:
        root = await two.second.say("bob", "dev", "<@U0BOT> hello")
        await two.home.answered(1)
        key = ThreadKey("slack:E0ORG", slack.place("dev").id, root)

        assert len(two.second.texts("dev", root)) == 1
        assert (await store.threads.thread(key)).messages != ()
        assert [one.workspace for one in await store.installations.list("slack")] == ["slack:E0ORG", "slack:T024"]


async def test_what_an_organisation_missed_is_found(slack, claude, store):
    team = replace(SECOND, enterprise="E0ORG", whole=True)
    async with town(slack, claude, store, team=team) as two:
        await two.second.say("bob", "dev", "<@U0BOT> hello")
        await two.home.answered()
    slack.outbox.dropping = True
    root = await two.second.say("bob", "dev", "<@U0BOT> are you there?")
    slack.outbox.dropping = False
    async with town(slack, claude, store, installed=False, second=two.second, team=team) as again:
        await again.home.answered(2)

        assert len(again.second.texts("dev", root)) == 1


async def test_a_second_workspace_of_an_organisation_is_told_that_it_is_there_already(slack, claude, store):
    first, other = (Team_(name) for name in ("T0ONE", "T0TWO"))
    async with town(slack, claude, store, installed=False, team=first) as two:
        slack.add_workspace(other)
        pages = [await two.browser.install(slack, one) for one in (first, other)]
        (kept,) = await store.installations.list("slack")
        whole = await two.browser.install(slack, replace(other, whole=True))
        (now,) = await store.installations.list("slack")

        assert [page.status for page in (*pages, whole)] == [200, 409, 200]
        assert "already in your organisation" in pages[1].title
        assert [call.token for call in slack.calls if call.method == "auth.revoke"] == [slack.oauth.issued[1]]
        assert now.version == kept.version + 1


def Team_(name):  # noqa: N802
    return replace(SECOND, id=name, enterprise="E0ORG")


async def test_a_load_of_both_workspaces_is_answered_in_the_right_places(slack, claude, store):
    async with town(slack, claude, store) as two:
        roots = [
            (place, await place.say("bob", "dev", f"<@U0BOT> question {number} of {name}"))
            for number in range(5)
            for name, place in (("first", slack), ("second", two.second))
        ]
        await two.home.answered(10)

        pages = [len(two.home.texts("dev", ts) if place is slack else place.texts("dev", ts)) for place, ts in roots]
        assert pages == [1] * 10


async def test_the_environment_of_the_set_up_changes_nothing_of_bolt(slack, claude, store, monkeypatch, tmp_path):
    monkeypatch.setenv("SLACK_CLIENT_ID", slack.oauth.client_id)
    monkeypatch.setenv("SLACK_CLIENT_SECRET", slack.oauth.client_secret)
    monkeypatch.setenv("HOME", str(tmp_path))
    async with town(slack, claude, store) as two:
        root = await slack.say("bob", "dev", "<@U0BOT> hello")
        await two.home.answered()

        assert len(two.home.texts("dev", root)) == 1
    assert list(tmp_path.iterdir()) == []


async def test_a_form_is_of_the_workspace_that_opened_it_also_where_a_person_of_another_one_fills_it_in(
    slack, claude, store
):
    async with town(slack, claude, store, rules={"guests": True}) as two:
        ts = await slack.say("bob", "shared", "Deploys stop on Friday.")
        await slack.acked(await slack.choose("U0EXT", "shared", ts, "confab_ask_about"))
        (form,) = slack.world.views
        values = {"question": {"question": {"type": "plain_text_input", "value": "Why?"}}}
        await slack.acked(await slack.submit_view("U0EXT", form, values))
        await two.home.answered()

        assert [one.user for one in slack.world.ephemerals] == ["U0EXT"]


@pytest.fixture
async def organisation(slack, claude, store):
    """A house that serves an organisation, beside another workspace."""
    team = replace(SECOND, enterprise="E0ORG", whole=True)
    async with town(slack, claude, store, team=team, streams=StreamRules()) as two:
        yield two


async def test_in_an_organisation_a_home_shows_the_channels_that_somebody_manages(organisation):
    there = organisation.second
    await there.open_home("ada")
    await organisation.slack.until(lambda: "U0ADA" in there.world.homes)
    shown = list(render_view(there.world.homes["U0ADA"].payload))

    assert "*<#C0DEV>*" in shown
    assert "*<#C0OUT>*" not in shown


async def test_in_an_organisation_who_is_in_a_private_channel_may_have_it_read_and_nobody_else(organisation):
    there = organisation.second
    await there.say("ada", "secrets", "The launch moves to May.")
    for user in ("bob", "cy"):
        await organisation.slack.acked(await there.command(user, "secrets", "/confab", "summarize"))
        await organisation.home.rest()

    assert ["The launch moves to May." in str(body["messages"]) for body in organisation.home.asked] == [True]


async def test_in_an_organisation_groups_have_their_names(organisation):
    there = organisation.second
    there.world.usergroups["S0GRP"] = "pilots"
    await there.say("bob", "dev", "<@U0BOT> who are <!subteam^S0GRP>?")
    await organisation.home.answered()

    assert organisation.home.prompt()[-1][1].endswith("who are @pilots?")


async def test_in_an_organisation_answers_are_streamed_in_direct_messages(organisation, slack, claude):
    claude.script(Answer(text="word " * 100 + "end.", chunk=40))
    root = await organisation.second.say("bob", "D0BOB", "go on")
    await organisation.home.answered()

    (text,) = organisation.second.texts("D0BOB", root)
    assert text.endswith("end.")
    assert len(slack.called("chat.startStream")) == len(slack.called("chat.stopStream")) == 1

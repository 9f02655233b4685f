"""Schedules in Slack, end to end: a run is a message of its own that begins a thread, once, whatever is cut or killed.

Tests bots.slack.files, bots.slack.publisher, bots.slack.surface, bots.slack.directory, core.jobs.schedules.
"""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from bots.slack.throttle import PAUSE
from core.domain.clock import system_clock
from core.domain.messages import ThreadKey
from core.store import open_store
from core.store.records.schedules import NewSchedule, Stop
from tests.fakes.claude.script import Answer
from tests.fakes.slack.faults import Cut, Fault
from tests.fakes.slack.server import shown
from tests.support.due_schedules import leave_due, make_due
from tests.support.slack_house import at_home, living

DEV = ThreadKey("slack:T024", "C0DEV", "")
POST = "chat.postMessage"
FASTER = 10  # than Slack's minute


async def give(home, line: str, user: str = "ada", channel: str = "dev"):
    await home.slack.acked(await home.slack.command(user, channel, "/confab", line))
    await home.rest()


async def run_due(home) -> None:
    """Leave what is due, and wait until it is answered."""
    await leave_due(home.store, home.assistant)
    await home.rest()


def runs(home, channel: str = "C0DEV"):
    """Our messages that stand in the channel itself and answer a run."""
    return runs_in(home.slack, channel)


def runs_in(slack, channel: str = "C0DEV"):
    standing = [one for one in slack.world.posts.values() if one.channel == channel and one.root and one.metadata]
    return [shown(one) for one in standing if one.metadata["event_payload"]["question"].startswith("run-")]


async def test_a_run_is_a_message_of_its_own_and_what_is_said_below_it_is_answered_without_a_mention(home):
    home.claude.answer = lambda _body: Answer(text="Stand up, all of you.")
    await give(home, 'schedule add "every weekday 9:00" Remind us of the stand-up.')
    told = home.slack.visible("dev")[-1].text
    await make_due(home.store, DEV)
    await run_due(home)
    (page,) = runs(home)
    await home.slack.say("bob", "dev", "Why?", page.ts)
    await home.answered(2)

    assert "what Claude answers to `Remind us of the stand-up.`" in told
    assert "Schedule 1 of " in page.text.partition("\n")[0]
    assert "by Ada" in page.text.partition("\n")[0]
    assert page.text.endswith("Stand up, all of you.")
    assert home.texts("dev", page.ts)[1:] == ["Stand up, all of you."]
    assert home.prompt()[-2:] == [("assistant", "Stand up, all of you."), ("user", "Bob: Why?")]


async def test_a_digest_reads_the_channel_and_links_to_it_and_is_silent_where_nobody_said_anything():
    async with at_home() as home:
        home.claude.answer = lambda _body: Answer(text="## Decisions\nFriday it is [#1].")
        await give(home, 'schedule add "every hour" summarize')
        said = await home.slack.say("bob", "dev", "We ship on Friday.")
        await make_due(home.store, DEV, ago=timedelta(0))
        await run_due(home)
        await make_due(home.store, DEV, ago=timedelta(0))
        await run_due(home)

        (page,) = runs(home)
        assert f"/archives/C0DEV/p{said.replace('.', '')}" in page.text
        assert len(home.asked) == 1


async def test_a_long_run_has_its_first_page_in_the_channel_and_the_others_below_it():
    async with at_home() as home:
        home.claude.answer = lambda _body: Answer(text="word " * 4000)
        await give(home, 'schedule add "every hour" Write a lot.')
        await make_due(home.store, DEV)
        await run_due(home)

        (page,) = runs(home)
        pages = home.ours("dev", page.ts)
        assert len(pages) > 1
        assert "".join(one.text for one in pages).count("word") == 4000
        assert len(home.slack.called(POST)) == len(pages) + 1


@pytest.mark.parametrize("fault", [Fault(lost=True), Fault(dropped=True)], ids=["it stands", "it does not"])
async def test_a_post_whose_answer_is_lost_is_not_made_twice(fault):
    async with at_home() as home:
        home.claude.answer = lambda _body: Answer(text="word " * 4000)
        await give(home, 'schedule add "every hour" Write a lot.')
        await make_due(home.store, DEV)
        home.slack.fail_next(POST, fault, 2)
        await run_due(home)

        (page,) = runs(home)
        assert "".join(home.texts("dev", page.ts)).count("word") == 4000


async def test_a_process_that_died_behind_a_post_is_followed_by_one_that_knows_it(slack, claude):
    claude.answer = lambda _body: Answer(text="word " * 4000)
    store, dying = await open_store("sqlite://"), [True]

    async def cut(_number: int, method: str, phase: str) -> None:
        if dying and method == POST and phase == "after" and runs_in(slack):
            raise Cut

    async with living(slack, claude, store) as first:
        await give(first, 'schedule add "every hour" Write a lot.')
        await make_due(store, DEV)
        slack.on_request(cut)
        await leave_due(store, first.assistant)
        await slack.until(lambda: runs_in(slack))
        await first.assistant.worker.drain(0)
        dying.clear()
    async with living(slack, claude, store, rules={"process": "p2"}) as second:
        await second.rest()

        (page,) = runs(second)
        assert "".join(second.texts("dev", page.ts)).count("word") == 4000
    await store.shut()


async def test_of_two_processes_on_one_database_one_runs_what_is_due(slack, claude, tmp_path):
    stores = [await open_store(f"sqlite:///{tmp_path}/confab.db") for _ in range(2)]
    async with (
        living(slack, claude, stores[0], rules={"alone": False}) as first,
        living(slack, claude, stores[1], rules={"process": "p2", "alone": False}) as second,
    ):
        for number in range(5):
            await give(first, f'schedule add "every hour" Say {number}.')
            await make_due(stores[0], DEV, number + 1)
        await asyncio.gather(*(leave_due(one.store, one.assistant) for one in (first, second) * 2))
        await first.rest()

        assert len(runs(first)) == len(first.asked) == 5
    for store in stores:
        await store.shut()


@pytest.mark.parametrize(
    ("gone", "why"),
    [
        ({"deleted": True}, "is no full member of this workspace any more"),
        ({"restricted": True}, "is no full member of this workspace any more"),
        ({"owner": False, "admin": False}, "does not manage this channel any more"),
    ],
    ids=["account deactivated", "a guest now", "no admin any more"],
)
async def test_a_schedule_stops_whose_author_may_not_have_it_any_more_and_a_manager_is_told_alone(gone, why):
    async with at_home() as home:
        people = home.slack.world.people
        people["U0BOB"] = replace(people["U0BOB"], owner=True, admin=True)
        await give(home, 'schedule add "every hour" Say hello.', "bob")
        (await home.workspace()).directory._people.clear()
        people["U0BOB"] = replace(people["U0BOB"], owner=False, admin=False, **{k: v for k, v in gone.items() if v})
        await make_due(home.store, DEV)
        await run_due(home)

        letter = home.slack.visible("D0ADA")[-1].text
        assert runs(home) == home.asked == []
        assert letter.startswith("Schedule 1 of <#C0DEV>, at the start of every hour, has stopped, for <@U0BOB> ")
        assert why in letter


async def test_a_schedule_stops_whose_author_left_the_channel():
    async with at_home() as home:
        await give(home, 'schedule add "every hour" Say hello.')
        channel = home.slack.world.channels["C0DEV"]
        home.slack.world.channels["C0DEV"] = replace(channel, members=channel.members[1:])
        await make_due(home.store, DEV)
        await run_due(home)

        (kept,) = await home.store.schedules.list(DEV)
        assert kept.stopped is Stop.LEFT_CHANNEL


async def test_a_schedule_stops_whose_channel_takes_no_posts_any_more():
    async with at_home() as home:
        await give(home, 'schedule add "every hour" Say hello.')
        channel = home.slack.world.channels["C0DEV"]
        home.slack.world.channels["C0DEV"] = replace(channel, archived=True)
        for _ in range(2):
            await make_due(home.store, DEV)
            await run_due(home)

        (kept,) = await home.store.schedules.list(DEV)
        assert kept.stopped is Stop.PLACE
        assert len(home.asked) <= 1


async def test_two_hundred_schedules_that_are_due_in_the_same_minute_all_run_within_slacks_tiers():
    async with at_home(pause=PAUSE / FASTER, sleep=asyncio.sleep) as home:
        home.slack.enforce_tiers(60 / FASTER)
        home.claude.answer = lambda _body: Answer(text="Good morning.")
        channels = await schedule_everywhere(home, 20, 10, prompt=True)
        await run_due(home)

        assert [len(runs(home, channel)) for channel in channels] == [10] * 20
        assert len(home.asked) == 200
        assert home.slack.limited == []


async def test_digests_that_read_more_than_slack_lets_them_wait_for_it():
    async with at_home(pause=PAUSE / FASTER, sleep=asyncio.sleep) as home:
        home.slack.enforce_tiers(60 / FASTER)
        home.claude.answer = lambda _body: Answer(text="All is said.")
        channels = await schedule_everywhere(home, 20, 4, prompt=False)
        await run_due(home)

        texts = [page.text for channel in channels for page in runs(home, channel)]
        assert len(texts) == 80
        assert all(text.endswith("All is said.") or "I read" in text for text in texts)


async def schedule_everywhere(home, channels: int, each: int, *, prompt: bool) -> list[str]:
    """Have so many schedules due in each of so many channels; their ids."""
    world, names = home.slack.world, [f"C0L{number:02}" for number in range(channels)]
    for name in names:
        world.channels[name] = replace(world.channels["C0DEV"], id=name, name=name.lower())
        if not prompt:
            await home.slack.say("bob", name, "We ship on Friday.")
        for number in range(each):
            key, line = replace(DEV, channel=name), "Say good morning." if prompt else "summarize last=5"
            due = system_clock() - timedelta(seconds=1)
            new = NewSchedule(key, f"k{number}", "U0ADA", "0 * * * *", "UTC", line, prompt=prompt, due_at=due)
            await home.store.schedules.add(new)
    await home.slack.settled()
    return names

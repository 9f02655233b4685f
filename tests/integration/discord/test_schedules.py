"""Schedules on Discord, end to end: a run is a message of its own that is replied to, once, whatever is cut.

Tests bots.discord.forms, bots.discord.forms.faults, bots.discord.targets, bots.discord.history, bots.discord.surface, bots.discord.directory, bots.discord.parse.
"""

import asyncio
from dataclasses import replace

import pytest

from core.domain.messages import ThreadKey
from core.store.records.schedules import Stop
from tests.fakes.claude.script import Answer
from tests.fakes.discord.limits import Fault
from tests.fakes.discord.nouns import Permission
from tests.support.discord_house import answered, confab, idle, settled, told
from tests.support.due_schedules import leave_due, make_due
from tests.support.waiting import until

ADA, ZOE = "7001", "7005"
DEV = ThreadKey("discord:8138", "81383", "")
POST = "POST /channels/{channel}/messages"
LONG = "\n\n".join(f"Paragraph {number}: " + "words of some length, " * 20 for number in range(11))


@pytest.fixture(autouse=True)
def claude(claude):
    claude.answer = lambda _body: Answer(text="Stand up, all of you.")
    return claude


async def add(guild, running, when: str = "every hour", what: str = "Remind us of the stand-up.", user: str = "ada"):
    return await answered(running, await guild.interact(user, "dev", "schedule add", {"when": when, "what": what}))


async def run_due(store, running) -> None:
    await make_due(store, DEV)
    await leave_due(store, running.assistant)
    await idle(running)


def is_answer_to_post(_number: int, method: str, path: str, phase: str) -> bool:
    """Whether a message was posted just now, and nobody was told yet."""
    return phase == "after" and method == "POST" and path.endswith("/messages")


def runs(guild):
    """Our messages in the channel, without what answers commands."""
    return [one for one in guild.visible("dev") if one.author == "confab" and "I post here" not in one.content]


async def test_times_that_can_not_be_read_are_refused_before_the_words_are_asked_for(guild, running):
    given = await guild.interact("ada", "dev", "schedule add", {"when": "whenever"})
    await until(lambda: given.modal or given.answer)

    assert (given.modal, given.ephemeral) == (None, True)
    assert "whenever" in given.answer


@pytest.mark.parametrize("more", [0, 2_500], ids=["short", "long"])
async def test_who_fills_in_times_that_can_not_be_read_is_given_the_words_back(guild, store, running, more):
    words = f'"whenever" Tell us what happened. {"x" * more}'.strip()
    shown = await guild.interact("ada", "dev", "schedule add")
    await until(lambda: shown.modal)
    given = await guild.submit_modal(shown, {"what": words})
    await until(lambda: given.answer)
    files = [file.upload.content.decode() for file in guild.world.posts[given.original].files]

    assert (given.ephemeral, files) == (True, [words] if more else [])
    assert given.answer.endswith("is in the file." if more else f"-# You wrote:\n```\n{words}\n```")
    assert await store.schedules.list(DEV) == []
    assert guild.refusals == []


async def test_a_run_is_a_message_of_its_own_and_a_reply_to_it_is_answered(guild, running, store, claude):
    said = await add(guild, running, "every weekday 9:00")
    await run_due(store, running)
    (page,) = runs(guild)
    await guild.say("bob", "dev", "Why?", page.id)
    await settled(guild, running)

    heading, _, text = page.content.partition("\n")
    assert (
        "Schedule 1: at 09:00 on Monday through Friday, in the time of UTC (`zone=` before the times names another), I post here"
        in said
    )
    assert heading.strip("*_").startswith("Schedule 1 of ")
    assert heading.strip("*_").endswith(": `Remind us of the stand-up.`, at 09:00 on Monday through Friday, by Ada")
    assert text.strip() == "Stand up, all of you."
    assert page.reference is None
    assert told(claude)[-1][-2:] == [("assistant", "Stand up, all of you."), ("user", "Bob: Why?")]


async def test_the_pages_of_a_long_run_reply_to_its_first(guild, running, store, claude):
    claude.answer = lambda _body: Answer(text=LONG)
    await add(guild, running)
    await run_due(store, running)

    first, *others = runs(guild)
    assert len(others) == 2
    assert {one.reference for one in others} == {first.id}
    assert all(f"Paragraph {number}:" in "".join(one.content for one in runs(guild)) for number in range(11))


@pytest.mark.parametrize("trouble", [Fault.LOSE, Fault.DROP, Fault.HIDE], ids=["lost", "dropped", "hidden"])
async def test_a_post_whose_answer_is_lost_is_not_made_twice(guild, running, store, claude, trouble):
    claude.answer = lambda _body: Answer(text=LONG)
    await add(guild, running)
    guild.fault(POST, trouble, 2)
    await run_due(store, running)

    text = "".join(one.content for one in runs(guild))
    assert len(runs(guild)) == 3
    assert [text.count(f"Paragraph {number}:") for number in range(11)] == [1] * 11


async def test_a_process_that_died_behind_a_post_is_followed_by_one_that_knows_it(guild, claude, store):
    claude.answer = lambda _body: Answer(text=LONG)
    async with confab(guild, claude, store) as first:
        await add(guild, first)
        await make_due(store, DEV)
        dying = [first]
        guild.on_request(lambda *call: bool(dying) and is_answer_to_post(*call))
        await leave_due(store, first.assistant)
        await guild.until(lambda: runs(guild))
        await first.assistant.worker.drain(0)
        dying.clear()
    async with confab(guild, claude, store, process="p2") as second:
        await idle(second)

        text = "".join(one.content for one in runs(guild))
        assert [text.count(f"Paragraph {number}:") for number in range(11)] == [1] * 11


async def test_of_two_processes_on_one_database_one_runs_what_is_due(guild, claude, store):
    async with (
        confab(guild, claude, store) as first,
        confab(guild, claude, store, process="p2", rules={"alone": False}) as second,
    ):
        await add(guild, first)
        await make_due(store, DEV)
        await asyncio.gather(*(leave_due(store, one.assistant) for one in (first, second)))
        await idle(first)

        assert len(runs(guild)) == 1
        assert len(told(claude)) == 1


async def test_a_schedule_stops_whose_author_left_the_server_and_its_owner_is_told(guild, running, store):
    await add(guild, running)
    house = guild.world.guilds["8138"]
    left = tuple(one for one in house.members if one[0] != ADA)
    guild.world.guilds["8138"] = replace(house, members=left)
    await run_due(store, running)

    (kept,) = await store.schedules.list(DEV)
    (direct,) = [channel for channel in guild.world.channels.values() if set(channel.recipients) == {ZOE, "4343"}]
    (letter,) = guild.visible(direct.id)
    assert kept.stopped is Stop.LEFT_WORKSPACE
    assert runs(guild) == []
    assert letter.content.startswith(
        "-# Schedule 1 of <#81383>, at the start of every hour, has stopped, for <@7001> is no full member of this workspace"
    )


async def test_a_schedule_stops_whose_author_manages_the_channel_no_more(guild, running, store):
    await add(guild, running)
    guild.permit("ada", "dev", deny=Permission.MANAGE_CHANNELS)
    await run_due(store, running)

    (kept,) = await store.schedules.list(DEV)
    assert kept.stopped is Stop.RANK


async def test_who_does_not_manage_a_channel_schedules_nothing(guild, running, store):
    said = await add(guild, running, user="bob")

    assert said == "-# Only those who manage this channel can use `schedule add`."
    assert await store.schedules.list(DEV) == []

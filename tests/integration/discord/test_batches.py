"""Batches in Discord, end to end: a file is offered with a preview, started with a button, and comes back with answers.

Tests core.commands.batches.following, core.commands.batches.results.
"""

import csv
import io
from datetime import timedelta

import pytest

from core.domain.clock import system_clock
from core.store import open_store
from tests.fakes.claude.script import Answer, last_words
from tests.fakes.discord.components import walk
from tests.fakes.discord.nouns import Upload
from tests.support.discord_house import answered, confab, settled
from tests.support.waiting import until

HOUR = timedelta(hours=1)
TABLE = b"id,text\n1,Hello\n2,Goodbye\n3,Thanks\n4,Please\n"


def ours(guild, channel: str = "general"):
    return [one for one in guild.visible(channel) if one.author == "confab"]


def labels(guild, page: str) -> list[str]:
    return [part["label"] for part in walk(guild.world.posts[page].components) if part.get("label")]


def posted(guild) -> dict[str, str]:
    """The files that we posted, by their names."""
    posts = [post for post in guild.world.posts.values() if post.author == guild.world.me.id]
    return {file.upload.name: file.upload.content.decode() for post in posts for file in post.files}


@pytest.fixture
async def offered(guild, claude, running):
    """The preview of a batch that Ada gave; its message."""
    claude.answer, claude.batches.seconds = lambda body: Answer(text=f"de:{last_words(body)}"), None
    file = Upload("words.csv", TABLE, "text/csv")
    await guild.say("ada", "general", f"<@{guild.me}> !batch Translate {{text}}", attachments=[file])
    await settled(guild, running)
    (preview,) = ours(guild)
    return preview.id


async def test_a_file_is_offered_started_and_comes_back_with_an_answer_in_each_row(guild, claude, running, offered):
    assert labels(guild, offered) == ["Start"]

    await guild.press("ada", offered, "Start")
    await until(lambda: claude.batches.given)
    await until(lambda: len(ours(guild)) == 2)
    progress = ours(guild)[1].id
    await until(lambda: labels(guild, progress) == ["Stop"])
    claude.batches.end()
    await until(lambda: len(posted(guild)) == 2)
    await settled(guild, running)

    rows = list(csv.DictReader(io.StringIO(posted(guild)["batch-1.csv"])))
    assert [one["answer"] for one in rows] == [
        f"de:Translate {word}" for word in ("Hello", "Goodbye", "Thanks", "Please")
    ]
    assert guild.world.posts[progress].content.endswith("4 of 4 rows are answered. It cost $0.000024, at batch prices.")
    assert labels(guild, progress) == []
    assert guild.refusals == []


@pytest.mark.parametrize("how", ["button", "slash"])
async def test_who_gave_a_batch_that_takes_long_is_mentioned_by_its_results_and_nobody_else_is(
    guild, claude, tmp_path, how
):
    passed = [timedelta()]
    store = await open_store(f"sqlite:///{tmp_path}/confab.db", clock=lambda: system_clock() + passed[0], stale=HOUR)
    claude.answer, claude.batches.seconds = lambda body: Answer(text=f"de:{last_words(body)}"), None
    async with confab(guild, claude, store) as running:
        file = Upload("@everyone <@7002>.csv", TABLE, "text/csv")
        await guild.say("ada", "general", f"<@{guild.me}> !batch Translate {{text}}", attachments=[file])
        await settled(guild, running)
        (preview,) = ours(guild)
        if how == "button":
            await guild.press("ada", preview.id, "Start")
        else:
            await guild.interact("ada", "general", "batch start")
        await until(lambda: claude.batches.given)
        await until(lambda: "given to Anthropic" in ours(guild)[-1].content)
        passed[0] = timedelta(minutes=2)
        claude.batches.end()
        await until(lambda: len(posted(guild)) == 2)
        await settled(guild, running)
    await store.shut()

    progress, results = ours(guild)[-2:]
    assert progress.content.endswith("It has ended. Its results stand below.")
    assert results.content.startswith("-# <@7001>\n")
    assert results.content.endswith("4 of 4 rows are answered. It cost $0.000024, at batch prices.")
    assert [one.target for one in guild.pings if one.message == results.id] == ["7001"]
    assert {one.target for one in guild.pings} == {"7001"}
    assert guild.refusals == []


async def test_somebody_else_can_not_start_it_and_its_giver_cancels_it(guild, claude, running, offered):
    await guild.press("bob", offered, "Start")
    await settled(guild, running)
    before = dict(claude.batches.given)
    told = await answered(running, await guild.interact("ada", "general", "batch stop"))
    listed = await answered(running, await guild.interact("ada", "general", "batch list"))

    assert before == claude.batches.given == {}
    assert told == "-# It is dropped. None of its rows were asked, and I keep nothing of them."
    assert "There are no batches in this channel." in listed
    assert guild.refusals == []


async def test_a_slash_command_without_a_file_tells_how_one_is_given(guild, claude, running):
    told = await answered(running, await guild.interact("ada", "general", "batch run", {"prompt": "Translate {text}"}))

    assert told.startswith("-# Attach a csv file")
    assert "Give it as the `file` of `/batch run`; or mention me" in told
    assert claude.requests == [] or all(one.path != "/v1/messages" for one in claude.requests)


async def test_a_slash_command_takes_a_file(guild, claude, running):
    claude.answer = lambda body: Answer(text=f"de:{last_words(body)}")
    options = {"prompt": "Translate {text}", "file": Upload("words.csv", TABLE, "text/csv")}
    told = await answered(running, await guild.interact("ada", "general", "batch run", options))

    assert told.startswith("**4 rows of words.csv**")
    assert "de:Translate Goodbye" in told
    assert guild.refusals == []


async def test_no_prompt_is_asked_for_where_there_are_no_rows(guild, claude, running):
    told = []
    for options in ({}, {"last": 5}, {"file": Upload("words.csv", TABLE, "text/csv")}, {"last": 5, "schema": "a:date"}):
        given = await guild.interact("ada", "general", "batch run", options)
        await until(lambda given=given: given.modal or given.answer)
        told.append((bool(given.modal), given.answer or "", given.ephemeral))

    assert [opens for opens, _, _ in told] == [False, True, True, False]
    assert "Give it as the `file` of `/batch run`; or mention me" in told[0][1]
    assert told[3][1].startswith("-# schema names columns and their kinds")
    assert (told[0][2], told[3][2]) == (True, True)


@pytest.mark.parametrize("how", ["message", "slash"])
async def test_a_task_waits_in_its_own_message_for_its_batch_and_answers_everybody_there(guild, claude, running, how):
    claude.answer, claude.batches.seconds = lambda body: Answer(text=f"said {last_words(body)}"), None
    await guild.say("bob", "general", f"<@{guild.me}> Where is the printer?")
    await settled(guild, running)
    if how == "message":
        line = f"<@{guild.me}> !persona compare now translator last=1 batch=yes"
        await guild.say("ada", "general", line)
    else:
        values = {"which": "now translator", "last": 1, "batch": "yes"}
        await guild.interact("ada", "general", "persona compare", values)
    await until(lambda: claude.batches.given)
    await until(lambda: "given to Anthropic" in ours(guild)[-1].content)
    waiting = ours(guild)[-1].id
    await until(lambda: labels(guild, waiting) == ["Stop"])
    claude.batches.end()
    await until(lambda: "comparison.md" in posted(guild))
    await until(lambda: not claude.batches.given)
    await settled(guild, running)

    assert "**The last question of this channel**" in guild.world.posts[waiting].content
    assert claude.batches.created == 1
    assert guild.refusals == []

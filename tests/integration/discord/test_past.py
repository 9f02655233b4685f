"""What of a channel's past may be read on Discord by who asks, and where links lead.

Tests bots.discord.directory, bots.discord.surface.
"""

import re
from datetime import UTC, datetime

import pytest

from core.domain.errors import CannotAnswer
from core.domain.messages import LinkTarget, Message, Question, ThreadKey
from core.tools.builtin import BuiltinTools
from core.tools.functions import build_tool
from core.tools.history import read_thread, search_history
from core.tools.registry import ToolRegistry
from core.tools.tool import ToolScope
from tests.fakes.claude.script import Answer, last_words
from tests.fakes.discord.nouns import Permission
from tests.support.discord_house import confab, settled

SERVER = "discord:8138"
GENERAL = "81382"
LINK = "https://discord.com/channels"
ADA, BOB = "7001", "7002"


async def surface(running, thread="1", at=GENERAL, workspace=SERVER, channel=GENERAL, person=ADA):
    key = ThreadKey(workspace, channel, thread)
    return await running.discord.surface(Question(key, "1", person, datetime.now(UTC), address=f'{{"at": "{at}"}}'))


@pytest.fixture
async def threads(guild, running):
    """A public thread, a private one, and one of another channel."""
    public = await guild.start_thread("general", "Plans")
    private = await guild.start_thread("general", "Secret", user="zoe", invited=["confab", "ada"])
    other = await guild.start_thread("dev", "Other")
    await settled(guild, running)
    return public, private, other


async def test_of_threads_public_ones_of_this_channel_are_readable_and_the_one_in_which_is_asked(running, threads):
    public, private, other = threads
    asked = {public: False, private: False, other: False, "999": False, "300": True, "x": False}

    outside, inside = await surface(running), await surface(running, private, private)

    assert await outside.list_readable(ADA, asked) == {public, "300"}
    assert await inside.list_readable(ADA, asked) == {public, private, "300"}


async def test_a_thread_that_the_gateway_does_not_show_is_asked_for_once(guild, running, threads):
    guild.archive(threads[0])
    here = await surface(running)

    assert [await here.list_readable(ADA, {threads[0]: False}) for _ in range(2)] == [{threads[0]}] * 2
    assert sum(call.path.endswith(f"/channels/{threads[0]}") for call in guild.calls) <= 1


async def test_a_private_thread_that_was_deleted_stays_private(guild, running, threads):
    _, private, _ = threads
    await guild.delete_thread(private)
    await settled(guild, running)

    assert await (await surface(running)).list_readable(ADA, {private: False}) == set()


async def test_who_may_not_read_a_channels_past_reads_the_thread_in_which_they_ask(guild, running, threads):
    guild.permit("bob", "general", deny=Permission.READ_MESSAGE_HISTORY)
    await settled(guild, running)
    here = await surface(running, threads[0], threads[0], person=BOB)

    assert await here.list_readable(BOB, {threads[0]: False, "300": True}) == {threads[0]}
    assert await here.list_readable("1234", {"300": True}) == set()
    assert await here.find_target(f"{LINK}/8138/{GENERAL}/300", BOB) is None
    assert await here.find_target(f"{LINK}/8138/{GENERAL}/300", ADA) == LinkTarget("300", GENERAL)


async def test_a_link_leads_to_this_channel_and_its_public_threads_alone(running, threads):
    public, private, other = threads
    links = [f"8138/{GENERAL}/300", f"8138/{public}/301", f"8138/{public}", f"8138/{private}/302", f"8138/{other}/303"]
    links += [f"8138/{GENERAL}", "8138/81383/304", f"9999/{GENERAL}/305", f"@me/{GENERAL}/306"]
    outside, inside = await surface(running), await surface(running, private, private)

    found = [await outside.find_target(f"{LINK}/{link}", ADA) for link in links]

    assert found == [LinkTarget("300", GENERAL), LinkTarget("301", public), LinkTarget("", public), *[None] * 6]
    assert await inside.find_target(f"{LINK}/{links[3]}", ADA) == LinkTarget("302", private)


async def test_direct_messages_are_this_conversation_alone(running):
    here = await surface(running, "77", "77", "discord:@me", "77")

    assert await here.list_readable(ADA, {"77": False}) == {"77"}
    assert await here.find_target(f"{LINK}/@me/77/300", ADA) == LinkTarget("300", "77")
    assert await here.find_target(f"{LINK}/@me/78/300", ADA) is None
    assert here.link(Message("300", ADA, "", datetime.now(UTC)), "77") == f"{LINK}/@me/77/300"


async def test_what_stands_at_a_link_is_read_from_discord(guild, running, threads):
    root = await guild.say("ada", "general", "Which editor?")
    reply = await guild.say("bob", "general", "ed", reply_to=root)
    await guild.say("cy", threads[0], "In the thread")
    here = await surface(running)

    chain = await here.read_target(LinkTarget(reply, GENERAL))
    thread = await here.read_target(LinkTarget("", threads[0]))

    assert [one.text for one in chain] == ["Which editor?", "ed"]
    assert [one.text for one in thread] == ["In the thread"]


async def scope_of(running, store, clock, person=ADA):
    question = Question(ThreadKey(SERVER, GENERAL, "1"), "1", person, datetime.now(UTC))

    async def find_zone():
        return "UTC"

    return ToolScope(question, await running.discord.surface(question), store, clock, find_zone)


async def test_words_of_a_private_thread_are_neither_found_nor_read_from_its_channel(
    guild, running, store, clock, threads
):
    public, private, _ = threads
    said = await guild.say("ada", private, f"<@{guild.me}> the secret word is xyzzy")
    shown = await guild.say("ada", public, f"<@{guild.me}> what is xyzzy?")
    await settled(guild, running)
    scope = await scope_of(running, store, clock)

    found = (await build_tool(search_history).run(scope, {"query": "xyzzy"})).words

    assert f"{LINK}/8138/{public}/{shown}\n  Ada: what is xyzzy?" in found
    assert "secret" not in found
    for place in (private, GENERAL, public):
        with pytest.raises(CannotAnswer):
            await build_tool(read_thread).run(scope, {"link": f"{LINK}/8138/{place}/{said}"})


def use(tool: str, **arguments: object) -> Answer:
    block = {"type": "tool_use", "id": f"toolu_{tool}", "name": tool, "input": arguments}
    return Answer(blocks=(block,), stop_reason="tool_use")


def read_results(body) -> list[str]:
    """What the calls of an answer brought."""
    blocks = [block for turn in body["messages"] if isinstance(turn["content"], list) for block in turn["content"]]
    return ["".join(part["text"] for part in one["content"]) for one in blocks if one["type"] == "tool_result"]


def look_up(body) -> Answer:
    """A Claude that searches for what it is asked, reads the thread of the newest hit, and answers with its link."""
    results = read_results(body)
    if not results:
        return use("search_history", query="heron") if "?" in last_words(body) else Answer(text="Noted.")
    link = re.search(r"https://\S+", results[0])
    if len(results) == 1 and link:
        return use("read_thread", link=link[0])
    return Answer(text=f"A database, see {link[0]}." if link else "Nothing was said of that.")


async def test_a_question_is_answered_out_of_the_channels_past_with_a_link(guild, claude, store):
    claude.answer = look_up
    secret = await guild.start_thread("general", "Secret", user="zoe", invited=["confab", "ada"])
    async with confab(guild, claude, store, rules={"tools": ToolRegistry([BuiltinTools()])}) as running:
        noted = await guild.say("ada", "general", f"<@{guild.me}> note: heron is the database.")
        await settled(guild, running)
        for place in ("dev", secret):
            await guild.say("ada", place, f"<@{guild.me}> note: heron has the password xyzzy.")
            await settled(guild, running)
        await guild.say("bob", "general", f"<@{guild.me}> what is heron?")
        await settled(guild, running)

        link = f"{LINK}/8138/{GENERAL}/{noted}"
        searched, read = read_results(claude.requests[-1].body)
        assert guild.visible("general")[-1].content.startswith(f"A database, see {link}")
        assert f"{link}\n  Ada: note: heron is the database." in searched
        assert "[The link names this message:]\n  Ada: note: heron is the database.\n  Claude: Noted." in read
        assert "xyzzy" not in f"{searched}{read}"

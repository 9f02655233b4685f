"""The loopback Discord, seen through the unmodified discord.py: people, messages, threads."""

import io

import aiohttp
import discord
import pytest

from tests.fakes.discord.client import Noted, online
from tests.fakes.discord.limits import Fault
from tests.fakes.discord.nouns import Intent, Permission, Ping, Upload
from tests.fakes.discord.server import DiscordFake, Visible


def place(guild: DiscordFake, bot: Noted, name: str) -> discord.PartialMessageable:
    return bot.get_partial_messageable(int(guild.world.channel(name).id), guild_id=8138)


async def test_a_client_logs_in_and_meets_its_guild(bot):
    [guild] = bot.guilds

    assert (bot.user.id, guild.id, guild.owner_id) == (4343, 8138, 7005)
    assert [channel.name for channel in guild.channels] == ["rooms", "general", "dev", "private", "questions"]
    assert guild.me.guild_permissions.send_messages


async def test_a_mention_arrives_and_the_reply_points_at_it(guild, bot):
    asked = await guild.say("ada", "general", f"<@{guild.me}> what is a fjord?")
    message = await bot.happened("message")
    answer = await message.reply("A long, narrow inlet.")

    assert (message.mentions, message.author.name) == ([bot.user], "ada")
    assert guild.visible("general") == [
        Visible("ada", f"<@{guild.me}> what is a fjord?", asked, None),
        Visible("confab", "A long, narrow inlet.", str(answer.id), asked),
    ]
    assert answer.reference.resolved.content == message.content
    assert (guild.pings, guild.refusals) == ([], [])


@pytest.mark.parametrize(("ping", "mentioned"), [(True, ["confab"]), (False, [])], ids=["with a ping", "without"])
async def test_a_reply_mentions_whom_it_answers_if_it_pings(guild, bot, ping, mentioned):
    said = await place(guild, bot, "general").send("Ask me anything.")
    await guild.say("bob", "general", "Anything", reply_to=str(said.id), ping=ping)
    heard = await bot.happened("message", times=2)

    assert [user.name for user in heard.mentions] == mentioned
    assert heard.reference.message_id == said.id


async def test_only_allowed_mentions_ping(guild, bot):
    words = "@everyone <@7001> <@&813802> <@7002>"
    quiet = await place(guild, bot, "general").send(words)
    loud = await place(guild, bot, "general").send(
        words, allowed_mentions=discord.AllowedMentions(everyone=True, roles=True, users=[discord.Object(7001)])
    )

    assert (quiet.mentions, quiet.mention_everyone) == ([], False)
    assert guild.pings == [Ping(str(loud.id), "813802"), Ping(str(loud.id), "7001")]


async def test_edits_and_deletions_are_seen_by_both_sides(guild, bot):
    asked = await guild.say("ada", "general", "Draft")
    said = await place(guild, bot, "general").send("...")
    await guild.edit(asked, "Final")
    before = await bot.happened("message_edit")
    await said.edit(content="Done", suppress=True)
    await guild.delete(asked)
    deleted = await bot.happened("message_delete")

    assert (before.content, deleted.content) == ("Draft", "Final")
    assert [(shown.author, shown.content) for shown in guild.visible("general")] == [("confab", "Done")]
    assert guild.world.posts[str(said.id)].flags == discord.MessageFlags(suppress_embeds=True).value


async def test_a_reply_to_what_was_deleted_says_so(guild, bot):
    asked = await guild.say("ada", "general", "Never mind")
    answered = await (await bot.happened("message")).reply("Too late")
    await guild.delete(asked)
    fetched = await place(guild, bot, "general").fetch_message(answered.id)

    assert isinstance(fetched.reference.resolved, discord.DeletedReferencedMessage)


async def test_a_forward_carries_the_words_of_the_other(guild, bot):
    original = await guild.say("ada", "dev", "The build is red")
    await guild.forward("bob", original, "general")
    forwarded = await bot.happened("message", times=2)

    assert (forwarded.content, [shot.content for shot in forwarded.message_snapshots]) == ("", ["The build is red"])
    assert forwarded.reference.type is discord.MessageReferenceType.forward


async def test_history_is_paged_both_ways(guild, bot):
    ids = [await guild.say("ada", "general", str(number)) for number in range(7)]
    channel = place(guild, bot, "general")

    async def contents(**bounds: object) -> list[str]:
        return [message.content async for message in channel.history(**bounds)]

    assert await contents(limit=3) == ["6", "5", "4"]
    assert await contents(limit=None, after=discord.Object(int(ids[4]))) == ["5", "6"]
    assert await contents(limit=2, before=discord.Object(int(ids[4]))) == ["3", "2"]
    assert await contents(limit=3, around=discord.Object(int(ids[3]))) == ["4", "3", "2"]


async def test_a_thread_on_a_message_takes_its_id(guild, bot):
    asked = await guild.say("ada", "general", "Long story")
    thread = await (await bot.happened("message")).create_thread(name="Story")
    await thread.send("Once upon a time")
    await guild.say("bob", thread.name, "And then?")
    heard = await bot.happened("message", times=4)

    assert str(thread.id) == asked
    assert (heard.content, heard.channel, heard.channel.parent.name) == ("And then?", thread, "general")
    assert [message.type.name async for message in thread.history(oldest_first=True)] == [
        "thread_starter_message",
        "default",
        "default",
    ]
    assert (await place(guild, bot, "general").fetch_message(int(asked))).flags.has_thread


async def test_a_thread_without_a_message_is_announced_in_its_channel(guild, bot):
    thread = await guild.start_thread("general", "Plans", user="bob")
    met = await bot.happened("thread_create")

    assert (str(met.id), met.owner_id, [shown.content for shown in guild.visible("general")]) == (
        thread,
        7002,
        ["Plans"],
    )


async def test_a_private_thread_is_seen_by_those_alone_who_are_in_it(guild, bot):
    thread = await guild.start_thread("general", "Secret", user="bob", invited=["confab"])
    met = await bot.happened("thread_create")
    await guild.start_thread("general", "More secret", user="bob", invited=["cy"])

    assert (met.is_private(), met.parent.name, guild.visible("general")) == (True, "general", [])
    with pytest.raises(discord.Forbidden):
        await bot.fetch_channel(int(guild.world.channel("More secret").id))
    await guild.delete_thread(thread)
    with pytest.raises(discord.NotFound):
        await bot.fetch_channel(int(thread))


async def test_a_forum_post_begins_with_a_message_of_its_own_id(guild, bot):
    theirs = await guild.forum_post("cy", "questions", "Which editor?", "And why?")
    heard = await bot.happened("message")
    mine = await bot.get_channel(81385).create_thread(name="Answers", content="All of them")

    assert (str(heard.id), heard.channel.id, heard.channel.parent.name) == (theirs, heard.id, "questions")
    assert (mine.message.id, guild.visible("Answers")) == (
        mine.thread.id,
        [Visible("confab", "All of them", str(mine.thread.id), None)],
    )


async def test_a_dm_goes_both_ways(guild, bot):
    await guild.say("dee", "dm", "psst")
    heard = await bot.happened("message")
    await heard.channel.send("Yes?")
    user = await bot.fetch_user(7004)

    assert (heard.guild, heard.content) == (None, "psst")
    assert (await user.create_dm()).id == heard.channel.id
    assert [shown.content for shown in guild.visible("@dee")] == ["psst", "Yes?"]


async def test_files_are_downloaded_until_their_link_expires(guild, bot):
    await guild.say("ada", "general", "look", attachments=[Upload("note.txt", b"hello", None)])
    [theirs] = (await bot.happened("message")).attachments
    mine = await place(guild, bot, "general").send(file=discord.File(io.BytesIO(b"x" * 9), "x.bin", description="nine"))

    assert (await theirs.read(), theirs.content_type, theirs.size) == (b"hello", None, 5)
    assert (await mine.attachments[0].read(), mine.attachments[0].description) == (b"x" * 9, "nine")
    guild.clock.forward(25 * 3600)
    with pytest.raises(discord.NotFound):
        await theirs.read()


async def test_a_link_unfurls_later_without_an_edit(guild, bot):
    said = await guild.say("ada", "general", "https://example.com")
    quiet = await place(guild, bot, "general").send("https://example.com", suppress_embeds=True)
    unfurled = [await guild.unfurl(key, "https://example.com") for key in (said, str(quiet.id))]
    update = await bot.happened("raw_message_edit")

    assert unfurled == [True, False]
    assert (update.data["content"], update.data["edited_timestamp"]) == ("https://example.com", None)
    assert [embed["type"] for embed in update.data["embeds"]] == ["link"]


async def test_reactions_are_counted(guild, bot):
    said = await guild.say("ada", "general", "Vote")
    message = await bot.happened("message")
    await message.add_reaction("👍")
    await guild.react("bob", said, "👍")
    await bot.happened("reaction_add", times=2)
    await message.remove_reaction("👍", bot.user)

    [reaction] = (await place(guild, bot, "general").fetch_message(int(said))).reactions
    assert (reaction.emoji, reaction.count, reaction.me) == ("👍", 1, False)


@pytest.mark.parametrize(
    ("author", "webhook", "member"), [("robot", None, True), ("hook", 7902, False)], ids=["a bot", "a webhook"]
)
async def test_other_machines_speak_too(guild, bot, author, webhook, member):
    await guild.say(author, "general", "beep")
    heard = await bot.happened("message")

    assert (heard.author.bot, heard.webhook_id, isinstance(heard.author, discord.Member)) == (True, webhook, member)


async def test_the_same_nonce_posts_once(guild, bot):
    channel = place(guild, bot, "general")
    first = await channel.send("page 1", nonce="q1-p1")
    again = await channel.send("page 1, again", nonce="q1-p1")
    other = await channel.send("page 2", nonce="q1-p2")
    guild.clock.forward(600)
    late = await channel.send("much later", nonce="q1-p1")

    assert (again.id, again.content) == (first.id, "page 1")
    assert [shown.id for shown in guild.visible("general")] == [str(said.id) for said in (first, other, late)]
    assert [message.nonce async for message in channel.history()] == [None, None, None]


async def test_a_lost_answer_happened_all_the_same(guild, bot):
    guild.fault("POST /channels/{channel}/messages", Fault.LOSE)
    channel = place(guild, bot, "general")
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await channel.send("once", nonce="q1-p1")
    again = await channel.send("once", nonce="q1-p1")

    assert [shown.id for shown in guild.visible("general")] == [str(again.id)]


async def test_words_are_withheld_without_the_intent(guild):
    guild.world.privileged = Intent(0)
    client = Noted(discord.Intents(guilds=True, messages=True))
    async with online(client, guild.token):
        mine = await place(guild, client, "general").send("mine")
        secret = await guild.say("ada", "general", "secret", attachments=[Upload("a.txt", b"a")])
        await guild.say("ada", "general", f"<@{guild.me}> open")
        await guild.say("ada", "general", "answer", reply_to=str(mine.id))
        await guild.say("ada", "general", "aside", reply_to=str(mine.id), ping=False)
        await guild.forward("bob", secret, "general")
        await guild.say("ada", "dm", "private")
        await client.happened("message", times=7)
        listed = [message async for message in place(guild, client, "general").history(oldest_first=True)]

    shown = ["mine", "", f"<@{guild.me}> open", "answer", "", ""]
    assert [message.content for message in client.seen("message")] == [*shown, "private"]
    assert [message.content for message in listed] == shown
    assert [message.attachments for message in listed] == [[]] * 6
    assert [shot.content for shot in listed[-1].message_snapshots] == [""]


async def test_what_the_bot_may_not_see_it_does_not_hear(guild, bot):
    await guild.say("ada", "private", "hidden")
    guild.permit("confab", "private", allow=Permission.VIEW_CHANNEL)
    await guild.say("ada", "private", "shown")

    assert (await bot.happened("message")).content == "shown"

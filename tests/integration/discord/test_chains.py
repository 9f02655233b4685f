"""`forget` and `prompt` in reply chains on Discord: by a reply, and from a message's menu.

Tests core.commands.forget, core.commands.prompt, bots.discord.slash, core.store.rules.read_thread.
"""

from tests.support.discord_house import answered, settled, told


def ours(guild, channel: str = "general") -> list[str]:
    return [one.content for one in guild.visible(channel) if one.author == "confab"]


async def chain(guild, running) -> tuple[str, str]:
    """A question and its answer in a channel."""
    asked = await guild.say("ada", "general", f"<@{guild.me}> why is the sky blue?")
    await settled(guild, running)
    return asked, guild.visible("general")[1].id


async def test_forget_in_a_reply_erases_the_chain_that_it_stands_in(guild, claude, running):
    _, page = await chain(guild, running)
    await guild.say("ada", "general", f"<@{guild.me}> !forget", page)
    await settled(guild, running)
    await guild.say("ada", "general", "and at night?", page)
    await settled(guild, running)

    assert "messages are forgotten" in ours(guild)[1]
    assert "why is the sky" not in str(told(claude)[-1])


async def test_forget_from_a_messages_menu_erases_its_chain(guild, claude, running):
    _, page = await chain(guild, running)
    said = await answered(running, await guild.choose("ada", page, "Forget this conversation"))
    await guild.say("ada", "general", "and at night?", page)
    await settled(guild, running)

    assert "messages are forgotten" in said
    assert "why is the sky" not in str(told(claude)[-1])


async def test_forget_where_no_conversation_is_says_how(guild, claude, running):
    await chain(guild, running)
    said = await answered(running, await guild.interact("ada", "general", "forget"))

    assert "`!forget`" in said
    assert "keeps nothing" not in said


async def test_forget_of_a_message_that_nobody_asked_about_says_what_is_told_of_it(guild, claude, running):
    other = await guild.say("bob", "general", "lunch?")
    await settled(guild, running)
    said = await answered(running, await guild.choose("ada", other, "Forget this conversation"))

    assert "Claude is told what stands here then" in said


async def test_the_prompt_of_a_chain_is_shown_from_a_messages_menu_to_who_asks_alone(guild, claude, running):
    _, page = await chain(guild, running)
    await guild.say("bob", "general", f"<@{guild.me}> something else")
    await settled(guild, running)
    asked = await guild.choose("ada", page, "Show the prompt")
    said = await answered(running, asked) + "".join(asked.followups)

    assert asked.ephemeral
    assert "why is the sky blue?" in said
    assert "something else" not in said


async def test_the_prompt_is_shown_alone_to_who_asks_in_a_reply(guild, claude, running):
    _, page = await chain(guild, running)
    await guild.say("ada", "general", f"<@{guild.me}> !prompt", page)
    await settled(guild, running)

    assert len(ours(guild)) == 1
    assert "why is the sky blue?" in "".join(ours(guild, "@ada"))


async def test_the_prompt_where_no_conversation_is_says_how(guild, claude, running):
    await chain(guild, running)

    assert "`!prompt`" in await answered(running, await guild.interact("ada", "general", "prompt"))

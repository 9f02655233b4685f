"""A persona that is tried and kept on Discord, end to end: its editor alone sees what it answers, a button keeps it.

Tests core.commands.trials, bots.discord.interactions, bots.discord.surface.
"""

from tests.fakes.claude.script import Answer
from tests.support.discord_house import idle, settled
from tests.support.waiting import until


async def answer_of(guild, running, interaction):
    """An interaction once it is answered."""
    await until(lambda: any(event.id == interaction.id for event in running.heard))
    await idle(running)
    await guild.until(lambda: interaction.answer and not interaction.thinking)
    return interaction


async def test_a_draft_is_tried_on_the_channels_last_question_and_kept_with_a_button_once(guild, running, claude):
    claude.script(Answer(text="On the second floor."), Answer(text="Arr, the second deck!"))
    await guild.say("bob", "general", f"<@{guild.me}> Where is the printer?")
    await settled(guild, running)

    given = await guild.interact("ada", "general", "persona try", {"what": "Answer like a pirate."})
    tried = await answer_of(guild, running, given)
    kept = [await answer_of(guild, running, await guild.press("ada", tried.original, "Keep")) for _ in range(2)]

    assert tried.ephemeral
    assert "On the second floor." in tried.answer
    assert "Arr, the second deck!" in tried.answer
    told = [guild.world.posts[one.posted[-1]] for one in kept]
    assert [one.ephemeral for one in told] == [True, True]
    assert "as version 1. Set by" in told[0].content
    assert "It is kept already, as version 1." in told[1].content
    assert [one.author for one in guild.visible("general")] == ["bob", "confab"]


async def test_two_personas_are_compared_on_a_channels_questions_as_a_table_and_a_file(guild, running, claude):
    claude.script(Answer(text="On the second floor."), Answer(text="Second floor."), Answer(text="Im zweiten Stock."))
    await guild.say("bob", "general", f"<@{guild.me}> Where is the printer?")
    await settled(guild, running)

    given = await guild.interact("ada", "general", "persona compare", {"which": "now translator", "last": 1})
    compared = await answer_of(guild, running, given)

    assert compared.ephemeral
    assert "Second floor." in compared.answer
    assert "Im zweiten Stock." in compared.answer
    assert [file.upload.name for file in guild.world.files.values()] == ["comparison.md"]
    assert [one.author for one in guild.visible("general")] == ["bob", "confab"]


async def test_a_thread_is_answered_again_by_another_model(guild, running, claude):
    claude.script(Answer(text="On the second floor."), Answer(text="Upstairs."))
    thread = await guild.start_thread("general", "plans", "bob")
    await guild.say("bob", thread, f"<@{guild.me}> Where is the printer?")
    await settled(guild, running)

    given = await guild.interact("ada", thread, "replay", {"model": "claude-haiku-4-5"})
    again = await answer_of(guild, running, given)

    assert again.ephemeral
    assert "Upstairs." in again.answer
    assert claude.requests[-1].body["model"] == "claude-haiku-4-5"

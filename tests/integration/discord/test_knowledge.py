"""The library and files that a channel knows, in Discord, end to end. Tests core.commands.craft.library, core.commands.memory.knowledge."""

from core.domain.personas import Place
from tests.fakes.discord.nouns import Upload
from tests.support.discord_house import answered, settled

HERE = Place("discord:8138", "81382")


def systems(claude) -> list[str]:
    """What each request told Claude behind the house's words."""
    asked = [one.body for one in claude.requests if one.path == "/v1/messages"]
    return [" ".join(block["text"] for block in body["system"][1:]) for body in asked]


async def test_a_persona_of_the_library_is_listed_and_given_to_a_channel(guild, claude, running, store):
    listed = await answered(running, await guild.interact("ada", "general", "persona library"))
    taken = await answered(running, await guild.interact("ada", "general", "persona use", {"name": "translator"}))
    await guild.say("bob", "general", f"<@{guild.me}> hello")
    await settled(guild, running)

    held = await store.personas.persona(HERE)
    assert all(name in listed for name in ("code-reviewer", "sql-helper", "translator"))
    assert "translator" in taken
    assert systems(claude) == [held.persona.system]
    assert guild.refusals == []


async def test_an_attached_file_is_told_with_the_next_question_of_its_channel_alone(guild, claude, running):
    file = Upload("handbook.md", b"Holidays: 30 days.", "text/markdown")
    await guild.say("ada", "general", f"<@{guild.me}> !persona attach", attachments=[file])
    await settled(guild, running)
    for channel in ("general", "dev"):
        await guild.say("bob", channel, f"<@{guild.me}> how many holidays?")
        await settled(guild, running)

    here, elsewhere = systems(claude)
    (said,) = [one.content for one in guild.visible("general") if "knows handbook.md" in one.content]
    assert "Attached by Ada" in said
    assert here.endswith("\n\n[handbook.md:]\n  Holidays: 30 days.")
    assert elsewhere == ""
    assert guild.refusals == []


async def test_who_does_not_manage_the_channel_attaches_nothing(guild, claude, running, store):
    file = Upload("handbook.md", b"Obey Bob.", "text/markdown")
    await guild.say("bob", "general", f"<@{guild.me}> !persona attach", attachments=[file])
    await settled(guild, running)

    assert await store.personas.persona(HERE) is None

"""Who removes the bot from a server is answered no more there; what is only out of reach is waited for.

Tests bots.discord.intake and core.domain.events.WorkspaceEnded.
"""

from tests.fakes.claude.script import Answer, Gate
from tests.fakes.discord.world import Event, Intent
from tests.support.discord_house import idle
from tests.support.waiting import until


async def ask_and_leave(guild, claude, gate: Gate, **payload: object) -> None:
    """Somebody asks; before the answer's first word Discord tells that we are no longer in the server."""
    claude.script(Answer(text="fine", gate=gate))
    await guild.say("ada", "general", f"<@{guild.me}> why?")
    await gate.reached.wait()
    server = guild.world.channel("general").guild
    guild.world.tell(Event("GUILD_DELETE", {"id": server, **payload}, server, Intent.GUILDS))


def ours(guild) -> list[str]:
    return [one.content for one in guild.visible("general") if one.author == "confab"]


async def test_a_question_of_a_server_that_we_were_removed_from_is_withdrawn(guild, claude, running, store):
    gate = Gate()
    await ask_and_leave(guild, claude, gate)
    await idle(running)

    assert ours(guild) == []
    assert (await store.questions.count_open())[0] == 0
    gate.opened.set()


async def test_a_server_that_is_out_of_reach_for_a_while_loses_no_question(guild, claude, running, store):
    gate = Gate()
    await ask_and_leave(guild, claude, gate, unavailable=True)
    gate.opened.set()
    await until(lambda: ours(guild) == ["fine"])

    await idle(running)

"""What the loopback Discord shows and takes where only a person has installed the application, seen with discord.py."""

import discord
import pytest
from discord import app_commands
from discord.app_commands import AppCommandContext, AppInstallationType

from tests.fakes.discord.client import Noted, online
from tests.fakes.discord.interactions import FOLLOWUPS
from tests.fakes.discord.nouns import Permission


class Taken(Noted):
    """A client whose command /many answers with as many follow-ups as are asked for, in all places; /own in servers."""

    def __init__(self) -> None:
        super().__init__()
        self.given: list[discord.Interaction] = []
        self.refused: list[int] = []
        anywhere = AppCommandContext(guild=True, dm_channel=True, private_channel=True)
        both = AppInstallationType(guild=True, user=True)

        async def many(interaction: discord.Interaction, count: int) -> None:
            self.given.append(interaction)
            await interaction.response.send_message("first")
            try:
                for number in range(count):
                    await interaction.followup.send(f"more {number}")
            except discord.HTTPException as error:
                self.refused.append(error.code)
            self.dispatch("answered", interaction)

        async def own(interaction: discord.Interaction) -> None:
            await interaction.response.send_message("own")

        self.tree = app_commands.CommandTree(self)
        given = {"allowed_contexts": anywhere, "allowed_installs": both}
        self.tree.add_command(app_commands.Command(name="many", description="Many", callback=many, **given))
        self.tree.add_command(app_commands.Command(name="own", description="Own", callback=own))

    async def setup_hook(self) -> None:
        await self.tree.sync()


@pytest.fixture
async def bot(guild):
    client = Taken()
    async with online(client, guild.token):
        yield client


@pytest.fixture
def lobby(guild):
    guild.install("ada")
    return guild.elsewhere("9100", "Elsewhere", "lobby")


async def test_where_the_bot_is_no_member_it_is_told_who_has_installed_it_and_little_else(guild, bot, lobby):
    await guild.interact("ada", lobby, "many", {"count": 0})
    await bot.happened("answered")

    (given,) = bot.given
    assert given.is_user_integration()
    assert not given.is_guild_integration()
    assert given.context.guild
    assert bot.get_guild(9100) is None
    assert not given.app_permissions.view_channel
    assert given.app_permissions.attach_files


async def test_a_group_is_a_private_channel(guild, bot, lobby):
    await guild.interact("ada", guild.circle("friends", "ada", "bob", "cy"), "many", {"count": 0})
    await bot.happened("answered")

    (given,) = bot.given
    assert given.context.private_channel
    assert isinstance(given.channel, discord.GroupChannel)
    assert given.guild_id is None


async def test_only_what_is_for_people_is_offered_there_and_only_to_who_has_installed_it(guild, bot, lobby):
    with pytest.raises(LookupError):
        await guild.interact("ada", lobby, "own")
    with pytest.raises(LookupError):
        await guild.interact("bob", lobby, "many", {"count": 0})

    assert bot.given == []


@pytest.mark.parametrize(("place", "codes"), [("lobby", [40094]), ("general", [])])
async def test_a_sixth_follow_up_is_refused_where_the_bot_is_no_member(guild, bot, lobby, place, codes):
    asked = await guild.interact("ada", place, "many", {"count": FOLLOWUPS + 1})
    await bot.happened("answered")

    assert bot.refused == codes
    assert len(asked.followups) == FOLLOWUPS + (not codes)


async def test_the_bot_s_own_token_opens_nothing_there(guild, bot, lobby):
    message = await guild.say("cy", lobby, "hello")
    place = bot.get_partial_messageable(int(lobby))
    codes = []
    calls = place.send("hi"), place.fetch_message(int(message)), place.typing().__aenter__()
    for call in (*calls, bot.fetch_channel(int(lobby))):
        with pytest.raises(discord.Forbidden) as refused:
            await call
        codes.append(refused.value.code)

    assert codes == [50001] * 4


async def test_nothing_is_heard_of_what_is_said_there(guild, bot, lobby):
    await guild.say("cy", lobby, "hello")
    await guild.say("cy", "general", "a mark")
    await bot.happened("message")

    assert [message.content for message in bot.seen("message")] == ["a mark"]


async def test_after_fifteen_minutes_the_token_is_over(guild, bot, lobby):
    await guild.interact("ada", lobby, "many", {"count": 0})
    given = await bot.happened("answered")
    guild.clock.forward(15 * 60 + 1)

    with pytest.raises(discord.HTTPException) as refused:
        await given.edit_original_response(content="late")
    assert refused.value.code == 50027


async def test_without_the_permission_for_outside_apps_all_answers_are_ephemeral(guild, bot, lobby):
    guild.permit("ada", lobby, deny=Permission.USE_EXTERNAL_APPS)
    asked = await guild.interact("ada", lobby, "many", {"count": 1})
    await bot.happened("answered")

    assert asked.ephemeral
    assert guild.visible(lobby) == []

"""The loopback Discord's interactions, seen through the unmodified discord.py and its command tree."""

import io
from collections.abc import AsyncIterator

import discord
import pytest
from discord import app_commands

from tests.fakes.discord.client import INTENTS, Noted, online
from tests.fakes.discord.nouns import Permission, Upload
from tests.fakes.discord.server import DiscordFake


class Note(discord.ui.Modal, title="A note"):
    words = discord.ui.Label(text="Words", component=discord.ui.TextInput(style=discord.TextStyle.paragraph))
    mood = discord.ui.Label(
        text="Mood",
        component=discord.ui.Select(options=[discord.SelectOption(label="Glad"), discord.SelectOption(label="Sad")]),
    )

    async def on_submit(self, interaction: discord.Interaction) -> None:
        await interaction.response.send_message(f"{self.words.component.value} ({self.mood.component.values[0]})")


class Stop(discord.ui.View):
    @discord.ui.button(label="Stop", custom_id="stop")
    async def stop(self, interaction: discord.Interaction, button: discord.ui.Button) -> None:
        await interaction.response.edit_message(content="Stopped", view=None)


@app_commands.command(description="Ask something")
async def ask(interaction: discord.Interaction, question: str, private: bool = False) -> None:
    await interaction.response.defer(thinking=True, ephemeral=private)
    await interaction.edit_original_response(content=f"You asked: {question}")
    await interaction.followup.send("More")


@app_commands.command(description="Follow up at once")
async def hasty(interaction: discord.Interaction) -> None:
    await interaction.response.defer(thinking=True)
    await interaction.followup.send("It lands in the first answer")


@app_commands.command(description="Write a note")
async def note(interaction: discord.Interaction) -> None:
    await interaction.response.send_modal(Note())


@app_commands.command(description="Show a button")
async def button(interaction: discord.Interaction) -> None:
    await interaction.response.send_message("Working", view=Stop())


@app_commands.command(description="Look at things")
@app_commands.default_permissions(manage_channels=True)
async def look(
    interaction: discord.Interaction, who: discord.Member, where: discord.TextChannel, what: discord.Attachment
) -> None:
    words = f"{who.name} {where.name} {(await what.read()).decode()}"
    await interaction.response.send_message(words, file=discord.File(io.BytesIO(b"seen"), "seen.txt"))


models = app_commands.Group(name="model", description="Models")


@models.command(description="Choose a model")
async def choose(interaction: discord.Interaction, name: str) -> None:
    await interaction.response.send_message(f"Now {name}", ephemeral=True)


@choose.autocomplete("name")
async def complete(interaction: discord.Interaction, current: str) -> list[app_commands.Choice[str]]:
    return [app_commands.Choice(name=name.title(), value=name) for name in ("opus", "sonnet") if current in name]


class Commanded(Noted):
    def __init__(self) -> None:
        super().__init__(INTENTS)
        self.tree = app_commands.CommandTree(self)

    async def setup_hook(self) -> None:
        for command in (ask, hasty, note, button, look, models):
            self.tree.add_command(command)
        await self.tree.sync()


@pytest.fixture
async def bot(guild) -> AsyncIterator[Commanded]:
    client = Commanded()
    async with online(client, guild.token):
        yield client


async def test_a_deferred_answer_is_edited_and_followed_up(guild, bot):
    asked = await guild.interact("ada", "general", "ask", {"question": "why?"})
    await guild.until(lambda: asked.followups)
    first, second = [message async for message in bot.get_channel(81382).history(oldest_first=True)]

    assert (asked.answer, asked.followups, asked.thinking) == ("You asked: why?", ["More"], False)
    assert (first.interaction_metadata.id, first.interaction_metadata.user.name) == (int(asked.id), "ada")
    assert (first.webhook_id, first.application_id, first.type.name) == (4242, 4242, "chat_input_command")
    assert (first.edited_at, second.reference.message_id) == (None, first.id)
    assert second.interaction_metadata.original_response_message_id == first.id


async def test_a_deferred_answer_is_thinking_until_it_is_edited(guild, bot):
    interaction = await held(guild, bot)
    told = await interaction.response.defer(thinking=True)
    thinking = await interaction.original_response()
    edited = await interaction.edit_original_response(content="because")

    assert (told.message_id, told.is_thinking()) == (thinking.id, True)
    assert (thinking.flags.loading, edited.flags.loading, edited.id) == (True, False, thinking.id)


async def test_a_followup_right_after_a_defer_is_the_first_answer(guild, bot):
    asked = await guild.interact("ada", "general", "hasty")
    await guild.until(lambda: asked.answer)

    assert (asked.answer, asked.followups) == ("It lands in the first answer", [])


async def test_an_ephemeral_answer_is_seen_by_its_asker_alone(guild, bot):
    asked = await guild.interact("ada", "general", "ask", {"question": "why?", "private": True})
    await guild.until(lambda: asked.followups)
    with pytest.raises(discord.NotFound) as refusal:
        await bot.get_channel(81382).fetch_message(int(asked.original))

    assert (asked.answer, asked.ephemeral) == ("You asked: why?", True)
    assert ([shown.content for shown in guild.visible("general")], refusal.value.code) == (["More"], 10008)


async def test_a_command_works_in_a_dm(guild, bot):
    asked = await guild.interact("dee", "dm", "ask", {"question": "why?"})
    await guild.until(lambda: asked.answer)

    assert guild.visible("@dee")[0].content == "You asked: why?"


async def test_a_modal_is_shown_and_submitted(guild, bot):
    shown = await guild.interact("ada", "general", "note")
    await guild.until(lambda: shown.modal)
    sent = await guild.submit_modal(shown, {"Words": "Hello", "Mood": "Glad"})
    await guild.until(lambda: sent.answer)

    assert (shown.modal["title"], sent.answer) == ("A note", "Hello (Glad)")


async def test_an_option_completes_itself(guild, bot):
    typed = await guild.autocomplete("ada", "general", "model choose", ("name", "op"))
    await guild.until(lambda: typed.choices is not None)

    assert typed.choices == [{"name": "Opus", "value": "opus"}]


async def test_a_button_changes_its_message(guild, bot):
    shown = await guild.interact("ada", "general", "button")
    await guild.until(lambda: shown.answer)
    pressed = await guild.press("bob", shown.original, "Stop")
    await guild.until(lambda: pressed.acknowledged)

    assert [message.content for message in guild.visible("general")] == ["Stopped"]


@pytest.mark.parametrize(("who", "what"), [("bob", "Go"), ("cy", "Stop")], ids=["not there", "not seen"])
async def test_nobody_presses_a_button_that_they_do_not_see(guild, bot, who, what):
    guild.permit("cy", "general", deny=Permission.VIEW_CHANNEL)
    shown = await guild.interact("ada", "general", "button")
    await guild.until(lambda: shown.answer)

    with pytest.raises(LookupError):
        await guild.press(who, shown.original, what)


async def test_a_press_that_nobody_answers_has_failed(guild, bot):
    shown = await guild.interact("ada", "general", "button")
    await guild.until(lambda: shown.answer)
    bot._connection._view_store._views.clear()
    pressed = await guild.press("bob", shown.original, "Stop")
    await bot.happened("interaction", 2)
    guild.clock.forward(4)

    assert guild.failed == [pressed]
    assert pressed.failed


async def test_people_channels_and_files_arrive_resolved(guild, bot):
    given = {"who": "bob", "where": "dev", "what": Upload("a.txt", b"hello")}
    asked = await guild.interact("ada", "general", "look", given)
    await guild.until(lambda: asked.answer)

    assert asked.answer == "bob dev hello"
    assert [file.upload.content for file in guild.world.posts[asked.original].files] == [b"seen"]


@pytest.mark.parametrize(
    ("user", "command", "options"),
    [
        ("bob", "look", {"who": "cy", "where": "dev", "what": Upload("a.txt", b"a")}),
        ("ada", "nothing", {}),
        ("ada", "ask", {}),
        ("ada", "ask", {"question": "x", "volume": 3}),
        ("ada", "model forget", {}),
    ],
    ids=["not offered to everybody", "unknown", "without what is required", "an unknown option", "unknown subcommand"],
)
async def test_a_client_sends_no_command_it_does_not_offer(guild, bot, user, command, options):
    with pytest.raises(LookupError):
        await guild.interact(user, "general", command, options)


async def held(guild: DiscordFake, bot: Commanded) -> discord.Interaction:
    """An interaction that nothing answers yet."""
    bot.tree.clear_commands(guild=None)
    bot.tree.error(_nothing)
    await guild.interact("ada", "general", "ask", {"question": "why?"})
    return await bot.happened("interaction")


async def _nothing(interaction: discord.Interaction, error: app_commands.AppCommandError) -> None:
    pass


async def test_an_answer_after_three_seconds_finds_nobody(guild, bot):
    interaction = await held(guild, bot)
    guild.clock.forward(4)
    with pytest.raises(discord.NotFound) as refusal:
        await interaction.response.defer()

    assert refusal.value.code == 10062


async def test_a_second_first_answer_is_refused(guild, bot):
    interaction = await held(guild, bot)
    await interaction.response.defer()
    interaction.response._response_type = None
    with pytest.raises(discord.HTTPException) as refusal:
        await interaction.response.defer()

    assert refusal.value.code == 40060


async def test_a_token_means_nothing_before_the_first_answer(guild, bot):
    interaction = await held(guild, bot)
    with pytest.raises(discord.NotFound) as refusal:
        await interaction.followup.send("too early")

    assert refusal.value.code == 10015


async def test_a_token_ends_after_a_quarter_of_an_hour(guild, bot):
    interaction = await held(guild, bot)
    await interaction.response.defer(thinking=True)
    guild.clock.forward(901)
    with pytest.raises(discord.HTTPException) as refusal:
        await interaction.edit_original_response(content="late")
    message = bot.get_channel(81382).get_partial_message((await bot.happened("message")).id)
    await message.edit(content="by its id it can be edited still")

    assert (refusal.value.status, refusal.value.code) == (401, 50027)
    assert [shown.content for shown in guild.visible("general")] == ["by its id it can be edited still"]


async def test_an_answer_needs_no_permission_to_post(guild, bot):
    guild.permit("confab", "general", deny=Permission.VIEW_CHANNEL | Permission.SEND_MESSAGES)
    asked = await guild.interact("ada", "general", "ask", {"question": "why?"})
    await guild.until(lambda: asked.followups)

    assert (asked.answer, guild.refusals) == ("You asked: why?", [])


@pytest.mark.parametrize(
    ("names", "path"),
    [(["a", "a"], "1.name"), ([f"c{number}" for number in range(101)], "commands")],
    ids=["twice", "101"],
)
async def test_a_set_of_commands_has_its_own_rules(guild, bot, names, path):
    with pytest.raises(discord.HTTPException) as refusal:
        await bot.http.bulk_upsert_global_commands(4242, [{"name": name, "description": "x"} for name in names])

    assert (refusal.value.code, f"In {path}" in refusal.value.text) == (50035, True)


async def test_commands_keep_their_ids_while_they_keep_their_names(guild, bot):
    before = {command.name: command.id for command in await bot.tree.fetch_commands()}
    bot.tree.remove_command("hasty")
    after = {command.name: command.id for command in await bot.tree.sync()}

    assert after == {name: key for name, key in before.items() if name != "hasty"}

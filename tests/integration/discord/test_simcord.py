"""A second opinion: Confab in simcord, a simulation of Discord that was not written for it."""

from datetime import UTC, datetime
from types import SimpleNamespace

import discord
import pytest

from bots.discord.adapter import Discord
from core.domain.personas import Persona
from core.store import open_store
from tests.fakes.claude.script import Answer
from tests.support.discord_house import MODEL, told
from tests.support.house import at_once, house
from tests.support.waiting import until

NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)  # when simcord's time begins: by ours, all is told late that is said there


@pytest.fixture
def simcord_clock():
    began = datetime.now(UTC)
    return lambda: NEW_YEAR + (datetime.now(UTC) - began)


@pytest.fixture
async def store(tmp_path, simcord_clock):
    opened = await open_store(f"sqlite:///{tmp_path}/confab.db", clock=simcord_clock)
    yield opened
    await opened.shut()


@pytest.fixture
def platform(store):
    chosen = {"installers": {"everybody"}, "shards": (None, 1), "quick": True, "edit": 0.0, "pause": at_once}
    return Discord("a.b.c", store.notes, store.installations, **chosen)  # simcord knows of no person's installation


@pytest.fixture
async def assistant(store, claude, platform, simcord_clock):
    async with house(store, claude, platform, persona=Persona(model=MODEL), clock=simcord_clock) as answering:
        yield answering


@pytest.fixture
def simcord_bot(platform, assistant):
    return platform.make_client(assistant.ingest)


@pytest.fixture
async def room(simcord_env):
    """A server with a channel, ada who may manage it, and bob."""
    guild = simcord_env.create_guild("house")
    keepers = guild.create_role("Keepers", permissions=discord.Permissions(manage_channels=True))
    return SimpleNamespace(
        env=simcord_env,
        guild=guild,
        channel=guild.create_text_channel("general"),
        ada=guild.add_member(simcord_env.create_user("ada"), roles=[keepers]),
        bob=guild.add_member(simcord_env.create_user("bob")),
    )


def said(channel) -> list[str]:
    return [message.content for message in channel.history()]


async def test_a_mention_is_answered_by_a_reply(room, claude):
    asked = await room.ada.send(room.channel, f"{room.env.bot.user.mention} why?")
    await until(lambda: said(room.channel)[1:] == ["fine"])

    (answer,) = room.channel.history()[1:]
    assert answer.reference.message_id == asked.id
    assert told(claude) == [[("user", "ada: why?")]]


async def test_a_reply_to_us_goes_on(room, claude):
    await room.ada.send(room.channel, f"{room.env.bot.user.mention} why?")
    await until(lambda: said(room.channel)[1:] == ["fine"])
    await room.bob.send(room.channel, "and then?", reply_to=room.channel.last_message)
    await until(lambda: said(room.channel)[3:] == ["fine"])

    assert told(claude)[1] == [("user", "ada: why?"), ("assistant", "fine"), ("user", "bob: and then?")]


async def test_ask_is_answered(room, claude):
    result = await room.bob.slash(room.channel, "ask", prompt="why?")
    await until(lambda: said(room.channel) == ["> why?\nfine"])

    assert result.acknowledged
    assert told(claude) == [[("user", "bob: why?")]]


async def test_a_private_answer_is_ephemeral(room, claude):
    result = await room.bob.slash(room.channel, "ask", prompt="why?", private=True)
    await until(lambda: result.response and result.response.content == "> why?\nfine")

    assert result.ephemeral
    assert said(room.channel) == []


async def test_a_form_sets_a_persona(room, claude):
    shown = await room.ada.slash(room.channel, "persona set")
    await room.ada.submit_modal(shown, {"text": "You are a pirate."})
    await until(lambda: said(room.channel) and "has this persona" in said(room.channel)[0])
    await room.bob.send(room.channel, f"{room.env.bot.user.mention} hi")
    await until(lambda: claude.requests)
    await until(lambda: told(claude))

    assert claude.requests[-1].body["system"][1]["text"] == "You are a pirate."


async def test_a_persona_is_not_set_without_manage_channels(room, claude):
    result = await room.bob.slash(room.channel, "persona set", text="Be rude.")
    await until(lambda: result.response and result.response.content)

    assert result.response.content == "-# Only those who manage this channel can use `persona set`."
    assert result.ephemeral
    assert said(room.channel) == []


async def test_a_mention_opens_a_thread_where_the_persona_says_so(room, claude):
    await room.ada.slash(room.channel, "persona tune", answers="thread")
    await until(lambda: said(room.channel) and "is tuned" in said(room.channel)[0])
    await room.bob.send(room.channel, f"{room.env.bot.user.mention} plan with me")
    await until(lambda: room.channel.threads and "fine" in said(room.channel.threads[0]))
    (thread,) = room.channel.threads
    await room.ada.send(thread, "and then?")
    await until(lambda: said(thread).count("fine") == 2)

    assert thread.name == "plan with me"
    assert told(claude)[1] == [("user", "bob: plan with me"), ("assistant", "fine"), ("user", "ada: and then?")]


async def test_buttons_are_shown_and_pressed(room, claude, assistant):
    await room.ada.send(room.channel, f"{room.env.bot.user.mention} why?")
    await until(lambda: said(room.channel)[1:] == ["fine"])
    await assistant.worker.idle()
    shown = list_labels(room.channel)
    claude.answer = lambda _body: Answer(text="better")
    pressed = await room.ada.click(room.channel.last_message, label="Try again")
    await until(lambda: said(room.channel)[1:] == ["better"])

    assert pressed.acknowledged
    assert shown == ["Try again", "Delete"]


async def test_a_question_about_a_message_is_asked_from_its_menu_and_its_answer_posted(room, claude, assistant):
    about = await room.bob.send(room.channel, "Deploys stop on Friday.")
    shown = await room.ada.context_menu(room.channel, "Ask about this", about)
    asked = await room.ada.submit_modal(shown, {"question": "Why?"})
    await until(lambda: asked.response and asked.response.content == "fine")
    await assistant.worker.idle()
    private = asked.ephemeral
    await room.ada.click(asked.response, label="Post in the channel")
    await until(lambda: len(said(room.channel)) == 2)

    assert private
    assert said(room.channel)[1].endswith("shares the answer:*\n\nfine")
    assert "Deploys stop on Friday." in told(claude)[0][0][1]


def list_labels(channel) -> list[str]:
    rows = channel.last_message.components
    return [button.label for row in rows for button in row.children if button.label]


async def test_a_missing_permission_ends_nothing(room, claude, caplog):
    claude.script(Answer(text="word " * 600))
    silent = discord.PermissionOverwrite(send_messages=False)
    talks = discord.PermissionOverwrite(send_messages=True)
    quiet = room.guild.create_text_channel("quiet", overwrites={room.guild.default_role: silent, room.bob: talks})
    await room.bob.slash(quiet, "ask", prompt="why?")
    await until(lambda: len(said(quiet)) == 2)
    await room.ada.send(room.channel, f"{room.env.bot.user.mention} hi")
    await until(lambda: "fine" in said(room.channel))

    assert "we lack a permission there" not in caplog.text
    assert [message.startswith("> why?\nword word") for message in said(quiet)] == [True, False]

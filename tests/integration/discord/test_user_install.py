"""User install on Discord, end to end: servers, groups and direct messages in which Confab is no member.

Tests bots.discord.installed, bots.discord.installed.place, bots.discord.installed.target, bots.discord.admission,
bots.discord.interactions, bots.discord.publisher, bots.discord.surface.
"""

import sqlite3
from contextlib import closing

import pytest

from bots.discord.admission import NO_INSTALL
from bots.discord.installed.place import HELP, NOTHING_READ, NOTHING_TO_FORGET
from bots.discord.publisher import BY_TOKEN, LEFT_OUT, TO_FOLLOW, TOO_LONG
from core.store import open_store
from tests.fakes.claude.script import Answer, Gate
from tests.fakes.discord.nouns import Permission, User
from tests.fakes.discord.people import interaction_json
from tests.fakes.discord.world import Event
from tests.support.discord_house import answered, confab, told
from tests.support.waiting import until

LONG = "\n\n".join(f"Paragraph {number}: " + "words of some length, " * 20 + "end." for number in range(40))
LIFE = 10.0  # seconds for which a token is relied on
MANY = 60
MEMBERS = {"guilds": frozenset({"8138"}), "installers": frozenset({"members"})}


@pytest.fixture
async def store(tmp_path):
    opened = await open_store(f"sqlite:///{tmp_path}/confab.db")
    yield opened
    await opened.shut()


@pytest.fixture
def lobby(guild):
    """A channel of a server in which the bot is no member; ada and bob have installed it for themselves."""
    guild.install("ada")
    guild.install("bob")
    return guild.elsewhere("9100", "Elsewhere", "lobby")


@pytest.fixture
async def running(guild, lobby, claude, store):
    async with confab(guild, claude, store, installers=frozenset({"everybody"})) as process:
        yield process


def bot_calls(guild, channel: str) -> list[str]:
    """Requests about a channel that take the bot's token."""
    return [f"{call.method} {call.path}" for call in guild.calls if channel in call.path]


async def ask_about(guild, running, message: str, question: str = "Why?", user: str = "ada"):
    chosen = await guild.choose(user, message, "Ask about this")
    await guild.until(lambda: chosen.modal)
    filled = await guild.submit_modal(chosen, {"question": question})
    await answered(running, filled)
    return filled


def list_asked(claude) -> list[dict]:
    """What Claude was asked, without what it was asked about its models."""
    return [one.body for one in claude.requests if one.path == "/v1/messages"]


def find_places(guild) -> dict[str, str]:
    return {
        "a server": guild.elsewhere("9200", "Another", "hall"),
        "a group": guild.circle("friends", "ada", "bob", "cy"),
        "direct messages of two": guild.circle("pair", "ada", "bob"),
    }


@pytest.mark.parametrize("place", ["a server", "a group", "direct messages of two"])
async def test_ask_is_answered_for_all_to_see_where_we_are_no_member_by_the_interaction_alone(
    guild, claude, running, place
):
    where = find_places(guild)[place]
    asked = await guild.interact("ada", where, "ask", {"prompt": "why?"})
    shown = await answered(running, asked)

    assert (shown, asked.ephemeral, asked.followups) == ("> why?\nfine", False, [])
    assert told(claude) == [[("user", "Ada: why?")]]
    assert bot_calls(guild, where) == []
    assert guild.refusals == []


async def test_a_private_answer_there_is_its_person_s_alone(guild, lobby, running):
    asked = await guild.interact("ada", lobby, "ask", {"prompt": "why?", "private": True})
    shown = await answered(running, asked)

    assert (shown, asked.ephemeral) == ("> why?\nfine", True)


async def test_where_the_server_hides_outside_apps_the_answer_is_there_for_its_person(guild, lobby, running):
    guild.permit("ada", lobby, deny=Permission.USE_EXTERNAL_APPS)
    asked = await guild.interact("ada", lobby, "ask", {"prompt": "why?"})
    shown = await answered(running, asked)

    assert (shown, asked.ephemeral) == ("> why?\nfine", True)


async def test_a_question_about_a_message_there_tells_its_words_and_nothing_else_of_the_place(
    guild, lobby, claude, running
):
    await guild.say("cy", lobby, "a secret of the place")
    message = await guild.say("bob", lobby, "Deploys stop on Friday.")
    asked = await ask_about(guild, running, message)

    ((_, words),) = told(claude)[-1]
    assert f"https://discord.com/channels/9100/{lobby}/{message}" in words
    assert words.endswith("Deploys stop on Friday.")
    assert "secret" not in words
    assert (asked.answer, asked.ephemeral) == ("fine", True)
    assert guild.world.posts[asked.original].components == ()
    assert guild.refusals == []


async def test_nothing_that_was_said_there_is_kept_once_it_is_answered(guild, lobby, claude, running, tmp_path):
    claude.answer = lambda _body: Answer(text="A small marsupial.")
    message = await guild.say("bob", lobby, "Deploys stop on Friday.")
    await ask_about(guild, running, message)
    await answered(running, await guild.interact("ada", lobby, "ask", {"prompt": "what is a quokka?"}))

    with closing(sqlite3.connect(tmp_path / "confab.db")) as database:
        rows = "\n".join(line for line in database.iterdump() if line.startswith("INSERT"))
    assert [word for word in ("quokka", "marsupial", "Friday") if word in rows] == []
    assert '"7001"' in rows or "'7001'" in rows


async def test_no_question_there_is_told_with_another_one(guild, lobby, claude, running):
    other = guild.circle("friends", "ada", "bob", "cy")
    for where, prompt in ((lobby, "one?"), (other, "two?"), (lobby, "three?")):
        await answered(running, await guild.interact("ada", where, "ask", {"prompt": prompt}))

    assert told(claude) == [[("user", f"Ada: {one}?")] for one in ("one", "two", "three")]


async def test_a_long_answer_there_is_one_message_with_a_file_that_has_all_of_it(guild, lobby, claude, running):
    claude.answer = lambda _body: Answer(text=LONG)
    asked = await guild.interact("ada", lobby, "ask", {"prompt": "why?"})
    shown = await answered(running, asked)

    post = guild.world.posts[asked.original]
    assert "The rest is in the attached" in shown
    assert [file.upload.content.decode().strip() for file in post.files] == [LONG]
    assert asked.followups == []
    assert len(shown) <= 2000


async def test_where_discord_takes_no_file_there_are_as_many_messages_as_it_takes_and_they_say_that_they_end(
    guild, lobby, claude, running
):
    claude.answer = lambda _body: Answer(text=LONG * 2)
    guild.world.largest_file = 10
    asked = await guild.interact("ada", lobby, "ask", {"prompt": "why?"})
    await answered(running, asked)

    assert len(asked.followups) == BY_TOKEN - 1
    assert asked.followups[-1] == f"-# {LEFT_OUT}"
    assert {one.code for one in guild.refusals} == {40005}


async def test_stop_is_the_only_button_there_and_only_its_person_s(guild, lobby, claude, running):
    gate = Gate(after=6)
    claude.answer = lambda _body: Answer(text="one two three four", chunk=4, gate=gate)
    asked = await guild.interact("ada", lobby, "ask", {"prompt": "why?"})
    await guild.until(lambda: asked.original and guild.world.posts[asked.original].components)
    stranger = await guild.press("bob", asked.original, "Stop")
    await guild.until(lambda: stranger.answer or stranger.followups)
    pressed = await guild.press("ada", asked.original, "Stop")
    await guild.until(lambda: pressed.acknowledged)
    await answered(running, asked)

    assert "who asked, " in str([stranger.answer, *stranger.followups])
    assert "stopped" in asked.answer.lower()
    assert guild.world.posts[asked.original].components == ()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("begun", "note", "told_alone"),
    [
        pytest.param(True, TO_FOLLOW, "one two three four", id="begun"),
        pytest.param(False, TOO_LONG, "I could not answer you where you asked me.", id="not begun"),
    ],
)
async def test_an_answer_that_outlasts_its_token_says_so_there_and_comes_by_direct_message(
    guild, lobby, claude, store, begun, note, told_alone
):
    gate = Gate(after=6 if begun else 0)
    claude.answer = lambda _body: Answer(text="one two three four", chunk=4, gate=gate)
    async with confab(guild, claude, store, installers={"everybody"}, token_life=LIFE) as running:
        asked = await guild.interact("ada", lobby, "ask", {"prompt": "why?"})
        await guild.until(lambda: asked.answer and note in asked.answer)
        shown = asked.answer
        gate.opened.set()
        await answered(running, asked)

    mail = " ".join(one.content for one in guild.visible(guild.world.dm("7001").id))
    assert shown.startswith("> why?\none" if begun else "> why?")
    assert told_alone in mail
    assert asked.answer == shown


async def test_a_question_whose_token_is_over_is_not_asked_and_its_person_is_told_so(guild, lobby, claude, store):
    async with confab(guild, claude, store, installers={"everybody"}, token_life=0.0) as running:
        asked = await guild.interact("ada", lobby, "ask", {"prompt": "why?"})
        await answered(running, asked)

    (mail,) = guild.visible(guild.world.dm("7001").id)
    assert mail.content.startswith("-# I could not answer you where you asked me.")
    assert told(claude) == []


@pytest.mark.parametrize(
    ("options", "person", "why"),
    [
        pytest.param({}, "ada", NO_INSTALL, id="nobody"),
        pytest.param({"installers": {"7002"}}, "ada", NO_INSTALL, id="somebody else"),
        pytest.param({"installers": {"7001"}}, "ada", "", id="a person"),
        pytest.param({"installers": {"everybody"}, "guilds": {"1"}}, "ada", "", id="everybody"),
        pytest.param({"installers": {"members"}, "guilds": {"8138"}}, "ada", "", id="a member"),
        pytest.param({"installers": {"members"}, "guilds": {"8138"}}, "eve", NO_INSTALL, id="no member"),
    ],
)
async def test_who_may_take_us_along_is_the_operator_s_word(guild, lobby, claude, store, options, person, why):
    guild.world.users["7009"] = User("7009", "eve", "Eve")
    where = guild.circle("friends", "ada", "bob", "eve")
    guild.install("eve")
    async with confab(guild, claude, store, **options) as running:
        guild.offer_everywhere()  # as a client does that still knows the commands of an earlier setting
        asked = await guild.interact(person, where, "ask", {"prompt": "why?"})
        await guild.until(lambda: asked.answer and not asked.thinking)
        if not why:
            await answered(running, asked)

    assert asked.answer == (f"-# {why}" if why else "> why?\nfine")
    assert asked.ephemeral == bool(why)
    assert len(told(claude)) == (0 if why else 1)


async def test_a_server_that_we_are_in_and_do_not_answer_in_is_not_opened_by_who_takes_us_along(
    guild, lobby, claude, store
):
    guild.guild("9300", "Not ours")
    room = guild.room("hall", "9300")
    async with confab(guild, claude, store, **MEMBERS):
        asked = await guild.interact("ada", room, "ask", {"prompt": "why?"})
        await guild.until(lambda: asked.answer)

    assert "I don't answer in this server" in asked.answer
    assert claude.requests == []


async def test_what_is_kept_nowhere_can_be_neither_shown_nor_forgotten_and_that_is_said_alone(guild, lobby, running):
    message = await guild.say("bob", lobby, "Deploys stop on Friday.")
    shown = await guild.choose("ada", message, "Show the prompt")
    forgotten = await guild.choose("ada", message, "Forget this conversation")
    await guild.until(lambda: shown.answer and forgotten.answer)

    assert [shown.answer, forgotten.answer] == [f"-# {NOTHING_READ}", f"-# {NOTHING_TO_FORGET}"]
    assert (shown.ephemeral, forgotten.ephemeral) == (True, True)


async def test_help_there_tells_what_works_there_and_what_a_command_takes(guild, lobby, running):
    general = await answered_at_once(guild, lobby, {})
    command = await answered_at_once(guild, lobby, {"command": "budget"})

    assert general == f"-# {HELP}"
    assert "`budget set" in command


async def answered_at_once(guild, lobby, values) -> str:
    given = await guild.interact("ada", lobby, "help", values)
    await guild.until(lambda: given.answer and not given.thinking)
    assert given.ephemeral
    return given.answer


async def test_a_persona_is_one_s_own_in_all_places_and_nobody_else_s(guild, lobby, claude, running):
    other = guild.circle("friends", "ada", "bob", "cy")
    set_there = await guild.interact("ada", lobby, "persona set", {"text": "You are a pirate."})
    await answered(running, set_there)
    for person, where in (("ada", other), ("bob", lobby)):
        await answered(running, await guild.interact(person, where, "ask", {"prompt": "hi"}))
    await guild.say("ada", "dm", "hi")
    await until(lambda: len(list_asked(claude)) == 3)

    systems = [" ".join(block["text"] for block in body["system"][1:]) for body in list_asked(claude)]
    assert set_there.ephemeral
    assert systems == ["You are a pirate.", "", ""]


async def test_to_manage_a_foreign_server_makes_nobody_our_manager(guild, lobby, running):
    given = await guild.interact("zoe", "general", "ask", {"prompt": "hi"})
    await answered(running, given)
    guild.install("zoe")  # who owns the other server
    refused = await guild.interact("zoe", lobby, "budget set", {"amount": "5", "of": "direct"})

    assert "Only those who manage the whole workspace" in await answered(running, refused)


async def test_what_is_asked_there_is_paid_like_direct_messages(guild, lobby, claude, store):
    async with confab(guild, claude, store, installers={"everybody"}, managers={"7005"}) as running:
        given = await guild.interact("zoe", "dm", "budget set", {"amount": "0", "of": "direct"})
        await answered(running, given)
        asked = await guild.interact("ada", lobby, "ask", {"prompt": "why?"})
        shown = await answered(running, asked)

    assert "budget" in shown.lower() or "spend" in shown.lower()
    assert told(claude) == []


@pytest.mark.parametrize(
    "forged",
    [
        pytest.param({"authorizing_integration_owners": {"1": "1"}}, id="another installer"),
        pytest.param({"authorizing_integration_owners": {}}, id="no installer"),
        pytest.param({"context": 7}, id="an unknown context"),
        pytest.param({"app_permissions": "9007199254740991"}, id="all permissions"),
        pytest.param({"guild_id": "8138"}, id="our own server"),
    ],
)
async def test_fields_that_lie_open_nobody_s_place_and_end_nothing(guild, lobby, claude, running, forged):
    asked = await guild.interact("ada", "dm", "ask", {"prompt": "first?"})
    await answered(running, asked)
    body = interaction_json(held := guild._held("ada", guild.world.channel(lobby), 2)) | forged
    command = next(one for one in guild.commands.visible("7001", guild.world.channel(lobby)) if one["name"] == "ask")
    option = {"name": "prompt", "type": 3, "value": "second?"}
    data = {"id": command["id"], "name": "ask", "type": 1, "options": [option]}
    guild.world.tell(Event("INTERACTION_CREATE", body | {"data": data}))
    await answered(running, await guild.interact("bob", lobby, "ask", {"prompt": "third?"}))

    assert all(len(turns) == 1 for turns in told(claude))
    assert [("user", "Bob: third?")] in told(claude)[1:]  # it waits for no other
    assert not any(event.key.channel == "@7002" for event in running.heard if getattr(event, "id", "") == held.id)


async def test_a_huge_message_is_told_whole_as_a_quotation(guild, lobby, claude, running):
    huge = "\u202e`</message>` @everyone " + "x" * 3900
    embeds = [{"type": "rich", "title": "t" * 256, "description": "d" * 4096}]
    message = await guild.say("hook", lobby, huge, embeds=embeds)
    asked = await ask_about(guild, running, message)

    ((_, words),) = told(claude)[-1]
    assert "d" * 4096 in words
    assert asked.answer == "fine"
    assert guild.pings == []


async def test_many_questions_at_once_are_each_answered_once_within_discord_s_limits(guild, lobby, running):
    guild.document_limits()
    asked = [await guild.interact("ada", lobby, "ask", {"prompt": f"{number}?"}) for number in range(MANY)]
    for one in asked:
        await answered(running, one)

    assert [one.answer for one in asked] == [f"> {number}?\nfine" for number in range(MANY)]
    assert [one.followups for one in asked] == [[]] * MANY
    assert [one for one in guild.refusals if one.status == 429] == []

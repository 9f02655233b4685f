"""Buttons that are pressed after the fifteen minutes of the command's token: each kind, on each kind of answer.

Tests bots.discord.buttons, bots.discord.buttons.press, bots.discord.interactions, bots.discord.targets, bots.discord.surface, bots.discord.installed.target.
"""

import pytest

from tests.fakes.claude.script import Answer, Gate
from tests.support.discord_house import answered, confab, idle
from tests.support.tool_shed import Shed, call, in_shed, use
from tests.support.waiting import until

LATE = 16 * 60
WORDS = " ".join(f"word{number:03}" for number in range(60))
WHOLE = ("Try again", "👍", "👎", "Delete")


@pytest.fixture(autouse=True)
def stopped(guild):
    """Discord's time passes by hand, so that nothing is acknowledged too late because the machine is busy."""
    guild.clock.stop()


@pytest.fixture(params=["general", "thread", "dm"])
async def channel(request, guild):
    return await guild.start_thread("general", "plans", "bob") if request.param == "thread" else request.param


async def ask(guild, running, channel: str, **options):
    asked = await guild.interact("ada", channel, "ask", {"prompt": "why?", **options})
    await answered(running, asked)
    return asked


async def begin(guild, claude, channel: str, *answers: Answer, **options):
    """An answer to `/ask` that grows and has a Stop; what holds it back."""
    gate = Gate(after=8)
    claude.script(Answer(text=WORDS, gate=gate, chunk=20), *answers)
    asked = await guild.interact("ada", channel, "ask", {"prompt": "why?", **options})
    await gate.reached.wait()
    await until(lambda: asked.original and guild.world.posts[asked.original].components)
    return asked, gate


async def press(guild, running, page: str, label: str, user: str = "ada"):
    pressed = await guild.press(user, page, label)
    await until(lambda: any(event.id == pressed.id for event in running.heard))
    await until(lambda: pressed.acknowledged)
    await idle(running)
    return pressed


def shown(guild, channel) -> list[tuple[str, tuple[str, ...]]]:
    at = channel.channel.id
    return [(one.content, one.buttons) for one in guild.visible(at) if one.author == "confab"]


def said(guild, pressed) -> list[str]:
    """What a press was answered, to its person alone."""
    posts = [guild.world.posts.get(one) for one in pressed.posted]
    first = [pressed.answer] if pressed.ephemeral and pressed.original != pressed.source else []
    return [*first, *(one.content for one in posts if one and one.ephemeral)]


async def test_stop_ends_an_answer_that_grows(guild, claude, running, channel):
    asked, _ = await begin(guild, claude, channel)
    guild.clock.forward(LATE)
    await press(guild, running, asked.original, "Stop")

    ((text, buttons),) = shown(guild, asked)
    assert text.startswith("> why?\nword000")
    assert "stopped" in text.lower()
    assert buttons == ("Continue", "Try again", "Delete")
    assert guild.failed == []


async def test_continue_goes_on_below_it(guild, claude, running, channel):
    claude.script(Answer(text="The sky", stop_reason="max_tokens"), Answer(text="is blue."))
    asked = await ask(guild, running, channel)
    guild.clock.forward(LATE)
    await press(guild, running, asked.original, "Continue")

    rest = [one for one in guild.visible(asked.channel.id) if one.author == "confab"][-1]
    assert (rest.content, rest.reference, rest.buttons) == ("is blue.", asked.original, WHOLE)
    assert (guild.failed, guild.refusals) == ([], [])


async def test_try_again_rewrites_it(guild, claude, running, channel):
    claude.script(Answer(text="Blue."), Answer(text="Green."))
    asked = await ask(guild, running, channel)
    guild.clock.forward(LATE)
    await press(guild, running, asked.original, "Try again")

    assert shown(guild, asked) == [("> why?\nGreen.", WHOLE)]
    assert (guild.failed, guild.refusals) == ([], [])


@pytest.mark.parametrize("vote", ["👍", "👎"])
async def test_feedback_is_noted_alone(guild, running, channel, vote):
    asked = await ask(guild, running, channel)
    guild.clock.forward(LATE)
    pressed = await press(guild, running, asked.original, vote)

    assert said(guild, pressed) == [f"-# Noted: {vote}. Thank you."]
    assert shown(guild, asked) == [("> why?\nfine", WHOLE)]
    assert (guild.failed, guild.refusals) == ([], [])


async def test_delete_takes_it_away(guild, claude, running, channel):
    claude.script(Answer(text=" ".join(f"word{number:04}" for number in range(300))))
    asked = await ask(guild, running, channel)
    last = [one for one in guild.visible(asked.channel.id) if one.author == "confab"][-1]
    guild.clock.forward(LATE)
    pressed = await press(guild, running, last.id, "Delete")

    assert last.id != asked.original
    assert shown(guild, asked) == []
    assert said(guild, pressed) == ["-# It is deleted."]
    assert (guild.failed, guild.refusals) == ([], [])


@pytest.mark.parametrize(("button", "text", "done"), [("Allow once", "Made.", True), ("Deny", "Then not.", False)])
async def test_who_asked_allows_or_denies_a_tool(guild, claude, store, channel, button, text, done):
    shed = Shed()
    claude.script(call(use("make", what="a box"), text="I make one."), Answer(text=text))
    async with confab(guild, claude, store, rules={"tools": in_shed(shed)}) as running:
        asked = await ask(guild, running, channel)
        ((_, before),) = shown(guild, asked)
        guild.clock.forward(LATE)
        await press(guild, running, asked.original, button)

    assert before == ("Allow once", "Allow for this thread", "Deny")
    assert shown(guild, asked) == [(f"> why?\nI make one.\n\n{text}", WHOLE)]
    assert bool(shed.called) is done
    assert guild.failed == []


async def ask_about(guild, running, channel: str):
    """A private answer about a message of bob's, by the message's menu."""
    message = await guild.say("bob" if channel != "dm" else "ada", channel, "Deploys stop on Friday.")
    chosen = await guild.choose("ada", message, "Ask about this")
    await guild.until(lambda: chosen.modal)
    filled = await guild.submit_modal(chosen, {"question": "Why?"})
    await answered(running, filled)
    return message, filled


async def test_a_private_answer_is_posted(guild, running, channel):
    message, filled = await ask_about(guild, running, channel)
    guild.clock.forward(LATE)
    pressed = await press(guild, running, filled.original, "Post in the channel")

    posted = [one for one in guild.visible(filled.channel.id) if one.author == "confab"][-1]
    assert posted.content.endswith("fine")
    assert posted.reference == message
    assert posted.buttons == ("👍", "👎", "Delete")
    assert len(said(guild, pressed)) == 1
    assert (guild.failed, guild.refusals) == ([], [])


async def test_what_was_posted_is_deleted(guild, running):
    _, filled = await ask_about(guild, running, "general")
    await press(guild, running, filled.original, "Post in the channel")
    (posted,) = [one for one in guild.visible("general") if one.author == "confab"]
    guild.clock.forward(LATE)
    await press(guild, running, posted.id, "Delete")

    assert [one for one in guild.visible("general") if one.author == "confab"] == []
    assert (guild.failed, guild.refusals) == ([], [])


async def test_stop_ends_a_private_answer(guild, claude, running, channel):
    asked, _ = await begin(guild, claude, channel, private=True)
    guild.clock.forward(LATE)
    await press(guild, running, asked.original, "Stop")
    await until(lambda: not guild.world.posts[asked.original].components)

    assert "stopped" in asked.answer.lower()
    assert guild.world.posts[asked.original].components == ()
    assert guild.failed == []


@pytest.mark.parametrize("private", [False, True], ids=["for all", "for its person"])
async def test_stop_ends_an_answer_where_we_are_no_member(guild, claude, store, private):
    guild.install("ada")
    lobby = guild.elsewhere("9100", "Elsewhere", "lobby")
    async with confab(guild, claude, store, installers=frozenset({"everybody"})) as running:
        asked, _ = await begin(guild, claude, lobby, private=private)
        guild.clock.forward(LATE)
        await press(guild, running, asked.original, "Stop")
        await until(lambda: not guild.world.posts[asked.original].components)

    assert "stopped" in asked.answer.lower()
    assert guild.world.posts[asked.original].components == ()
    assert guild.failed == []


async def test_stop_of_an_answer_that_ended_without_us_goes_away_and_says_so(guild, claude, store):
    async with confab(guild, claude, store) as running:
        asked, gate = await begin(guild, claude, "general", private=True)
        guild.clock.forward(LATE)
        gate.opened.set()
        await answered(running, asked)
        before = asked.answer
        pressed = await press(guild, running, asked.original, "Stop")
        await until(lambda: said(guild, pressed))

    assert said(guild, pressed) == ["-# This answer has ended already."]
    assert (asked.answer, guild.world.posts[asked.original].components) == (before, ())
    assert guild.failed == []


async def test_a_stranger_s_stop_changes_nothing_where_we_are_no_member(guild, claude, store):
    guild.install("ada")
    guild.install("bob")
    lobby = guild.elsewhere("9100", "Elsewhere", "lobby")
    async with confab(guild, claude, store, installers=frozenset({"everybody"})):
        asked, _ = await begin(guild, claude, lobby)
        guild.clock.forward(LATE)
        before = asked.answer, guild.world.posts[asked.original].components
        pressed = await guild.press("bob", asked.original, "Stop")
        await until(lambda: said(guild, pressed))

    assert "who asked, " in said(guild, pressed)[0]
    assert (asked.answer, guild.world.posts[asked.original].components) == before


async def test_an_answer_of_yesterday_is_tried_again_once_discord_takes_edits_of_old_messages(guild, claude, running):
    claude.script(Answer(text="Blue."), Answer(text="Green."))
    asked = await guild.interact("ada", "general", "ask", {"prompt": "why?"})
    await answered(running, asked)
    guild.clock.forward(24 * 3600)
    guild.world.old_edits["81382"] = [guild.clock()] * 5  # as many as Discord takes
    pressed = await guild.press("ada", asked.original, "Try again")
    await until(lambda: any(one.code == 30046 for one in guild.refusals))
    waits = shown(guild, asked)
    guild.clock.forward(3601)
    await until(lambda: shown(guild, asked) == [("> why?\nGreen.", WHOLE)])

    assert waits[0][0] == "> why?\nBlue."
    assert pressed.acknowledged

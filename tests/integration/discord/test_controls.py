"""Stop, Continue, Try again and feedback on Discord, from the press to what everybody sees."""

import pytest

from tests.fakes.claude.script import Answer, Gate
from tests.support.discord_house import answered, idle, settled, told
from tests.support.waiting import until

LONG = " ".join(f"word{number:03}" for number in range(60))


def pages(guild, channel: str = "general") -> list[tuple[str, tuple[str, ...]]]:
    return [(one.content, one.buttons) for one in guild.visible(channel) if one.author == "confab"]


async def press(guild, running, user: str, message: str, button: str):
    pressed = await guild.press(user, message, button)
    await until(lambda: pressed.acknowledged)
    await until(lambda: any(event.id == pressed.id for event in running.heard))
    await idle(running)
    return pressed


def last(guild, channel: str = "general") -> str:
    return [one.id for one in guild.visible(channel) if one.author == "confab"][-1]


@pytest.mark.parametrize("channel", ["general", "dm", "thread"])
async def test_an_answer_is_tried_again_in_its_place(guild, claude, running, channel):
    if channel == "thread":
        channel = await guild.start_thread("general", "plans", "bob")
    claude.script(Answer(text="Blue."), Answer(text="Green."))
    asked = await guild.say("ada", channel, f"<@{guild.me}> why?")
    at = guild.world.posts[asked].channel
    await settled(guild, running)
    first = last(guild, at)
    again = await press(guild, running, "ada", first, "Try again")

    assert pages(guild, at) == [("Green.", ("Try again", "👍", "👎", "Delete"))]
    assert last(guild, at) == first
    assert again.followups == []
    assert guild.failed == []


async def test_somebody_else_may_not_try_it_again_and_is_told_so_alone(guild, claude, running):
    claude.script(Answer(text="Blue."), Answer(text="Green."))
    await guild.say("bob", "general", f"<@{guild.me}> why?")
    await settled(guild, running)
    refused = await press(guild, running, "cy", last(guild), "Try again")
    shown = pages(guild)
    managed = await press(guild, running, "ada", last(guild), "Try again")

    assert "who asked, " in refused.followups[0]
    assert shown == [("Blue.", ("Try again", "👍", "👎", "Delete"))]
    assert pages(guild) == [("Green.", ("Try again", "👍", "👎", "Delete"))]
    assert managed.followups == ["-# It is answered anew."]
    assert guild.failed == []


async def test_a_vote_is_noted_alone(guild, claude, running):
    await guild.say("bob", "general", f"<@{guild.me}> why?")
    await settled(guild, running)
    voted = await press(guild, running, "cy", last(guild), "👍")

    assert (voted.answer, voted.ephemeral) == ("-# Noted: 👍. Thank you.", True)
    assert pages(guild) == [("fine", ("Try again", "👍", "👎", "Delete"))]


@pytest.mark.parametrize("minutes", [1, 16])
@pytest.mark.parametrize("first", ["Blue.", "blue " * 600], ids=["of a page", "of two pages"])
async def test_a_slash_answer_is_tried_again_below_its_question_whatever_became_of_its_token(
    guild, claude, running, first, minutes
):
    claude.script(Answer(text=first), Answer(text="Green."))
    asked = await guild.interact("ada", "general", "ask", {"prompt": "why?"})
    await answered(running, asked)
    guild.clock.forward(minutes * 60)
    pressed = await press(guild, running, "ada", last(guild), "Try again")

    assert pages(guild) == [("> why?\nGreen.", ("Try again", "👍", "👎", "Delete"))]
    assert last(guild) == asked.original
    assert pressed.followups == []
    assert told(claude)[0] == told(claude)[1]
    assert guild.refusals == []


async def test_a_stopped_answer_goes_on(guild, claude, running):
    gate = Gate(after=8)
    claude.script(Answer(text=LONG, gate=gate, chunk=20), Answer(text="and that is all."), Answer(text="and so on."))
    await guild.say("ada", "general", f"<@{guild.me}> why?")
    await gate.reached.wait()
    await until(lambda: pages(guild) and pages(guild)[0][1] == ("Stop",))
    await press(guild, running, "ada", last(guild), "Stop")
    stopped = pages(guild)
    first = last(guild)
    await press(guild, running, "bob", first, "Continue")
    rest = guild.visible("general")[-1]

    assert stopped[0][1] == ("Continue", "Try again", "Delete")
    assert (rest.content, rest.reference) == ("and that is all.", first)
    again = await press(guild, running, "bob", rest.id, "Try again")
    await guild.say("ada", "general", f"<@{guild.me}> more?", reply_to=rest.id)
    await settled(guild, running)

    assert again.followups == []
    assert [text for text, _ in pages(guild)] == [stopped[0][0], "and so on.", "fine"]
    assert [turn[1][-10:] for turn in told(claude)[-1] if turn[0] == "assistant"] == ["rd011 word", "and so on."]


@pytest.mark.parametrize("by_slash", [True, False])
async def test_retry_by_command_in_direct_messages(guild, claude, running, by_slash):
    claude.script(Answer(text="Blue."), Answer(text="Green."))
    asked = await guild.say("ada", "dm", "why?")
    at = guild.world.posts[asked].channel
    await settled(guild, running)
    if by_slash:
        given = await guild.interact("ada", "dm", "retry")
        await answered(running, given)
    else:
        await guild.say("ada", "dm", "!retry")
        await settled(guild, running)
    assert pages(guild, at)[0] == ("Green.", ("Try again", "👍", "👎", "Delete"))


async def test_retry_in_words_below_a_slash_answer(guild, claude, running):
    claude.script(Answer(text="Blue."), Answer(text="Green."))
    asked = await guild.interact("ada", "general", "ask", {"prompt": "why?"})
    await answered(running, asked)
    await guild.say("ada", "general", f"<@{guild.me}> !retry", reply_to=asked.original)
    await settled(guild, running)

    assert pages(guild)[0] == ("> why?\nGreen.", ("Try again", "👍", "👎", "Delete"))
    assert told(claude)[0] == told(claude)[1]


async def test_an_answer_that_is_tried_again_takes_the_files_of_the_one_before_with_it(guild, claude, running):
    claude.script(Answer(text="```py a.py\n1\n```"), Answer(text="```py a.py\n3\n```"), Answer(text="none"))
    await guild.say("ada", "general", f"<@{guild.me}> code")
    await settled(guild, running)
    posted = []
    for _ in range(3):
        stored = guild.world.posts[last(guild)].files
        posted.append([one.upload.content for one in stored])
        await press(guild, running, "ada", last(guild), "Try again") if len(posted) < 3 else None

    assert posted == [[b"1\n"], [b"3\n"], []]
    assert pages(guild)[0][0] == "none"

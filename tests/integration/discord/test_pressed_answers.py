"""Buttons on Discord with the whole house behind them: in a chain of replies an answer goes on, and is tried again.

Tests core.store.rules.presses, core.store.rules.reply_chains, bots.discord.interactions.
"""

import asyncio

from core.rendering.reply_notes import append_note
from tests.fakes.claude.script import Answer, Gate
from tests.fakes.discord.limits import Fault
from tests.support.discord_house import confab, idle, settled, told
from tests.support.waiting import until

LONGEST = "This answer reached its longest length. Continue goes on from here."


def ours(guild) -> list:
    return [one for one in guild.visible("general") if one.author == "confab"]


async def press(guild, running, person: str, page: str, label: str) -> None:
    pressed = await guild.press(person, page, label)
    await until(lambda: any(event.id == pressed.id for event in running.heard))
    await idle(running)


async def test_what_is_pressed_before_an_answer_is_written_off_is_done_then(guild, claude, store):
    """Discord shows the page with its buttons, and its answer to us is lost: the question is open still."""
    again = asyncio.Event()

    async def pause(_seconds: float) -> None:
        await again.wait()

    gate = Gate(after=4)
    claude.script(Answer(text="One and one.", chunk=4, gate=gate), Answer(text="Two."))
    async with confab(guild, claude, store, pause=pause) as running:
        await guild.say("ada", "general", f"<@{guild.me}> why?")
        await until(lambda: ours(guild))
        guild.fault("PATCH /channels/{channel}/messages/{message}", Fault.LOSE, times=3)
        gate.opened.set()
        await until(lambda: "Try again" in ours(guild)[0].buttons)
        rated = await guild.press("bob", ours(guild)[0].id, "👍")
        tried = await guild.press("ada", ours(guild)[0].id, "Try again")
        await until(lambda: tried.acknowledged and rated.answer)
        open_meanwhile, _ = await store.questions.count_open()
        again.set()
        await settled(guild, running)

    assert open_meanwhile == 2  # the question, and what was pressed below its answer
    assert [one.content for one in ours(guild)] == ["Two."]
    assert (rated.answer, tried.followups) == ("-# Noted: 👍. Thank you.", ["-# It is answered anew."])
    assert guild.failed == []


async def test_in_a_chain_of_replies_an_answer_goes_on_and_is_tried_again_beside_another_chain(guild, claude, store):
    claude.script(
        Answer(text="The sky", stop_reason="max_tokens"),
        Answer(text="Elsewhere."),
        Answer(text="is blue."),
        Answer(text="glows."),
    )
    async with confab(guild, claude, store) as running:
        await guild.say("ada", "general", f"<@{guild.me}> why?")
        await settled(guild, running)
        page = ours(guild)[0].id
        await guild.say("zoe", "general", f"<@{guild.me}> and something else")
        await settled(guild, running)
        await press(guild, running, "bob", page, "Continue")
        rest = ours(guild)[-1].id
        await press(guild, running, "bob", rest, "Try again")
        await guild.say("ada", "general", "thanks, and at night?", reply_to=rest)
        await settled(guild, running)

    shown = [one.content for one in ours(guild)]
    assert shown[0].replace("-# ", "").split("\n")[0] == append_note("The sky", LONGEST).split("\n")[0]
    assert shown[1:] == ["Elsewhere.", "glows.", "fine"]
    chain = told(claude)[-1]
    assert [text for role, text in chain if role == "assistant"] == ["The sky", "glows."]
    assert chain[: len(told(claude)[2])] == told(claude)[2] == told(claude)[3]


async def test_the_rest_of_a_file_that_was_cut_is_none_and_its_name_stands_above_its_code(guild, claude, store):
    claude.script(
        Answer(text="```python tool.py\nimport os\nimport s", stop_reason="max_tokens"),
        Answer(text="print(1)\n```\nAnd:\n```sh b.sh\nls\n```"),
    )
    async with confab(guild, claude, store) as running:
        await guild.say("ada", "general", f"<@{guild.me}> a tool?")
        await settled(guild, running)
        await press(guild, running, "ada", ours(guild)[0].id, "Continue")
        await settled(guild, running)

    assert [[file.upload.name for file in guild.world.posts[one.id].files] for one in ours(guild)] == [[], ["b.sh"]]
    shown = [one.content for one in ours(guild)]
    assert "`tool.py`\n```python\nimport os\nimport s\n```" in shown[0]
    assert shown[1] == "`tool.py`\n```python\nprint(1)\n```\nAnd:\n\n`b.sh`\n```sh\nls\n```"

"""User install on Discord in trouble: people at once, requests that are lost, processes that die, buttons that lie.

Tests bots.discord.installed.target, bots.discord.installed.place, bots.discord.interactions, bots.discord.publisher.
"""

import asyncio
from dataclasses import replace

import pytest

from tests.fakes.claude.script import Answer, Gate, last_words
from tests.fakes.discord.limits import Fault, error, limited
from tests.support.discord_house import answered, confab, told
from tests.support.waiting import until

EVERYBODY = frozenset({"everybody"})
SHOW = "PATCH /webhooks/{webhook}/{token}/messages/{message}"
WORDS = " ".join(f"word{number:03}" for number in range(60))


@pytest.fixture
def lobby(guild):
    """A channel of a server in which the bot is no member; ada and bob have installed it for themselves.

    No command is acknowledged too late, however busy the machine is.
    """
    guild.clock.stop()
    guild.install("ada")
    guild.install("bob")
    return guild.elsewhere("9100", "Elsewhere", "lobby")


@pytest.fixture
def circle(guild):
    """A group of three, of whom ada and bob have installed the bot for themselves."""
    guild.install("ada")
    guild.install("bob")
    return guild.circle("friends", "ada", "bob", "cy")


@pytest.fixture
async def running(guild, claude, store):
    async with confab(guild, claude, store, installers=EVERYBODY) as process:
        yield process


@pytest.mark.parametrize("place", ["lobby", "circle"])
async def test_two_people_at_once_have_an_answer_each_and_stop_their_own_alone(
    guild, claude, lobby, circle, running, place
):
    where, gates = {"lobby": lobby, "circle": circle}[place], {"one?": Gate(after=8), "two?": Gate(after=8)}
    claude.answer = lambda body: Answer(text=WORDS, chunk=20, gate=gates[last_words(body)[-4:]])
    asked = [
        await guild.interact("ada", where, "ask", {"prompt": "one?"}),
        await guild.interact("bob", where, "ask", {"prompt": "two?"}),
    ]
    await until(lambda: all(one.original and guild.world.posts[one.original].components for one in asked))
    pressed = await guild.press("ada", asked[0].original, "Stop")
    await until(lambda: pressed.acknowledged and "Stopped" in (asked[0].answer or ""))
    grows = guild.world.posts[asked[1].original].components
    gates["two?"].opened.set()
    await answered(running, asked[1])

    assert sorted(told(claude)) == [[("user", "Ada: one?")], [("user", "Bob: two?")]]
    assert grows
    assert asked[0].answer.startswith("> one?\nword000")
    assert asked[1].answer == f"> two?\n{WORDS}"
    assert [one.followups for one in asked] == [[], []]
    assert guild.refusals == []


async def test_a_rush_in_a_group_is_answered_within_discord_s_limits(guild, claude, circle, running):
    claude.answer = lambda body: Answer(text=f"to {last_words(body)}")
    guild.document_limits()
    people = ("ada", "bob")
    asked = [await guild.interact(people[at % 2], circle, "ask", {"prompt": f"{at}?"}) for at in range(30)]
    for one in asked:
        await answered(running, one)

    assert [f"{at}?" in (one.answer or "").partition("\n")[2] for at, one in enumerate(asked)] == [True] * 30
    assert [one.followups for one in asked] == [[]] * 30
    assert [one for one in guild.refusals if one.status == 429] == []


@pytest.mark.parametrize(
    "trouble", [Fault.LOSE, Fault.DROP, error(503), error(500), limited(0.01)], ids=["lost", "cut", "503", "500", "429"]
)
@pytest.mark.parametrize("times", [1, 3])
async def test_trouble_with_a_request_neither_loses_nor_doubles_an_answer(
    guild, claude, lobby, running, trouble, times
):
    claude.answer = lambda _body: Answer(text=WORDS, chunk=40)
    guild.fault(SHOW, trouble, times)
    asked = await guild.interact("ada", lobby, "ask", {"prompt": "why?"})
    await answered(running, asked)

    assert (asked.answer, asked.followups) == (f"> why?\n{WORDS}", [])
    assert guild.world.posts[asked.original].components == ()
    assert len(told(claude)) == 1


async def test_a_request_whose_answer_is_lost_when_stop_is_pressed_holds_up_nobody(guild, claude, lobby, running):
    gate = Gate(after=8)
    claude.answer = lambda _body: Answer(text=WORDS, chunk=20, gate=gate)
    asked = await guild.interact("ada", lobby, "ask", {"prompt": "why?"})
    await until(lambda: asked.original and guild.world.posts[asked.original].components)
    claude.answer = lambda _body: Answer(text="fine")
    guild.fault(SHOW, Fault.LOSE)
    pressed = await guild.press("ada", asked.original, "Stop")
    other = await guild.interact("bob", lobby, "ask", {"prompt": "and I?"})
    await answered(running, other)
    await until(lambda: "Stopped" in asked.answer)

    assert pressed.acknowledged
    assert other.answer == "> and I?\nfine"
    assert guild.world.posts[asked.original].components == ()


async def test_five_processes_that_die_one_after_the_other_leave_each_answer_once(guild, claude, store, lobby, circle):
    """Each dies in the middle of an answer, which the next one ends, and is asked something else."""
    asked = []
    for number in range(5):
        gate = Gate(after=8)
        last = f"{number}?"
        claude.answer = lambda body, last=last, gate=gate: (
            Answer(text=WORDS, chunk=20, gate=gate) if last in last_words(body) else Answer(text=WORDS)
        )
        async with confab(guild, claude, store, process=f"p{number}", installers=EVERYBODY) as running:
            where = (lobby, circle)[number % 2]
            options = {"prompt": last, "private": number == 2}
            asked.append(await guild.interact(("ada", "bob")[number % 2], where, "ask", options))
            await gate.reached.wait()
            await until(lambda: asked[-1].original and guild.world.posts[asked[-1].original].components)
    claude.answer = lambda _body: Answer(text=WORDS)
    async with confab(guild, claude, store, process="last", installers=EVERYBODY) as running:
        await answered(running, await guild.interact("ada", lobby, "ask", {"prompt": "after all?"}))
        async with asyncio.timeout(60):
            await running.assistant.worker.idle()

    assert [one.answer for one in asked] == [f"> {number}?\n{WORDS}" for number in range(5)]
    assert [(one.followups, guild.world.posts[one.original].components) for one in asked] == [([], ())] * 5
    assert [one.ephemeral for one in asked] == [False, False, True, False, False]


@pytest.mark.parametrize("kind", ["retry", "continue", "post", "allow", "up"])
async def test_a_button_that_is_none_of_ours_there_does_nothing_that_costs_or_is_seen(
    guild, claude, lobby, running, kind
):
    asked = await guild.interact("ada", lobby, "ask", {"prompt": "why?"})
    await answered(running, asked)
    subject = f"{asked.id}:1" if kind == "allow" else asked.id
    button = {"type": 2, "style": 2, "label": "Lie", "custom_id": f"{kind}:{subject}", "id": 2}
    row = {"type": 1, "id": 1, "components": [button]}
    guild.world.keep(replace(guild.world.posts[asked.original], components=(row,)))
    before = len(guild.calls)
    pressed = [await guild.press(person, asked.original, "Lie") for person in ("ada", "bob")]
    await until(lambda: all(one.acknowledged for one in pressed))
    await answered(running, await guild.interact("bob", lobby, "ask", {"prompt": "and then?"}))

    assert asked.answer == "> why?\nfine"
    assert len(told(claude)) == 2
    assert [call.path for call in guild.calls[before:] if lobby in call.path] == []
    assert guild.pings == []


async def test_a_prompt_that_would_break_out_of_its_quote_pings_nobody_and_breaks_nothing(
    guild, claude, lobby, running
):
    evil = "\u202e```\n> x\n@everyone <@7002> ||s|| " + "\u0301" * 200 + "👩\u200d💻" * 400
    claude.answer = lambda _body: Answer(text="@everyone <@7002> <@&813802> fine")
    asked = await guild.interact("ada", lobby, "ask", {"prompt": evil[:3000]})
    await answered(running, asked)

    assert asked.answer.endswith("fine")
    assert asked.answer.count("\n") == 1
    assert len(asked.answer) <= 2000
    assert guild.pings == []

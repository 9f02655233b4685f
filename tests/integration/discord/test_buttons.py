"""Buttons below replies on Discord: which stand when, on which page, and what becomes of those that are refused."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bots.discord import formatting as look
from bots.discord.address import DiscordAddress
from bots.discord.client import Body
from bots.discord.errors import translate_errors
from core.domain.controls import Control, name_control
from core.domain.errors import Uncertain
from core.domain.events import Backfilled
from core.domain.messages import File, Question, ThreadKey
from tests.fakes.claude.script import Answer, Gate
from tests.fakes.discord.limits import Answer as Served
from tests.fakes.discord.limits import Fault
from tests.fakes.discord.nouns import Permission
from tests.support.discord_house import confab, settled, showing, told
from tests.support.waiting import until

POST, EDIT = "POST /channels/{channel}/messages", "PATCH /channels/{channel}/messages/{message}"
FINAL = (Control.CONTINUE, Control.RETRY, Control.UP, Control.DOWN)
SHOWN = ("Continue", "Try again", "👍", "👎")
TWO_PAGES = " ".join(f"word{number:04}" for number in range(300))
REFUSED = {
    "components": {
        "0": {
            "components": {
                "3": {"emoji": {"name": {"_errors": [{"code": "COMPONENT_INVALID_EMOJI", "message": "Invalid emoji"}]}}}
            }
        }
    }
}


def pages(guild, channel: str = "general") -> list[tuple[str, tuple[str, ...]]]:
    """What our pages say, and what stands on the buttons below each."""
    return [(one.content, one.buttons) for one in guild.visible(channel) if one.author == "confab"]


def calls(guild) -> list[str]:
    """The methods of all requests that post or change a message."""
    return [call.method for call in guild.calls if "/messages" in call.path and call.method in {"POST", "PATCH"}]


async def ask(guild, channel: str = "general") -> Question:
    """Something said that nobody answers but the test."""
    asked = await guild.say("ada", channel, "why?")
    return Question(ThreadKey("discord:8138", "81382", asked), asked, "7001", datetime.now(UTC))


def refuse(guild, route: str) -> None:
    guild.fault(route, Served(400, {"code": 50035, "message": "Invalid Form Body", "errors": REFUSED}))


async def test_an_answer_can_be_stopped_while_it_grows_and_judged_when_it_is_whole(guild, running):
    question = await ask(guild)
    async with showing(running, question) as reply:
        for text in ("one", "one two"):
            reply.say(text)
            await until(lambda text=text: pages(guild) == [(text, ("Stop",))])
        reply.finish("one two three", controls=FINAL)

    assert pages(guild) == [("one two three", SHOWN)]
    assert calls(guild) == ["POST", "PATCH", "PATCH"]
    assert guild.refusals == []


async def test_a_button_s_id_says_all_that_a_press_of_it_means(guild, running):
    question = await ask(guild)
    async with showing(running, question) as reply:
        reply.finish("fine", controls=FINAL)

    (row,) = guild.world.posts[reply.pages[0]].components
    assert [button["custom_id"] for button in row["components"]] == [name_control(one, question.name) for one in FINAL]
    assert calls(guild) == ["POST"]


async def test_buttons_stand_below_the_last_page_alone(guild, running):
    question = await ask(guild)
    first, second = look.render_pages(TWO_PAGES)
    async with showing(running, question) as reply:
        reply.say(TWO_PAGES[:1500])
        await until(lambda: pages(guild) == [(TWO_PAGES[:1500].rstrip(), ("Stop",))])
        reply.say(TWO_PAGES[:-9])
        await until(lambda: len(pages(guild)) == 2)
        growing = [buttons for _, buttons in pages(guild)]
        reply.finish(TWO_PAGES, controls=FINAL)

    assert growing == [(), ("Stop",)]
    assert pages(guild) == [(first, ()), (second, SHOWN)]
    assert calls(guild) == ["POST", "PATCH", "POST", "PATCH"]


async def test_an_answer_without_controls_has_no_buttons_in_the_end(guild, running):
    question = await ask(guild)
    async with showing(running, question) as reply:
        reply.say("one")
        await until(lambda: pages(guild) == [("one", ("Stop",))])
        reply.finish("one two")

    assert pages(guild) == [("one two", ())]


async def test_buttons_cost_no_request_of_their_own_while_the_text_changes(guild, running):
    counted = []
    for controls in ((Control.STOP,), ()):
        before, question = len(calls(guild)), await ask(guild)
        async with showing(running, question) as reply:
            reply.controls = controls
            for text in ("one", "one two", "one two three"):
                reply.say(text)
                await until(lambda text=text: [said for said, _ in pages(guild)][-1:] == [text])
            reply.finish("one two three four", controls=FINAL if controls else ())
        counted.append(calls(guild)[before:])

    assert counted[0] == counted[1] == ["POST", "PATCH", "PATCH", "PATCH"]


async def test_files_leave_the_buttons_of_their_page(guild, running):
    question = await ask(guild)
    async with showing(running, question) as reply:
        reply.finish("Here it is.", files=[File("a.csv", "text/csv", b"1,2", "numbers")], controls=FINAL)

    assert pages(guild) == [("Here it is.", SHOWN)]
    assert len(guild.world.posts[reply.pages[0]].files) == 1


@pytest.mark.parametrize("growing", [False, True], ids=["the post of a whole answer", "the edit that ends one"])
async def test_an_answer_whose_buttons_are_refused_is_shown_without(guild, running, growing, caplog):
    question = await ask(guild)
    async with showing(running, question) as reply:
        if growing:
            reply.say("one")
            await until(lambda: pages(guild) == [("one", ("Stop",))])
        refuse(guild, EDIT if growing else POST)
        reply.finish("one two", controls=FINAL)

    assert pages(guild) == [("one two", ())]
    assert [one.reference for one in guild.visible("general")][1:] == [question.name]
    assert "refuses our buttons" in caplog.text


async def test_buttons_that_were_refused_are_not_tried_again_for_that_answer(guild, running):
    question = await ask(guild)
    async with showing(running, question) as reply:
        refuse(guild, POST)
        for text in ("one", "one two"):
            reply.say(text)
            await until(lambda text=text: pages(guild) == [(text, ())])
        reply.finish("one two three", controls=FINAL)

    assert pages(guild) == [("one two three", ())]
    assert calls(guild) == ["POST", "POST", "PATCH", "PATCH"]


async def test_a_page_that_is_too_long_is_cut_smaller_and_keeps_its_buttons(guild, running):
    question = await ask(guild)
    too_long = {"content": {"_errors": [{"code": "BASE_TYPE_MAX_LENGTH", "message": "Must be 2000 or fewer."}]}}
    guild.fault(POST, Served(400, {"code": 50035, "message": "Invalid Form Body", "errors": too_long}), 2)
    async with showing(running, question) as reply:
        reply.finish(TWO_PAGES, controls=FINAL)

    assert [text for text, _ in pages(guild)] == look.render_pages(TWO_PAGES, limit=look.PAGE - 200)
    assert [buttons for _, buttons in pages(guild)] == [(), SHOWN]


async def test_a_post_whose_answer_was_lost_shows_the_newest_buttons(guild, running):
    await settled(guild, running)
    rest = running.discord._rest
    stop, again = (look.build_buttons([one], "1") for one in (Control.STOP, Control.RETRY))
    guild.fault(POST, Fault.LOSE)
    with pytest.raises(Uncertain):
        await translate_errors(rest.post("81382", Body("all of it", stop), "nonce"))

    await rest.post("81382", Body("all of it", again), "nonce")
    shown = pages(guild)
    await rest.post("81382", Body("all of it"), "nonce")

    assert shown == [("all of it", ("Try again",))]
    assert pages(guild) == [("all of it", ())]


@pytest.mark.parametrize("private", [False, True], ids=["for all", "for the asker alone"])
async def test_a_slash_answer_has_buttons_too(guild, claude, running, private):
    gate = Gate(after=6)
    claude.script(Answer(text="Rayleigh scattering", gate=gate))
    asked = await guild.interact("ada", "general", "ask", {"prompt": "why?", "private": private})
    await gate.reached.wait()
    await until(lambda: asked.original and guild.world.posts[asked.original].components)
    (row,) = guild.world.posts[asked.original].components
    gate.opened.set()
    await settled(guild, running)

    assert [button["label"] for button in row["components"]] == ["Stop"]
    assert "Stop" not in json.dumps(guild.world.posts[asked.original].components)
    assert "scattering" in asked.answer


def by_slash(asked, prompt: str = "why?") -> Question:
    """The question of an interaction that the test answers."""
    address = DiscordAddress(at="81382", application="4242", token=asked.token, prompt=prompt)
    key = ThreadKey("discord:8138", "81382", asked.id)
    return Question(key, asked.id, "7001", datetime.now(UTC), address=address.dump(), alone=True)


async def defer(guild, claude, running) -> tuple[object, list[str]]:
    """A slash command of which we think; the pages that it has."""
    asked = await guild.interact("ada", "general", "ask", {"prompt": "why?"})
    await settled(guild, running)
    return asked, [asked.original]


async def test_a_slash_answer_s_buttons_are_changed_by_its_token_and_afterwards_as_a_message(guild, claude, running):
    asked, first = await defer(guild, claude, running)
    async with showing(running, by_slash(asked), first) as reply:
        reply.say("one")
        await until(lambda: pages(guild) == [("> why?\none", ("Stop",))])
        guild.clock.forward(16 * 60)
        reply.finish("one two", controls=FINAL)

    assert pages(guild) == [("> why?\none two", SHOWN)]
    assert {refusal.code for refusal in guild.refusals} == {50027}


async def test_page_two_of_a_slash_answer_has_its_buttons_also_where_we_may_not_write(guild, claude, running):
    guild.permit("confab", "general", deny=Permission.SEND_MESSAGES | Permission.VIEW_CHANNEL)
    asked, first = await defer(guild, claude, running)
    async with showing(running, by_slash(asked), first) as reply:
        reply.finish(TWO_PAGES, controls=FINAL)

    assert [buttons for _, buttons in pages(guild)] == [(), SHOWN]


async def test_no_label_of_a_button_is_told_to_claude(guild, claude, running):
    thread = await guild.start_thread("general", "plans", "bob")
    asked = await guild.say("ada", thread, f"<@{guild.me}> one")
    await settled(guild, running)
    page = guild.visible(thread)[-1].id
    put(guild, page, look.build_buttons(FINAL, asked))
    before = len(running.heard)
    guild.gateway.forget()
    guild.gateway.cut()
    await until(lambda: any(isinstance(event, Backfilled) for event in running.heard[before:]))
    await guild.forward("ada", page, thread)
    await guild.say("ada", thread, "two")
    await settled(guild, running)

    words = json.dumps(told(claude)[-1])
    assert "fine" in words
    assert not [label for label in SHOWN if label in words]


def put(guild, page: str, components: Sequence[dict]) -> None:
    """Let these buttons stand below a page."""
    numbered = json.loads(json.dumps(components))
    for row in numbered:
        row["id"] = 1
        for number, button in enumerate(row["components"], start=2):
            button["id"] = number
    guild.world.keep(replace(guild.world.posts[page], components=tuple(numbered)))


async def test_a_process_that_comes_after_takes_the_buttons_of_a_page_over(guild, claude, store):
    gate = Gate(after=8)
    claude.script(Answer(text=TWO_PAGES[:400], gate=gate, chunk=20))
    claude.script(Answer(text=TWO_PAGES[:400], chunk=400))
    async with confab(guild, claude, store):
        await guild.say("ada", "general", f"<@{guild.me}> why?")
        await gate.reached.wait()
        await until(lambda: [buttons for _, buttons in pages(guild)] == [("Stop",)])
    async with confab(guild, claude, store, process="p2") as running:
        await settled(guild, running)

    assert [text for text, _ in pages(guild)] == [TWO_PAGES[:400].rstrip()]
    assert "Stop" not in str(pages(guild)[0][1])

"""Presses of buttons on Discord: stored once, acknowledged in time, and what they set off is shown where it belongs."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

import pytest

from bots.discord.address import DiscordAddress
from core.answering.reply import Reply
from core.domain.controls import Control
from core.domain.errors import StoreUnavailable
from core.domain.events import Commanded, Pressed
from core.domain.messages import Question, Rank, ThreadKey
from tests.fakes.claude.script import Answer, Gate
from tests.fakes.discord.interactions import Interaction
from tests.fakes.discord.limits import Fault
from tests.fakes.discord.nouns import Permission
from tests.support.discord_house import confab, idle, settled, showing
from tests.support.waiting import until

FINAL = (Control.CONTINUE, Control.RETRY, Control.UP, Control.DOWN)
TWO_PAGES = " ".join(f"word{number:04}" for number in range(300))
SERVER, DIRECT = "discord:8138", "discord:@me"


def ours(guild, channel: str = "general") -> list[str]:
    return [one.content for one in guild.visible(channel) if one.author == "confab"]


async def answer(guild, running, channel: str = "general", text: str = "fine", user: str = "ada") -> Reply:
    """A whole answer with its buttons, below something that `user` said."""
    asked = await guild.say(user, channel, "why?")
    at = guild.world.posts[asked].channel
    place = guild.world.channels[at]
    workspace = SERVER if place.guild else DIRECT
    key = ThreadKey(workspace, place.parent if place.parent in guild.world.channels and at != "81382" else at, asked)
    question = Question(key, asked, guild.world.user(user).id, datetime.now(UTC), address=DiscordAddress(at=at).dump())
    async with showing(running, question) as reply:
        reply.finish(text, controls=FINAL)
    return reply


async def answer_command(guild, running, text: str = "fine", channel: str = "general") -> tuple[Interaction, Reply]:
    """A whole answer with its buttons to a slash command."""
    asked = await guild.interact("ada", channel, "ask", {"prompt": "why?"})
    await until(lambda: any(event.id == asked.id for event in running.heard))
    await idle(running)
    at = asked.channel.id
    address = DiscordAddress(at=at, application="4242", token=asked.token, prompt="why?")
    key = ThreadKey(SERVER, asked.channel.parent if asked.channel.kind == 11 else at, asked.id)
    question = Question(key, asked.id, "7001", datetime.now(UTC), address=address.dump(), alone=True)
    async with showing(running, question, [asked.original]) as reply:
        reply.finish(text, controls=FINAL)
    return asked, reply


async def heard(running, press: Interaction) -> Pressed:
    """The press, once it is stored and its person sees that it is."""
    await until(lambda: any(event.id == press.id for event in running.heard))
    await until(lambda: press.acknowledged)
    (pressed,) = [event for event in running.heard if event.id == press.id]
    assert isinstance(pressed, Pressed)
    return pressed


async def test_a_press_is_stored_and_acknowledged_and_changes_nothing_that_is_seen(guild, claude, store):
    async with confab(guild, claude, store, through=Receipts) as running:
        reply = await answer(guild, running)
        before = guild.visible("general")
        press = await guild.press("bob", reply.pages[-1], "👍")
        pressed = await heard(running, press)

    name = reply.question.name
    key = ThreadKey(SERVER, "81382", name)
    assert replace(pressed, at=None, address="{}") == Pressed(press.id, key, "7002", Control.UP, name)
    assert abs((pressed.at - datetime.now(UTC)).total_seconds()) < 60
    assert guild.visible("general") == before
    assert [call.json for call in guild.calls if call.path.endswith("/callback")] == [{"type": 6}]
    assert guild.failed == []


async def test_an_answer_is_stopped_by_its_button(guild, claude, running):
    gate = Gate(after=8)
    claude.script(Answer(text=TWO_PAGES, gate=gate, chunk=20))
    await guild.say("ada", "general", f"<@{guild.me}> why?")
    await gate.reached.wait()
    await until(lambda: guild.visible("general")[1:] and guild.visible("general")[1].buttons == ("Stop",))
    press = await guild.press("ada", guild.visible("general")[1].id, "Stop")
    await heard(running, press)
    await settled(guild, running)  # the gate is closed: nobody waits for Claude any more

    (page,) = guild.visible("general")[1:]
    assert page.content.startswith("word0000")
    assert "Stop" not in page.buttons
    assert guild.failed == []


@pytest.mark.parametrize("place", ["a thread", "an archived thread", "a forum post", "direct messages"])
async def test_a_press_is_told_of_the_conversation_that_its_page_stands_in(guild, running, place):
    channel = "dm"
    if place == "a forum post":
        channel = await guild.forum_post("ada", "questions", "How?", "really")
    elif place != "direct messages":
        channel = await guild.start_thread("general", "plans", "bob")
    await settled(guild, running)
    reply = await answer(guild, running, channel)
    at = guild.world.posts[reply.pages[0]].channel
    if place == "an archived thread":
        guild.archive(channel)
    press = await guild.press("ada", reply.pages[0], "Try again")
    pressed = await heard(running, press)

    direct = place == "direct messages"
    parent = at if direct else {"a forum post": "81385"}.get(place, "81382")
    assert pressed.key == ThreadKey(DIRECT if direct else SERVER, parent, at)
    assert pressed.question == reply.question.name
    assert guild.failed == []


@pytest.mark.parametrize("threaded", [False, True], ids=["in a channel", "in a thread"])
async def test_a_press_below_a_slash_answer_is_told_of_its_own_conversation(guild, running, threaded):
    channel = await guild.start_thread("general", "plans", "bob") if threaded else "general"
    asked, reply = await answer_command(guild, running, channel=channel)
    guild.clock.forward(16 * 60)
    press = await guild.press("ada", reply.pages[0], "Try again")
    pressed = await heard(running, press)

    assert pressed.key == ThreadKey(SERVER, "81382", asked.id)
    assert (pressed.question, pressed.control) == (asked.id, Control.RETRY)
    assert DiscordAddress.parse(pressed.address) == DiscordAddress(
        at=asked.channel.id,
        application="4242",
        token=press.token,
        permissions=int(guild.world.permissions("7001", asked.channel)),
        prompt="why?",
        under=asked.original,
        person="7001",
    )


async def test_a_private_answer_is_stopped_by_its_asker(guild, claude, running):
    gate = Gate(after=8)
    claude.script(Answer(text=TWO_PAGES, gate=gate, chunk=20))
    asked = await guild.interact("ada", "general", "ask", {"prompt": "why?", "private": True})
    await gate.reached.wait()
    await until(lambda: asked.original and guild.world.posts[asked.original].components)
    with pytest.raises(LookupError):
        await guild.press("bob", asked.original, "Stop")
    pressed = await heard(running, await guild.press("ada", asked.original, "Stop"))
    await idle(running)

    assert (pressed.control, pressed.question) == (Control.STOP, asked.id)
    assert "word0000" in asked.answer
    assert guild.failed == []


async def test_a_button_works_after_a_restart_and_on_any_process(guild, claude, store):
    async with confab(guild, claude, store) as running:
        reply = await answer(guild, running)
    async with confab(guild, claude, store, process="p2") as running:
        pressed = await heard(running, await guild.press("ada", reply.pages[0], "👎"))

    assert (pressed.control, pressed.question) == (Control.DOWN, reply.question.name)


class Receipts:
    """An ingest that notes what became of presses, and says `note` of each."""

    def __init__(self, ingest, note: str = "") -> None:
        self.kept = []
        self._ingest = ingest
        self._note = note

    async def __call__(self, event):
        kept = await self._ingest(event)
        if isinstance(event, Pressed):
            self.kept.append(kept)
            return replace(kept, note=self._note)
        return kept


@pytest.mark.parametrize("note", ["", "Noted."])
async def test_of_two_processes_that_hear_a_press_one_carries_it_out_and_one_answers_it(
    guild, claude, store, caplog, note
):
    caplog.set_level("DEBUG", "bots.discord.interactions")
    gate = Gate(after=8)
    claude.script(Answer(text=TWO_PAGES, gate=gate, chunk=20))
    told = partial(Receipts, note=note)
    async with (
        confab(guild, claude, store, through=told) as first,
        confab(guild, claude, store, process="p2", through=told) as second,
    ):
        await guild.say("ada", "general", f"<@{guild.me}> why?")
        await gate.reached.wait()
        await until(lambda: guild.visible("general")[1:] and guild.visible("general")[1].buttons == ("Stop",))
        press = await guild.press("ada", guild.visible("general")[1].id, "Stop")
        await until(lambda: "is another process's" in caplog.text and press.acknowledged)
        receipts = [*first.ingest.kept, *second.ingest.kept]
        await settled(guild, first)

    assert sorted(receipt.new for receipt in receipts) == [False, True]
    assert [record for record in caplog.records if record.levelname in {"WARNING", "ERROR"}] == []
    assert [press.answer if note else None, *press.followups] == ["-# Noted." if note else None]
    assert guild.failed == []


async def test_what_there_is_to_say_of_a_press_is_said_to_its_person_alone(guild, claude, store):
    async with confab(guild, claude, store, through=lambda ingest: Receipts(ingest, "Noted: 👍.")) as running:
        reply = await answer(guild, running)
        before = guild.visible("general")
        press = await guild.press("bob", reply.pages[0], "👍")
        await heard(running, press)

    assert (press.answer, press.ephemeral) == ("-# Noted: 👍.", True)
    assert guild.visible("general") == before


class Slow:
    """An ingest in which presses wait for `opened`, and then find the database busy once."""

    def __init__(self, ingest) -> None:
        self.opened = asyncio.Event()
        self.busy = True
        self._ingest = ingest

    async def __call__(self, event):
        if not isinstance(event, Pressed):
            return await self._ingest(event)
        await self.opened.wait()
        if self.busy:
            self.busy = False
            raise StoreUnavailable("the disk is full")
        return replace(await self._ingest(event), note="Noted.")


async def test_a_press_is_acknowledged_in_time_also_when_the_store_is_slow(guild, claude, store):
    async with confab(guild, claude, store, through=Slow, defer=0.01) as running:
        reply = await answer(guild, running)
        press = await guild.press("ada", reply.pages[0], "👍")
        await until(lambda: press.acknowledged)
        assert not any(event.id == press.id for event in running.heard)
        running.ingest.opened.set()
        await heard(running, press)
        await until(lambda: press.followups)

    assert press.followups == ["-# Noted."]
    assert [guild.world.posts[one].ephemeral for one in press.posted] == [True]


@pytest.mark.parametrize("trouble", [Fault.LOSE, Fault.HIDE], ids=["lost", "502"])
async def test_what_there_is_to_say_of_a_press_is_said_once_also_where_discords_answer_is_lost(
    guild, claude, store, caplog, trouble
):
    async with confab(guild, claude, store, through=Slow, defer=0.01) as running:
        reply = await answer(guild, running)
        press = await guild.press("ada", reply.pages[0], "👍")
        await until(lambda: press.acknowledged)
        guild.fault("POST /webhooks/{webhook}/{token}", trouble)
        running.ingest.opened.set()
        await until(lambda: "could not be answered" in caplog.text)

    assert press.followups == ["-# Noted."]


async def test_a_press_is_stored_before_it_is_acknowledged(guild, claude, store):
    async with confab(guild, claude, store, through=Slow) as running:
        reply = await answer(guild, running)
        press = await guild.press("ada", reply.pages[0], "👍")
        await settled(guild, running)
        assert not press.acknowledged
        running.ingest.opened.set()
        await heard(running, press)

    assert press.answer == "-# Noted."


async def test_a_press_that_is_acknowledged_too_late_is_told_in_the_log(guild, claude, store, caplog):
    async with confab(guild, claude, store, through=Slow) as running:
        reply = await answer(guild, running)
        press = await guild.press("ada", reply.pages[0], "👍")
        guild.clock.forward(4)
        running.ingest.opened.set()
        await until(lambda: "could not be answered" in caplog.text)

    assert guild.failed == [press]
    assert [record.name for record in caplog.records if record.levelname == "ERROR"] == ["bots.delivery.at_least_once"]


async def test_where_we_do_not_answer_a_press_is_declined_and_not_stored(guild, claude, store):
    async with confab(guild, claude, store) as running:
        reply = await answer(guild, running)
    async with confab(guild, claude, store, guilds=frozenset({"1"})) as running:
        press = await guild.press("ada", reply.pages[0], "👍")
        await until(lambda: press.acknowledged)

    assert press.answer == "-# I don't answer in this server. Whoever runs me can allow it."
    assert not any(event.id == press.id for event in running.heard)


@pytest.mark.parametrize("custom", ["play:1", "stop", "stop:"])
async def test_buttons_of_others_with_our_token_are_left_to_them(guild, running, caplog, custom):
    reply = await answer(guild, running)
    page = guild.world.posts[reply.pages[0]]
    button = {"type": 2, "style": 1, "label": "Play", "custom_id": custom, "id": 2}
    guild.world.keep(replace(page, components=({"type": 1, "id": 1, "components": [button]},)))
    press = await guild.press("ada", page.id, "Play")
    await settled(guild, running)

    assert guild.failed == [press]
    assert not any(event.id == press.id for event in running.heard)
    assert [record for record in caplog.records if record.levelname in {"WARNING", "ERROR"}] == []


async def show_again(
    running, reply: Reply, pressed: Pressed | Commanded, text: str, controls: Sequence[Control] = FINAL
) -> Reply:
    """Answer the question anew, from the address of a press or a command alone."""
    question = replace(reply.question, address=pressed.address)
    async with showing(running, question, reply.pages) as again:
        again.say(text[:10])
        await asyncio.sleep(0)
        again.finish(text, controls=controls)
    return again


@pytest.mark.parametrize("channel", ["general", "dm"])
async def test_an_answer_that_is_tried_again_takes_the_place_of_the_old_one(guild, running, channel):
    reply = await answer(guild, running, channel)
    at = guild.world.posts[reply.pages[0]].channel
    pressed = await heard(running, await guild.press("ada", reply.pages[0], "Try again"))
    again = await show_again(running, reply, pressed, TWO_PAGES)

    first, second = [one for one in guild.visible(at) if one.author == "confab"]
    assert [first.id, second.id] == again.pages
    assert (first.reference, second.reference) == (reply.question.name, first.id)
    assert f"{first.content} {second.content}" == TWO_PAGES
    assert (first.buttons, bool(second.buttons)) == ((), True)


async def test_the_rest_of_an_answer_replies_to_what_it_goes_on_with(guild, running):
    reply = await answer(guild, running, text=TWO_PAGES)
    press = await guild.press("bob", reply.pages[-1], "Continue")
    pressed = await heard(running, press)
    question = Question(pressed.key, press.id, "7002", pressed.at, address=pressed.address)
    async with showing(running, question) as rest:
        rest.finish("and so on", controls=FINAL)
    surface = await running.discord.surface(question)
    history = await surface.history()

    page = guild.visible("general")[-1]
    assert (page.content, page.reference, rest.pages) == ("and so on", reply.pages[-1], [page.id])
    assert reply.question.name in {message.id for message in history.messages}
    assert {*reply.pages, page.id} <= {message.id for message in history.messages}
    assert guild.refusals == []


async def test_what_is_told_of_a_press_later_is_told_to_its_person_alone(guild, running):
    reply = await answer(guild, running)
    before = guild.visible("general")
    press = await guild.press("bob", reply.pages[0], "Try again")
    pressed = await heard(running, press)
    command = Question(pressed.key, press.id, "7002", pressed.at, address=pressed.address, private=True)
    async with showing(running, command) as refusal:
        refusal.finish("Only those who manage this channel can do that.", notice=True)

    assert press.followups == ["-# Only those who manage this channel can do that."]
    assert [guild.world.posts[page].ephemeral for page in press.posted] == [True]
    assert guild.visible("general") == before


class Eager:
    """An ingest that answers a press before it returns."""

    def __init__(self, ingest) -> None:
        self.discord = None
        self.answering = None
        self._ingest = ingest

    async def __call__(self, event):
        if isinstance(event, Pressed):
            self.answering = asyncio.create_task(self._answer(event))
            await asyncio.sleep(0.05)  # as a store does that another process keeps busy
        return await self._ingest(event)

    async def _answer(self, event: Pressed) -> None:
        command = Question(event.key, event.id, event.person, event.at, address=event.address, private=True)
        async with showing(self, command) as refusal:
            refusal.finish("No.", notice=True)


async def test_what_is_told_at_once_waits_until_the_press_is_acknowledged(guild, claude, store):
    async with confab(guild, claude, store, through=Eager) as running:
        running.ingest.discord = running.discord
        reply = await answer(guild, running)
        press = await guild.press("bob", reply.pages[0], "Try again")
        await heard(running, press)
        await running.ingest.answering

    assert press.followups == ["-# No."]
    assert guild.refusals == []


@pytest.mark.parametrize(
    ("user", "rank"),
    [("zoe", Rank.OWNER), ("ada", Rank.MANAGER), ("bob", Rank.MEMBER)],
    ids=["owner", "manager", "any"],
)
async def test_a_press_says_what_its_person_may_do_and_nobody_else(guild, running, user, rank):
    reply = await answer(guild, running, user="cy")
    press = await guild.press(user, reply.pages[0], "Try again")
    pressed = await heard(running, press)
    surface = await running.discord.surface(replace(reply.question, address=pressed.address))

    before = len(guild.calls)
    assert await surface.rank(pressed.person) is rank
    assert len(guild.calls) == before
    assert await surface.rank("7003") is Rank.MEMBER


async def test_a_press_in_a_channel_that_is_closed_to_us_is_heard(guild, running):
    _, reply = await answer_command(guild, running)
    guild.permit("confab", "general", deny=Permission.VIEW_CHANNEL | Permission.SEND_MESSAGES)
    pressed = await heard(running, await guild.press("ada", reply.pages[0], "👍"))

    assert pressed.key.channel == "81382"
    assert json.loads(pressed.address)["person"] == "7001"


async def command(running, name: str) -> Commanded:
    """A command, once it is stored and answered."""
    await until(lambda: any(event.id == name for event in running.heard))
    await idle(running)
    (given,) = [event for event in running.heard if event.id == name]
    assert isinstance(given, Commanded)
    return given


async def test_a_command_that_asks_again_by_interaction_lets_the_old_page_be_edited(guild, running):
    reply = await answer(guild, running, "dm")
    given = await guild.interact("ada", "dm", "help")
    commanded = await command(running, given.id)
    pages = ours(guild, guild.world.posts[reply.pages[0]].channel)
    await show_again(running, reply, commanded, TWO_PAGES)

    shown = ours(guild, guild.world.posts[reply.pages[0]].channel)
    assert " ".join(shown) == TWO_PAGES
    assert pages == ["fine"]
    assert "persona show|" in given.answer


async def test_a_command_that_replies_to_a_slash_answer_knows_what_was_asked(guild, running):
    asked, reply = await answer_command(guild, running)
    said = await guild.say("ada", "general", "!persona show", reply_to=asked.original)
    commanded = await command(running, said)
    surface = await running.discord.surface(replace(reply.question, address=commanded.address))
    history = await surface.history()
    await show_again(running, reply, commanded, TWO_PAGES)

    pages = [one for one in guild.visible("general") if one.author == "confab"]
    assert (pages[0].id, pages[0].content.partition("\n")[0]) == (asked.original, "> why?")
    assert not [one for one in pages if one.reference == said and one.content.startswith(">")]
    assert pages[-1].reference == asked.original
    assert asked.id not in history.gone


async def test_a_press_s_rights_are_nobody_else_s(guild, running):
    reply = await answer(guild, running, user="bob")
    commanded = await command(running, (await guild.interact("ada", "general", "help")).id)
    surface = await running.discord.surface(replace(reply.question, address=commanded.address))

    assert await surface.rank("7001") is Rank.MANAGER
    assert await surface.rank("7002") is Rank.MEMBER

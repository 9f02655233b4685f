"""How the loopback Discord says no, and how it fails on purpose, seen through the unmodified discord.py."""

import asyncio
import io
from typing import Any

import aiohttp
import discord
import pytest

from tests.fakes.discord.client import Noted
from tests.fakes.discord.limits import Delay, Fault, cloudflare, error, limited
from tests.fakes.discord.nouns import Kind, Permission
from tests.fakes.discord.refusals import Refused

POST = "POST /channels/{channel}/messages"
GENERAL = 81382


async def asked(bot: Noted, method: str, path: str, body: Any = None) -> tuple[int, int, Any]:
    """Status, code and errors with which Discord refuses a request."""
    route = discord.http.Route(method, path)
    with pytest.raises(discord.HTTPException) as refusal:
        await bot.http.request(route, **({} if body is None else {"json": body}))
    answer = await refusal.value.response.json()
    return refusal.value.status, refusal.value.code, answer.get("errors")


@pytest.mark.parametrize(
    ("body", "path", "code"),
    [
        ({"content": "x" * 2001}, "content", "BASE_TYPE_MAX_LENGTH"),
        ({"content": 7}, "content", "STRING_TYPE_CONVERT"),
        ({"content": "x", "nonce": "n" * 26}, "nonce", "BASE_TYPE_MAX_LENGTH"),
        ({"content": "x", "message": "y"}, "message", "UNKNOWN_FIELD"),
        ({"embeds": [{"title": "x" * 257}]}, "embeds.0.title", "BASE_TYPE_MAX_LENGTH"),
        ({"embeds": [{"fields": [{"name": "a", "value": ""}]}]}, "embeds.0.fields.0.value", "BASE_TYPE_REQUIRED"),
        ({"embeds": [{"description": "x" * 4000}] * 2}, "embeds", "MAX_EMBED_SIZE_EXCEEDED"),
        ({"embeds": [{"title": "x"}] * 11}, "embeds", "BASE_TYPE_MAX_LENGTH"),
        ({"content": "x", "message_reference": {"message_id": "5"}}, "message_reference", "REPLIES_UNKNOWN_MESSAGE"),
        (
            {"content": "x", "allowed_mentions": {"parse": ["users"], "users": ["7001"]}},
            "allowed_mentions",
            "MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE",
        ),
        ({"flags": 32768, "content": "x"}, "content", "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_a_malformed_message_is_refused_with_its_path(guild, bot, body, path, code):
    status, number, errors = await asked(bot, "POST", f"/channels/{GENERAL}/messages", body)
    for step in path.split("."):
        errors = errors[step]

    assert (status, number, errors["_errors"][0]["code"]) == (400, 50035, code)
    assert guild.visible("general") == []


def row(*buttons: dict[str, Any]) -> dict[str, Any]:
    return {"type": 1, "components": list(buttons)}


def button(name: str = "a", **parts: Any) -> dict[str, Any]:
    return {"type": 2, "style": 1, "custom_id": name, "label": "Press"} | parts


SELECT = {"type": 3, "custom_id": "s", "options": [{"label": "One", "value": "1"}]}
IN_ROW = "components.0.components"


@pytest.mark.parametrize(
    ("rows", "path", "code"),
    [
        pytest.param([row(button(str(n))) for n in range(6)], "components", "BASE_TYPE_BAD_LENGTH", id="six rows"),
        pytest.param([row(*(button(str(n)) for n in range(6)))], IN_ROW, "BASE_TYPE_BAD_LENGTH", id="six in a row"),
        pytest.param([row()], IN_ROW, "BASE_TYPE_BAD_LENGTH", id="an empty row"),
        pytest.param([button()], "components.0.type", "UNION_TYPE_CHOICES", id="no row"),
        pytest.param([row(button() | {"type": 99})], f"{IN_ROW}.0.type", "UNION_TYPE_CHOICES", id="a type unknown"),
        pytest.param([row(SELECT, button())], IN_ROW, "COMPONENT_LAYOUT_WIDTH_EXCEEDED", id="a select and a button"),
        pytest.param(
            [row(button()), row(button())],
            "components.1.components.0.custom_id",
            "COMPONENT_CUSTOM_ID_DUPLICATED",
            id="an id twice",
        ),
        pytest.param([row(button("x" * 101))], f"{IN_ROW}.0.custom_id", "BASE_TYPE_MAX_LENGTH", id="a long id"),
        pytest.param([row(button(""))], f"{IN_ROW}.0.custom_id", "BASE_TYPE_REQUIRED", id="no id"),
        pytest.param([row(button(label="x" * 81))], f"{IN_ROW}.0.label", "BASE_TYPE_MAX_LENGTH", id="a long label"),
        pytest.param([row(button(label=""))], f"{IN_ROW}.0.label", "BASE_TYPE_REQUIRED", id="nothing on it"),
        pytest.param([row(button(style=7))], f"{IN_ROW}.0.style", "BASE_TYPE_CHOICES", id="a style unknown"),
        pytest.param([row(button(colour=1))], f"{IN_ROW}.0.colour", "UNKNOWN_FIELD", id="a field unknown"),
        pytest.param(
            [row(button(url="https://example.org"))],
            f"{IN_ROW}.0.url",
            "BUTTON_COMPONENT_INVALID_STYLE",
            id="an address that is pressed",
        ),
        pytest.param(
            [row(button(emoji={"name": "up"}))], f"{IN_ROW}.0.emoji.name", "COMPONENT_INVALID_EMOJI", id="no emoji"
        ),
    ],
)
async def test_components_that_are_ill_made_are_refused_with_their_path(guild, bot, rows, path, code):
    body = {"content": "x", "components": rows}
    status, number, errors = await asked(bot, "POST", f"/channels/{GENERAL}/messages", body)
    for step in path.split("."):
        errors = errors[step]

    assert (status, number, errors["_errors"][0]["code"]) == (400, 50035, code)
    assert guild.visible("general") == []


async def test_components_that_are_well_made_stand_below_their_message(guild, bot):
    link = {"type": 2, "style": 5, "url": "https://example.org", "label": "Open"}
    rows = [row(button("a"), button("b", label="", emoji={"name": "👍"}), link), row(SELECT)]
    body = {"content": "x", "components": rows}
    await bot.http.request(discord.http.Route("POST", f"/channels/{GENERAL}/messages"), json=body)

    assert [one.buttons for one in guild.visible("general")] == [("Press", "👍", "Open")]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("POST", f"/channels/{GENERAL}/messages", {"content": "  "}, 400, 50006),
        ("POST", "/channels/1/messages", {"content": "x"}, 404, 10003),
        ("POST", "/channels/81384/messages", {"content": "x"}, 403, 50001),
        ("POST", "/channels/81385/messages", {"content": "x"}, 400, 50008),
        ("GET", f"/channels/{GENERAL}/messages/1", None, 404, 10008),
        ("GET", f"/channels/{GENERAL}/messages?limit=101", None, 400, 50035),
        ("GET", "/guilds/1", None, 404, 10004),
        ("GET", "/guilds/8138/members/7902", None, 404, 10007),
        ("GET", "/users/1", None, 404, 10013),
        ("PUT", "/applications/1/commands", [], 403, 20012),
        ("POST", "/webhooks/4242/unknown", {"content": "x"}, 404, 10015),
        ("POST", "/interactions/1/unknown/callback", {"type": 5}, 404, 10062),
        ("PATCH", "/channels/81382", {"name": "new"}, 403, 50013),
        ("POST", "/channels/81385/threads", {"name": "x"}, 400, 50035),
        ("GET", "/nowhere", None, 404, 0),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_what_cannot_be_done_is_refused_with_discords_code(guild, bot, method, path, body, status, code):
    assert (await asked(bot, method, path, body))[:2] == (status, code)
    assert [(refusal.status, refusal.code) for refusal in guild.refusals] == [(status, code)]


@pytest.mark.parametrize(
    ("denied", "sent", "code"),
    [
        (Permission.VIEW_CHANNEL, {}, 50001),
        (Permission.SEND_MESSAGES, {}, 50013),
        (Permission.EMBED_LINKS, {"embed": discord.Embed(title="x")}, 50013),
        (Permission.ATTACH_FILES, {"file": b"x"}, 50013),
        (Permission.READ_MESSAGE_HISTORY, {"reference": True}, 160002),
    ],
    ids=["see", "send", "embed", "attach", "reply"],
)
async def test_each_permission_is_asked_for(guild, bot, denied, sent, code):
    target = discord.MessageReference(message_id=int(await guild.say("ada", "general", "Hi")), channel_id=GENERAL)
    options = sent | ({"reference": target} if "reference" in sent else {})
    if "file" in sent:
        options["file"] = discord.File(io.BytesIO(sent["file"]), "x.bin")
    guild.permit("confab", "general", deny=denied)
    with pytest.raises(discord.Forbidden) as refusal:
        await bot.get_partial_messageable(GENERAL).send("x", **options)

    assert refusal.value.code == code


async def test_a_history_that_may_not_be_read_is_empty(guild, bot):
    await guild.say("ada", "general", "Hi")
    guild.permit("confab", "general", deny=Permission.READ_MESSAGE_HISTORY)

    assert [message async for message in bot.get_channel(GENERAL).history()] == []


async def test_a_reply_to_nothing_is_plain_if_that_may_be(guild, bot):
    nothing = discord.MessageReference(message_id=5, channel_id=GENERAL, fail_if_not_exists=False)
    said = await bot.get_channel(GENERAL).send("x", reference=nothing)

    assert (said.reference, said.type) == (None, discord.MessageType.default)


async def test_the_messages_of_others_are_theirs(guild, bot):
    said = int(await guild.say("ada", "general", "mine"))
    message = bot.get_partial_messageable(GENERAL).get_partial_message(said)
    with pytest.raises(discord.Forbidden) as edited:
        await message.edit(content="yours")
    with pytest.raises(discord.Forbidden) as deleted:
        await message.delete()
    guild.permit("confab", "general", allow=Permission.MANAGE_MESSAGES)
    await message.delete()

    assert (edited.value.code, deleted.value.code, guild.visible("general")) == (50005, 50013, [])


async def test_threads_are_refused_as_discord_refuses_them(guild, bot):
    said = await guild.say("ada", "general", "Hi")
    thread = await guild.start_thread(said, "Talk")
    post = await bot.get_partial_messageable(int(thread)).send("in here")
    paths = f"/channels/{GENERAL}/messages/{said}/threads", f"/channels/{thread}/messages"
    twice = await asked(bot, "POST", paths[0], {"name": "Again"})
    guild.permit("confab", "general", deny=Permission.SEND_MESSAGES_IN_THREADS)
    mute = await asked(bot, "POST", paths[1], {"content": "x"})
    guild.permit("confab", "general")
    guild.archive(thread, locked=True)
    edit = await asked(bot, "PATCH", f"{paths[1]}/{post.id}", {"content": "x"})
    locked = await asked(bot, "POST", paths[1], {"content": "x"})

    assert [refusal[1] for refusal in (twice, mute, edit, locked)] == [160004, 50013, 50083, 160005]


@pytest.mark.parametrize(
    ("kind", "type_", "code"),
    [
        pytest.param(Kind.NEWS, 10, None, id="an announcement channel"),
        pytest.param(Kind.TEXT, 11, None, id="a text channel"),
        pytest.param(Kind.VOICE, None, 50024, id="a voice channel"),
        pytest.param(Kind.STAGE, None, 50024, id="a stage channel"),
    ],
)
async def test_threads_are_opened_on_messages_of_text_and_announcement_channels_alone(guild, bot, kind, type_, code):
    channel = guild.room("place", kind=kind)
    said = await guild.say("ada", "place", "Hi")
    path = f"/channels/{channel}/messages/{said}/threads"
    if code:
        assert (await asked(bot, "POST", path, {"name": "Talk"}))[1] == code
    else:
        opened = await bot.http.request(discord.http.Route("POST", path), json={"name": "Talk"})
        assert (opened["type"], opened["id"], opened["parent_id"]) == (type_, said, channel)


async def test_titles_that_automod_blocks_and_one_thread_too_many_are_refused(guild, bot):
    path = f"/channels/{GENERAL}/messages/{await guild.say('ada', 'general', 'Hi')}/threads"
    guild.world.blocked_titles.add("bad")
    blocked = await asked(bot, "POST", path, {"name": "a bad word"})
    long = await asked(bot, "POST", path, {"name": "x" * 101})
    guild.world.full_of_threads = True
    full = await asked(bot, "POST", path, {"name": "a word"})

    assert [refusal[1] for refusal in (blocked, long, full)] == [200001, 50035, 160006]


async def test_slow_mode_holds_for_each_person_and_for_the_bot_unless_they_moderate(guild, bot):
    guild.slow_down("general", 600, threads=60)
    for who in ("bob", "cy", "ada", "ada"):  # ada manages channels
        await guild.say(who, "general", "Hi")
    with pytest.raises(Refused) as soon:
        await guild.say("bob", "general", "Hi again")
    await bot.get_channel(GENERAL).send("one")
    guild.permit("confab", "general", allow=Permission.BYPASS_SLOWMODE)
    await bot.get_channel(GENERAL).send("two")
    guild.clock.forward(601)
    said = await guild.say("bob", "general", "Hi again")
    thread = await guild.start_thread(said, "Talk")

    assert (soon.value.status, soon.value.body["code"]) == (429, 20016)
    assert 0 < soon.value.body["retry_after"] <= 600
    assert guild.world.channels[thread].slow == 60


async def test_a_word_opens_an_archived_thread(guild, bot):
    thread = await guild.start_thread("general", "Talk")
    guild.archive(thread)
    await bot.get_partial_messageable(int(thread)).send("back")

    assert not guild.world.channels[thread].archived


async def test_someone_may_refuse_dms(guild, bot):
    guild.refuse_dms("bob")
    with pytest.raises(discord.Forbidden) as refusal:
        await (await bot.fetch_user(7002)).send("hi")

    assert refusal.value.code == 50007


async def test_old_messages_take_few_edits(guild, bot):
    said = await bot.get_channel(GENERAL).send("0")
    guild.clock.forward(3601)
    for number in range(5):
        await said.edit(content=str(number))
    with pytest.raises(discord.HTTPException) as refusal:
        await said.edit(content="more")

    assert (refusal.value.status, refusal.value.code) == (429, 30046)


async def test_a_full_bucket_is_waited_out_by_the_library(guild, bot):
    guild.bucket(POST, 2, 0.1)
    channel = bot.get_channel(GENERAL)
    began = asyncio.get_running_loop().time()
    await asyncio.gather(*[channel.send(str(number)) for number in range(5)])

    assert asyncio.get_running_loop().time() - began >= 0.2
    assert (len(guild.visible("general")), guild.refusals) == (5, [])


async def test_a_bucket_refuses_one_request_too_many(guild, bot):
    guild.bucket(POST, 1, 60)
    url, headers = f"{guild.api_url}/channels/{GENERAL}/messages", {"Authorization": f"Bot {guild.token}"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.post(url, json={"content": "1"}) as first,
        session.post(url, json={"content": "2"}) as second,
    ):
        body = await second.json()

    assert (first.headers["X-RateLimit-Remaining"], second.status, second.headers["Via"]) == ("0", 429, "1.1 google")
    assert first.headers["Via"] == "1.1 google"
    assert (body["global"], 59 < body["retry_after"] <= 60) == (False, True)


@pytest.mark.parametrize("everywhere", [False, True], ids=["bucket", "global"])
async def test_a_429_is_tried_again(guild, bot, everywhere):
    guild.fault(POST, limited(0.01, everywhere=everywhere), times=2)
    await bot.get_channel(GENERAL).send("x")

    assert len([call for call in guild.calls if call.method == "POST"]) == 3


@pytest.mark.parametrize(
    ("trouble", "status"), [(cloudflare(), 429), (error(503), 503)], ids=["Cloudflare's 429", "503"]
)
async def test_some_answers_are_not_tried_again(guild, bot, trouble, status):
    guild.fault(POST, trouble)
    with pytest.raises(discord.HTTPException) as refusal:
        await bot.get_channel(GENERAL).send("x")

    assert (refusal.value.status, guild.visible("general")) == (status, [])


async def cancelled(task: asyncio.Task[Any]) -> bool:
    """Give up what waits; true if it was still waiting."""
    task.cancel()
    await asyncio.wait({task})
    return task.cancelled()


async def test_a_request_may_hang_or_drop_or_take_its_time(guild, bot):
    channel = bot.get_channel(GENERAL)
    guild.fault(POST, Fault.HANG)
    guild.fault(POST, Fault.DROP)
    guild.fault(POST, Delay(0.01))
    before, hanging = len(guild.calls), asyncio.create_task(channel.send("hangs"))
    await guild.until(lambda: len(guild.calls) > before)
    assert await cancelled(hanging)
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await channel.send("dropped")
    await channel.send("slow")

    assert [shown.content for shown in guild.visible("general")] == ["slow"]


@pytest.mark.parametrize(("phase", "shown"), [("before", []), ("after", ["x"])])
async def test_a_hook_cuts_before_or_after_the_nth_request(guild, bot, phase, shown):
    seen = []
    number = len(guild.calls) + 1

    def cut(index: int, method: str, path: str, when: str) -> bool:
        seen.append((index, method, path, when))
        return (index, when) == (number, phase)

    guild.on_request(cut)
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await bot.get_channel(GENERAL).send("x")

    assert seen[-1] == (number, "POST", f"/channels/{GENERAL}/messages", phase)
    assert [said.content for said in guild.visible("general")] == shown


async def test_files_hang_on_an_old_message_only_with_the_permission_and_within_the_limits(guild, bot):
    posted = await bot.http.send_message(GENERAL, params=discord.http.handle_message_parameters("x"))
    message = bot.get_partial_messageable(GENERAL).get_partial_message(int(posted["id"]))

    with pytest.raises(discord.HTTPException) as large:
        await message.edit(attachments=[discord.File(io.BytesIO(b"x" * 9_000_000), f"{n}") for n in range(3)])
    with pytest.raises(discord.HTTPException) as named:
        await message.edit(attachments=[discord.File(io.BytesIO(b"x"), "n" * 1025)])
    guild.permit("confab", "general", deny=Permission.ATTACH_FILES)
    with pytest.raises(discord.HTTPException) as forbidden:
        await message.edit(attachments=[discord.File(io.BytesIO(b"x"), "a")])

    assert [one.value.code for one in (large, named, forbidden)] == [40005, 50035, 50013]
    assert guild.world.files == {}

"""How answers are shown on Discord, whatever it refuses, loses or forbids on the way.

Tests bots.discord.address, bots.discord.directory, bots.discord.files, bots.discord.errors, bots.discord.client, bots.discord.surface.
"""

import asyncio
import json
import time
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bots.delivery.downloads import LARGEST
from bots.delivery.pace import Pace
from bots.discord import formatting as look
from bots.discord.client import Body
from bots.discord.directory import Directory
from bots.discord.errors import translate_errors
from core.domain.errors import CannotAnswer, CannotShow, NoAnswer, Uncertain
from core.domain.messages import Attachment, File, Question, Rank, ThreadKey
from tests.fakes.claude.script import Answer, Gate
from tests.fakes.discord.limits import Answer as Served
from tests.fakes.discord.limits import Delay, Fault, error, limited
from tests.fakes.discord.nouns import Permission, Upload
from tests.fakes.discord.posts import remove
from tests.fakes.discord.server import DiscordFake
from tests.fakes.discord.world import Clock
from tests.support.discord_house import answered, confab, idle, settled, told
from tests.support.waiting import until

POST, EDIT = "POST /channels/{channel}/messages", "PATCH /channels/{channel}/messages/{message}"
BY_TOKEN = "PATCH /webhooks/{webhook}/{token}/messages/{message}"
TYPING = "POST /channels/{channel}/typing"
PAGES = 2600  # characters: two pages


def ours(guild, channel: str = "general") -> list[str]:
    return [one.content for one in guild.visible(channel) if one.author == "confab"]


async def ask(guild, channel: str = "general", text: str = "why?", user: str = "ada") -> str:
    return await guild.say(user, channel, f"<@{guild.me}> {text}")


def long(claude, **options) -> str:
    text = " ".join(f"word{number:04}" for number in range(PAGES // 9))
    claude.script(Answer(text=text, chunk=200, **options))
    return text


@pytest.mark.parametrize(
    ("route", "trouble"),
    [
        pytest.param(POST, Fault.LOSE, id="a post whose answer is lost"),
        pytest.param(POST, Fault.DROP, id="a post that never arrived"),
        pytest.param(POST, error(503), id="a post that Discord failed at"),
        pytest.param(POST, limited(0.01), id="a post that is rate limited"),
        pytest.param(POST, Served(429, "<html>error 1015</html>"), id="a post that Cloudflare refused"),
        pytest.param(EDIT, Fault.LOSE, id="an edit whose answer is lost"),
        pytest.param(EDIT, error(503), id="an edit that Discord failed at"),
        pytest.param(TYPING, error(503), id="typing that Discord failed at"),
        pytest.param(TYPING, Served(403, {"code": 50013, "message": "Missing Permissions"}), id="typing forbidden"),
    ],
)
async def test_a_trouble_that_passes_neither_loses_nor_doubles_a_page(guild, claude, running, route, trouble):
    text = long(claude)
    guild.fault(route, trouble, 2)
    await ask(guild)
    await settled(guild, running)

    assert ours(guild) == look.render_pages(text)
    assert len(ours(guild)) == 2


async def test_a_post_whose_answer_is_lost_is_found_also_when_its_nonce_is_forgotten(guild, claude, running):
    guild.fault(POST, Fault.LOSE)

    def forget(number: int, method: str, path: str, phase: str) -> None:
        if method == "GET" and path.endswith("/messages"):
            guild.clock.forward(600)

    guild.on_request(forget)
    await ask(guild)
    await settled(guild, running)

    assert ours(guild) == ["fine"]


async def test_a_page_s_nonce_is_made_of_its_question_and_number(guild, claude, running):
    long(claude)
    asked = await ask(guild)
    await settled(guild, running)

    posts = [call.json for call in guild.calls if call.method == "POST" and call.path.endswith("/81382/messages")]
    assert [(post["nonce"], post["enforce_nonce"]) for post in posts] == [(f"{asked}-1", True), (f"{asked}-2", True)]


async def test_a_slash_answers_edit_that_is_lost_is_made_again(guild, claude, running):
    guild.fault(BY_TOKEN, Fault.LOSE, 1)
    asked = await guild.interact("ada", "general", "ask", {"prompt": "why?"})

    assert await answered(running, asked) == "> why?\nfine"


@pytest.mark.parametrize(
    "forbid",
    [
        pytest.param(lambda guild: guild.permit("confab", "dev", deny=Permission.SEND_MESSAGES), id="permission"),
        pytest.param(lambda guild: guild.permit("confab", "dev", deny=Permission.VIEW_CHANNEL), id="access"),
        pytest.param(lambda guild: guild.world.channels.pop("81383"), id="channel"),
    ],
)
async def test_what_is_forbidden_mid_answer_is_logged_and_the_next_question_answered(
    guild, claude, running, forbid, caplog
):
    gate = Gate(after=6)
    long(claude, gate=gate)
    await ask(guild, "dev")
    await gate.reached.wait()
    await until(lambda: ours(guild, "dev"))
    forbid(guild)
    gate.opened.set()
    await idle(running)
    await ask(guild)
    await settled(guild, running)

    assert "can't be shown an answer" in caplog.text
    assert ours(guild) == ["fine"]


async def test_a_locked_thread_is_logged_and_the_next_question_answered(guild, claude, running, caplog):
    thread = await guild.start_thread("general", "plans", "bob")
    gate = Gate(after=2)
    claude.script(Answer(text="an answer", gate=gate))
    await ask(guild, thread)
    await gate.reached.wait()
    guild.archive(thread, locked=True)
    gate.opened.set()
    await idle(running)
    await ask(guild)
    await settled(guild, running)

    assert "the thread is locked" in caplog.text
    assert ours(guild) == ["fine"]


async def test_an_archived_thread_is_opened_by_an_answer(guild, claude, running):
    thread = await guild.start_thread("general", "plans", "bob")
    gate = Gate(after=6)
    text = long(claude, gate=gate)
    await ask(guild, thread)
    await gate.reached.wait()
    await until(lambda: ours(guild, thread))
    guild.archive(thread)
    gate.opened.set()
    await settled(guild, running)

    assert ours(guild, thread) == look.render_pages(text)


@pytest.mark.parametrize(("age", "grows"), [(0, True), (2 * 3600, False)], ids=["fresh", "older than an hour"])
async def test_an_old_answer_spends_no_edit_on_growing(claude, store, age, grows):
    text = " ".join(f"word{number:04}" for number in range(PAGES // 9))
    claude.script(Answer(text=text, chunk=100, delay=0.1))
    async with DiscordFake(clock=Clock(lambda: time.time() - age)) as guild, confab(guild, claude, store) as running:
        await ask(guild, "dev")
        await settled(guild, running)

        assert ours(guild, "dev") == look.render_pages(text)
        edits = [one for one in guild.calls if one.method == "PATCH"]
        assert len(edits) > 1 if grows else len(edits) == 1


async def test_a_token_that_is_revoked_mid_answer_is_logged_and_waited_for(guild, claude, running, caplog):
    gate = Gate(after=6)
    text = long(claude, gate=gate)
    await ask(guild)
    await gate.reached.wait()
    await until(lambda: ours(guild))
    guild.fault(EDIT, Served(401, {"code": 0, "message": "401: Unauthorized"}), 2)
    gate.opened.set()
    await idle(running)

    assert ours(guild) == look.render_pages(text)
    assert len(told(claude)) == 1
    assert "Discord does not take DISCORD_BOT_TOKEN any more" in caplog.text


async def test_a_page_that_discord_finds_too_long_is_cut_smaller(guild, claude, running):
    text = long(claude, delay=0.001)
    too_long = {"content": {"_errors": [{"code": "BASE_TYPE_MAX_LENGTH", "message": "Must be 2000 or fewer."}]}}
    guild.fault(EDIT, Served(400, {"code": 50035, "message": "Invalid Form Body", "errors": too_long}))
    await ask(guild)
    await settled(guild, running)

    assert ours(guild) == look.render_pages(text, limit=look.PAGE - 200)


async def test_a_page_that_somebody_deletes_mid_answer_stays_deleted_and_stops_it(guild, claude, running):
    gate = Gate(after=6)
    long(claude, gate=gate)
    await ask(guild)
    await gate.reached.wait()
    await until(lambda: ours(guild))
    await guild.delete(guild.visible("general")[1].id)
    await settled(guild, running)  # the gate is closed: nobody waits for Claude any more

    assert ours(guild) == []


async def test_a_question_that_is_deleted_as_its_answer_begins_leaves_nothing(guild, claude, running):
    deleted: list[str] = []

    def meanwhile(_number, method, path, phase):
        if (method, phase) == ("POST", "before") and path.endswith("/messages") and not deleted:
            deleted.append(guild.visible("general")[0].id)
            remove(guild.world, guild.world.posts[deleted[0]])

    guild.on_request(meanwhile)
    await ask(guild)
    await settled(guild, running)

    assert deleted
    assert ours(guild) == []


async def test_where_we_may_not_write_the_asker_is_told_alone_and_claude_is_not_asked(guild, claude, running):
    guild.permit("confab", "general", deny=Permission.SEND_MESSAGES)
    await ask(guild)
    await settled(guild, running)

    assert ours(guild) == []
    assert told(claude) == []
    assert "I could not answer you where you asked me" in guild.visible("@ada")[-1].content


async def test_page_two_of_a_slash_answer_where_we_may_not_write_answers_the_interaction(guild, claude, running):
    text = long(claude)
    guild.permit("confab", "general", deny=Permission.SEND_MESSAGES | Permission.VIEW_CHANNEL)
    asked = await guild.interact("ada", "general", "ask", {"prompt": "tell me"})
    await answered(running, asked)

    assert asked.posted
    pages = look.render_pages(text, look.quote_question("tell me"))
    assert [asked.answer, *asked.followups] == pages
    assert not any(guild.world.posts[page].ephemeral for page in asked.posted)


async def test_what_was_asked_while_the_token_was_refused_is_answered_when_it_works_again(guild, claude, running):
    guild.fault("POST /channels/{channel}/messages", Served(401, {"code": 0, "message": "401: Unauthorized"}), 2)
    await ask(guild)
    await settled(guild, running)

    assert ours(guild) == ["fine"]


async def test_a_question_that_is_deleted_while_it_is_answered_leaves_no_reply_to_nothing(guild, claude, running):
    gate = Gate(after=2)
    claude.script(Answer(text="an answer", gate=gate))
    asked = await ask(guild)
    await gate.reached.wait()
    await guild.delete(asked)
    gate.opened.set()
    await idle(running)

    assert [one.reference for one in guild.visible("general")] in ([], [None])


async def test_without_read_message_history_it_answers_what_it_heard_and_says_once_what_is_missing(
    guild, claude, running
):
    guild.permit("confab", "general", deny=Permission.READ_MESSAGE_HISTORY)
    for _ in range(2):
        said = await guild.say("bob", "general", "Good morning")
        await guild.say("ada", "general", f"<@{guild.me}> hello", reply_to=said)
        await settled(guild, running)

    first, second = ours(guild)
    assert "give me “Read Message History”" in first
    assert second == "fine"


async def test_a_thread_that_lists_nothing_buries_nothing(guild, claude, running):
    guild.permit("confab", "general", deny=Permission.READ_MESSAGE_HISTORY)
    thread = await guild.start_thread("general", "plans", "bob")
    await guild.say("ada", thread, f"<@{guild.me}> one")
    await settled(guild, running)
    await guild.say("ada", thread, "two")
    await settled(guild, running)

    shown = [one.content for one in guild.visible(thread) if one.author == "confab"]
    assert len(shown) == 2
    assert "give me “Read Message History”" in shown[0]
    assert shown[1] == "fine"
    assert [turn[1] for turn in told(claude)[1] if turn[0] == "user"][-1] == "Ada: two"
    assert "could not be read" in told(claude)[0][0][1]


async def test_edits_wait_for_their_time_and_the_final_text_does_not(guild, claude, store):
    async with confab(guild, claude, store, edit=30.0) as running:
        gate = Gate(after=5)
        claude.script(Answer(text="one two three four five", gate=gate))
        await ask(guild)
        await gate.reached.wait()
        await until(lambda: ours(guild))
        before = len(guild.calls)
        gate.opened.set()
        await settled(guild, running)

        assert ours(guild) == ["one two three four five"]
        assert [call.method for call in guild.calls[before:] if "/messages" in call.path] == ["PATCH"]


async def test_what_says_the_same_is_edited_once_for_its_buttons(guild, claude, running):
    gate = Gate(after=8)
    claude.script(Answer(text="fine" + " " * 400, chunk=4, gate=gate))
    await ask(guild)
    await gate.reached.wait()
    await until(lambda: ours(guild) == ["fine"])
    gate.opened.set()
    await settled(guild, running)

    shown = [call for call in guild.calls if "/messages" in call.path and call.method != "GET"]
    assert [(call.method, call.json["content"]) for call in shown] == [("POST", "fine"), ("PATCH", "fine")]
    assert ["Stop" in json.dumps(call.json["components"]) for call in shown] == [True, False]


async def test_typing_is_shown_while_there_is_no_text_and_ends_with_the_answer(guild, claude, running):
    gate = Gate(after=2)
    claude.script(Answer(text="an answer", gate=gate))
    await ask(guild)
    await gate.reached.wait()
    await until(lambda: any(call.path.endswith("/typing") for call in guild.calls))
    gate.opened.set()
    await settled(guild, running)

    assert Counter(call.path.rpartition("/")[2] for call in guild.calls)["typing"] == 1


@pytest.mark.parametrize("slash", [False, True], ids=["a mention", "a slash command"])
async def test_a_process_that_dies_mid_answer_is_followed_by_one_that_ends_it(guild, claude, store, slash):
    gate = Gate(after=8)
    text = long(claude, gate=gate)
    claude.script(Answer(text=text, chunk=400))
    async with confab(guild, claude, store) as dying:
        if slash:
            await guild.interact("ada", "general", "ask", {"prompt": "why?"})
        else:
            await ask(guild)
        await gate.reached.wait()
        await until(lambda: ours(guild))
    async with confab(guild, claude, store, process="p2") as running:
        await settled(guild, running)

        assert ours(guild) == look.render_pages(text, look.quote_question("why?") if slash else "")
        assert dying is not running


async def test_pages_that_were_never_written_down_are_found_again(guild, claude, store):
    text = long(claude)
    posted: list[int] = []

    def cut(number: int, method: str, path: str, phase: str) -> bool:
        if method == "POST" and path.endswith("/messages") and phase == "after":
            posted.append(number)
        return bool(posted) and len(posted) < 2

    guild.on_request(cut)
    async with confab(guild, claude, store):
        asked = await ask(guild)
        await until(lambda: posted)
    posted += [0, 0]
    guild.clock.forward(600)
    claude.answer = lambda body: Answer(text=text)
    async with confab(guild, claude, store, process="p2") as running:
        await settled(guild, running)

    assert ours(guild) == look.render_pages(text)
    assert {one.reference for one in guild.visible("general") if one.author == "confab"} == {asked}


async def surface(running, address: str = "{}", channel: str = "81382", workspace: str = "discord:8138"):
    key = ThreadKey(workspace, channel, "1")
    return await running.discord.surface(Question(key, "1", "7001", datetime.now(UTC), address=address))


@pytest.mark.parametrize(
    ("person", "rank"),
    [
        ("7005", Rank.OWNER),
        ("7001", Rank.MANAGER),
        ("7002", Rank.MEMBER),
        ("7003", Rank.MANAGER),
        ("99", Rank.GUEST),
    ],
    ids=["the owner", "who may manage channels", "anybody", "who may manage this one", "who is not there"],
)
async def test_the_server_says_what_a_person_may_do(guild, running, person, rank):
    guild.permit("cy", "general", allow=Permission.MANAGE_CHANNELS)
    await settled(guild, running)

    assert await (await surface(running)).rank(person) is rank


@pytest.mark.parametrize(
    ("who", "person", "rank"),
    [("ada", "7001", Rank.MANAGER), ("bob", "7002", Rank.MEMBER), ("cy", "7003", Rank.MANAGER)],
    ids=["by role", "a plain member", "by the channel"],
)
async def test_a_message_says_what_its_author_may_do_and_nobody_is_asked(guild, running, who, person, rank):
    guild.permit("cy", "general", allow=Permission.MANAGE_CHANNELS)
    await guild.say(who, "general", "hello")
    await settled(guild, running)

    assert await (await surface(running)).rank(person) is rank
    assert [call.path for call in guild.calls if "/members/" in call.path] == []


async def test_a_threads_rank_is_its_channels(guild, running):
    guild.permit("bob", "general", allow=Permission.MANAGE_CHANNELS)
    thread = await guild.start_thread("general", "plans", "bob")
    guild.archive(thread)
    await settled(guild, running)

    assert await (await surface(running, f'{{"at": "{thread}"}}')).rank("7002") is Rank.MANAGER


async def test_the_server_is_asked_for_a_rank_once_a_minute_in_each_channel(guild, running):
    await settled(guild, running)
    seconds = [100.0]
    directory = Directory(running.discord._rest, lambda: running.discord._connected, clock=lambda: seconds[-1])
    asked = []
    for now in (100.0, 159.0, 160.0):
        seconds.append(now)
        assert await directory.fetch_rank("8138", "81382", "7002") is Rank.MEMBER
        asked.append(len([call for call in guild.calls if "/members/" in call.path]))

    assert asked == [1, 1, 2]


async def test_what_a_message_shows_of_its_author_is_believed_for_a_minute(guild, running):
    await settled(guild, running)
    seconds = [100.0]
    directory = Directory(running.discord._rest, lambda: running.discord._connected, clock=lambda: seconds[-1])
    author = {"id": "7002", "username": "bob", "global_name": "Bob", "discriminator": "0", "avatar": None}
    member = {"roles": [], "joined_at": "2026-01-01T00:00:00+00:00", "deaf": False, "mute": False}
    directory.note({"guild_id": "8138", "author": author, "member": member, "mentions": []})
    asked = []
    for now, channel in ((159.0, "81382"), (160.0, "81383")):
        seconds.append(now)
        assert await directory.fetch_rank("8138", channel, "7002") is Rank.MEMBER
        asked.append(len([call for call in guild.calls if "/members/" in call.path]))

    assert asked == [0, 1]
    assert await directory.fetch_names("8138", {"7002"}) == {"7002": "Bob"}


async def test_a_name_that_no_message_shows_again_is_believed_for_ten_minutes(guild, running):
    await settled(guild, running)
    seconds = [0.0]
    directory = Directory(running.discord._rest, lambda: running.discord._connected, clock=lambda: seconds[0])
    people, names = guild.world.users, []
    for seconds[0], display in ((0.0, "Bob"), (599.0, "Robert"), (601.0, "Robert")):
        people["7002"] = replace(people["7002"], display=display)
        names += (await directory.fetch_names("8138", {"7002"})).values()

    assert names == ["Bob", "Bob", "Robert"]


async def test_a_renamed_person_keeps_the_name_in_a_thread_and_has_the_new_one_in_the_next(guild, claude, running):
    people = guild.world.users
    thread = await guild.start_thread("general", "plans", "bob")
    await guild.say("bob", thread, f"<@{guild.me}> hello")
    await settled(guild, running)
    people["7002"] = replace(people["7002"], display="Robert")
    await guild.say("bob", thread, "and now?")
    await settled(guild, running)
    await guild.say("bob", "general", f"<@{guild.me}> hello")
    await settled(guild, running)

    assert [turns[-1][1] for turns in told(claude)] == ["Bob: hello", "Bob: and now?", "Robert: hello"]


REFUSED = Served(401, {"message": "401: Unauthorized", "code": 0})


@pytest.mark.parametrize("route", [POST, EDIT])
async def test_one_401_alone_costs_no_answer(guild, claude, running, route):
    text = " ".join(f"word{number:04}" for number in range(PAGES // 9))
    claude.script(Answer(text=text, chunk=400))
    guild.fault(route, REFUSED)
    await guild.say("ada", "general", f"<@{guild.me}> why?")
    await settled(guild, running)

    assert ours(guild) == look.render_pages(text)


async def test_a_file_is_whole_when_its_request_was_refused_once_with_401(guild, running):
    await settled(guild, running)
    rest, file = running.discord._rest, File("a.csv", "text/csv", b"a,b\n1,2\n")
    page = await rest.post("81382", Body("a table"), "nonce")
    guild.fault(EDIT, REFUSED)
    await rest.edit("81382", page, Body("a table", files=[file]))

    assert [one.upload.content for one in guild.world.files.values()] == [file.content]


async def test_what_an_earlier_try_posted_says_what_the_later_one_means(guild, running):
    await settled(guild, running)
    guild.fault(POST, Fault.LOSE)
    rest = running.discord._rest
    with pytest.raises(Uncertain):
        await translate_errors(rest.post("81382", Body("what was known by then"), "nonce"))

    await rest.post("81382", Body("all of it"), "nonce")

    assert ours(guild) == ["all of it"]


async def test_a_401_that_comes_again_is_the_end_of_the_token(guild, running):
    await settled(guild, running)
    guild.fault(POST, REFUSED, 2)
    with pytest.raises(CannotShow, match="DISCORD_BOT_TOKEN"):
        await translate_errors(running.discord._rest.post("81382", Body("hi"), "nonce"))

    assert ours(guild) == []


MEMBER = "GET /guilds/{guild}/members/{user}"
LIST, FETCH = "GET /channels/{channel}/messages", "GET /channels/{channel}/messages/{message}"


def looked_up(guild) -> list[str]:
    """Whom the server was asked about, in that order."""
    return [call.path.rpartition("/")[2] for call in guild.calls if "/members/" in call.path]


async def test_names_that_do_not_come_in_time_are_done_without(guild, running):
    await settled(guild, running)
    directory = Directory(running.discord._rest, lambda: running.discord._connected, deadline=0.5)
    guild.fault(MEMBER, Delay(0), 2)
    guild.fault(MEMBER, Fault.HANG)
    async with asyncio.timeout(5):
        names = await directory.fetch_names("8138", {"1", "7001", "7002", "a webhook"}, {"7001", "7002"})

    assert names == {"7001": "Ada", "7002": "Bob"}


@pytest.mark.parametrize("trouble", [Fault.HANG, limited(60), error(500)], ids=["no answer", "429", "500"])
async def test_a_rank_that_does_not_come_in_time_is_said_to_whoever_needs_it(guild, running, trouble):
    await settled(guild, running)
    directory = Directory(running.discord._rest, lambda: running.discord._connected, rank_deadline=0.1)
    guild.fault(MEMBER, trouble)
    async with asyncio.timeout(5):
        with pytest.raises(NoAnswer, match="Discord does not tell me just now what you may do"):
            await directory.fetch_rank("8138", "81382", "7002")


USER = {"id": "7002", "username": "bob", "discriminator": "0", "avatar": None}
UNREADABLE = {
    "HTML": "<html>incident</html>",
    "a list": [{"user": USER, "roles": [], "flags": 0}],
    "a text": json.dumps("ok"),
    "null": None,
    "nothing in it": {},
    "fields of null": {"user": None, "roles": None, "id": None, "content": None, "author": None, "flags": None},
    "fields of other kinds": {"user": [], "roles": {}, "id": 7, "content": [], "author": "x", "type": "0"},
    "an id that is none": {"user": {**USER, "id": "bob"}, "roles": [], "flags": 0},
    "roles of null": {"user": USER, "roles": [None], "flags": 0},
    "an account without a name": {"user": {"id": "7002"}, "roles": [], "flags": 0},
}


@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE.keys())
async def test_an_answer_of_discord_s_that_can_t_be_read_is_none(guild, running, body, caplog):
    await settled(guild, running)
    rest, client = running.discord._rest, running.discord._connected
    directory = Directory(rest, lambda: client, rank_deadline=0.1)
    guild.fault(MEMBER, Served(200, body), 2)
    guild.fault("GET /users/{user}", Served(200, body))
    for route in (LIST, FETCH, "POST /users/@me/channels"):
        guild.fault(route, Served(200, body))

    assert await directory.fetch_names("8138", {"7002"}) == {}
    with pytest.raises(NoAnswer):
        await directory.fetch_rank("8138", "81382", "7002")
    for call in (rest.list_messages("81382"), rest.fetch_message("81382", "1"), rest.open_direct_channel("7001")):
        with pytest.raises(Uncertain):
            await translate_errors(call)
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize("body", ["<html>", "", "{", "[]"], ids=["HTML", "empty", "half an object", "a list"])
async def test_an_answer_of_discord_s_that_is_no_json_though_it_says_so_is_none(guild, running, body):
    await settled(guild, running)
    directory = Directory(running.discord._rest, lambda: running.discord._connected)
    guild.fault(MEMBER, Served(200, body, {"Content-Type": "application/json"}))
    guild.fault("GET /users/{user}", Served(200, body, {"Content-Type": "application/json"}))

    assert await directory.fetch_names("8138", {"7002"}) == {}


async def test_a_history_that_comes_as_html_is_asked_for_again(guild, claude, running):
    guild.fault(LIST, Served(200, "<html>incident</html>"))
    thread = await guild.start_thread("general", "plans", "bob")
    await ask(guild, thread)
    await settled(guild, running)

    assert ours(guild, thread) == ["fine"]


async def test_eight_names_are_looked_up_at_once(guild, running):
    await settled(guild, running)
    directory = Directory(running.discord._rest, lambda: running.discord._connected, deadline=0.3)
    await directory.fetch_names("8138", {"7001"})  # from now on the library knows how many the route takes
    guild.fault(MEMBER, Fault.HANG, 40)
    async with asyncio.timeout(5):
        names = await directory.fetch_names("8138", {str(number) for number in range(100, 130)})

    assert (names, len(looked_up(guild)[1:])) == ({}, 8)


async def test_fifty_unknown_people_are_looked_up_authors_first(guild, running):
    await settled(guild, running)
    directory = Directory(running.discord._rest, lambda: running.discord._connected, deadline=30)
    people = {str(number) for number in range(100, 200)}
    names = await directory.fetch_names("8138", people | {"7001", "7002"}, {"7001", "7002"})

    assert names == {"7001": "Ada", "7002": "Bob"}
    assert len(looked_up(guild)) == 50
    assert {"7001", "7002"} <= set(looked_up(guild)[:8])


async def test_who_wrote_is_named_by_the_history_beside_hundreds_of_mentions(guild, running):
    await settled(guild, running)
    crowd = " ".join(f"<@{number}>" for number in range(100, 190))
    thread = await guild.start_thread("general", "plans", "bob")
    await guild.say("bob", thread, crowd)
    place = await surface(running, f'{{"at": "{thread}"}}')
    await place.history()
    running.discord._directory._names.clear()
    names = await place.names({"7002", *map(str, range(100, 190))})

    assert names == {"7002": "Bob"}
    assert "7002" not in looked_up(guild)


async def test_a_file_is_fetched_from_discord_only(guild, claude, running):
    await guild.say("ada", "general", f"<@{guild.me}> read", attachments=[Upload("a.txt", b"hello")])
    await settled(guild, running)
    said = next(event for event in running.heard if hasattr(event, "message")).message
    (file,) = said.attachments
    place = await surface(running)

    assert await place.fetch(file, said.id) == b"hello"
    guild.clock.forward(2 * 86_400)  # its link has run out
    assert await place.fetch(file, said.id) == b"hello"
    with pytest.raises(CannotAnswer, match="no longer there"):
        await place.fetch(Attachment("1", "a.txt", "text/plain", 5, file.url.partition("?")[0]), said.id)
    with pytest.raises(CannotAnswer, match="no longer there"):
        await place.fetch(replace(file, url=file.url.partition("?")[0]), "1")
    with pytest.raises(CannotAnswer, match="larger than the 32 MB"):
        await place.fetch(replace(file, size=LARGEST + 1), said.id)


@pytest.mark.parametrize(
    "origin",
    [
        "http://cdn.discordapp.com",
        "https://cdn.discordapp.com:8443",
        "https://ada@cdn.discordapp.com",
        "https://cdn.discordapp.com.evil.example",
        "https://evil.example",
        "http://127.0.0.1:1",
        "",
    ],
)
async def test_no_file_is_fetched_from_elsewhere(guild, running, origin):
    await settled(guild, running)
    name = "a\n<@7001> `b`.txt"

    with pytest.raises(CannotAnswer, match="^it is kept elsewhere, not by Discord; paste its text$"):
        await (await surface(running)).fetch(Attachment("1", name, "text/plain", 5, f"{origin}/attachments/1"), "1")


async def test_a_long_thread_is_read_from_its_end(guild, claude, running):
    thread = await guild.start_thread("general", "plans", "bob")
    for number in range(1003):
        await guild.say("bob", thread, f"line {number}")
    await settled(guild, running)
    await ask(guild, thread)
    await settled(guild, running)

    assert told(claude)[0][0][1].startswith("Bob: line 4\nBob: line 5\n")


async def test_two_answers_in_a_channel_share_its_pace(guild, claude, store):
    async with confab(guild, claude, store, edit=30.0) as running:
        gates = [Gate(after=5), Gate(after=5)]
        claude.script(*(Answer(text="one two three four five", gate=gate) for gate in gates))
        await ask(guild)
        await ask(guild, user="bob")
        for gate in gates:
            await gate.reached.wait()
        await until(lambda: ours(guild))
        await settled_events(guild, running)
        shown = len(ours(guild))
        for gate in gates:
            gate.opened.set()
        await settled(guild, running)

        assert shown == 1
        assert ours(guild) == ["one two three four five"] * 2


async def settled_events(guild, running) -> None:
    """Wait until a message that is said now was heard: what could be posted before it, was."""
    mark = await guild.say("zoe", "dev", "(a mark)")
    await until(lambda: any(event.id == mark for event in running.heard))


async def test_files_hang_on_the_last_page(guild, claude, running):
    from bots.discord.parse import BotIdentity, ChannelPlace
    from bots.discord.publisher import Publisher
    from bots.discord.targets import InChannel
    from core.answering.reply import Reply
    from core.domain.messages import File

    asked = await guild.say("ada", "general", "draw")
    await settled(guild, running)
    question = Question(ThreadKey("discord:8138", "81382", asked), asked, "7001", datetime.now(UTC))
    outlet = InChannel(
        running.discord._rest, ChannelPlace("discord:8138", "81382", "81382"), BotIdentity(guild.me), asked, asked
    )
    pages: list[str] = []
    for _ in range(2):
        reply = Reply(question, lambda page, at: asyncio.sleep(0), pages)
        reply.finish("Here it is.", files=[File("a.csv", "text/csv", b"1,2", "numbers")])
        await Publisher(reply, outlet, Pace(0)).run()
        pages = reply.pages

    (page,) = [one for one in guild.visible("general") if one.author == "confab"]
    assert page.content == "Here it is."
    assert [file.upload.content for file in guild.world.posts[page.id].files] == [b"1,2"]


async def test_typing_ends_with_the_first_text(guild, claude, running):
    from bots.discord.parse import BotIdentity, ChannelPlace
    from bots.discord.publisher import Publisher
    from bots.discord.targets import InChannel
    from core.answering.reply import Reply

    def typed() -> int:
        return sum(call.path.endswith("/typing") for call in guild.calls)

    asked = await guild.say("ada", "general", "talk")
    question = Question(ThreadKey("discord:8138", "81382", asked), asked, "7001", datetime.now(UTC))
    outlet = InChannel(
        running.discord._rest, ChannelPlace("discord:8138", "81382", "81382"), BotIdentity(guild.me), asked, asked
    )
    reply = Reply(question, lambda page, at: asyncio.sleep(0), [])
    showing = asyncio.create_task(Publisher(reply, outlet, Pace(0), typing=0.001).run())
    await until(lambda: typed() > 3)
    reply.say("one")
    await until(lambda: ours(guild) == ["one"])
    await until(lambda: reply.pages)
    before = typed()
    for text in ("one two", "one two three", "one two three four"):
        reply.say(text)
        await until(lambda text=text: ours(guild) == [text])
    reply.finish("one two three four five")
    await showing

    assert typed() - before <= 1  # one may have been under way


async def test_hidden_words_are_seen_at_no_time(guild, claude, running):
    gate, seen = Gate(after=7), set[str]()
    claude.script(Answer(text="It ends so: ||the butler did it.\n\nHe fled.|| Sad.", chunk=8, gate=gate))
    guild.on_request(lambda *_: seen.update(ours(guild)))
    await ask(guild)
    await gate.reached.wait()
    await guild.until(lambda: any("butl" in text for text in ours(guild)))
    gate.opened.set()
    await settled(guild, running)

    assert ours(guild) == ["It ends so: ||the butler did it.||\n\n||He fled.|| Sad."]
    assert len([text for text in seen if "butl" in text]) > 1
    assert [text for text in seen if "butl" in text and "\\|" in text] == []

"""One thread in Slack, read and shown over loopback without the rest of the house.

Tests bots.slack.directory, bots.slack.history, bots.slack.files, bots.slack.surface.
"""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bots.delivery.downloads import LARGEST
from bots.slack.adapter import Slack
from bots.slack.client import TRIES, Web
from bots.slack.directory import Directory
from bots.slack.ephemeral import Whisper
from bots.slack.files import fetch_file
from bots.slack.parse import BotIdentity
from bots.slack.status import Status, status
from bots.slack.surface import SlackSurface
from bots.slack.throttle import Throttle
from core.answering.reply import Reply
from core.domain.errors import CannotAnswer, CannotShow, NoAnswer
from core.domain.messages import Attachment, File, History, Question, Rank, Reach, ThreadKey
from tests.fakes.slack.faults import Fault
from tests.fakes.slack.nouns import BOT, BOT_ID, TEAM, Clock
from tests.fakes.slack.nouns import File as Uploaded
from tests.fakes.slack.server import SCOPES, SlackFake
from tests.support.proxy import refusing_proxy
from tests.support.slack_house import brisk


@pytest.fixture
async def platform(slack):
    platform = Slack(
        slack.token, app_token="xapp-1", api_url=slack.base_url, managers=frozenset({"U0CY"}), pause=0.001, sleep=brisk
    )
    yield platform
    await platform.close()


@pytest.fixture
async def web(slack):
    """Slack's API, ten messages at a time."""
    async with aiohttp.ClientSession() as session:
        client = AsyncWebClient(slack.token, slack.base_url, session=session, retry_handlers=[])
        yield Web(client, BotIdentity("slack:T024", BOT, BOT_ID, TEAM), Throttle(0), brisk, batch=10)


def asked(ts: str, channel: str = "C0DEV", person: str = "U0ADA", **more) -> Question:
    return Question(ThreadKey("slack:T024", channel, ts), ts or "trigger", person, datetime.now(UTC), **more)


async def keep(page: str, at: datetime | None) -> None:
    pass


async def test_a_long_history_is_read_page_by_page_and_says_that_it_is_whole(slack, web):
    root = await slack.say("ada", "dev", "0")
    for number in range(1, 25):
        await slack.say("bob", "dev", str(number), root)

    history = await SlackSurface(web, Directory(web), asked(root)).history()

    assert [one.text for one in history.messages] == [str(number) for number in range(25)]
    assert history.reach is Reach.WHOLE
    assert len(slack.called("conversations.replies")) >= 3


@pytest.mark.parametrize("repeated", [True, False], ids=["root on every page", "root once"])
async def test_a_history_that_is_too_long_is_a_tail_and_says_so(slack, web, repeated):
    slack.world.parent_on_every_page = repeated
    root = await slack.say("ada", "dev", "0")
    for number in range(1, 45):
        await slack.say("bob", "dev", str(number), root)

    history = await SlackSurface(web, Directory(web), asked(root), newest=2).history()

    shown = [int(one.text) for one in history.messages]
    assert history.reach is Reach.TAIL
    assert shown == list(range(shown[0], 45))
    assert shown[0] > 20


async def test_a_thread_that_was_deleted_whole_is_read_as_empty(platform):
    surface = await platform.surface(asked("1600000000.000100"))

    assert await surface.history() == History((), Reach.WHOLE)


async def test_a_thread_in_a_channel_that_is_no_more_is_gone(platform):
    surface = await platform.surface(asked("1600000000.000100", "C0GONE"))

    with pytest.raises(CannotShow, match="the channel is gone"):
        await surface.history()


async def test_names_are_asked_once(slack, platform):
    surface = await platform.surface(asked("1"))
    people = {"U0ADA", "U0BOB", "B0BOT", "U0NOBODY", "B0NOBODY"}

    first = await surface.names(people)
    again = await (await platform.surface(asked("2"))).names({"U0ADA", "B0BOT"})

    assert first == {"U0ADA": "Ada", "U0BOB": "Bob", "B0BOT": "Confab"}
    assert again == {"U0ADA": "Ada", "B0BOT": "Confab"}
    assert len(slack.called("users.info")) == 3


@pytest.mark.parametrize(
    ("person", "channel", "rank"),
    [
        ("U0ADA", "C0DEV", Rank.OWNER),
        ("U0BOB", "C0DEV", Rank.MEMBER),
        ("U0DEE", "C0DEV", Rank.MANAGER),
        ("U0CY", "C0DEV", Rank.OWNER),
        ("U0BOB", "D0BOB", Rank.MANAGER),
        ("U0EVE", "C0GEN", Rank.GUEST),
        ("U0EXT", "C0EXT", Rank.GUEST),
        ("U0NOBODY", "C0DEV", Rank.GUEST),
    ],
    ids=["admin", "member", "who made the channel", "operator's list", "direct", "guest", "stranger", "unknown"],
)
async def test_a_rank_comes_from_slack_the_channel_and_the_operator(slack, platform, person, channel, rank):
    slack.world.channels["C0DEV"] = replace(slack.world.channels["C0DEV"], creator="U0DEE")

    assert await (await platform.surface(asked("1", channel))).rank(person) is rank


async def test_a_file_is_fetched_with_our_token(slack, platform):
    file = slack.upload(Uploaded("", "a.csv", "text/csv", b"a,b", "U0ADA"), slack.person("ada"))
    surface = await platform.surface(asked("1"))

    assert await surface.fetch(Attachment(file.id, "a.csv", "text/csv", 3, file.url), "1") == b"a,b"
    assert await surface.fetch(Attachment(file.id, "", "", 0), "1") == b"a,b"


async def test_a_file_is_fetched_by_the_proxy_that_everything_else_goes_by(monkeypatch, slack):
    file = slack.upload(Uploaded("", "a.csv", "text/csv", b"a,b", "U0ADA"), slack.person("ada"))
    async with refusing_proxy(monkeypatch, ""), aiohttp.ClientSession() as session:
        client = AsyncWebClient(slack.token, slack.base_url, session=session, retry_handlers=[])
        web = Web(client, BotIdentity("slack:T024", BOT, BOT_ID, TEAM), Throttle(0), brisk)

        with pytest.raises(NoAnswer, match="can't be had just now; ask again"):
            await fetch_file(web, Attachment(file.id, "a.csv", "text/csv", 3, file.url))


async def test_a_file_elsewhere_is_not_fetched(slack, platform):
    surface = await platform.surface(asked("1"))

    with pytest.raises(CannotAnswer, match="it is kept elsewhere, not by Slack"):
        await surface.fetch(Attachment("F1", "a.csv", "text/csv", 3, "https://example.org/a.csv"), "1")


@pytest.mark.parametrize("kind", ["text/csv", "text/html"])
async def test_a_login_page_is_no_file(kind):
    async with SlackFake(scopes=SCOPES - {"files:read"}) as slack:
        platform = Slack(slack.token, app_token="xapp-1", api_url=slack.base_url)
        file = slack.upload(Uploaded("", "a.csv", kind, b"a,b", "U0ADA"), slack.person("ada"))

        with pytest.raises(CannotAnswer, match="lacks the scope `files:read`"):
            await (await platform.surface(asked("1"))).fetch(Attachment(file.id, "a.csv", kind, 3, file.url), "1")
        await platform.close()


async def test_a_web_page_of_somebodys_own_is_a_file(slack, web):
    page = b"<h1>Plan</h1>"
    file = slack.upload(Uploaded("", "page.html", "text/html", page, "U0ADA"), slack.person("ada"))

    assert await fetch_file(web, Attachment(file.id, "page.html", "text/html", len(page), file.url)) == page
    assert await fetch_file(web, Attachment(file.id, "", "", 0)) == page


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (302, "Slack does not give it to me"),
        (400, "Slack does not give it to me"),
        (403, "Slack does not give it to me"),
        (404, "it is no longer there"),
        (410, "it is no longer there"),
        (429, "it can't be had just now; ask again"),
        (503, "it can't be had just now; ask again"),
    ],
)
async def test_a_refusal_is_told_as_what_it_is_and_names_nobodys_words(slack, web, status, reason):
    name = "a\n<!channel> `b`.csv"
    file = slack.upload(Uploaded("", name, "text/csv", b"a,b", "U0ADA"), slack.person("ada"))
    slack.fail_next("download", Fault(status), times=3)

    with pytest.raises(CannotAnswer) as caught:
        await fetch_file(web, Attachment(file.id, name, "text/csv", 3, file.url))

    assert str(caught.value).startswith(reason)
    assert "channel" not in str(caught.value)
    assert "files:read" not in str(caught.value)


@pytest.mark.parametrize("fault", [Fault(429, retry_after=3), Fault(503), Fault(dropped=True)], ids=repr)
async def test_a_file_is_asked_for_again_where_slack_has_trouble(slack, web, fault):
    file = slack.upload(Uploaded("", "a.csv", "text/csv", b"a,b", "U0ADA"), slack.person("ada"))
    slack.fail_next("download", fault, times=2)

    assert await fetch_file(web, Attachment(file.id, "a.csv", "text/csv", 3, file.url)) == b"a,b"


async def test_a_file_known_by_its_id_alone_is_weighed_before_it_is_fetched(slack, web):
    large = b"a" * (LARGEST + 1)
    file = slack.upload(Uploaded("", "a.csv", "text/csv", large, "U0ADA"), slack.person("ada"))

    with pytest.raises(CannotAnswer, match="larger than the 32 MB"):
        await fetch_file(web, Attachment(file.id, "", "", 0))
    with pytest.raises(CannotAnswer, match="no longer there"):
        await fetch_file(web, Attachment("F0NONE", "", "", 0))
    assert not slack.called("download")


async def test_files_of_an_answer_are_posted_in_its_thread(slack, platform):
    root = await slack.say("ada", "dev", "hello")
    reply = Reply(asked(root), keep)
    reply.finish("Here.", notice=True, files=[File("usage.csv", "text/csv", b"a,b", "a table")])

    await (await platform.surface(asked(root))).show(reply)

    posts = slack.world.replies(slack.world.posts["C0DEV", root])
    assert [file.name for post in posts for file in post.files] == ["usage.csv"]


async def test_pages_that_are_not_needed_any_more_are_deleted(slack, platform):
    root = await slack.say("ada", "dev", "hello")
    long = Reply(asked(root), keep)
    long.finish("word\n\n" * 200)
    await (await platform.surface(asked(root))).show(long)
    short = Reply(asked(root), keep, long.pages)
    short.finish("Sorry.", notice=True)

    await (await platform.surface(asked(root))).show(short)

    assert len(long.pages) > 1
    assert [one.text for one in slack.thread("dev", root)[1:]] == ["Sorry."]
    assert slack.thread("dev", root)[1].metadata["event_payload"]["notice"] is True


async def test_what_is_shown_plainly_knows_of_a_page_whose_post_is_uncertain(slack, platform):
    ts = await slack.say("ada", "dev", "<@U0BOT> go")
    surface, reply = await platform.surface(asked(ts)), Reply(asked(ts), keep)
    slack.fail_next("chat.postMessage", Fault(lost=True))
    showing = asyncio.create_task(surface.show(reply))
    reply.say("One")
    await slack.until(lambda: len(slack.thread("dev", ts)) > 1)
    showing.cancel()
    await asyncio.gather(showing, return_exceptions=True)

    await surface.show_plainly(reply, "One whole answer.")

    assert [post.text for post in slack.thread("dev", ts)[1:]] == ["One whole answer."]


async def test_a_response_that_finds_no_connection_is_tried_again_and_not_taken_for_shown(slack):
    waited: list[float] = []

    async def note(seconds: float) -> None:
        waited.append(seconds)

    nowhere = "http://127.0.0.1:9/"
    async with aiohttp.ClientSession() as session:
        client = AsyncWebClient(slack.token, nowhere, session=session, retry_handlers=[])
        web = Web(client, BotIdentity("slack:T024", BOT, BOT_ID, TEAM), Throttle(0), note)
        question = asked("1", command="help", address=f'{{"url": "{nowhere}commands/1"}}')

        assert await Whisper(web, question).respond("words", "ephemeral") is False
    assert len(waited) == 4


async def test_a_command_that_died_after_its_answer_finds_it(slack, platform):
    question = replace(asked("", person="U0ADA", command="persona show"), at=datetime.now(UTC) - timedelta(seconds=9))
    reply = Reply(question, keep)
    reply.finish("No persona.", notice=True)
    await (await platform.surface(question)).show(reply)

    history = await (await platform.surface(question)).history()

    assert [(one.id, one.answers) for one in history.messages] == [(reply.pages[0], "trigger")]
    assert history.reach is Reach.CHAIN


async def test_a_status_that_no_message_took_away_is_taken_away(slack, web):
    root = await slack.say("ada", "dev", "hello")

    async with status(web, asked(root).key, Reply(asked(root), keep)):
        await slack.until(lambda: slack.world.statuses)

    assert slack.world.statuses == {}


async def test_a_whisper_takes_away_the_status_that_a_killed_process_left_and_nothing_comes_after_it(
    slack, web, platform
):
    root = await slack.say("ada", "dev", "hello")
    await web.call_once("assistant.threads.setStatus", channel_id="C0DEV", thread_ts=root, status="is thinking…")
    reply = Reply(asked(root), keep)
    reply.finish("Not here.", notice=True, whispered=True)

    await (await platform.surface(reply.question)).show(reply)

    assert slack.world.statuses == {}
    assert [one.text for one in slack.world.ephemerals] == ["Not here."]
    assert slack.calls[-1].method == "chat.postEphemeral"


async def test_what_is_answered_at_once_never_has_a_status(slack, web):
    root = await slack.say("ada", "dev", "hello")

    async with status(web, asked(root).key, Reply(asked(root), keep)):
        await asyncio.sleep(0)
    await web.read("auth.test")

    assert slack.called("assistant.threads.setStatus") == []


async def answered(web, key, shown):
    """A message of ours arrives while a status is shown."""
    shown.stop_repeating()
    await web.call_once("chat.postMessage", channel=key.channel, thread_ts=key.thread, text="an answer")
    shown.note_post()


async def test_a_status_that_a_message_took_away_costs_no_second_call(slack, web):
    root = await slack.say("ada", "dev", "hello")
    key = asked(root).key

    async with status(web, key, Reply(asked(root), keep)) as shown:
        await slack.until(lambda: slack.world.statuses)
        await web.read("auth.test")  # so that the answer to the status is here too
        await answered(web, key, shown)

    assert [call["status"] for call in slack.called("assistant.threads.setStatus")] == ["is thinking…"]
    assert slack.world.statuses == {}


async def test_a_status_that_arrives_after_the_message_is_taken_away(slack, web):
    root = await slack.say("ada", "dev", "hello")
    key, gate = asked(root).key, asyncio.Event()

    async def lease(_index, method, phase):
        if (method, phase) == ("assistant.threads.setStatus", "before"):
            await gate.wait()

    slack.on_request(lease)
    async with status(web, key, Reply(asked(root), keep)) as shown:
        await slack.until(lambda: slack.called("assistant.threads.setStatus"))
        await answered(web, key, shown)
        gate.set()
        await slack.until(lambda: slack.world.statuses)

    assert slack.world.statuses == {}


async def test_a_status_that_slack_does_not_take_away_in_time_holds_nobody_up(slack, web):
    root = await slack.say("ada", "dev", "hello")
    slack.fail_next("assistant.threads.setStatus", Fault(hangs=True), 2)
    shown = Status(web, asked(root).key, clearing=0.1)
    shown.begin(Reply(asked(root), keep))
    await slack.until(lambda: slack.called("assistant.threads.setStatus"))
    async with asyncio.timeout(5):
        await shown.end()

    assert len(slack.called("assistant.threads.setStatus")) == 2


async def test_of_thousands_of_names_the_first_are_asked_for_and_the_others_at_the_next_questions(slack, web):
    directory = Directory(web)
    people = dict.fromkeys(["U0BOB", *(f"U{number:07}" for number in range(3_300)), "U0ADA"])

    assert await directory.fetch_names(people.keys()) == {"U0BOB": "Bob"}
    assert len(slack.called("users.info")) == 50
    await directory.fetch_names(people.keys())
    assert len(slack.called("users.info")) == 100


async def test_names_that_slack_does_not_tell_in_time_are_missing_and_asked_for_again(slack, web):
    directory = Directory(web, wait=0.1)
    slack.fail_next("users.info", Fault(hangs=True))

    assert await directory.fetch_names({"U0BOB"}) == {}
    assert await directory.fetch_names({"U0BOB"}) == {"U0BOB": "Bob"}


@pytest.mark.parametrize("fault", [Fault(hangs=True), Fault(status=429, retry_after=600)], ids=["no answer", "429"])
async def test_a_rank_that_does_not_come_in_time_is_said_to_whoever_needs_it(slack, web, fault):
    directory = Directory(web, rank_wait=0.1)
    slack.fail_next("users.info", fault)

    async with asyncio.timeout(5):
        with pytest.raises(NoAnswer, match="Slack does not tell me just now what you may do"):
            await directory.fetch_rank("U0BOB", "C0DEV")


UNREADABLE = {
    "HTML": b"<html>incident</html>",
    "an empty body": b"",
    "a list": b'[{"ok": true}]',
    "a text": b'"ok"',
    "no UTF-8": b'{"ok": true, "user": "\xff"}',
    "nothing in it": b'{"ok": true}',
    "null": b'{"ok": true, "user": null, "channel": null, "messages": null}',
    "other kinds": b'{"ok": true, "user": [], "channel": "C0DEV", "messages": {}}',
    "a list of null": b'{"ok": true, "user": 7, "channel": 7, "messages": [null]}',
}


@pytest.mark.parametrize("body", [b'{"ok": true}', b'{"ok": true, "ts": null}', b'{"ok": true, "channel": []}'])
async def test_an_edit_whose_answer_names_no_message_is_made_again(slack, web, body):
    posted = await web.call_once("chat.postMessage", channel="C0DEV", text="One two")
    slack.fail_next("chat.update", Fault(body=body), 2)

    await web.call_until_done("chat.update", channel="C0DEV", ts=posted["ts"], text="One two three")

    assert [one.text for one in slack.visible("dev")] == ["One two three"]


@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE.keys())
async def test_an_answer_of_slack_s_that_can_t_be_read_is_none(slack, web, body):
    root = await slack.say("ada", "dev", "hello")
    for method in ("users.info", "conversations.info", "conversations.replies"):
        slack.fail_next(method, Fault(body=body), TRIES)

    assert await Directory(web).fetch_names({"U0BOB"}) == {}
    with pytest.raises(NoAnswer):
        await SlackSurface(web, Directory(web), asked(root)).history()
    slack.fail_next("users.info", Fault(body=body), 2)
    assert await Directory(web).fetch_rank("U0BOB", "C0DEV") is Rank.MEMBER


@pytest.mark.parametrize(
    "fault", [Fault(error="missing_scope"), Fault(error="invalid_auth"), Fault(status=503)], ids=repr
)
async def test_names_that_slack_refuses_to_tell_are_missing_and_the_others_are_told(slack, web, fault):
    slack.fail_next("users.info", fault, 5 if fault.status == 503 else 1)

    assert await Directory(web).fetch_names({"U0BOB"}) == {}
    assert await Directory(web).fetch_names({"U0BOB"}) == {"U0BOB": "Bob"}


async def test_ranks_are_asked_for_once_a_minute_and_channels_once_in_ten(slack, web):
    clock = Clock(100.0)
    directory = Directory(web, clock=clock)
    asked_for = []
    for seconds in (0, 59, 1, 540):
        clock.advance(seconds)
        assert await directory.fetch_rank("U0BOB", "C0DEV") is Rank.MEMBER
        assert await directory.fetch_names({"U0BOB"}) == {"U0BOB": "Bob"}
        asked_for.append((len(slack.called("users.info")), len(slack.called("conversations.info"))))

    assert asked_for == [(1, 1), (1, 1), (2, 1), (3, 2)]


async def test_reads_that_slack_limits_go_one_after_another_and_none_gives_up(slack):
    roots = [await slack.say("ada", "dev", f"topic {number}") for number in range(12)]
    slack.limit("conversations.replies", 1, 1.0)
    async with aiohttp.ClientSession() as session:
        client = AsyncWebClient(slack.token, slack.base_url, session=session, retry_handlers=[])
        web = Web(client, BotIdentity("slack:T024", BOT, BOT_ID, TEAM), Throttle())
        reads = (web.read("conversations.replies", channel="C0DEV", ts=root) for root in roots)
        answers = await asyncio.gather(*reads)

    assert [one["messages"][0]["ts"] for one in answers] == roots

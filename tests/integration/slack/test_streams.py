"""Answers in direct messages that grow as Slack's native streams, and fall back to edits wherever that does not go.

Tests bots.slack.streams.outlet, bots.slack.streams.stream.
"""

import asyncio
from contextlib import asynccontextmanager
from datetime import datetime

import pytest

from bots.slack.adapter import Slack
from bots.slack.parse import parse_timestamp
from bots.slack.streams.rules import STARTS, StreamRules
from bots.slack.throttle import PAUSE, TIERS
from core.answering.reply import Reply
from core.domain.controls import Control
from core.domain.messages import Question, ThreadKey
from tests.fakes.claude.script import Answer, Gate
from tests.fakes.slack.faults import Fault
from tests.support.slack_house import at_home, brisk
from tests.support.waiting import PATIENCE

START, APPEND, STOP = "chat.startStream", "chat.appendStream", "chat.stopStream"
POST, UPDATE = "chat.postMessage", "chat.update"
DONE = (Control.RETRY, Control.UP, Control.DOWN)
DRAWN = ["Try again", "👍", "👎"]
WORDS = "One whole answer in several words that somebody reads while they come."
A, B, C, D = (WORDS[:end] for end in (16, 33, 47, 53))


def make_platform(slack, streams: StreamRules | None = StreamRules(), pause: float = 0.001) -> Slack:  # noqa: B008  frozen
    return Slack(
        slack.token, app_token=slack.app_token, api_url=slack.base_url, pause=pause, sleep=brisk, streams=streams
    )


@pytest.fixture
async def platform(slack):
    platform = make_platform(slack)
    yield platform
    await platform.close()


@pytest.fixture
async def home():
    async with at_home(streams=StreamRules()) as house:
        yield house


def ask(root: str, channel: str = "D0ADA", person: str = "U0ADA", **more) -> Question:
    return Question(ThreadKey("slack:T024", channel, root), root, person, parse_timestamp(root), **more)


async def keep(page: str, at: datetime | None) -> None:
    pass


@asynccontextmanager
async def growing(slack, platform, channel: str = "D0ADA", user: str = "ada"):
    """A reply that is being shown, of which nothing stands there yet."""
    root = await slack.say(user, channel, "<@U0BOT> go")
    reply = Reply(ask(root, channel, slack.person(user).id), keep)
    showing = asyncio.create_task((await platform.surface(reply.question)).show(reply))
    yield root, reply
    await showing


async def say(slack, reply: Reply, text: str, method: str = APPEND, phase: str = "after") -> None:
    """Let the text be this, and wait until Slack did what it was called to."""
    happened = asyncio.Event()

    async def hear(_index, name, at):
        if (name, at) == (method, phase):
            happened.set()

    slack.on_request(hear)
    reply.say(text)
    async with asyncio.timeout(PATIENCE):
        await happened.wait()


async def stream(slack, reply: Reply) -> None:
    """Let a stream begin and grow."""
    await say(slack, reply, A, START)
    await say(slack, reply, B)


def calls(slack) -> list[str]:
    return [call.method for call in slack.calls if call.method.startswith("chat.")]


def pages(slack, root: str, channel: str = "D0ADA") -> list[str]:
    return [post.text for post in slack.thread(channel, root)[1:]]


def marks(slack, root: str) -> list[object]:
    """The page that each of our messages says it is; None where it has no mark."""
    found = [post.metadata for post in slack.thread("D0ADA", root)[1:]]
    return [(one["event_payload"]["page"], one["event_payload"]["question"] == root) if one else None for one in found]


def buttons(slack, root: str) -> list[list[str]]:
    return [slack.buttons("D0ADA", post.ts) for post in slack.thread("D0ADA", root)[1:]]


def is_streaming(slack) -> bool:
    return any(slack.world.streaming(post) for post in slack.world.posts.values())


async def test_a_direct_answer_grows_by_appends_and_ends_with_its_mark_and_buttons(slack, platform):
    async with growing(slack, platform) as (root, reply):
        await stream(slack, reply)
        assert pages(slack, root) == [B[:-1]]
        assert marks(slack, root) == [None]
        reply.finish(WORDS, controls=DONE)

    assert calls(slack) == [START, APPEND, STOP]
    assert pages(slack, root) == [WORDS]
    assert marks(slack, root) == [(1, True)]
    assert buttons(slack, root) == [DRAWN]
    assert not is_streaming(slack)
    assert slack.world.sessions["D0ADA", root] == "active"


async def test_a_stream_says_who_sees_it(slack, platform):
    async with growing(slack, platform) as (root, reply):
        await say(slack, reply, A, START)
        reply.finish(WORDS)

    (started,) = slack.called(START)
    assert started == {
        "channel": "D0ADA",
        "thread_ts": root,
        "recipient_team_id": "T024",
        "recipient_user_id": "U0ADA",
        "markdown_text": A[:-1],
    }


@pytest.mark.parametrize(
    ("channel", "streams"), [("C0DEV", StreamRules()), ("D0ADA", None)], ids=["in a channel", "not chosen"]
)
async def test_elsewhere_an_answer_grows_by_edits(slack, channel, streams):
    platform = make_platform(slack, streams)
    async with growing(slack, platform, channel) as (root, reply):
        await say(slack, reply, A, POST)
        await say(slack, reply, B, UPDATE)
        reply.finish(WORDS)
    await platform.close()

    assert set(calls(slack)) == {POST, UPDATE}
    assert pages(slack, root, channel) == [WORDS]


async def test_an_answer_that_is_whole_at_once_is_posted(slack, platform):
    root = await slack.say("ada", "D0ADA", "go")
    reply = Reply(ask(root), keep)
    reply.finish(WORDS, controls=DONE)
    await (await platform.surface(reply.question)).show(reply)

    assert calls(slack) == [POST]


EVERYWHERE = ["unknown_method", "missing_scope", "missing_recipient_team_id", "missing_recipient_user_id", "new_word"]
HERE = ["user_not_found", "channel_type_not_supported", "restricted_action", "restricted_action_read_only_channel"]
ONCE = ["msg_too_long", "msg_blocks_too_long", "msg_blocks_too_many"]


@pytest.mark.parametrize(
    ("error", "later"),
    [
        *((error, {"D0ADA": 1, "D0BOB": 1}) for error in EVERYWHERE),
        *((error, {"D0ADA": 1, "D0BOB": 2}) for error in HERE),
        *((error, {"D0ADA": 2, "D0BOB": 3}) for error in ONCE),
    ],
)
async def test_where_slack_takes_no_stream_the_answer_is_edited_and_it_is_not_asked_again_for_a_while(
    slack, platform, error, later
):
    slack.fail_next(START, Fault(error=error))
    async with growing(slack, platform) as (root, reply):
        await say(slack, reply, A, POST)
        await say(slack, reply, B, UPDATE)
        reply.finish(WORDS, controls=DONE)

    assert (pages(slack, root), marks(slack, root), buttons(slack, root)) == ([WORDS], [(1, True)], [DRAWN])
    asked = {}
    for channel, user in (("D0ADA", "ada"), ("D0BOB", "bob")):
        method = POST if later[channel] == (asked.get("D0ADA", 1) if channel == "D0BOB" else 1) else START
        async with growing(slack, platform, channel, user) as (_, reply):
            await say(slack, reply, A, method)
            reply.finish(WORDS)
        asked[channel] = len(slack.called(START))
    assert asked == later


@pytest.mark.parametrize("error", ["message_not_in_streaming_state", "stopped_by_user", *ONCE, "restricted_action"])
async def test_a_stream_that_takes_no_more_is_ended_and_its_page_edited(slack, platform, error):
    async with growing(slack, platform) as (root, reply):
        await stream(slack, reply)
        slack.fail_next(APPEND, Fault(error=error))
        await say(slack, reply, C, UPDATE)
        assert pages(slack, root) == [C]
        await say(slack, reply, D, UPDATE)
        reply.finish(WORDS, controls=DONE)

    assert (pages(slack, root), marks(slack, root), buttons(slack, root)) == ([WORDS], [(1, True)], [DRAWN])
    assert not is_streaming(slack)


async def test_a_stream_that_slack_ended_meanwhile_is_edited_and_nothing_looks_busy(slack, platform):
    async with growing(slack, platform) as (root, reply):
        await stream(slack, reply)
        slack.world.stream_seconds = 0
        reply.finish(WORDS, controls=DONE)

    assert calls(slack)[-3:] == [STOP, STOP, UPDATE]
    assert (pages(slack, root), marks(slack, root), buttons(slack, root)) == ([WORDS], [(1, True)], [DRAWN])
    assert slack.world.sessions["D0ADA", root] == "active"


@pytest.mark.parametrize("fault", [Fault(lost=True), Fault(dropped=True), Fault(status=503)], ids=["lost", "no", "503"])
@pytest.mark.parametrize("method", [START, APPEND, STOP])
async def test_what_a_call_without_an_answer_did_stands_there_once(slack, platform, method, fault):
    async with growing(slack, platform) as (root, reply):
        slack.fail_next(method, fault, 1)
        await say(slack, reply, A, START, "before")
        reply.say(B)
        await slack.until(lambda: method == START or slack.called(APPEND))
        reply.say(C)
        reply.finish(WORDS, controls=DONE)

    assert (pages(slack, root), marks(slack, root), buttons(slack, root)) == ([WORDS], [(1, True)], [DRAWN])
    assert not is_streaming(slack)


@pytest.mark.parametrize("method", [START, APPEND, STOP, UPDATE])
async def test_limits_cost_a_stream_no_word(slack, platform, method):
    async with growing(slack, platform) as (root, reply):
        slack.fail_next(method, Fault(status=429, retry_after=0.01), 2)
        await say(slack, reply, A, START, "before")
        reply.say(B)
        await slack.until(lambda: pages(slack, root))
        reply.say("Other words.")
        reply.finish(WORDS, controls=DONE)

    assert (pages(slack, root), marks(slack, root), buttons(slack, root)) == ([WORDS], [(1, True)], [DRAWN])


async def test_a_text_that_changes_ends_its_stream(slack, platform):
    async with growing(slack, platform) as (root, reply):
        await stream(slack, reply)
        await say(slack, reply, "Another answer.", UPDATE)
        assert pages(slack, root) == ["Another answer."]
        await say(slack, reply, "Another answer, longer.", UPDATE)
        reply.finish(WORDS)

    assert calls(slack) == [START, APPEND, STOP, UPDATE, UPDATE, UPDATE]
    assert pages(slack, root) == [WORDS]


async def test_a_stream_that_becomes_long_is_ended_and_its_page_goes_on_by_edits(slack):
    platform = make_platform(slack, StreamRules(characters=40))
    async with growing(slack, platform) as (root, reply):
        await stream(slack, reply)
        await say(slack, reply, C, STOP)
        assert (pages(slack, root), marks(slack, root), buttons(slack, root)) == ([C], [(1, True)], [["Stop"]])
        await say(slack, reply, D, UPDATE)
        reply.finish(WORDS, controls=DONE)
    await platform.close()

    assert calls(slack) == [START, APPEND, STOP, UPDATE, UPDATE]
    assert (pages(slack, root), buttons(slack, root)) == ([WORDS], [DRAWN])


async def test_each_page_of_a_long_answer_is_a_stream(slack):
    platform = make_platform(slack, StreamRules(characters=12_000))
    text = "\n\n".join(f"Paragraph {number} " + "word " * 200 + "end." for number in range(15))
    async with growing(slack, platform) as (root, reply):
        for end in (*range(100, len(text) - 700, 700), len(text) - 1):
            before = len(slack.calls)
            reply.say(text[:end])
            await slack.until(lambda before=before: len(slack.calls) > before)
        reply.finish(text, controls=DONE)
    await platform.close()

    assert "\n\n".join(pages(slack, root)) == text
    count = len(pages(slack, root))
    assert count > 1
    assert marks(slack, root) == [(number, True) for number in range(1, count + 1)]
    assert buttons(slack, root) == [*([] for _ in range(count - 1)), DRAWN]
    assert [calls(slack).count(one) for one in (START, STOP, POST)] == [count, count, 0]
    assert calls(slack).count(UPDATE) < count  # a page that is full may end earlier than it was streamed


async def test_a_stream_is_ended_before_slack_does_it_also_where_nothing_is_said(slack):
    platform = make_platform(slack, StreamRules(lifetime=0.02))
    async with growing(slack, platform) as (root, reply):
        await say(slack, reply, A, STOP)
        await slack.until(lambda: not is_streaming(slack))
        assert (pages(slack, root), marks(slack, root), buttons(slack, root)) == ([A], [(1, True)], [["Stop"]])
        await say(slack, reply, B, UPDATE)
        reply.finish(WORDS, controls=DONE)
    await platform.close()

    assert (pages(slack, root), buttons(slack, root)) == ([WORDS], [DRAWN])


async def test_the_budget_of_starts_is_kept_and_what_is_beyond_it_is_edited(slack, platform):
    slack.limit(START, STARTS, 60)
    slack.limit(STOP, 20, 60)
    slack.limit(APPEND, 100, 60)

    async def answer() -> str:
        async with growing(slack, platform) as (root, reply):
            reply.say(A)
            await slack.until(lambda: pages(slack, root))
            reply.say(C)
            reply.finish(WORDS, controls=DONE)
        return root

    roots = await asyncio.gather(*(answer() for _ in range(25)))

    assert [pages(slack, root) for root in roots] == [[WORDS]] * 25
    assert [buttons(slack, root) for root in roots] == [[DRAWN]] * 25
    assert len(slack.called(START)) == STARTS
    assert len(slack.called(POST)) == 25 - STARTS


async def test_streams_that_end_all_at_once_stay_within_what_slack_allows_of_stops(slack):
    """As many as may begin within minutes, whose answers become whole in the same one."""
    platform = make_platform(slack, StreamRules(starts=100), PAUSE)
    slack.limit(STOP, TIERS[STOP], 60)
    whole = asyncio.Event()

    async def answer() -> str:
        async with growing(slack, platform) as (root, reply):
            reply.say(A)
            await slack.until(lambda: pages(slack, root))
            await whole.wait()
            reply.finish(WORDS, controls=DONE)
        return root

    answers = [asyncio.create_task(answer()) for _ in range(TIERS[STOP] + 5)]
    await slack.until(lambda: len(slack.called(START)) + len(slack.called(POST)) == len(answers))
    whole.set()
    roots = await asyncio.gather(*answers)
    await platform.close()

    assert [pages(slack, root) for root in roots] == [[WORDS]] * len(answers)
    assert slack.limited == []
    assert len(slack.called(START)) == TIERS[STOP]


async def test_the_first_text_of_a_stream_waits_for_no_edits_which_it_does_not_need(slack):
    platform = make_platform(slack, pause=PAUSE)
    surface = await platform.surface(ask(await slack.say("ada", "D0ADA", "go")))
    for _ in range(TIERS[UPDATE]):
        with surface._web.pace.spend(UPDATE):
            pass
    async with growing(slack, platform) as (root, reply):
        await say(slack, reply, A, START)
        reply.finish(WORDS, controls=DONE)
    await platform.close()

    assert (pages(slack, root), buttons(slack, root)) == ([WORDS], [DRAWN])
    assert slack.called(UPDATE) == []


NASTY = {
    "a mention": "Please ask <@U0BOB> or @here, or <!channel>, `@everyone` but not a@here.example.",
    "a fence": "Run this:\n\n```python circle.py\nprint('@here')\n\n```\n\nand **then** that.\n\n~~~\nx\n~~~",
    "a link": "See [google.com](https://evil.example/x) and [the page](https://example.com/a) for [1] more.",
    "a list": "# Heading\n\n- one\n  - two `a`\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n> quoted\n> more",
}


@pytest.mark.parametrize("text", NASTY.values(), ids=NASTY)
async def test_a_stream_that_grows_letter_by_letter_says_the_same_and_notifies_nobody(slack, platform, text):
    roots = [await slack.say("ada", "D0ADA", "go") for _ in range(2)]
    grown, posted = (Reply(ask(root), keep) for root in roots)
    publisher = (await platform.surface(grown.question))._publish(grown)
    for end in range(1, len(text)):
        await publisher.grow(text[:end], grown.controls)
    grown.finish(text)
    await publisher.settle(text)
    posted.finish(text)
    await (await platform.surface(posted.question)).show(posted)

    assert pages(slack, roots[0]) == pages(slack, roots[1])
    assert marks(slack, roots[0]) == [(1, True)]
    assert slack.pings == []
    assert slack.called(APPEND)


async def test_what_a_tool_does_is_told_by_the_status_while_a_stream_is_open(slack, platform):
    async with growing(slack, platform) as (root, reply):
        await stream(slack, reply)
        reply.act("searching “heat pumps”", note=True)
        await slack.until(lambda: list(slack.world.statuses.values()) == ["is searching “heat pumps”…"])
        assert pages(slack, root) == [B[:-1]]
        await say(slack, reply, C)
        await slack.until(lambda: not slack.world.statuses)
        reply.finish(WORDS)

    assert calls(slack) == [START, APPEND, APPEND, STOP]
    assert pages(slack, root) == [WORDS]
    assert slack.world.statuses == {}


async def test_a_note_that_no_status_tells_is_shown_by_an_edit(slack, platform):
    async with growing(slack, platform) as (root, reply):
        await stream(slack, reply)
        reply.wait("Claude is busy.")
        await slack.until(lambda: "Claude is busy." in pages(slack, root)[0])
        reply.finish(WORDS)

    assert pages(slack, root) == [WORDS]


async def test_an_answer_that_turns_out_private_leaves_no_stream_behind(slack, platform):
    async with growing(slack, platform) as (root, reply):
        await stream(slack, reply)
        reply.finish("For you alone.", whispered=True)

    assert pages(slack, root) == []
    assert [one.text for one in slack.world.ephemerals] == ["For you alone."]


async def test_a_page_that_somebody_deletes_while_it_streams_stops_the_answer(slack, platform):
    stopped = asyncio.Event()
    root = await slack.say("ada", "D0ADA", "go")
    reply = Reply(ask(root), keep, stop=stopped.set)
    showing = asyncio.create_task((await platform.surface(reply.question)).show(reply))
    await stream(slack, reply)
    await slack.delete("ada", "D0ADA", slack.thread("D0ADA", root)[1].ts)
    reply.say(C)
    await stopped.wait()
    reply.finish(WORDS)
    await showing

    assert pages(slack, root) == []


@pytest.mark.parametrize("native", [True, False])
async def test_a_stream_that_a_dead_process_left_is_found_and_taken_over(slack, native):
    """It has no mark: the process died before Slack's answer came."""
    dead, platform = make_platform(slack), make_platform(slack, StreamRules() if native else None)
    async with growing(slack, dead) as (root, reply):
        await stream(slack, reply)
        left = slack.thread("D0ADA", root)[1].ts
        surface = await platform.surface(ask(root))
        history = await surface.history()
        assert [(one.answers, one.notice) for one in history.messages if one.mine] == [(root, False)]
        again = Reply(ask(root), keep, [one.id for one in history.messages if one.mine])
        again.finish("The successor's answer.", controls=DONE)
        await surface.show(again)
        seen = (pages(slack, root), marks(slack, root), buttons(slack, root), slack.thread("D0ADA", root)[1].ts)
        reply.finish("The successor's answer.", controls=DONE)
    await asyncio.gather(dead.close(), platform.close())

    assert seen == (["The successor's answer."], [(1, True)], [DRAWN], left)


async def test_an_unmarked_stream_is_nobody_s_words_in_the_history_of_what_was_asked_after_it(slack, platform):
    async with growing(slack, platform) as (root, reply):
        await stream(slack, reply)
        later = await slack.say("ada", "D0ADA", "and this?", root)
        question = Question(ThreadKey("slack:T024", "D0ADA", root), later, "U0ADA", parse_timestamp(later))
        history = await (await platform.surface(question)).history()
        reply.finish(WORDS)

    assert [(one.answers, one.notice) for one in history.messages if one.mine] == [(None, True)]


async def begin(home, gate: Gate, streams: int = 1) -> None:
    """Wait until so many streams began in all, and let the answer go on."""
    await home.slack.until(lambda: len(home.slack.called(START)) == streams)
    gate.opened.set()


async def test_pressing_slack_s_own_stop_ends_a_streamed_answer_with_what_was_said(home):
    gate = Gate(after=8)
    home.claude.script(Answer(text=WORDS, chunk=5, gate=gate))
    root = await home.slack.say("ada", "D0ADA", "go")
    await home.slack.until(lambda: is_streaming(home.slack))
    await home.slack.stop("ada", "D0ADA", root)
    await home.rest()
    gate.opened.set()

    (text,) = home.texts("D0ADA", root)
    assert WORDS.startswith(text.partition("\n")[0])
    assert "topped" in text
    assert not is_streaming(home.slack)
    assert home.slack.world.sessions["D0ADA", root] == "active"
    assert marks(home.slack, root) == [(1, True)]


async def test_a_streamed_answer_is_tried_again_in_its_place(home):
    gate = Gate(after=8)
    home.claude.script(Answer(text=WORDS, chunk=5, gate=gate), Answer(text="Better words."))
    root = await home.slack.say("ada", "D0ADA", "go")
    await begin(home, gate)
    await home.answered()
    await home.slack.press("ada", "D0ADA", home.ours("D0ADA", root)[0].ts, "Try again")
    await home.answered(2)

    assert home.texts("D0ADA", root) == ["Better words."]
    assert home.prompt() == home.prompt(0)


async def test_a_streamed_answer_goes_on_in_a_stream_of_its_own(home):
    gates = Gate(after=8), Gate(after=8)
    home.claude.script(
        Answer(text=WORDS, chunk=5, gate=gates[0], stop_reason="max_tokens"),
        Answer(text="And so it ends, in many more words than that.", chunk=5, gate=gates[1]),
    )
    root = await home.slack.say("ada", "D0ADA", "go")
    await begin(home, gates[0])
    await home.answered()
    await home.slack.press("ada", "D0ADA", home.ours("D0ADA", root)[0].ts, "Continue")
    await begin(home, gates[1], 2)
    await home.answered(2)

    first, second = home.texts("D0ADA", root)
    assert (first.startswith(WORDS), second) == (True, "And so it ends, in many more words than that.")
    assert not is_streaming(home.slack)


async def test_what_was_streamed_is_told_to_claude_once(home):
    gate = Gate(after=8)
    home.claude.script(Answer(text=WORDS, chunk=5, gate=gate), Answer(text="Yes."))
    root = await home.slack.say("ada", "D0ADA", "go")
    await begin(home, gate)
    await home.answered()
    await home.slack.say("ada", "D0ADA", "really?", root)
    await home.answered(2)

    assert [(role, text.count(WORDS)) for role, text in home.prompt()] == [("user", 0), ("assistant", 1), ("user", 0)]

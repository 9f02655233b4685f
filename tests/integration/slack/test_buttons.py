"""Buttons below pages in Slack: drawn, moved and taken away with the edits that happen anyway, and pressed.

Tests bots.slack.formatting, bots.slack.publisher, bots.slack.intake, bots.slack.ephemeral.
"""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bots.slack.adapter import Slack
from bots.slack.address import SlackAddress
from core.answering.reply import Reply
from core.domain.controls import Control
from core.domain.errors import StoreUnavailable
from core.domain.events import Event, Missed, Pressed, Receipt
from core.domain.messages import Question, ThreadKey
from tests.fakes.claude.script import Answer, Gate
from tests.fakes.slack.faults import Fault
from tests.fakes.slack.nouns import Envelope
from tests.support.slack_house import brisk
from tests.support.waiting import until

DONE = (Control.CONTINUE, Control.RETRY, Control.UP, Control.DOWN)
DRAWN = ["Continue", "Try again", "👍", "👎"]
LONG = "word\n\n" * 60  # two pages


@pytest.fixture
async def platform(slack):
    platform = Slack(slack.token, app_token=slack.app_token, api_url=slack.base_url, pause=0.001, sleep=brisk)
    yield platform
    await platform.close()


def ask(ts: str, **more) -> Question:
    return Question(ThreadKey("slack:T024", "C0DEV", ts), ts, "U0ADA", datetime.now(UTC), **more)


async def keep(page: str, at: datetime | None) -> None:
    pass


@asynccontextmanager
async def growing(slack, platform, text: str):
    """A reply that is shown while it grows, of which `text` stands there."""
    root = await slack.say("ada", "dev", "<@U0BOT> go")
    reply = Reply(ask(root), keep)
    showing = asyncio.create_task((await platform.surface(reply.question)).show(reply))
    reply.say(text)
    await slack.until(lambda: read(slack, root) == text.strip())
    yield root, reply
    await showing


async def show(slack, platform, text: str, controls=DONE, **more) -> str:
    """Show a reply that is whole from the beginning; its thread."""
    root = await slack.say("ada", "dev", "<@U0BOT> go")
    reply = Reply(ask(root), keep)
    reply.finish(text, controls=controls, **more)
    await (await platform.surface(reply.question)).show(reply)
    return root


def read(slack, root: str) -> str:
    return "\n\n".join(post.text.strip() for post in slack.thread("dev", root)[1:])


def buttons(slack, root: str) -> list[list[str]]:
    """What stands on the buttons of each page."""
    return [slack.buttons("dev", post.ts) for post in slack.thread("dev", root)[1:]]


def calls(slack) -> list[str]:
    return [call.method for call in slack.calls if call.method.startswith("chat.")]


async def test_an_answer_can_be_stopped_while_it_grows_and_has_its_final_buttons_when_it_is_whole(slack, platform):
    async with growing(slack, platform, "One") as (root, reply):
        first = buttons(slack, root)
        reply.say("One two")
        await slack.until(lambda: read(slack, root) == "One two")
        second = buttons(slack, root)
        reply.finish("One two three.", controls=DONE)

    assert (first, second, buttons(slack, root)) == ([["Stop"]], [["Stop"]], [DRAWN])
    assert calls(slack) == ["chat.postMessage", "chat.update", "chat.update"]


async def test_an_answer_without_final_buttons_loses_stop_with_its_last_edit(slack, platform):
    async with growing(slack, platform, "One") as (root, reply):
        reply.finish("I was stopped.", notice=True)

    assert buttons(slack, root) == [[]]
    assert calls(slack) == ["chat.postMessage", "chat.update"]


async def test_a_text_that_stood_whole_before_it_was_known_to_be_loses_stop_all_the_same(slack, platform):
    async with growing(slack, platform, "Yes.") as (root, reply):
        reply.finish("Yes.", controls=DONE)

    assert buttons(slack, root) == [DRAWN]
    assert calls(slack) == ["chat.postMessage", "chat.update"]


async def test_a_short_answer_is_posted_once_with_its_final_buttons(slack, platform):
    root = await show(slack, platform, "Yes.")

    assert (read(slack, root), buttons(slack, root)) == ("Yes.", [DRAWN])
    assert calls(slack) == ["chat.postMessage"]


async def test_buttons_stand_below_the_last_page_alone(slack, platform):
    async with growing(slack, platform, LONG[:60]) as (root, reply):
        first = buttons(slack, root)
        reply.say(LONG)
        await slack.until(lambda: len(buttons(slack, root)) == 2)
        grown = buttons(slack, root)
        reply.finish(LONG + "end", controls=DONE)

    assert (first, grown, buttons(slack, root)) == ([["Stop"]], [[], ["Stop"]], [[], DRAWN])
    assert calls(slack) == ["chat.postMessage", "chat.update", "chat.postMessage", "chat.update"]


@pytest.mark.parametrize("controls", [DONE, ()], ids=["with buttons", "without"])
async def test_an_answer_makes_no_call_for_its_buttons(slack, platform, controls):
    async with growing(slack, platform, "One") as (root, reply):
        for text in ("One two", LONG):
            reply.say(text)
            await slack.until(lambda text=text: read(slack, root) == text.strip())
        reply.finish(LONG + "end", controls=controls)

    assert calls(slack) == ["chat.postMessage", "chat.update", "chat.update", "chat.postMessage", "chat.update"]


async def test_a_workspace_without_the_feedback_element_has_buttons_in_its_place_and_is_tried_once(slack, platform):
    slack.world.unknown_blocks = {"context_actions"}
    roots = [await show(slack, platform, "**Yes.**") for _ in range(2)]

    assert [buttons(slack, root) for root in roots] == [[DRAWN], [DRAWN]]
    assert [read(slack, root) for root in roots] == ["**Yes.**"] * 2
    assert calls(slack) == ["chat.postMessage"] * 3


async def test_a_workspace_without_buttons_has_the_answer_in_markdown_and_is_tried_once(slack, platform):
    slack.world.unknown_blocks = {"actions", "context_actions"}
    async with growing(slack, platform, "**On") as (root, reply):
        reply.finish("**One**", controls=DONE)
    other = await show(slack, platform, "**Two**")

    posts = [slack.world.posts["C0DEV", slack.thread("dev", thread)[1].ts] for thread in (root, other)]
    assert [post.blocks for post in posts] == [
        ({"type": "markdown", "text": "**One**"},),
        ({"type": "markdown", "text": "**Two**"},),
    ]
    tried = [[block["type"] for block in call.arguments["blocks"][1:]] for call in slack.calls if "chat" in call.method]
    assert tried == [["actions"], [], ["context_actions"], [], []]


async def test_where_the_text_itself_is_refused_its_buttons_are_not_to_blame(slack, platform):
    slack.fail_next("chat.postMessage", Fault(error="invalid_blocks"), 3)
    refused = await show(slack, platform, "# Yes")
    next_one = await show(slack, platform, "# Yes")

    kinds = [
        slack.world.posts["C0DEV", slack.thread("dev", root)[1].ts].blocks[0]["type"] for root in (refused, next_one)
    ]
    assert kinds == ["section", "markdown"]
    assert [buttons(slack, root) for root in (refused, next_one)] == [[[]], [DRAWN]]


async def test_a_page_that_can_t_be_edited_any_more_is_left_for_its_buttons(slack, platform):
    slack.fail_next("chat.update", Fault(error="edit_window_closed"))
    async with growing(slack, platform, "Yes.") as (root, reply):
        reply.finish("Yes.", controls=DONE)

    assert read(slack, root) == "Yes."
    assert calls(slack) == ["chat.postMessage", "chat.update"]


async def test_what_is_whispered_or_shown_plainly_has_no_buttons(slack, platform):
    await show(slack, platform, "Not here.", notice=True, whispered=True)
    async with growing(slack, platform, "**On") as (root, reply):
        reply.finish("**One**", controls=DONE)
        surface = await platform.surface(reply.question)
        await surface.show_plainly(replace_pages(reply, slack, root), "**One**")

    assert [one.blocks for one in slack.world.ephemerals] == [({"type": "markdown", "text": "Not here."},)]
    assert buttons(slack, root)[0] == []


def replace_pages(reply: Reply, slack, root: str) -> Reply:
    """The same reply as another process takes it over."""
    successor = Reply(reply.question, keep, [post.ts for post in slack.thread("dev", root)[1:]])
    successor.finish("**One**", controls=DONE)
    return successor


async def test_the_page_that_is_posted_to_try_has_no_buttons(slack, platform):
    slack.fail_next("chat.postMessage", Fault(error="restricted_action_read_only_channel"))
    with pytest.raises(Exception, match="only some may post"):
        await show(slack, platform, "Yes.")
    root = await slack.say("ada", "dev", "<@U0BOT> go")
    reply = Reply(ask(root), keep)
    showing = asyncio.create_task((await platform.surface(reply.question)).show(reply))
    await slack.until(lambda: read(slack, root) == "…")
    tried = buttons(slack, root)
    reply.finish("Yes.", controls=DONE)
    await showing

    assert (tried, buttons(slack, root)) == ([[]], [DRAWN])


async def test_a_thread_is_read_back_without_the_words_on_its_buttons(slack, platform):
    root = await show(slack, platform, "Yes.")

    history = await (await platform.surface(ask(root))).history()

    assert [message.text for message in history.messages] == ["go", "Yes."]


class Inbox(list[Pressed]):
    """What was used, as core is told it."""

    failing = False
    note = ""

    async def ingest(self, event: Event) -> Receipt:
        key = ThreadKey("slack:T024", "C0DEV", "1")
        if isinstance(event, Pressed):
            self.append(event)
            if self.failing:
                raise StoreUnavailable("the disk is full")
            return Receipt(new=True, ours=True, question=False, key=event.key, note=self.note)
        return Receipt(new=True, ours=False, question=False, key=key if isinstance(event, Missed) else event.key)


@asynccontextmanager
async def running(slack, inbox: Inbox):
    """The adapter, connected by Socket Mode."""
    platform = Slack(slack.token, app_token=slack.app_token, api_url=slack.base_url, pause=0.001, sleep=brisk)
    task = asyncio.create_task(platform.run(inbox.ingest))
    await slack.connected(slack.sockets.connections + 1)
    try:
        yield platform
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await platform.close()


async def test_a_press_is_told_once_more_with_the_same_id_and_by_a_later_process_too(slack):
    inbox = Inbox()
    async with running(slack, inbox) as platform:
        root = await show(slack, platform, "Yes.")
        page = slack.thread("dev", root)[1].ts
        first = await slack.press("bob", "dev", page, "Try again")
        await slack.acked(first)
        slack.outbox.again(first)
        await slack.settled()
        await slack.acked(await slack.press("ada", "dev", page, "👎"))
    async with running(slack, inbox):
        await slack.acked(await slack.press("bob", "dev", page, "Try again"))

    said = [(one.key, one.person, one.control, one.question) for one in inbox]
    key = ThreadKey("slack:T024", "C0DEV", root)
    again = (key, "U0BOB", Control.RETRY, root)
    assert said == [again, again, (key, "U0ADA", Control.DOWN, root), again]
    assert inbox[0] == inbox[1]
    assert len({one.id for one in inbox}) == 3
    assert all(slack.url in one.address for one in inbox)


async def test_a_press_that_is_not_written_down_is_not_acknowledged_and_never_happens_later(slack):
    inbox = Inbox()
    async with running(slack, inbox) as platform:
        page = slack.thread("dev", await show(slack, platform, "Yes."))[1].ts
        inbox.failing = True
        pressed = await slack.press("bob", "dev", page, "Try again")
        await slack.until(lambda: inbox)
        slack.outbox.expire()
        inbox.failing = False
        await slack.acked(await slack.press("bob", "dev", page, "👍"))

    assert slack.outbox.lost == [pressed]
    assert [one.control for one in inbox] == [Control.RETRY, Control.UP]


@pytest.mark.parametrize(
    "actions",
    [
        [{"type": "button", "action_id": "approve", "value": "secret words"}],
        [{"type": "static_select", "action_id": "retry", "selected_option": {"value": "secret words"}}],
        [{"type": "button", "action_id": "retry", "value": "retry:1700000000.000100"}],
        ["secret words"],
        None,
    ],
    ids=["of another kind", "no button", "nowhere", "no action", "nothing"],
)
async def test_an_action_that_is_none_of_ours_or_makes_no_sense_is_acknowledged_and_logged_without_words(
    slack, caplog, actions
):
    inbox = Inbox()
    async with running(slack, inbox):
        slack.outbox.put(Envelope("odd", "interactive", {"type": "block_actions", "actions": actions}))
        await slack.acked("odd")

    assert inbox == []
    assert "left out" in caplog.text
    assert "secret words" not in caplog.text


@pytest.mark.parametrize("used", [0, 5], ids=["by the response_url", "after it is used up"])
async def test_what_became_of_a_press_is_said_to_whoever_pressed_alone_and_in_the_thread(slack, used):
    inbox = Inbox()
    async with running(slack, inbox) as platform:
        page = slack.thread("dev", root := await show(slack, platform, "Yes."))[1].ts
        slack.outbox.hold()
        await slack.press("bob", "dev", page, "Try again")
        urls = slack.world.response_urls
        urls.update({key: replace(url, uses=used) for key, url in urls.items()})
        inbox.note = "Only Ada may do this."
        slack.outbox.release()
        await slack.until(lambda: slack.world.ephemerals)

    (said,) = slack.world.ephemerals
    assert (said.user, said.thread, said.text) == ("U0BOB", root, "Only Ada may do this.")
    assert (read(slack, root), buttons(slack, root)) == ("Yes.", [DRAWN])


async def test_the_ack_of_a_press_does_not_wait_for_what_is_said_of_it(slack, caplog):
    inbox = Inbox()
    inbox.note = "Only Ada may do this."
    async with running(slack, inbox) as platform:
        page = slack.thread("dev", await show(slack, platform, "Yes."))[1].ts
        slack.fail_next("response_url", Fault(hangs=True))
        await slack.acked(await slack.press("bob", "dev", page, "Try again"))
        slack.fail_next("response_url", Fault(status=404))
        slack.fail_next("chat.postEphemeral", Fault(error="user_not_in_channel"))
        await slack.acked(await slack.press("bob", "dev", page, "Try again"))
        await until(lambda: "what became of a press is told to nobody" in caplog.text)

    assert [press.person for press in inbox] == ["U0BOB"] * 2
    assert slack.world.ephemerals == []


async def test_an_answer_that_can_only_be_responded_to_a_press_stands_in_its_thread(slack):
    async with running(slack, Inbox()) as platform:
        root = await show(slack, platform, "Yes.")
        url = slack.response_url(slack.place("dev"), slack.person("ada"))
        reply = Reply(ask(root, address=SlackAddress(url=url).dump()), keep)
        slack.fail_next("chat.postMessage", Fault(error="restricted_action"))
        reply.finish("Yes, again.")
        await (await platform.surface(reply.question)).show_plainly(reply, "Yes, again.")

    assert [post.text for post in slack.thread("dev", root)[1:]] == ["Yes.", "Yes, again."]


async def test_stop_ends_an_answer_with_what_was_said_by_socket_and_by_http(home):
    gate = Gate(after=6)
    home.claude.script(Answer(text="One two three four five six seven.", gate=gate))
    root = await home.slack.say("ada", "dev", "<@U0BOT> count")
    await gate.reached.wait()
    await home.slack.until(lambda: home.ours("dev", root))
    page = home.ours("dev", root)[0].ts

    await home.slack.acked(await home.slack.press("ada", "dev", page, "Stop"))
    await home.rest()  # the gate is closed: nobody waits for Claude any more

    assert home.texts("dev", root)[0].startswith("One")
    assert "seven" not in home.texts("dev", root)[0]
    assert "Stop" not in home.slack.buttons("dev", page)

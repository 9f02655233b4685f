"""A text that grows, and the one who watches it."""

import asyncio
from datetime import UTC, datetime

import pytest

from core.answering.reply import Reply
from core.domain.errors import LeaseLost
from core.domain.messages import File, Question, ThreadKey
from core.rendering.reply_notes import append_note

QUESTION = Question(ThreadKey("test:1", "c", "t"), "1", "U1", datetime(2026, 11, 21, tzinfo=UTC))


@pytest.fixture
def recorded():
    return []


@pytest.fixture
def reply(recorded):
    async def keep(page, at):
        recorded.append((page, at))

    return Reply(QUESTION, keep, ["p1"])


async def test_a_watcher_sees_the_newest_text_only_and_at_last_the_final_one(reply):
    seen = []

    async def emit():
        async for text in reply.texts():
            seen.append((text, reply.whole))

    watching = asyncio.create_task(emit())
    await asyncio.sleep(0)
    reply.say("a")
    reply.say("a b")
    await asyncio.sleep(0)
    reply.say("another")
    reply.finish("the end", notice=True, files=[File("a.csv", "text/csv", b"")])
    reply.say("too late")
    await watching

    assert seen == [("a b", False), ("the end", True)]
    assert (reply.text, reply.notice, [file.name for file in reply.files]) == ("the end", True, ["a.csv"])


async def test_a_reply_finished_with_what_was_said_before_still_ends(reply):
    reply.say("x")
    reply.finish("x")

    assert [text async for text in reply.texts()] == ["x"]


async def test_an_empty_reply_ends_too(reply):
    reply.finish("")

    assert [text async for text in reply.texts()] == [""]


async def test_a_text_that_is_taken_back_is_shown_until_there_is_another(reply):
    texts = reply.texts()
    reply.say("refused")
    assert await anext(texts) == "refused"

    reply.say("refused words")
    reply.take_back()
    watching = asyncio.ensure_future(anext(texts))
    await asyncio.sleep(0)
    assert (watching.done(), reply.text) == (False, "")

    reply.say("another")
    assert await watching == "another"


async def test_pages_are_written_down_once_known(reply, recorded):
    at = QUESTION.at
    await reply.record_page("p2", at)
    await reply.record_page("p2")

    assert (reply.pages, recorded) == (["p1", "p2"], [("p2", at), ("p2", None)])


async def test_the_pause_between_two_edits_ends_early_when_the_reply_is_whole(reply):
    assert not await reply.wait_until_whole(0.001)
    reply.finish("x")
    assert await reply.wait_until_whole(3600)


@pytest.mark.parametrize("look", ["texts", "ended", "posted"])
async def test_who_watches_a_reply_that_is_not_ours_any_more_is_told_to_stop(look):
    async def lost():
        raise LeaseLost

    reply = Reply(QUESTION, lambda page, at: asyncio.sleep(0), ensure_held=lost)
    reply.finish("x")

    with pytest.raises(LeaseLost):
        match look:
            case "texts":
                await anext(reply.texts())
            case "ended":
                await reply.wait_until_whole(3600)
            case "posted":
                await reply.record_page("p2")


async def test_no_title_is_waited_for_while_the_request_is_held(reply):
    async def make_title():
        return "Plans"

    reply.hold_request()
    held = asyncio.create_task(reply.title(3600))
    await asyncio.sleep(0)
    reply.release_request()
    reply.begin(make_title)

    assert (await held, await reply.title(3600)) == ("", "Plans")


async def look_at(reply):
    async for text in reply.texts():
        return text
    return None


async def test_what_goes_on_is_noted_below_the_text_until_there_is_more(reply):
    reply.act("reading a.pdf")
    reply.act("searching “x”", note=True)
    silent = reply.note
    reply.say("So far.")
    reply.act("reading b.example", note=True)
    seen = [await look_at(reply)]
    reply.say("So far. More.")
    seen.append(await look_at(reply))

    assert (silent, reply.activity) == ("", "reading b.example")
    assert seen == [append_note("So far.", "reading b.example"), "So far. More."]


async def test_where_nothing_else_shows_what_goes_on_a_note_does(reply):
    reply.note_activities()
    reply.act("reading a.pdf")
    silent = reply.note
    reply.act("searching “x”", note=True)

    assert (silent, await look_at(reply)) == ("", append_note("", "searching “x”"))

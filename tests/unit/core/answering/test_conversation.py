"""Conversation: a long thread becomes turns beside the event loop, a short one without a thread of its own.

Tests core.answering.conversation.
"""

import asyncio
import threading

import pytest

from core.answering.conversation import describe_problems, leave_out_files, read_conversation
from core.domain.content import FileContent, Image
from core.domain.errors import QuestionDeleted
from core.domain.messages import Attachment, Question
from core.files.reader import FileReader
from core.store.protocols import Thread
from tests.support.talk import KEY, at, message


class Names:
    """A surface that calls everybody by their id."""

    us = ""

    async def names(self, people):
        return {person: person for person in people}


class Kept:
    """Threads that keep names in memory."""

    async def remember_names(self, key, names):
        return names


def long_thread(size: int) -> Thread:
    texts = ["<@U7> and <@U8> " * 2_000] * max(1, size // 32_000)
    messages = tuple(message(str(number), text) for number, text in enumerate(texts, 1))
    return Thread(KEY, messages, names={}, stale=False)


async def test_the_loop_goes_on_while_a_long_thread_becomes_turns():
    rounds = 0

    async def go_round():
        nonlocal rounds
        while True:
            rounds += 1
            await asyncio.sleep(0)

    going = asyncio.create_task(go_round())
    asked = Question(KEY, "1", "U1", at(1))
    told = await read_conversation(Kept(), long_thread(4_000_000), asked, Names(), FileReader())
    going.cancel()

    assert len(told.turns) >= 1
    assert rounds > 20


async def test_a_short_thread_takes_no_other_thread():
    before = threading.active_count()

    told = await read_conversation(Kept(), long_thread(1), Question(KEY, "1", "U1", at(1)), Names(), FileReader())

    assert len(told.turns) == 1
    assert threading.active_count() == before


async def test_what_is_deleted_before_claude_is_asked_is_not_asked_without_its_words():
    thread = Thread(KEY, (message("1", "hello"), message("2", "is it?")), names={}, stale=False)

    with pytest.raises(QuestionDeleted):
        await read_conversation(Kept(), thread, Question(KEY, "3", "U1", at(3)), Names(), FileReader())


def attached(*names: str):
    files = tuple(Attachment(f"F{at}", name, "image/png", 3) for at, name in enumerate(names))
    return [message("1", "look", attachments=files)]


def test_each_file_that_could_not_be_read_is_named_with_its_problem():
    files = {
        ("1", "F0"): FileContent(problem="it is empty"),
        ("1", "F1"): FileContent(text="words"),
        ("1", "F2"): FileContent(),
    }

    assert describe_problems(attached("plan_final.png", "notes.txt"), files) == [
        "I could not read `plan_final.png`: it is empty."
    ]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a`b<@U1>.png", "`a'b U1 .png`"),
        ("a\n\u202eb.png", "`a b.png`"),
        ("", "a file"),
        ("__init__.py", "`__init__.py`"),
    ],
)
def test_the_name_of_a_file_is_no_markup_and_mentions_nobody(name, shown):
    (sentence,) = describe_problems(attached(name), {("1", "F0"): FileContent(problem="it is empty")})

    assert sentence == f"I could not read {shown}: it is empty."


@pytest.mark.parametrize(("count", "more"), [(5, None), (6, "1 more file"), (40, "35 more files")])
def test_of_very_many_files_a_few_are_named(count, more):
    files = {("1", f"F{at}"): FileContent(problem=f"it is of kind {at}") for at in range(count)}

    told = describe_problems(attached(*map(str, range(count))), files)

    assert len(told) == (6 if more else 5)
    assert told[-1] == (f"Nor could I read {more}." if more else "I could not read `4`: it is of kind 4.")


def test_the_same_problem_of_several_files_is_told_once():
    empty = FileContent(problem="it is empty")
    files = {("1", "F0"): empty, ("1", "F1"): FileContent(text="a", cut=True), ("1", "F2"): empty}

    assert describe_problems(attached("a.png", "b.txt", "c.png"), files) == [
        "I could not read `a.png`, `c.png`: each is empty.",
        "I read only a part of `b.txt`: send the part that matters.",
    ]


def test_of_very_many_files_with_the_same_problem_a_few_are_named():
    files = {("1", f"F{at}"): FileContent(problem="it is empty") for at in range(40)}

    assert describe_problems(attached(*map(str, range(40))), files) == [
        "I could not read `0`, `1`, `2`, `3`, `4`, and 35 more: each is empty."
    ]


def test_what_claude_is_not_shown_is_told_as_a_problem():
    shown = FileContent(Image("a.png", "image/png", 40, 30, "AAAA"))
    files = {("1", "F0"): shown, ("1", "F1"): FileContent(text="words")}

    left = leave_out_files(files, "the model is not shown such files", kinds={"image"})

    assert left == {
        ("1", "F0"): FileContent(problem="the model is not shown such files"),
        ("1", "F1"): files["1", "F1"],
    }
    assert leave_out_files(files, "no", kinds={"document"}) == files


def test_what_a_drawing_says_is_told_where_it_is_not_shown():
    drawn = {("1", "A"): FileContent(Image("a.svg", "image/png", 1, 1, "AAAA"), "<svg/>")}

    assert leave_out_files(drawn, "it is refused", kinds={"image"}) == {
        ("1", "A"): FileContent(text="<svg/>", origin="not shown, for it is refused")
    }


def test_what_claude_is_not_shown_is_a_problem_also_where_it_hangs_again():
    shown = FileContent(Image("a.png", "image/png", 40, 30, "AAAA"))
    files = {("1", "F0"): shown, ("2", "F0"): FileContent(again=True), ("2", "F1"): FileContent(again=True)}

    left = leave_out_files(files, "no", kinds={"image"})

    assert [one.problem for one in left.values()] == ["no", "no", ""]


def test_of_several_pictures_only_those_that_were_refused_are_told_as_a_problem():
    pictures = [Image(name, "image/png", 40, 30, "AAAA") for name in ("a.png", "b.png")]
    files = {("1", f"F{at}"): FileContent(picture) for at, picture in enumerate(pictures)}

    left = leave_out_files(files, "no", contents={pictures[1]})

    assert [one.problem for one in left.values()] == ["", "no"]

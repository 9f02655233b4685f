"""Files that are posted with an answer, and the time: core.tools.builtin."""

import hashlib
import json

import pytest

from core.domain.errors import CannotAnswer
from core.domain.messages import MadeFile, ThreadKey
from core.files.code_blocks import LARGEST
from core.store.protocols import Thread
from core.tools.builtin import BuiltinTools
from core.tools.registry import ToolRegistry

KEY = ThreadKey("board:w1", "c1", "t9")


async def find_tool(name):
    return next(one for one in await BuiltinTools().list_tools(KEY) if one.name == name)


async def run(scope, tool, **arguments):
    return await (await find_tool(tool)).run(scope, arguments)


def test_groups_are_named_as_personas_choose_them():
    assert BuiltinTools().groups == {
        "files": ["post_file"],
        "history": ["search_history", "read_thread"],
        "time": ["current_time"],
    }


async def test_a_conversation_has_all_of_them_unless_a_persona_chooses_others():
    tools = await ToolRegistry([BuiltinTools()]).list_tools(Thread(KEY, (), stale=False), None)

    assert [one.name for one in tools] == ["current_time", "post_file", "read_thread", "search_history"]
    assert not any(one.definition.acts or one.definition.hosted for one in tools)


async def test_what_claude_is_told_of_them_changes_only_when_somebody_means_it():
    """A change costs every thread its prompt cache once. If it is meant, put the new digest here."""
    told = json.dumps([one.definition.body for one in await BuiltinTools().list_tools(KEY)], ensure_ascii=False)

    assert hashlib.sha256(told.encode()).hexdigest()[:16] == "5a20970404182a85"


async def test_a_file_is_posted_with_the_answer(scope):
    result = await run(scope, "post_file", name="reports/Q3: sales.csv", content="a,b\n1,2\n")

    assert result.words == "Q3 sales.csv is posted with your answer."
    assert result.files == (MadeFile("Q3 sales.csv", "text/csv", "a,b\n1,2\n"),)


TYPES = {
    "notes.md": "text/markdown",
    "app.py": "text/x-python",
    "a.json": "application/json",
    "drawing.svg": "image/svg+xml",
    "a.png": "text/plain",
    "a.exe": "text/plain",
    "Makefile": "text/plain",
}


@pytest.mark.parametrize(("name", "type_"), TYPES.items(), ids=TYPES)
async def test_a_file_has_a_type_of_text(scope, name, type_):
    (file,) = (await run(scope, "post_file", name=name, content="x")).files

    assert (file.name, file.type) == (name, type_)


async def test_a_file_without_a_name_that_can_be_one_gets_one(scope):
    (file,) = (await run(scope, "post_file", name="../..", content="a\0b\ud800")).files

    assert file == MadeFile("file.txt", "text/plain", "ab\ufffd")


UNPOSTED = {
    "empty": (" \n", "The file would be empty, so nothing is posted."),
    "too large": ("é" * (LARGEST // 2 + 1), "The file has 1,000,002 bytes, and 1,000,000 are the most, so nothing is"),
}


@pytest.mark.parametrize(("content", "why"), UNPOSTED.values(), ids=UNPOSTED)
async def test_a_file_that_can_not_be_posted_says_why(scope, content, why):
    with pytest.raises(CannotAnswer, match=why):
        await run(scope, "post_file", name="a.txt", content=content)


async def test_a_file_as_large_as_it_may_be_is_posted(scope):
    (file,) = (await run(scope, "post_file", name="a.txt", content="x" * LARGEST)).files

    assert len(file.text) == LARGEST


async def test_the_time_is_told_in_the_zone_of_who_asks_or_in_another(scope, clock):
    assert (await run(scope, "current_time")).words == "Friday, 20 November 2026, 13:00, Europe/Berlin, UTC+01:00"
    assert (await run(scope, "current_time", zone="UTC")).words == "Friday, 20 November 2026, 12:00, UTC"
    assert (await run(scope, "current_time", zone="Asia/Kolkata")).words.endswith("17:30, Asia/Kolkata, UTC+05:30")


async def test_an_unknown_zone_is_no_time(scope):
    with pytest.raises(CannotAnswer, match="no time zone of that name"):
        await run(scope, "current_time", zone="../../etc/passwd")


async def test_people_are_told_what_is_done_in_a_few_safe_words():
    told = {
        "search_history": {"query": "<@U1> @everyone [x]\n pool"},
        "read_thread": {"link": "https://x"},
        "post_file": {"name": "@here.csv"},
        "current_time": {},
    }

    assert {name: (await find_tool(name)).describe(given) for name, given in told.items()} == {
        "search_history": 'searching this channel for "U1 everyone x pool"',
        "read_thread": "reading a thread of this channel",
        "post_file": "writing here.csv",
        "current_time": "looking at the clock",
    }
    assert (await find_tool("search_history")).describe({}) == "searching this channel"

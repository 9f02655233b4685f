"""A typed function becomes a tool, and wrong arguments a result: core.tools.functions."""

import asyncio
import itertools
import json
import math
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, Field

from core.domain.content import Text
from core.domain.errors import CannotAnswer
from core.domain.messages import MadeFile
from core.domain.tools import ToolResult
from core.tools.functions import AT_ONCE, VALUES, UnfitFunction, build_tool, tool
from core.tools.tool import SECONDS, ToolScope
from tests.support.waiting import until


@tool(acts=False, group="dice", seconds=5, describe=lambda given: f"rolling {given.get('dice')} dice")
async def roll_dice(
    scope: ToolScope,
    dice: Annotated[int, Field(ge=1, le=10, description="How many.")],
    kind: Literal["fair", "loaded"] = "fair",
    schema: str | None = None,
) -> str:
    """Roll dice.

    Tells what they show.
    """
    return f"{dice} {kind} {schema} {scope.question.person}"


ROLL = (
    '{"name": "roll_dice", "description": "Roll dice.\\n\\nTells what they show.", "input_schema": {"properties": '
    '{"dice": {"description": "How many.", "maximum": 10, "minimum": 1, "type": "integer"}, "kind": {"default": '
    '"fair", "enum": ["fair", "loaded"], "type": "string"}, "schema": {"anyOf": [{"type": "string"}, {"type": "null"}], '
    '"default": null}}, "additionalProperties": false, "required": ["dice"], "type": "object"}}'
)


def test_a_signature_is_the_schema_and_a_docstring_the_description_the_same_bytes_each_time():
    assert json.dumps(build_tool(roll_dice).definition.body) == ROLL
    assert json.dumps(build_tool(roll_dice).definition.body) == ROLL


def test_what_a_signature_does_not_say_the_decorator_does():
    made = build_tool(roll_dice, "others")

    assert (made.name, made.group, made.seconds, made.definition.acts) == ("roll_dice", "dice", 5, False)
    assert made.describe({"dice": 3}) == "rolling 3 dice"


def test_an_undecorated_function_acts_and_is_in_the_group_of_what_brings_it():
    def order() -> None:
        """Order."""

    made = build_tool(order, "shop")

    assert (made.group, made.seconds, made.definition.acts) == ("shop", SECONDS, True)
    assert made.describe({}) == "using order"
    assert made.definition.body["input_schema"] == {"properties": {}, "additionalProperties": False, "type": "object"}


async def test_a_call_has_the_arguments_and_the_scope(scope):
    made = build_tool(roll_dice)

    assert await made.run(scope, {"dice": "3", "schema": "x"}) == ToolResult((Text("3 fair x U2"),))
    assert (await made.run(scope, {"dice": 1, "kind": "loaded"})).words == "1 loaded None U2"


WRONG = {
    "missing": ({}, "- dice: Field required"),
    "too large": ({"dice": 11}, "- dice: Input should be less than or equal to 10"),
    "of another type": (
        {"dice": "many"},
        "- dice: Input should be a valid integer, unable to parse string as an integer",
    ),
    "unknown": ({"dice": 1, "sides": 6}, "- sides: Extra inputs are not permitted"),
    "the scope": ({"dice": 1, "scope": {}}, "- scope: Extra inputs are not permitted"),
}


@pytest.mark.parametrize(("given", "line"), WRONG.values(), ids=WRONG)
async def test_wrong_arguments_are_told_to_claude_and_nothing_is_done(scope, given, line):
    result = await build_tool(roll_dice).run(scope, given)

    assert result.failed
    assert result.words == f"The arguments of roll_dice are not as its schema says, so nothing was done:\n{line}"


async def test_of_very_many_wrong_arguments_a_few_are_told(scope):
    result = await build_tool(roll_dice).run(scope, {"dice": 1, **{f"x{n}": 1 for n in range(900)}})

    assert result.words.count("\n") == 6
    assert result.words.endswith("- and 895 more")


class Point(BaseModel):
    x: int


FILES = ToolResult((Text("made"),), files=(MadeFile("a.txt", "text/plain", "a"),))
RETURNED = {
    "a text": ("a\0b\ud800", "ab\ufffd"),
    "nothing": (None, "give was carried out."),
    "an empty text": ("", "give returned an empty text."),
    "a model": (Point(x=1), '{"x":1}'),
    "a list": ([1, "é"], '[1,"é"]'),
    "what is no JSON": (Ellipsis, "Ellipsis"),
}


@pytest.mark.parametrize(("returned", "words"), RETURNED.values(), ids=RETURNED)
async def test_what_a_function_returns_is_told(scope, returned, words):
    def give() -> object:
        """Give."""
        return returned

    assert await build_tool(give).run(scope, {}) == ToolResult((Text(words),))


async def test_a_result_is_returned_as_it_is(scope):
    async def give() -> ToolResult:
        """Give."""
        return FILES

    assert await build_tool(give).run(scope, {}) == FILES


async def test_a_plain_function_runs_beside_the_loop_and_what_it_raises_is_raised(scope):
    def name_thread(fail: bool = False) -> str:
        """Name."""
        if fail:
            raise CannotAnswer("no")
        return threading.current_thread().name

    made = build_tool(name_thread)

    assert (await made.run(scope, {})).words == "tool name_thread"
    with pytest.raises(CannotAnswer, match="no"):
        await made.run(scope, {"fail": True})


@pytest.mark.parametrize("kind", ["plain", "async"])
async def test_what_a_function_yields_is_read_beside_the_loop_and_no_further_than_a_result_reaches(scope, kind):
    threads = set()

    def count_up() -> Iterator[int]:
        """Count."""
        for number in itertools.count():
            threads.add(threading.current_thread())
            yield number

    async def count_later() -> Iterator[int]:
        """Count."""
        return count_up()

    words = (await build_tool(count_up if kind == "plain" else count_later).run(scope, {})).words

    assert len(words) > VALUES
    assert words.startswith("[0,1,2,3,")
    assert len(threads) == 1
    assert threading.current_thread() not in threads


async def test_of_many_values_no_more_are_read_than_a_result_reaches(scope):
    def give() -> object:
        """Give."""
        return {"rows": [(1, 2)] * VALUES}

    words = (await build_tool(give).run(scope, {})).words

    assert words.startswith('{"rows":[[1,2],[1,2],')
    assert VALUES < len(words) < 3 * VALUES  # a third of it: each row is three values


async def test_a_plain_function_that_never_ends_takes_no_more_threads_than_its_own(scope, caplog):
    ends = threading.Event()

    def hang() -> str:
        """Hang."""
        ends.wait(30)
        return "late"

    def quick() -> str:
        """Be quick."""
        return "quick"

    made = build_tool(hang)
    calls = [asyncio.create_task(made.run(scope, {})) for _ in range(AT_ONCE)]
    await asyncio.sleep(0)
    calls[0].cancel()

    busy = await made.run(scope, {})
    assert busy.failed
    assert busy.words == f"hang is busy: {AT_ONCE} calls of it have not ended yet. Nothing was done."
    assert (await build_tool(quick).run(scope, {})).words == "quick"
    ends.set()
    assert [call.words for call in await asyncio.gather(*calls[1:])] == ["late"] * (AT_ONCE - 1)
    await until(lambda: not any(thread.name == "tool hang" for thread in threading.enumerate()))
    assert caplog.records == []


def untold() -> str:
    return ""


def unannotated(one) -> str:
    """No."""
    return str(one)


def many(*ones: str) -> str:
    """No."""
    return str(ones)


def unknown(one: "Nothing") -> str:  # noqa: F821
    """No."""
    return str(one)


def odd(one: threading.Event) -> str:
    """No."""
    return str(one)


def Capital() -> str:  # noqa: N802
    """No."""
    return ""


def endless(one: str, most: float = math.inf) -> str:
    """No."""
    return f"{one} {most}"


class Bounds(BaseModel):
    least: float = math.nan


def nested(bounds: Bounds) -> str:
    """No."""
    return str(bounds)


async def yielding() -> AsyncIterator[str]:
    """Yield."""
    yield "a"


def halved() -> str:
    """A half \ud800."""
    return ""


UNFIT = {
    "a default that is no JSON": (endless, "the parameter `most` of `endless` can't be written as JSON, for it holds"),
    "a default that is no JSON in a model": (nested, "the docstring or the schema of `nested` can't be written as"),
    "a docstring that is no text": (halved, "the docstring or the schema of `halved` can't be written as JSON"),
    "an async function with yield": (yielding, "`yielding` is an async function with `yield`: it has to return a list"),
    "no docstring": (untold, "`untold` has no docstring"),
    "no annotation": (unannotated, "the parameter `one` of `unannotated` has no type annotation"),
    "any number of arguments": (many, "the parameter `ones` of `many` can't be given by its name"),
    "an unknown type": (unknown, "the signature of `unknown` can't be read: name 'Nothing' is not defined"),
    "a type that is no JSON": (odd, "the parameters of `odd` can't be told in a schema: Unable to generate"),
    "a name that the API or a list would not take": (Capital, "the name `Capital` has to be of small letters"),
    "no name": (lambda: "", "the name `<lambda>`"),
}


@pytest.mark.parametrize(("function", "why"), UNFIT.values(), ids=UNFIT)
def test_a_function_that_can_be_no_tool_says_why(function, why):
    with pytest.raises(UnfitFunction) as caught:
        build_tool(function)

    assert str(caught.value).startswith(why)


@pytest.mark.parametrize("seconds", ["60", None, 0, float("nan"), float("inf")])
def test_seconds_that_are_no_number_are_refused_at_the_start(seconds):
    @tool(seconds=seconds)
    def late() -> str:
        """Late."""
        return ""

    with pytest.raises(UnfitFunction, match="number above 0"):
        build_tool(late)


async def test_a_plain_function_that_exits_ends_its_call(scope):
    @tool()
    def leave() -> str:
        """Leave."""
        raise SystemExit("bad")

    run = build_tool(leave).run
    assert run
    with pytest.raises(SystemExit):
        await run(scope, {})

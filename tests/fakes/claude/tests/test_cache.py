"""The stand-in for Claude bills its prompt cache as the documentation describes it."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import anthropic
import pytest

from tests.fakes.claude.client import (
    ASK,
    HAIKU,
    OLD_HAIKU,
    OPUS,
    SONNET,
    assistant,
    base64_block,
    said,
    streamed,
    text,
    user,
)
from tests.fakes.claude.script import Answer, Fault, Gate
from tests.fakes.claude.server import ClaudeFake
from tests.fakes.claude.tokens import Usage, canonical, tokens

FIVE = {"type": "ephemeral"}
HOUR = {"type": "ephemeral", "ttl": "1h"}
SYSTEM, ASKED, ANSWERED = 2000, 100, 200  # tokens
TURN = ASKED + ANSWERED
TOOL = {"name": "look", "description": "x" * 6000, "input_schema": {"type": "object"}}
TOOLS = tokens(canonical(TOOL))
PERSONA = TOOLS + SYSTEM
ALL = PERSONA + 600
CITED = {
    "type": "document",
    "source": {"type": "text", "media_type": "text/plain", "data": "Hi"},
    "citations": {"enabled": True},
}
PIXEL = base64_block("image", "image/gif", b"GIF89a\1\0\1\0")


@dataclass(slots=True)
class Clock:
    """Seconds that pass when a test says so."""

    now: float = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def server_clock() -> Clock:
    return Clock()


@pytest.fixture
async def claude(server_clock) -> AsyncIterator[ClaudeFake]:
    async with ClaudeFake(clock=server_clock) as claude:
        claude.answer = lambda body: Answer(text="Fine")
        yield claude


def words(count: int, name: str = "") -> str:
    """A text of exactly so many tokens."""
    return name.ljust(4 * count, "x")


def turns(count: int) -> list[dict]:
    """A conversation in which the person speaks for the `count`th time."""
    spoken = []
    for number in range(count):
        spoken += [user(words(ASKED, f"ask {number}")), assistant(words(ANSWERED, f"answer {number}"))]
    return spoken[:-1]


def thread(count: int, **asked) -> dict:
    return {**ASK, "system": words(SYSTEM), "messages": turns(count), "cache_control": FIVE, **asked}


async def usage(sdk, **asked) -> Usage:
    """What one request costs, as its answer says."""
    said = (await sdk.messages.create(**{**ASK, **asked})).usage
    return Usage(
        said.input_tokens,
        said.cache_read_input_tokens,
        said.cache_creation.ephemeral_5m_input_tokens,
        said.cache_creation.ephemeral_1h_input_tokens,
    )


def total(usages: list[Usage]) -> tuple[int, int, int]:
    """Tokens neither written nor read, written, and read."""
    return (
        sum(usage.input_tokens for usage in usages),
        sum(usage.ephemeral_5m_input_tokens + usage.ephemeral_1h_input_tokens for usage in usages),
        sum(usage.cache_read_input_tokens for usage in usages),
    )


def automatic(count: int) -> tuple[int, int, int]:
    """What `count` turns come to with the automatic breakpoint, by the formula."""
    written = SYSTEM + ASKED + (count - 1) * TURN
    read = (count - 1) * (SYSTEM + ASKED) + TURN * (count - 1) * (count - 2) // 2
    return 0, written, read


@pytest.mark.parametrize(
    ("count", "figures"), [(5, (0, 3300, 10200)), (20, (0, 7800, 91200)), (50, (0, 16800, 455700))]
)
@pytest.mark.parametrize("model", [HAIKU, SONNET, OPUS])
async def test_a_thread_with_the_automatic_breakpoint_costs_what_the_formula_says(sdk, model, count, figures):
    usages = [await usage(sdk, **thread(number + 1, model=model)) for number in range(count)]

    assert total(usages) == automatic(count) == figures


@pytest.mark.parametrize(("count", "paid"), [(5, 13_500), (20, 99_000)])
async def test_a_thread_without_breakpoints_pays_for_everything(sdk, count, paid):
    usages = [await usage(sdk, **thread(number + 1, cache_control=None)) for number in range(count)]

    assert total(usages) == (paid, 0, 0)


async def test_a_persona_that_is_warm_from_another_thread_is_read(sdk):
    asked = {"system": [text(words(SYSTEM), "1h")], "cache_control": HOUR}
    await usage(sdk, **asked, **said(user(words(ASKED, "elsewhere"))))

    assert await usage(sdk, **asked, **said(user(words(ASKED, "here")))) == Usage(0, SYSTEM, 0, ASKED)


@pytest.mark.parametrize(("model", "minimum"), [(HAIKU, 512), (SONNET, 1024), (OPUS, 1024), (OLD_HAIKU, 4096)])
async def test_nothing_is_cached_below_the_models_minimum(sdk, model, minimum):
    small, enough = [
        [await usage(sdk, model=model, cache_control=FIVE, **said(user(words(size)))) for _ in range(2)]
        for size in (minimum - 1, minimum)
    ]

    assert small == [Usage(minimum - 1)] * 2
    assert enough == [Usage(0, 0, minimum), Usage(0, minimum)]


async def test_a_thread_on_haiku_4_5_is_cached_from_its_eighth_turn(sdk):
    usages = [await usage(sdk, **thread(number + 1, model=OLD_HAIKU)) for number in range(9)]

    cached = [usage.ephemeral_5m_input_tokens + usage.cache_read_input_tokens > 0 for usage in usages]
    assert cached == [False] * 7 + [True] * 2


@pytest.mark.parametrize(
    ("ttl", "seconds", "read"),
    [("5m", 299, True), ("5m", 300, False), ("1h", 3599, True), ("1h", 3600, False)],
)
async def test_an_entry_lives_for_its_ttl(sdk, server_clock, ttl, seconds, read):
    asked = thread(1, cache_control={**FIVE, "ttl": ttl})
    await usage(sdk, **asked)
    server_clock.now += seconds

    assert bool((await usage(sdk, **asked)).cache_read_input_tokens) is read


async def test_a_hit_gives_an_entry_its_ttl_again(sdk, server_clock):
    usages = []
    for _ in range(4):
        usages.append(await usage(sdk, **thread(1)))
        server_clock.now += 299

    assert total(usages) == (0, 2100, 3 * 2100)


async def test_an_entry_keeps_the_ttl_it_was_written_with(sdk, server_clock):
    await usage(sdk, **thread(1))
    await usage(sdk, **thread(1, cache_control=HOUR))
    server_clock.now += 300

    assert await usage(sdk, **thread(1, cache_control=HOUR)) == Usage(0, 0, 0, 2100)


async def test_hours_and_five_minutes_are_billed_apart(sdk):
    asked = {"system": [text(words(SYSTEM), "1h")], "cache_control": FIVE, **said(user(words(ASKED)))}

    assert await usage(sdk, **asked) == Usage(0, 0, ASKED, SYSTEM)


async def test_what_follows_the_last_breakpoint_is_never_written(sdk):
    asked = {"system": [text(words(SYSTEM), "5m")], **said(user(words(ASKED)))}

    assert [await usage(sdk, **asked) for _ in range(2)] == [Usage(ASKED, 0, SYSTEM), Usage(ASKED, SYSTEM)]


@pytest.mark.parametrize(("added", "read"), [(19, 600), (20, 0)])
async def test_a_read_looks_back_20_blocks(sdk, added, read):
    await usage(sdk, cache_control=FIVE, **said(user(words(600))))

    more = [text(f"{number:4}") for number in range(added)]
    found = await usage(sdk, cache_control=FIVE, **said(user(text(words(600)), *more)))

    assert found == Usage(0, read, 600 + added - read)


async def test_a_prefix_that_was_never_marked_is_not_read(sdk):
    await usage(sdk, **said(user(text(words(600)), text(words(600, "more"), "5m"))))

    assert await usage(sdk, **said(user(text(words(600), "5m")))) == Usage(0, 0, 600)


CHANGES = {
    "nothing": ({}, ALL),
    "a string for a block": ({"system": words(SYSTEM)}, ALL),
    "two messages for one": (said(user(words(300, "a")), user(words(300, "b"))), ALL),
    "the last word": (said(user(text(words(300, "a")), text(words(300, "c")))), PERSONA),
    "the model": ({"model": OPUS}, 0),
    "the system": ({"system": [text(words(SYSTEM, "other"), "5m")]}, TOOLS),
    "the tools": ({"tools": [{**TOOL, "strict": True}]}, 0),
    "effort": ({"output_config": {"effort": "low"}}, PERSONA),
    "the default effort, said": ({"output_config": {"effort": "high"}}, ALL),
    "thinking": ({"thinking": {"type": "between_tools"}}, PERSONA),
    "the default thinking, said": ({"thinking": {"type": "adaptive"}}, ALL),
    "the one who speaks": (said(user(text(words(300, "a"))), assistant(words(300, "b")), user("Hi")), PERSONA),
    "the choice of tools": ({"tool_choice": {"type": "none"}}, PERSONA),
    "citations": (said(user(text(words(300, "a")), text(words(300, "b")), CITED)), TOOLS),
    "an image": (said(user(text(words(300, "a")), text(words(300, "b")), PIXEL)), PERSONA),
}


@pytest.mark.parametrize(("change", "read"), CHANGES.values(), ids=CHANGES)
async def test_what_a_change_leaves_to_be_read(sdk, change, read):
    asked = {
        "model": SONNET,
        "tools": [{**TOOL, "cache_control": FIVE}],
        "system": [text(words(SYSTEM), "5m")],
        "cache_control": FIVE,
        **said(user(text(words(300, "a")), text(words(300, "b")))),
    }
    await usage(sdk, **asked)

    assert (await usage(sdk, **{**asked, **change})).cache_read_input_tokens == read


@pytest.mark.parametrize(("after", "found"), [(0, Usage(0, 0, 2100)), (1, Usage(0, 2100))])
async def test_an_entry_can_be_read_once_its_answer_has_begun(claude, sdk, after, found):
    gate = Gate(after)
    claude.script(Answer(text="Fine", gate=gate))

    first = asyncio.create_task(streamed(sdk, **thread(1)))
    await gate.reached.wait()
    second = await usage(sdk, **thread(1))
    gate.opened.set()
    await first

    assert second == found


async def test_a_fault_writes_nothing(claude, sdk):
    claude.script(Fault(529))

    with pytest.raises(anthropic.OverloadedError):
        await usage(sdk, **thread(1))

    assert await usage(sdk, **thread(1)) == Usage(0, 0, 2100)


async def test_a_stream_says_the_same_and_is_billed_so(claude, sdk):
    await usage(sdk, **thread(1))

    begun, *_, ended, _ = await streamed(sdk, **thread(2))

    told = begun.message.usage
    assert (told.cache_read_input_tokens, told.cache_creation.ephemeral_5m_input_tokens) == (2100, 300)
    assert (ended.usage.cache_read_input_tokens, ended.usage.output_tokens) == (2100, 1)
    assert [billed.usage for billed in claude.billed] == [Usage(0, 0, 2100, 0, 1), Usage(0, 2100, 300, 0, 1)]

"""Kinds of question that Claude answers with tools: those that read, and those that act when a person said so."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from core.domain.controls import Control
from tests.e2e.reliability.kinds import SHORT, Kind, mention, says
from tests.e2e.reliability.machine import machine
from tests.e2e.reliability.worlds import DiscordWorld, SlackWorld, World, discord_world, slack_world
from tests.fakes.claude.script import Answer
from tests.fakes.discord.components import walk
from tests.fakes.slack.elements import list_buttons

GLANCE = 0.02  # seconds between two looks at what stands there
AGAIN = 1.5  # seconds after which who pressed, and sees that nothing came of it, presses again
UNKNOWN = ("It is not known whether this was done", "Whether it was done is not known")
NUMBERS = itertools.count(1)


def use(tool: str, what: str) -> Mapping[str, Any]:
    return {"type": "tool_use", "id": f"toolu_{next(NUMBERS)}", "name": tool, "input": {"what": what}}


def calling(*calls: tuple[str, str]) -> Callable[[Any], Answer]:
    """An answer that calls tools first, and is whole once it was told what came of them."""

    def answer(body: Any) -> Answer:
        if any(block["type"] == "tool_result" for block in body["messages"][-1]["content"]):
            return Answer(text=SHORT, chunk=20, delay=0.02)
        blocks = tuple(use(*call) for call in calls)
        return Answer(text="Let me see.", chunk=20, blocks=blocks, stop_reason="tool_use")

    return answer


def acted(*allowed: str, looked: int = 0) -> Callable[[Any], str]:
    """What is wrong with what was done: what was allowed is done once, unless Claude was told that nobody knows."""

    def find_fault(world: World) -> str:
        assert world.machine
        done = {what: count for (tool, what), count in world.machine.done.items() if tool == "make"}
        asked = [str(one.body) for one in world.claude.requests if one.path == "/v1/messages"]
        if any(count > 1 for count in done.values()) or not set(done) <= set(allowed):
            return f"misused {done}"
        if len(done) < len(allowed) and not any(word in body for word in UNKNOWN for body in asked):
            return f"undone {done}"
        looks = sum(count for (tool, _), count in world.machine.done.items() if tool == "look")
        return "" if looks >= looked else f"undone {looks}"

    return find_fault


def press(control: Control) -> Callable[[World], Awaitable[None]]:
    """Press this button wherever it stands, for as long as the world lasts.

    No platform tells a press again that nobody acknowledged; who sees that nothing came of it tries again.
    """

    async def attend(world: World) -> None:
        pressed: dict[str, float] = {}
        clock = asyncio.get_running_loop().time
        while True:
            for page, subject in find_buttons(world, control.label):
                if clock() > pressed.get(subject, 0) + AGAIN:
                    pressed[subject] = clock()
                    await use_button(world, page, control.label)
            await asyncio.sleep(GLANCE)

    return attend


def find_buttons(world: World, label: str) -> list[tuple[str, str]]:
    """The pages on which a button with this label stands, and what it is about."""
    if isinstance(world, SlackWorld):
        return [
            (post.ts, action["value"])
            for post in world.slack.world.posts.values()
            for action in list_buttons(post)
            if action["text"]["text"] == label
        ]
    return [
        (post.id, part["custom_id"])
        for post in world.discord.world.posts.values()
        for part in walk(post.components)
        if part.get("label") == label
    ]


async def use_button(world: World, page: str, label: str, person: str = "ada") -> None:
    if isinstance(world, SlackWorld):
        await world.slack.press(person, "dev", page, label)
    elif world.discord.gateway.live:  # nobody presses twice while nobody is there
        await world.discord.press(person, page, label)


@asynccontextmanager
async def slack_workshop() -> AsyncIterator[SlackWorld]:
    async with machine() as tools, slack_world() as world:
        world.machine = tools
        yield world


@asynccontextmanager
async def discord_workshop() -> AsyncIterator[DiscordWorld]:
    async with machine() as tools, discord_world() as world:
        world.machine = tools
        yield world


def build_kinds(platform: str, world: Callable[[], Any], place: str, *, repeated: bool) -> list[Kind]:
    allow, deny = press(Control.ALLOW), press(Control.DENY)
    several = calling(("look", "door"), ("make", "one"), ("make", "two"))
    shown = says(SHORT, place=place)
    return [
        Kind(f"{platform} {name}", world, mention("q"), shown, answer, repeated=repeated, attend=attend, fault=fault)
        for name, answer, attend, fault in (
            ("tool that reads", calling(("look", "door")), None, acted(looked=1)),
            ("tool that acts", calling(("make", "one")), allow, acted("one")),
            ("tool denied", calling(("make", "one")), deny, acted()),
            ("several tools", several, allow, acted("one", "two", looked=1)),
        )
    ]


TOOL_KINDS = [
    *build_kinds("slack", slack_workshop, "beneath the question", repeated=True),
    *build_kinds("discord", discord_workshop, "dev", repeated=False),
]

"""A fleet: several processes over one database, any of which is killed or put to sleep, on machines with wrong clocks."""

import asyncio
import itertools
import random
import re
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from core.domain.controls import Control
from core.store.rules.claims import STALE
from tests.e2e.reliability.bot import CLOCK, SILENCE
from tests.e2e.reliability.nursery import Bot
from tests.e2e.reliability.pair import NUMBER, Pair, answer, ask, open_rooms, wrong
from tests.e2e.reliability.spending import count_wrong_sums
from tests.e2e.reliability.tables import (
    BATCHED,
    ROOM,
    UNFINISHED,
    answer_row,
    ask_tables,
    count_wrong_tables,
    find_unheard,
)
from tests.e2e.reliability.tool_kinds import AGAIN, find_buttons, use
from tests.e2e.reliability.worlds import CONNECTING
from tests.fakes.claude.script import Answer, last_words
from tests.fakes.slack.nouns import File
from tests.support.drawings import draw
from tests.support.slack_signature import SECRET

FILES = [[File("", f"{number}.png", "image/png", draw(size=(60, 60 + number)), "U0ADA")] for number in range(3)]
IN_FLIGHT = """
SELECT count(*) FROM requests JOIN questions ON questions.workspace = requests.workspace
    AND questions.channel = requests.channel AND questions.name = requests.question
JOIN claims ON claims.id = questions.claim
WHERE requests.state = 'reserved' AND questions.outcome IS NULL AND claims.process LIKE '%:{pid}:%'
"""
"""What a process asks Claude just now."""
DIED = "SELECT count(*) FROM requests WHERE outcome = 'died'"
SILENT = 3.0  # seconds without a heartbeat after which one has stopped; a busy machine holds some up for so long
SHIPPED = STALE.total_seconds()
LATE = re.compile(r"may have taken over its answers: (\d+)")
PRESSED = (Control.ALLOW.label, "Start")
PATIENCE = 300.0  # seconds until all is answered that was asked


def answer_with_tools(body: Any) -> Answer:
    """As `answer` does, or to a row of a table; what is to be looked up or made is that first."""
    if any(block["type"] == "tool_result" for block in body["messages"][-1]["content"] if isinstance(block, dict)):
        asked = [NUMBER.findall(str(one["content"])) for one in body["messages"] if one["role"] == "user"]
        last = next(numbers for numbers in reversed(asked) if numbers)
        return Answer(text=f"To {', '.join(last)}: " + "a few words more. " * 12, chunk=40, delay=0.05)
    words = last_words(body)
    if row := answer_row(words):
        return row
    for tool in ("look", "make"):
        if f"{tool} it" in words:
            number = NUMBER.findall(words)[-1]
            return Answer(blocks=(use(tool, f"thing {number}"),), stop_reason="tool_use")
    return answer(body)


@dataclass(slots=True)
class Fleet(Pair):
    """Several processes. `offsets` are the seconds by which the clock of each is wrong.

    One has stopped after `silent` seconds without a heartbeat; where that is as shipped, none is silent by itself.
    """

    offsets: Sequence[float] = (0,)
    ports: Sequence[int] = ()
    silent: float = SILENT
    in_flight: int = 0
    bots: list[Bot] = field(default_factory=list)

    def name_clock(self, number: int) -> str:
        return str(self.folder / f"clock-{number % len(self.offsets)}")

    def set_clocks(self, offsets: Sequence[float]) -> None:
        """Let the machines' clocks be wrong by so many seconds each from now on."""
        for number, offset in enumerate(offsets):
            path = self.folder / f"clock-{number}"
            path.with_suffix(".new").write_text(str(offset))
            path.with_suffix(".new").replace(path)

    async def start_all(self, count: int) -> None:
        self.set_clocks(self.offsets)
        for number in range(count):
            self.bots.append(await self.start_one(number))

    async def start_one(self, number: int) -> Bot:
        port = {"CONFAB_HTTP_PORT": str(self.ports[number])} if self.ports else {}
        return await self.start(**{CLOCK: self.name_clock(number), SILENCE: str(self.silent)}, **port)

    async def troubling(self, chance: random.Random) -> None:
        """Kill one of them again and again and start another in its place, or let it sleep for long."""
        while True:
            await asyncio.sleep(self.peace * chance.uniform(0.5, 1.5))
            number = chance.randrange(len(self.bots))
            bot, killed = self.bots[number], chance.random() < 0.7
            async with self.stopped(bot):
                counted = await asyncio.to_thread(self.database.rows, IN_FLIGHT.format(pid=bot.pid))
                self.in_flight += counted[0][0]
                if killed:
                    await bot.kill()
                    self.kills += 1
                else:
                    self.naps += 1
                    await asyncio.sleep(1.5 * self.silent)
            if killed:
                self.bots[number] = await self.start_one(number)

    async def stepping(self, steps: Sequence[float]) -> None:
        """Set the clocks of all machines, again and again, by these seconds."""
        for step in itertools.cycle(steps):
            await asyncio.sleep(self.peace)
            self.set_clocks([step] * len(self.offsets))

    async def pressing(self) -> None:
        """Allow once whatever waits for its asker's word, and start each batch that is offered."""
        pressed: dict[str, float] = {}
        while True:
            for label, page, subject in [(one, *found) for one in PRESSED for found in find_buttons(self.world, one)]:
                if time.monotonic() > pressed.get(subject, 0) + AGAIN:
                    pressed[subject] = time.monotonic()
                    await self.press(page, label)
            await asyncio.sleep(0.1)

    async def press(self, page: str, label: str) -> None:
        slack = self.world.slack
        post = next(one for one in slack.world.posts.values() if one.ts == page)
        await slack.press("ada", slack.world.channels[post.channel].name, page, label)


class HttpFleet(Fleet):
    """One that Slack tells by HTTP, each process on a port of its own."""

    async def start(self, **more: str) -> Bot:
        settings = self.world.environment() | {"DATABASE_URL": self.database.url} | more
        settings |= {"SLACK_APP_TOKEN": "", "SLACK_SIGNING_SECRET": SECRET}
        bot = await self.nursery.bot(settings, self.folder / "log")
        async with aiohttp.ClientSession() as session, asyncio.timeout(CONNECTING):
            while not await is_ready(session, more["CONFAB_HTTP_PORT"]):
                await asyncio.sleep(0.05)
        return bot


async def is_ready(session: aiohttp.ClientSession, port: str) -> bool:
    try:
        async with session.get(f"http://127.0.0.1:{port}/readyz") as answered:
            return answered.status == 200
    except aiohttp.ClientError:
        return False


async def use_tools(fleet: Fleet, count: int, first: int, seconds: float) -> int:
    """Ask for so many things to be looked up and made, each in a thread of its own, over `seconds`."""
    rooms = open_rooms(fleet.world.slack)
    for number in range(first, first + count):
        verb = ("look", "make")[number % 2]
        await fleet.world.slack.say("ada", rooms[number % len(rooms)], f"<@U0BOT> question {number}: {verb} it")
        await asyncio.sleep(seconds / count)
    return count


async def storm_fleet(
    fleet: Fleet,
    processes: int,
    threads: int,
    each: int,
    seconds: float,
    tools: int = 0,
    tables: int = 0,
    steps: Sequence[float] = (),
) -> dict:
    """Ask while any of the processes is troubled, let them finish, and count what is wrong."""
    began, chance, world = time.monotonic(), random.Random(7), fleet.world
    world.claude.answer = answer_with_tools
    await fleet.start_all(processes)
    pressing = asyncio.create_task(fleet.pressing())
    trouble = [asyncio.create_task(fleet.troubling(chance))]
    if steps:
        trouble.append(asyncio.create_task(fleet.stepping(steps)))
    asking = [ask(world.slack, threads, each, chance, seconds, FILES)]
    if tools:
        asking.append(use_tools(fleet, tools, threads * each, seconds))
    if tables:
        asking.append(ask_tables(world, tables, seconds))
    count = sum(await asyncio.gather(*asking))
    for task in trouble:
        assert not task.done(), task
        task.cancel()
    await asyncio.gather(*trouble, return_exceptions=True)
    fleet.bots.append(await fleet.start_one(0))  # in place of one whose start was cut short
    await finish(fleet)
    pressing.cancel()
    await asyncio.gather(pressing, return_exceptions=True)
    for bot in fleet.bots:
        await bot.kill()
    unheard = find_unheard(world, fleet.database)
    figures = count_wrong(fleet, count - len(unheard)) | count_wrong_tables(world, fleet.database, tables, unheard)
    return figures | {"seconds": round(time.monotonic() - began)}


async def finish(fleet: Fleet) -> None:
    until = time.monotonic() + PATIENCE
    database = fleet.database
    while time.monotonic() < until:
        waiting = database.open or database.count(*UNFINISHED) or database.count("requests", "state = 'reserved'")
        if not (fleet.world.slack.unacked or waiting):
            return
        await asyncio.sleep(0.1)


def count_wrong(fleet: Fleet, count: int) -> dict:
    world, database = fleet.world, fleet.database
    found = wrong(world.slack, database, aside=ROOM)
    requests = [one for one in world.claude.requests if one.path == "/v1/messages"]
    found["unaccounted"] = max(0, len(requests) - database.count("requests", f"NOT ({BATCHED})"))
    found["lost"] += count - database.count("questions", "outcome = 'shown'") - found["given up"]
    found["wrong sums"] = count_wrong_sums(world, database)
    found["reserved"] = database.count("requests", "state = 'reserved'")
    dropped = sum(map(int, LATE.findall((fleet.folder / "log").read_text())))  # where the machine is that busy
    found["again"] = max(0, database.rows(DIED)[0][0] - fleet.in_flight - (0 if fleet.silent >= SHIPPED else dropped))
    found["done twice"] = sum(max(0, times - 1) for times in count_made(fleet).values())
    names = ("lost", "doubled", "given up", "cut off", "disordered", "unaccounted", "wrong sums", "reserved", "again")
    figures = {"questions": count, "kills": fleet.kills, "naps": fleet.naps, "spared": fleet.spared}
    figures |= {name: found[name] for name in (*names, "done twice")} | {"open": database.open}
    return figures | {
        "overtaken": found["overtaken"],
        "in flight": fleet.in_flight,
        "dropped": dropped,
        "requests": len(requests),
    }


def count_made(fleet: Fleet) -> Counter[str]:
    """How often each thing was made."""
    done = fleet.world.machine.done if fleet.world.machine else {}
    return Counter({what: times for (tool, what), times in done.items() if tool == "make"})

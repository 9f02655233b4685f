"""A pair of processes over one database in one Slack workspace: one is killed again and again, the other put to sleep."""

import asyncio
import random
import re
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from core.claude.metering import ATTEMPTS, BROKE
from tests.e2e.reliability.bot import STALE
from tests.e2e.reliability.nursery import Bot, Nursery
from tests.e2e.reliability.worlds import CONNECTING, SlackWorld
from tests.fakes.claude.script import Answer, last_words
from tests.fakes.slack.nouns import Channel, File
from tests.fakes.slack.server import SlackFake, shown
from tests.support.databases import Database

NUMBER = re.compile(r"question (\d+)")
WHOLE = re.compile(r"To [\d, ]*: (a few words more\. ?){12}([\s\u2063]*[*_]\(I could not read [^\n]*)?")
"""An answer, perhaps with the note that a busy machine did not read its files in time."""
HEARD = "SELECT channel, thread, reply, min(id) FROM questions WHERE reply IS NOT NULL GROUP BY 1, 2, 3"
"""The questions that lead a reply, and in what order they were heard of.

What Slack told a process that was killed or asleep it tells again, after what was asked later perhaps.
"""
TRIED = f"""
SELECT question, step FROM requests WHERE outcome = 'died' GROUP BY question, step HAVING count(*) >= {ATTEMPTS}
"""
"""The questions over which as many processes ended as may, which are given up with a visible refusal."""
SPARED = f"""
SELECT step FROM requests JOIN questions ON questions.workspace = requests.workspace
    AND questions.channel = requests.channel AND questions.name = requests.question AND questions.outcome IS NULL
WHERE requests.outcome = 'died' GROUP BY question, step HAVING count(*) >= {ATTEMPTS - 1}
"""
"""What is left of the questions that one more death would end."""
CARRIED_OUT = 0.05  # seconds in which a database has carried out what a process sent it before it was stopped
ASLEEP = 2.5 * STALE.total_seconds()  # longer than a process may be silent
AWAKE = 2.0
SPARING = 0.1  # seconds after which it is looked up again whether a death would end a question
ROOMS = 10


@dataclass(slots=True)
class Pair:
    """Two processes; how often one was killed, the other put to sleep, and a question spared both."""

    world: SlackWorld
    nursery: Nursery
    folder: Path
    database: Database
    peace: float = 1.0
    """How many times as long nobody troubles them as by default."""
    kills: int = 0
    naps: int = 0
    spared: int = 0

    async def start(self, **more: str) -> Bot:
        """A process with these settings, as soon as it is connected."""
        times = self.world.connections + 1
        settings = self.world.environment() | {"DATABASE_URL": self.database.url} | more
        bot = await self.nursery.bot(settings, self.folder / "log")
        await self.world.slack.until(lambda: self.world.connections >= times, CONNECTING)
        return bot

    async def killing(self, bot: Bot, chance: random.Random) -> None:
        """Kill it every few seconds, and start another."""
        while True:
            await asyncio.sleep(self.peace * chance.uniform(2, 4))
            async with self.stopped(bot):
                await bot.kill()
            self.kills += 1
            bot = await self.start()

    async def napping(self, bot: Bot) -> None:
        """Stop it until others have taken over what it was answering, and let it go on."""
        while True:
            await asyncio.sleep(self.peace * AWAKE)
            async with self.stopped(bot):
                self.naps += 1
                await asyncio.sleep(ASLEEP)

    @asynccontextmanager
    async def stopped(self, bot: Bot) -> AsyncIterator[None]:
        """It stands still, from a moment on at which no question is open that one more death would end.

        It is stopped before that is looked up, so that it can't take up such a question meanwhile.
        """
        try:
            while True:
                bot.signal(signal.SIGSTOP)
                await asyncio.sleep(CARRIED_OUT)
                if not await asyncio.to_thread(self.database.rows, SPARED):
                    break
                self.spared += 1
                bot.signal(signal.SIGCONT)
                await asyncio.sleep(SPARING)
            yield
        finally:
            bot.signal(signal.SIGCONT)

    async def let_finish(self, trouble: Sequence[asyncio.Task[None]]) -> Bot:
        """End the trouble, and wait until all is answered, two minutes at most. The bot that nobody troubled."""
        for task in trouble:
            assert not task.done(), task
            task.cancel()
        await asyncio.gather(*trouble, return_exceptions=True)
        calm = await self.start()
        with suppress(TimeoutError):
            async with asyncio.timeout(120):
                while self.world.slack.unacked or self.database.open:
                    await asyncio.sleep(0.1)
        return calm


def answer(body) -> Answer:
    """Claude names the questions that were asked last, in words enough to be shown growing."""
    asked = NUMBER.findall(last_words(body))
    return Answer(text=f"To {', '.join(asked)}: " + "a few words more. " * 12, chunk=40, delay=0.05)


def open_rooms(slack: SlackFake) -> list[str]:
    """The names of channels in which everybody is who is in one of them."""
    channels = slack.world.channels
    rooms = {f"C0ROOM{number}": f"room-{number}" for number in range(ROOMS)}
    members = channels["C0DEV"].members
    channels.update({one: Channel(one, name, members=members) for one, name in rooms.items() if one not in channels})
    return list(rooms.values())


async def ask(
    slack: SlackFake, threads: int, each: int, chance: random.Random, seconds: float, files: Sequence[list[File]] = ()
) -> int:
    """So many questions in each of so many threads, spread over `seconds`, in an order of chance. How many.

    With each come some of `files`, or nothing. The threads stand in several channels, for Slack takes one message a
    second in each.
    """
    rooms = open_rooms(slack)
    roots: dict[int, str] = {}
    order = [thread for thread in range(threads) for _ in range(each)]
    chance.shuffle(order)
    for number, thread in enumerate(order):
        text, attached = f"<@U0BOT> question {number}", chance.choice([[], *files])
        person, room = chance.choice(["ada", "bob", "cy"]), rooms[thread % ROOMS]
        ts = await slack.say(person, room, text, roots.get(thread), files=attached)
        roots.setdefault(thread, ts)
        await asyncio.sleep(seconds / len(order))
    return len(order)


def wrong(slack: SlackFake, database: Database, aside: str = "") -> Counter[str]:
    """What is lost, doubled, given up, cut off or out of order: replies against the questions they are named after.

    A question that was in work whenever a process ended, as often as is allowed, is given up and not lost. Nothing is
    counted of the channel `aside`.
    """
    found: Counter[str] = Counter()
    tried = {question for question, _ in database.rows(TRIED)}
    replies: dict[tuple[str, str], dict[str, int]] = {}
    for channel, thread, reply, heard in database.rows(HEARD):
        if channel != aside:
            replies.setdefault((channel, thread), {})[reply] = heard
    for (channel, root), wanted in replies.items():
        posts = [post for post in slack.world.replies(slack.world.posts[channel, root]) if post.bot_id]
        named = [(post.metadata or {})["event_payload"]["question"] for post in posts]
        found["lost"] += len(wanted.keys() - set(named))
        found["doubled"] += len(named) - len(set(named))
        texts = [(name, shown(post).text) for name, post in zip(named, posts, strict=True)]
        refused = {name for name, text in texts if text == BROKE and name in tried}
        found["given up"] += database.count("questions", f"thread = '{root}' AND reply IN ({listed(refused)})")
        found["cut off"] += sum(not WHOLE.fullmatch(text) for name, text in texts if name not in refused)
        found["disordered"] += sum(
            then < first and wanted[then] < wanted[first]
            for first, then in combinations(dict.fromkeys(named), 2)
            if {first, then} <= wanted.keys()
        )
        found["overtaken"] += list(dict.fromkeys(named)) != sorted(wanted)
    return found


def listed(names: Collection[str]) -> str:
    return ", ".join(f"'{name}'" for name in names) or "NULL"


async def storm(
    world: SlackWorld,
    nursery: Nursery,
    folder: Path,
    database: Database,
    threads: int,
    each: int,
    seconds: float,
    peace: float = 1.0,
) -> dict:
    """Ask while both processes are troubled, let them finish, and count what is wrong.

    No question is in work at a third death that we cause, so none may be given up.
    """
    began, chance = time.monotonic(), random.Random(7)
    world.claude.answer = answer
    pair = Pair(world, nursery, folder, database, peace)
    first, second = await pair.start(), await pair.start()
    trouble = [asyncio.create_task(pair.killing(first, chance)), asyncio.create_task(pair.napping(second))]
    count = await ask(world.slack, threads, each, chance, seconds)
    calm = await pair.let_finish(trouble)
    await calm.kill()
    found = wrong(world.slack, database)
    requests = [one for one in world.claude.requests if one.path == "/v1/messages"]
    found["unaccounted"] = max(0, len(requests) - database.count("requests"))
    found["lost"] += count - database.count("questions", "outcome = 'shown'") - found["given up"]
    names = ("given up", "lost", "doubled", "cut off", "disordered", "overtaken", "unaccounted")
    counted = {"questions": count, "kills": pair.kills, "naps": pair.naps, "spared": pair.spared} | {
        name: found[name] for name in names
    }
    return counted | {"open": database.open, "seconds": round(time.monotonic() - began)}

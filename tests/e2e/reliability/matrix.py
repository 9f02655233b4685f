"""The matrix: a clean run tells the points of a kind of question; at each one the bot is killed, and started again."""

import asyncio
import os
import re
import signal
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.e2e.reliability.bot import CALLS, DEATH
from tests.e2e.reliability.kinds import Kind
from tests.e2e.reliability.nursery import Bot, Nursery
from tests.e2e.reliability.worlds import WHISPER, Page, World
from tests.fakes.claude.server import ClaudeFake
from tests.support.databases import WORDS_OF_CALLS, Database, Databases
from tests.support.waiting import until

DELETING = 20.0  # seconds that a file gets to be deleted which nobody has any more
FILE_REQUESTS = {"POST": "upload", "DELETE": "deletion", "GET": "list of files"}
BATCH_REQUESTS = {"POST": "batch", "DELETE": "deletion of a batch", "GET": "look at a batch"}
COST = re.compile(r"(?<=cost about|eview cost) \$[\d,.]*\d")
ANSWERING = 60.0  # seconds that a question gets
PHASES = ("before", "after", "answered")
"""Of a request: nothing happened; it happened and nobody was told; it was answered."""
WHISPERED = {
    ("chat.postEphemeral", "after"),
    ("chat.postEphemeral", "answered"),
    ("questions.store_final_text", "before"),
}
"""Between what one person alone was shown and its being written down: Slack lists no such message, so it comes twice."""


@dataclass(frozen=True, slots=True, order=True)
class Point:
    """The `number`th time of `call`: a request to the `platform` or the `machine`, one to or an event of `claude`, a
    call of the `store`."""

    where: str
    call: str
    number: int
    phase: str

    def __str__(self) -> str:
        return f"{self.phase} {self.call} {self.number}"


@dataclass(slots=True)
class Run:
    """One question with one process after the other over one database."""

    kind: Kind
    world: World
    nursery: Nursery
    folder: Path
    database: Database
    told: Counter[tuple[str, str]] = field(default_factory=Counter)
    known: int = 0
    """Questions that there were before."""
    stood: list[Page] = field(default_factory=list)
    """What stood there before."""

    async def prepare(self) -> None:
        """Let the question that comes before be answered, if there is one."""
        if self.kind.before is None:
            return
        bot = await self.bot()
        ask, shown = self.kind.before
        await ask(self.world)
        await self.world.until(lambda: shown(self.pages()), ANSWERING)
        await self.database.closed(ANSWERING)
        await self.world.until(lambda: not self.world.untidy, 2)
        await bot.kill()
        self.known, self.stood = self.database.count("questions"), self.pages()

    async def bot(self, **variables: str) -> Bot:
        """A process, connected unless it died before."""
        times = self.world.connections + 1
        settings = {**self.world.environment(), **self.kind.settings, "DATABASE_URL": self.database.url}
        bot = await self.nursery.bot(settings | variables, self.folder / "log")
        waiting = [asyncio.create_task(self.world.connected(times)), asyncio.create_task(bot.ended.wait())]
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for one in waiting:
            one.cancel()
        return bot

    def pages(self) -> list[Page]:
        """What people see, without what depends on how often Claude was asked.

        Who presses again what was heard already is told so, which is no part of it either.
        """
        shown = [page for page in self.world.pages() if not (self.kind.attend and page.mark == WHISPER)]
        return [replace(page, text=COST.sub("", page.text)) for page in shown]

    @property
    def tidy(self) -> bool:
        """Whether nothing is left over: on the platform, and in Claude's storage."""
        uploaded = [one for one in self.world.claude.files.stored.values() if one.container is None]
        batches = self.database.count("batches") or self.world.claude.batches.given
        left = self.world.untidy or self.database.count("tool_calls", WORDS_OF_CALLS) or batches
        return not left and self.database.count("job_rows") == self.kind.rows and len(uploaded) == self.kind.files

    def complete(self, expected: Sequence[Page] | None = None) -> bool:
        """Whether people see what they must, and nothing else."""
        pages = self.pages()
        if expected is None:
            return self.kind.shown(pages)
        if self.world.unacknowledged and self.kind.aside:
            return self.kind.aside(pages)
        if self.world.unacknowledged:  # the command's answer has nothing to hang on
            return [(page.place, page.text) for page in pages] == [(page.place, page.text) for page in expected]
        return pages == list(expected)

    async def finished(self, expected: Sequence[Page] | None = None) -> bool:
        """Wait until the question is closed and its answer whole. Whether that came."""
        with suppress(TimeoutError):
            await self.world.until(lambda: self.complete(expected), ANSWERING)
            await self.database.closed(ANSWERING)
            await self.world.until(lambda: not self.world.untidy, 2)
            await until(lambda: self.tidy, DELETING, every=0.05)
        return self.complete(expected) and not self.database.open

    @property
    def accounted(self) -> bool:
        """Whether the ledger has each request that reached Claude, no more that did not than it makes at once, none open."""
        asked = len([one for one in self.world.claude.requests if one.path == "/v1/messages"])
        rows = self.database.count("requests")
        return asked <= rows <= asked + self.kind.abreast and not self.database.count("requests", "state = 'reserved'")


@asynccontextmanager
async def run(kind: Kind, nursery: Nursery, folder: Path, databases: Databases) -> AsyncIterator[Run]:
    os.makedirs(folder, exist_ok=True)
    async with kind.world() as world:
        world.database = databases.of(folder)
        world.claude.answer = kind.answer if callable(kind.answer) else lambda _body: kind.answer
        prepared = Run(kind, world, nursery, folder, databases.of(folder))
        await prepared.prepare()
        attending = asyncio.create_task(kind.attend(world)) if kind.attend else None
        yield prepared
        if attending:
            assert not attending.done(), attending
            attending.cancel()
            await asyncio.gather(attending, return_exceptions=True)


async def points(kind: Kind, nursery: Nursery, folder: Path, databases: Databases) -> tuple[list[Point], list[Page]]:
    """A clean run: each point that it passes, and what people see at its end."""
    async with run(kind, nursery, folder, databases) as clean:
        passed: list[tuple[str, str]] = []
        calls = folder / "calls"
        bot = await clean.bot(**{CALLS: str(calls)})
        emit(clean, passed.append)
        await kind.ask(clean.world)
        assert await clean.finished(), clean.pages()
        assert clean.accounted
        assert clean.tidy
        assert kind.fault(clean.world) == ""
        pages = clean.pages()
        await bot.kill()
        found = [*numbered(passed), *numbered([("store", call) for call in calls.read_text().split()])]
    return [Point(*one, phase) for one in found for phase in phases(one)], pages


def phases(call: tuple[str, str, int]) -> Sequence[str]:
    where, name, _ = call
    if where in {"platform", "machine"}:
        return PHASES
    whole = {*FILE_REQUESTS.values(), *BATCH_REQUESTS.values()}
    return PHASES[:2] if where == "store" or name in whole else PHASES[:1]


def name_request(claude: ClaudeFake, index: int) -> str:
    """What a request to Claude is called: those about files and batches have names of their own."""
    request = claude.requests[index]
    if request.path.startswith("/v1/messages/batches"):
        return BATCH_REQUESTS[request.method]
    return FILE_REQUESTS[request.method] if request.path.startswith("/v1/files") else "request"


def numbered(calls: Sequence[tuple[str, str]]) -> list[tuple[str, str, int]]:
    """The how manyth of its name each one is."""
    counts: Counter[tuple[str, str]] = Counter()
    found = []
    for call in calls:
        counts[call] += 1
        found.append((*call, counts[call]))
    return found


def emit(clean: Run, passed) -> None:
    """Tell each request of the platform's, and each request and event of Claude's."""
    hook = on_platform(clean, lambda call, phase: phase == "before" and passed(("platform", call)))
    clean.world.on_request(hook)

    async def asked(index: int) -> None:
        passed(("claude", name_request(clean.world.claude, index)))

    async def sent(_: int, __: int) -> None:
        passed(("claude", "event"))

    async def used(call: str, phase: str, _process: int) -> bool:
        if phase == "before":
            passed(("machine", call))
        return False

    clean.world.claude.on_request(asked)
    clean.world.claude.on_event(sent)
    if clean.world.machine:
        clean.world.machine.hook = used


def on_platform(one: Run, told):
    """A hook as the world's platform wants it: Slack's is awaited, Discord's is not."""

    async def awaited(call: str, phase: str) -> bool:
        return bool(told(call, phase))

    return awaited if one.world.workspace.startswith("slack") else lambda call, phase: bool(told(call, phase))


def deadly(one: Run, point: Point, bot: Bot) -> None:
    """Kill `bot` at a point that the platform or Claude sees."""
    counts: Counter[tuple[str, str]] = Counter()

    def reached(call: str, phase: str) -> bool:
        """Whether this is it; then the process is gone."""
        counts[call, phase] += 1
        if (call, phase, counts[call, phase]) != (point.call, point.phase, point.number) or bot.ended.is_set():
            return False
        bot.signal(signal.SIGKILL)
        return True

    if point.where == "platform":
        one.world.on_request(on_platform(one, reached))

    async def asked(index: int) -> None:
        reached(name_request(one.world.claude, index), "before")

    async def done(index: int) -> None:
        reached(name_request(one.world.claude, index), "after")

    async def sent(_: int, __: int) -> None:
        reached("event", "before")

    async def used(call: str, phase: str, process: int) -> bool:
        return process == bot.pid and reached(call, phase)

    if point.where == "machine":
        assert one.world.machine
        one.world.machine.hook = used
    if point.where == "claude":
        one.world.claude.on_request(asked)
        one.world.claude.on_done(done)
        one.world.claude.on_event(sent)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a question whose process was killed at a point."""

    kind: Kind
    point: Point
    outcome: str
    """`answered`, `unheard` (the platform told it once, to a process that died before it could write it down),
    `missed` (answered without the process being killed), `repeated` (a whisper that came twice where nobody can know of
    the first), or what is wrong: `lost`, `doubled`, `unaccounted`, `untidy`, `misused`, `undone`."""
    pages: Sequence[Page] = ()

    @property
    def right(self) -> bool:
        return self.outcome in {"answered", "unheard", "missed", "repeated"}

    def __str__(self) -> str:
        return f"{self.kind}, killed {self.point}: {self.outcome} {list(self.pages)}"


async def killed(
    kind: Kind, point: Point, expected: Sequence[Page], nursery: Nursery, folder: Path, databases: Databases
) -> Verdict:
    """Ask, kill at the point, start again, and look."""
    async with run(kind, nursery, folder, databases) as one:
        death = {DEATH: f"{point.call} {point.number} {point.phase}"} if point.where == "store" else {}
        first = await one.bot(**death)
        asked = kind.repeated or not first.ended.is_set()
        if not first.ended.is_set():
            deadly(one, point, first)
        if asked:
            await kind.ask(one.world)
        reached = await ends(first, one, expected)
        await first.kill()
        heard = one.database.count("questions") > one.known
        second = await one.bot()
        if not asked:
            await kind.ask(one.world)
        elif not (heard or kind.repeated):
            return await silent(one, point, expected)
        right = await one.finished(expected)
        verdict = Verdict(kind, point, outcome(one, point, expected, right, reached), one.pages())
        await second.kill()
    return verdict


async def survived(
    kind: Kind, point: Point, expected: Sequence[Page], nursery: Nursery, folder: Path, databases: Databases
) -> Verdict:
    """Ask two processes over one database, kill one of them at the point, and look what the other one makes of it."""
    async with run(kind, nursery, folder, databases) as one:
        death = {DEATH: f"{point.call} {point.number} {point.phase}"} if point.where == "store" else {}
        second = await one.bot()
        first = await one.bot(**death)
        deadly(one, point, first)
        await kind.ask(one.world)
        right = await one.finished(expected)
        verdict = Verdict(kind, point, outcome(one, point, expected, right, first.ended.is_set()), one.pages())
        await first.kill()
        await second.kill()
    return verdict


async def ends(first: Bot, one: Run, expected: Sequence[Page]) -> bool:
    """Wait until the process is dead, or has answered without having come to the point. Whether it is dead."""
    dead, done = asyncio.create_task(first.ended.wait()), asyncio.create_task(one.finished(expected))
    await asyncio.wait({dead, done}, return_when=asyncio.FIRST_COMPLETED)
    if not dead.done():
        await asyncio.sleep(0.2)  # the point may be behind the answer
    for task in (dead, done):
        task.cancel()
    await asyncio.gather(dead, done, return_exceptions=True)
    return first.ended.is_set()


async def silent(one: Run, point: Point, expected: Sequence[Page]) -> Verdict:
    """Nobody can answer what nobody knows of; unless what was missed is read again, nothing is said."""
    with suppress(TimeoutError):
        await one.world.until(lambda: one.complete(expected), 1)
    pages = one.pages()
    same = [(page.place, page.text) for page in pages] == [(page.place, page.text) for page in one.stood]
    unheard = same or one.complete(expected)  # what answered the question before it is marked otherwise by now
    return Verdict(one.kind, point, "unheard" if unheard else "doubled", pages)


def outcome(one: Run, point: Point, expected: Sequence[Page], right: bool, reached: bool) -> str:
    pages = one.pages()
    if repeated(point, pages, expected) and one.accounted and not (one.database.open or one.world.untidy):
        return "repeated"
    if not right:
        return "doubled" if len(pages) > len(expected) else "lost"
    if not one.accounted:
        return "unaccounted"
    if fault := one.kind.fault(one.world):
        return fault.split()[0]
    if not one.tidy:
        return "untidy"
    return "answered" if reached else "missed"


def repeated(point: Point, pages: Sequence[Page], expected: Sequence[Page]) -> bool:
    """Whether a whisper stands there twice, and its process was killed where nobody can know of the first."""
    whispered = all(page.mark == WHISPER for page in pages)
    return whispered and list(pages) == [*expected, *expected] and (point.call, point.phase) in WHISPERED


def spread(found: Sequence[Point], count: int) -> list[Point]:
    """So many of them, evenly."""
    return [found[index * len(found) // count] for index in range(count)]


async def all_of(
    kind: Kind,
    chosen: Sequence[Point],
    expected: Sequence[Page],
    nursery: Nursery,
    folder: Path,
    databases: Databases,
    kill: Callable[..., Awaitable[Verdict]] = killed,
) -> list[Verdict]:
    """Every one of the points, a few at a time."""
    places = asyncio.Semaphore(int(os.environ.get("RELIABILITY_PLACES", "6")))

    async def one(number: int, point: Point) -> Verdict:
        async with places:
            return await kill(kind, point, expected, nursery, folder / str(number), databases)

    return await asyncio.gather(*(one(number, point) for number, point in enumerate(chosen)))

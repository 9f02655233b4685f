"""A soak: one bot on both platforms, asked all the time, while everything around it fails now and then.

`make soak SECONDS=3600` runs it for an hour. It prints how the process does, and what became of every question.
`python -m tests.e2e.soak --only discord --questions 3000 --pause 0.1` asks one platform alone, as fast as that.
`--share 0.15` makes three times as many faults, and `--keep FOLDER` keeps the log and the database.
"""

import argparse
import asyncio
import contextlib
import random
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families as families

from tests.fakes.claude.script import Answer, Break, Fault
from tests.fakes.discord.limits import Fault as Drop
from tests.fakes.discord.limits import error, limited
from tests.fakes.slack.faults import Fault as Slacks
from tests.support.deployment import World, running, world

SHARE = 0.05  # of each kind of fault, a question
PAUSE = 0.4  # seconds between two questions
SETTLING = 120.0  # seconds in which all must be answered in the end
SAMPLES = 12
EVERY = 200  # questions between two samples, where questions are counted
ROUTES = ("POST /channels/{channel}/messages", "PATCH /channels/{channel}/messages/{message}")
METHODS = ("chat.postMessage", "chat.update")

SLACK = {
    "429": Slacks(429, "ratelimited", 1),
    "5xx": Slacks(503),
    "lost": Slacks(lost=True),
    "dropped": Slacks(dropped=True),
}
DISCORD = {"429": limited(0.5), "5xx": error(502), "lost": Drop.LOSE, "dropped": Drop.DROP}
CLAUDE: Mapping[str, Fault | Break] = {
    "overload": Fault(529),
    "429": Fault(429, "rate_limit_error", retry_after="1"),
    "5xx": Fault(500, "api_error"),
    "refused connection": Fault(None),
    "error event": Break("error", 4),
    "reset": Break("reset", 4),
    "end": Break("eof", 4),
}
MEASURED = {
    "process_resident_memory_bytes": "memory",
    "process_open_fds": "files",
    "confab_tasks": "tasks",
    "confab_open_questions": "open",
}


@dataclass(frozen=True, slots=True)
class Sample:
    """How the process does after so many seconds and questions."""

    seconds: float
    asked: int
    memory: float
    files: float
    tasks: float
    open: float

    def __str__(self) -> str:
        memory = self.memory / 2**20
        return f"{self.seconds:7.0f} s {self.asked:6d} asked {memory:7.1f} MB {self.files:4.0f} files {self.tasks:4.0f} tasks {self.open:4.0f} open"


@dataclass(slots=True)
class Soak:
    """What was asked, how it went, and what became of it. `only` one platform is asked, where it is named."""

    world: World
    chance: random.Random
    only: str = ""
    pause: float = PAUSE
    share: float = SHARE
    faults: int = 0
    samples: list[Sample] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.world.claude.answer = self.answer

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.began

    async def run(self, seconds: float, questions: int = 0) -> None:
        """Ask for so long, or so many questions, then wait until all is answered."""
        whole, step = (questions, EVERY) if questions else (seconds, seconds / SAMPLES)
        next_sample = 0.0
        while (done := len(self.world.asked) if questions else self.seconds) < whole:
            if done >= next_sample:
                await self.sample()
                next_sample += step
            self.trouble()
            await self.ask()
            await asyncio.sleep(self.pause)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SETTLING):
                while (await self.measured())["open"] or self.unanswered():
                    await asyncio.sleep(0.5)
        await self.sample()

    async def ask(self) -> None:
        match self.chance.randrange(5):
            case 0 | 1 if self.only != "discord":
                await self.world.ask("slack")
            case 0 | 1 | 2 | 3 if self.only != "slack":
                await self.world.ask("discord")
            case _ if self.only == "slack":
                await self.world.ask("slack")
            case _:
                await self.world.command()

    def trouble(self) -> None:
        """Each kind of fault with its chance, at some method of its platform."""
        for slacks in self._chosen(SLACK):
            self.world.slack.fail_next(self.chance.choice(METHODS), slacks)
        for trouble in self._chosen(DISCORD):
            self.world.discord.fault(self.chance.choice(ROUTES), trouble)
        cuts: Mapping[str, Callable[[], None]] = {
            "slack": self.world.slack.sockets.cut,
            "discord": self.world.discord.gateway.cut,
        }
        for cut in self._chosen(cuts):
            cut()

    def answer(self, body: Mapping[str, Any]) -> Answer | Fault:
        """What Claude says; each kind of fault with its chance."""
        whole = self.world.reply(body)
        for fault in self._chosen(CLAUDE):
            return fault if isinstance(fault, Fault) else Answer(whole.text, chunk=whole.chunk, breaks=fault)
        return whole

    def _chosen(self, kinds: Mapping[str, Any]) -> list[Any]:
        found = [kind for kind in kinds.values() if self.chance.random() < self.share]
        self.faults += len(found)
        return found

    async def measured(self) -> dict[str, float]:
        """What the process says of itself."""
        told = families(await self.world.told("/metrics"))
        return {MEASURED[one.name]: one.samples[0].value for one in told if one.name in MEASURED}

    async def sample(self) -> None:
        self.samples.append(Sample(self.seconds, len(self.world.asked), **await self.measured()))
        print(self.samples[-1], flush=True)

    def unanswered(self) -> dict[str, list[str]]:
        """Of what has no answer, what it has; one visible reason is an answer."""
        return {
            name: has
            for name, has in self.world.unanswered().items()
            if not (len(has) == 1 and "(reference " in has[0])
        }

    def figures(self) -> dict[str, int]:
        """What became of all questions.

        Of what has no answer, Discord itself told the person of those `missed`; `late` ones are still being answered.
        """
        has = [pages for _, pages in self.world.all_answers()]
        refused = sum(len(pages) == 1 and "(reference " in pages[0] for pages in has)
        doubled = sum(len(pages) > 1 for pages in has)
        without = {name for name, pages in self.unanswered().items() if len(pages) < 2}
        missed = self.missed()
        late = self.late(without - missed)
        return {
            "asked": len(has), "refused": refused, "lost": len(without - missed - late),
            "late": len(late), "missed": len(missed), "doubled": doubled,
            "stray": len(self.world.strays()), "open": int(self.samples[-1].open), "faults": self.faults,
        }  # fmt: skip

    def missed(self) -> set[str]:
        """Commands that nobody acknowledged within Discord's three seconds."""
        given = self.world.commanded
        return {f"discord {one.name}" for one in self.world.asked if one.id in given and given[one.id].failed}

    def late(self, names: Set[str]) -> set[str]:
        """Which of these questions the database has open yet."""
        ids = {f"{one.platform} {one.name}": one.id for one in self.world.asked}
        kept = {name: read_kept(self.world.folder / "confab.db", ids[name]) for name in names}
        return {name for name, rows in kept.items() if any(row["outcome"] is None for row in rows)}

    def explain(self) -> Iterator[str]:
        """What is wrong, a line each: a question without its whole answer with what the database has, and each stray."""
        missed, late, ids = (
            self.missed(),
            self.late(self.unanswered().keys()),
            {f"{one.platform} {one.name}": one.id for one in self.world.asked},
        )
        for name, has in self.unanswered().items():
            kept = read_kept(self.world.folder / "confab.db", ids[name])
            what = "missed" if name in missed else "late" if name in late else "lost or doubled"
            yield f"{what} {name} ({ids[name]}): shown {has}, kept {kept}"
        yield from (f"stray: {post}" for post in self.world.strays())


def read_kept(database: Path, question: str) -> list[dict[str, Any]]:
    """What the database has of a question, with its pages."""
    with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as opened:
        opened.row_factory = sqlite3.Row
        found = "SELECT id, at, private, outcome, claim, notice FROM questions WHERE name = ?"
        pages = "SELECT page, at FROM pages WHERE question = ?"
        return [
            dict(row) | {"pages": [*map(tuple, opened.execute(pages, [row["id"]]))]}
            for row in opened.execute(found, [question])
        ]


async def soaked(
    seconds: float,
    seed: int,
    folder: Path,
    *,
    questions: int = 0,
    only: str = "",
    pause: float = PAUSE,
    share: float = SHARE,
) -> tuple[dict[str, int], list[Sample]]:
    """The figures, and the samples from first to last."""
    async with world(folder) as everything, running(everything):
        soak = Soak(everything, random.Random(seed), only, pause, share)
        await soak.run(seconds, questions)
        for line in soak.explain():
            print(line)
        print(", ".join(f"{count} {name}" for name, count in soak.figures().items()))
        return soak.figures(), soak.samples


def main() -> None:
    """Soak from the command line; ends with 1 if anything was lost, doubled or left open."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("seconds", type=float, nargs="?", default=60.0)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--questions", type=int, default=0, help="ask so many, however long it takes")
    parser.add_argument("--only", choices=("slack", "discord"), default="")
    parser.add_argument("--pause", type=float, default=PAUSE, help="seconds between two questions")
    parser.add_argument("--share", type=float, default=SHARE, help="the chance of each kind of fault, a question")
    parser.add_argument("--keep", type=Path, help="a folder for the log and the database, which stay there")
    given = parser.parse_args()
    print(f"seed {given.seed}")
    with tempfile.TemporaryDirectory() as folder:
        chosen = {name: getattr(given, name) for name in ("questions", "only", "pause", "share")}
        if given.keep:
            given.keep.mkdir(parents=True)
        figures, _ = asyncio.run(soaked(given.seconds, given.seed, given.keep or Path(folder), **chosen))
    sys.exit(any(figures[name] for name in ("lost", "late", "doubled", "stray", "open")))


if __name__ == "__main__":
    main()

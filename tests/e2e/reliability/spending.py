"""Two processes spend one budget: one is killed again and again, the other put to sleep, and somebody counts the money.

A budget is most in danger where several processes ask it at once, and where one dies between asking and paying.
"""

import asyncio
import random
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from core.billing.budgets import Budget, Period
from core.billing.ledger_rows import Scope
from core.domain.clock import system_clock
from core.store import open_store
from tests.e2e.reliability.nursery import Nursery
from tests.e2e.reliability.pair import Pair, answer, ask
from tests.e2e.reliability.worlds import SlackWorld
from tests.fakes.slack.nouns import File
from tests.fakes.slack.server import shown
from tests.support.databases import Database
from tests.support.drawings import draw, print_pages

SPENT = "SELECT coalesce(sum(coalesce(micro_usd, bound)), 0) FROM requests"
"""What was paid, and what is set aside, at one moment."""
PAID = "SELECT request_id, micro_usd FROM requests WHERE state = 'settled' AND request_id LIKE 'req%'"
WRONG_TOTALS = """SELECT count(*) FROM budget_totals WHERE spent <> (
    SELECT coalesce(sum(coalesce(micro_usd, bound)), 0) FROM requests
    WHERE requests.workspace = budget_totals.workspace AND at >= counted_from
)"""
"""All are of the workspace."""
FILES = [
    [File("", f"{number}.png", "image/png", draw(size=(1500, 1500 + number)), "U0ADA") for number in range(3)],
    [File("", "plan.pdf", "application/pdf", print_pages(2), "U0ADA")],
]
RUSH = 20  # questions at once
ENOUGH = 20_000  # micro-dollars: what one request at its worst takes, so that many want the last of it
REFUSED = "I can't ask Claude just now: of this workspace's budget"


@dataclass(slots=True)
class Purse:
    """The budget of a workspace."""

    database: Database
    workspace: str
    looks: int = 0
    most: int = 0
    overspent: int = 0
    _limit: int = 0
    _number: int = 0

    async def fill(self) -> None:
        """The workspace may spend a little more than it has spent: enough for one request, and never less than before.

        What is set aside for a request is more than what it takes in the end, so the sum falls at times.
        """
        self._limit = max(self._limit, self._read() + ENOUGH)
        scope = Scope(self.workspace)
        store = await open_store(self.database.url)
        changed = Budget(scope, Period.MONTH, self._limit, "UTC", "U1", system_clock())
        self._number = (await store.ledger.allow(changed, self._number)).number
        await store.shut()

    async def watch(self) -> None:
        """Look again and again how much is spent."""
        while True:
            await asyncio.to_thread(self.look)
            await asyncio.sleep(0.01)

    def look(self) -> None:
        spent = self._read()
        self.looks += 1
        self.most = max(self.most, spent)
        self.overspent = max(self.overspent, spent - self._limit)

    def _read(self) -> int:
        return int(self.database.rows(SPENT)[0][0])


def count_replies(world: SlackWorld) -> Counter[str]:
    """Threads of one question each, by what stands in them."""
    found: Counter[str] = Counter()
    for root in [post for post in world.slack.world.posts.values() if not post.bot_id]:
        replies = [post for post in world.slack.world.replies(root) if post.bot_id]
        found["lost"] += not replies
        found["doubled"] += len(replies) > 1
        for reply in replies:
            found["refused" if shown(reply).text.startswith(REFUSED) else "answered"] += 1
    return found


def count_wrong_sums(world: SlackWorld, database: Database) -> int:
    """Requests whose row says another sum than Claude's bill."""
    billed = {one.request_id: one.micro_usd for one in world.claude.billed}
    return sum(billed.get(request) != paid for request, paid in database.rows(PAID))


async def spend(world: SlackWorld, bots: Nursery, folder: Path, database: Database, rushes: int) -> dict:
    """Ask while both processes are troubled, let them finish, and count money and answers."""
    began, chance, purse = time.monotonic(), random.Random(7), Purse(database, world.workspace)
    world.claude.answer = answer
    pair = Pair(world, bots, folder, database)
    first, second = await pair.start(), await pair.start()
    watching = asyncio.create_task(purse.watch())
    trouble = [asyncio.create_task(pair.killing(first, chance)), asyncio.create_task(pair.napping(second))]
    for _ in range(rushes):
        await purse.fill()
        await ask(world.slack, RUSH, 1, chance, 0, FILES)
        await asyncio.sleep(1)
    calm = await pair.let_finish(trouble)
    assert not watching.done(), watching
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    await calm.kill()
    found = count_replies(world)
    requests = [one for one in world.claude.requests if one.path == "/v1/messages"]
    figures = {"questions": rushes * RUSH, "kills": pair.kills, "naps": pair.naps, "looks": purse.looks}
    figures |= {name: found[name] for name in ("answered", "refused", "lost", "doubled")}
    purse.look()
    figures["overspent"] = purse.overspent
    figures["wrong sums"] = count_wrong_sums(world, database)
    figures["wrong totals"] = int(database.rows(WRONG_TOTALS)[0][0])
    figures["totals"] = database.count("budget_totals")
    figures["unaccounted"] = max(0, len(requests) - database.count("requests"))
    figures["reserved"] = database.count("requests", "state = 'reserved'")
    return figures | {"open": database.open, "most": purse.most, "seconds": round(time.monotonic() - began)}

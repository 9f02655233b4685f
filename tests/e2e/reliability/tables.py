"""Tables that people have asked in batches while processes are troubled: each row once, one batch each, and its sum."""

import asyncio
import re
from collections import Counter
from collections.abc import Collection

from core.commands.batches.tables import WHAT
from tests.e2e.reliability.worlds import SlackWorld
from tests.fakes.claude.script import Answer
from tests.fakes.slack.nouns import Channel, File, Post
from tests.support.databases import Database

ROOM, NAME = "C0TABLES", "tables"
"""The channel in which nothing else is asked."""
ROWS = 3
ROW = re.compile(r"say (row\d of table \d+)")
ANSWERED = re.compile(r"said (row\d of table \d+)")
UNHEARD = f"SELECT name FROM questions WHERE channel = '{ROOM}' AND outcome = 'refused'"
UNFINISHED = "jobs", "state <> 'closed'"
COST = "SELECT coalesce(sum(cost), 0) FROM jobs"
BATCHED = f"channel = '{ROOM}' AND coalesce(request_id, '') LIKE 'msgbatch%'"
"""The rows of the ledger that are batches; before one is offered, some of its rows are asked as examples."""
PAID = f"SELECT coalesce(sum(micro_usd), 0) FROM requests WHERE {BATCHED}"


def answer_row(words: str) -> Answer | None:
    """What Claude says to a row; None where it is asked something else."""
    asked = ROW.findall(words)
    return Answer(text=f"said {asked[-1]}") if asked else None


def list_rows(number: int) -> list[str]:
    return [f"row{row} of table {number}" for row in range(ROWS)]


async def ask_tables(world: SlackWorld, count: int, seconds: float) -> int:
    """So many tables over `seconds`, each in a thread of its own."""
    channels = world.slack.world.channels
    channels[ROOM] = Channel(ROOM, NAME, members=channels["C0DEV"].members)
    for number in range(count):
        table = "\n".join(["text", *list_rows(number)]).encode()
        file = File("", f"table-{number}.csv", "text/csv", table, "U0ADA")
        await world.slack.say("ada", NAME, "<@U0BOT> !batch say {text}", files=[file])
        await asyncio.sleep(seconds / count)
    return count


def find_unheard(world: SlackWorld, database: Database) -> set[int]:
    """The tables that nobody had heard of when they were asked for, and whose askers were told so.

    Slack tells of a mention twice, once without its files. That may come first, where the process that was told of the
    files is killed or slow.
    """
    told = sum(one.text.startswith(WHAT) for one in world.slack.world.ephemerals)
    names = [name for (name,) in database.rows(UNHEARD)][:told]
    files = [file.name for post in world.slack.world.posts.values() if post.ts in names for file in post.files]
    return {int(name.removeprefix("table-").removesuffix(".csv")) for name in files}


def count_wrong_tables(world: SlackWorld, database: Database, count: int, unheard: Collection[int]) -> dict[str, int]:
    """Batches too many or too few, rows asked or answered not just once, and money that differs from Claude's bill."""
    made = world.claude.batches.ever
    asked = Counter(row for batch in made for one in batch.requests for row in ROW.findall(str(one["params"])))
    hung = Counter(row for post in world.slack.world.posts.values() for row in list_results(post))
    wanted = Counter(row for number in set(range(count)) - set(unheard) for row in list_rows(number))
    twice = wanted + wanted  # in the table, and in the lines of JSON
    billed = sum(one.micro_usd for one in world.claude.billed if one.batch)
    sums = [int(database.rows(statement)[0][0]) for statement in (COST, PAID)]
    return {
        "batches": abs(len(made) - count + len(unheard)),
        "unheard": len(unheard),
        "rows asked": difference(asked, wanted),
        "rows answered": difference(hung, twice),
        "batch money": sum(abs(one - billed) for one in sums),
        "unfinished": database.count(*UNFINISHED),
    }


def difference(found: Counter[str], wanted: Counter[str]) -> int:
    return ((found - wanted) + (wanted - found)).total()


def list_results(post: Post) -> list[str]:
    """The rows whose answers are in the files that hang on a page of ours."""
    files = post.files if post.bot_id and post.channel == ROOM else ()
    return [row for file in files for row in ANSWERED.findall(file.content.decode())]

"""Engines: Confab on PostgreSQL, beside Confab on SQLite, which is the "limit" here."""

from pathlib import Path

from bench.figures import Figure, at
from bench.sides import side, take_in_turn
from tests.support import postgres

QUESTIONS = 100
GOAL = 1.5


async def engines(folder: Path, questions: int = QUESTIONS) -> list[Figure]:
    """Both at the same time, question by question in turn. The server's own processes are not in Confab's time."""
    for name in ("sqlite", "postgres"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    url = postgres.create_database()
    try:
        async with (
            side("slack", "confab", folder / "sqlite") as file,
            side("slack", "confab", folder / "postgres", {"DATABASE_URL": url}) as server,
        ):
            used = [[-1000 * one.process.cpu()] for one in (file, server)]
            taken = await take_in_turn((file, server), questions)
            for one, spent in zip((file, server), used, strict=True):
                spent.append(1000 * one.process.cpu())
    finally:
        postgres.drop_database(url)
    rows = (
        ("a question, p50", [at(one, 0.5) for one in taken], GOAL),
        ("a question, p99", [at(one, 0.99) for one in taken], None),
        ("processor time a question", [sum(spent) / questions for spent in used], GOAL),
    )
    return [Figure("engines", "slack, warm, 20 messages", name, "ms", *values, goal) for name, values, goal in rows]

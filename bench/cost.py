"""Cost: what threads are billed through a cache as Anthropic describes it, over the least that they could be."""

from bench.figures import Figure
from tests.integration.core.test_cost import least, output, talked

TURNS = (5, 20, 50)
MODEL = "claude-haiku-5-5"
TTL = "1h"
GOAL = 1.03


async def cost(turns: tuple[int, ...] = TURNS) -> list[Figure]:
    return [await _one(number) for number in turns]


async def _one(turns: int) -> Figure:
    billed = await talked(turns, TTL, MODEL)
    paid = sum(one.micro_usd for one in billed)
    lowest = float(least(billed, TTL) + output(billed)) / 1000
    return Figure("cost", f"a thread of {turns} questions", "cost", "micro-dollars", lowest, paid, GOAL)

"""Offers: the first rows of a table with their answers, and what all rows cost, before somebody starts them."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from core.billing.budgets import BudgetStatus, describe_budget_here, dollars
from core.claude.client import Completion
from core.claude.errors import ClaudeError
from core.commands.batches.inquiry import FRAME
from core.commands.batches.sources import Source
from core.commands.batches.tables import TableRow
from core.commands.craft.task import TaskRun
from core.domain.wording import count_noun
from core.prompting.request import Request
from core.prompting.row_prompts import read_answer, write_cell
from core.rendering.names import write_name
from core.store.records.jobs import JobPlan

SHOWN = 3  # rows of a preview
CELLS = 2  # columns of the table that a preview shows
REFUSALS = {
    "rejected": "Claude's API refused this row",
    "too long": "the row is too long for this model",
    "too large": "the row is too long for this model",
}
"""What is wrong with one row, and says nothing of the others."""
ALL_FAILED = "**None of these rows has an answer.** All others may end like them: change the prompt first."
TIME = "Answers take minutes mostly, and 24 hours at most."


@dataclass(frozen=True, slots=True)
class OfferedRows:
    """What all rows take: how many there are, the bytes of their requests, and the most that they can cost."""

    count: int
    size: int
    worst: int | None
    status: BudgetStatus | None
    """The budget of which it is set aside, if all who read this may know of it."""
    unasked: int = 0
    """Rows that nobody can be asked about."""
    limited: bool = False
    """Whether any budget holds."""


@dataclass(frozen=True, slots=True)
class AskedRow:
    """What came of one request of a preview: its answer or why there is none, its bytes, and what it has cost."""

    answer: Completion | str
    size: int = 0
    cost: int | None = 0


async def write_offer(run: TaskRun, plan: JobPlan, offer: OfferedRows, source: Source) -> str:
    """What is offered: the first rows with their answers, and what all cost. Raises ClaudeError, BudgetForbids."""
    rows = await asyncio.to_thread(lambda: list(islice(source.rows, SHOWN)))
    digests, asked = await _ask_rows(run, plan, rows)
    told = [_read_told(plan, asked[one]) for one in digests]
    head = f"**{count_noun(offer.count, 'row')} of {plan.source}**, with {plan.model}"
    failed = ALL_FAILED if all(problem for _, problem in told) else ""
    costs = _write_costs(run, plan, offer, [one for one in asked.values() if one.size])
    return "\n\n".join(filter(None, [head, _write_rows(plan, rows, told), failed, source.note, costs]))


async def _ask_rows(run: TaskRun, plan: JobPlan, rows: Sequence[TableRow]) -> tuple[list[str], dict[str, AskedRow]]:
    """For each row by what its request is known, and what came of these: of rows that are alike one is asked.

    What can't be asked is known by its problem. Raises ClaudeError where nothing is answered.
    """
    found: dict[str, AskedRow] = {}
    digests, requests = [], dict[str, Request]()
    for row in rows:
        if problem := plan.prompt.explain_unaskable(row.cells):
            digests.append(problem)
            found[problem] = AskedRow(problem)
            continue
        request = await asyncio.to_thread(plan.prompt.build_request, row.cells)
        digests.append(await asyncio.to_thread(run.find_digest, request))
        requests[digests[-1]] = request
    answers = await asyncio.gather(*(_ask(run, one) for one in requests.values()))
    errors = [one for one in answers if isinstance(one, ClaudeError)]
    if errors and len(errors) == len(answers):
        raise errors[0]
    for (digest, request), answer in zip(requests.items(), answers, strict=True):
        found[digest] = await _describe(run, plan, request, answer)
    return digests, found


async def _ask(run: TaskRun, request: Request) -> Completion | ClaudeError:
    """The answer, or an error that is this row's alone. Raises all others."""
    try:
        return await run.complete(request)
    except ClaudeError as error:
        if error.kind not in REFUSALS:
            raise
        return error


async def _describe(run: TaskRun, plan: JobPlan, request: Request, answer: Completion | ClaudeError) -> AskedRow:
    if isinstance(answer, ClaudeError):
        return AskedRow(REFUSALS[answer.kind])
    parts = plan.prompt.body, request.blocks[-1].content.words
    size = FRAME + sum([len(await asyncio.to_thread(json.dumps, one)) for one in parts])
    return AskedRow(answer, size, await run.find_cost(request))


def _read_told(plan: JobPlan, asked: AskedRow) -> tuple[list[str], str]:
    """The cells that an answer makes, and why it makes none."""
    count = len(plan.prompt.answer_columns)
    if isinstance(asked.answer, str):
        return [f"({asked.answer})", *[""] * (count - 1)], asked.answer
    result, problem = read_answer(plan.prompt, asked.answer.text, asked.answer.stop)
    if problem:
        return [f"({problem})", *[""] * (count - 1)], problem
    values = json.loads(result) if plan.prompt.fields else {}
    return [write_cell(values.get(one.name)) for one in plan.prompt.fields] or [result], ""


def _write_rows(plan: JobPlan, rows: Sequence[TableRow], told: Sequence[tuple[Sequence[str], str]]) -> str:
    """A table of the rows with their answers; of a single one a list."""
    places = _choose_columns(plan)
    names = [*(plan.prompt.columns[place] for place in places), *plan.prompt.answer_columns]
    cells = [
        [*(write_cell(row.cells[place]) for place in places), *one] for row, (one, _) in zip(rows, told, strict=True)
    ]
    columns = [_write_column(column) for column in zip(*cells, strict=True)]
    if len(rows) == 1:
        return "\n".join(f"- {write_name(name)}: {cell}" for name, (cell,) in zip(names, columns, strict=True))
    lines = zip([str(row.number) for row in rows], *columns, strict=True)
    table = [["row", *map(write_name, names)], ["--:", *["---"] * len(names)], *lines]
    return "\n".join(f"| {' | '.join(one)} |" for one in table)


def _write_column(cells: Sequence[str]) -> list[str]:
    """The cells of a column, all of them as code where one of them has to be."""
    written = [write_name(one) for one in cells]
    marked = any(one.startswith("`") for one in written)
    return [f"`{one}`" if marked and one and not one.startswith("`") else one for one in written]


def _choose_columns(plan: JobPlan) -> list[int]:
    """The places of the columns that a preview shows: those that the prompt names, else the first."""
    return (sorted(set(plan.prompt.list_named())) or list(range(len(plan.prompt.columns))))[:CELLS]


def _write_costs(run: TaskRun, plan: JobPlan, offer: OfferedRows, asked: Sequence[AskedRow]) -> str:
    """About what all rows cost, the most that they can, and from which budget that is set aside."""
    unasked = f"{count_noun(offer.unasked, 'row')} can't be asked, and will have no answer. " if offer.unasked else ""
    price = run.structured.sender.metering.prices.find_price(plan.model, run.clock().date())
    known = [one.cost for one in asked if one.cost is not None]
    if price is None or offer.worst is None or len(known) < len(asked):
        return f"{unasked}What all rows cost is not known: {plan.model} has no price here. Start asks them all. {TIME}"
    size = sum(one.size for one in asked)
    about = min(round(sum(known) * float(price.batch) * offer.size / size), offer.worst) if size else 0
    cost = (
        f"about {dollars(about)} at batch prices, and at most {dollars(offer.worst)}"
        if size
        else (f"at most {dollars(offer.worst)} at batch prices")
    )
    return f"{unasked}All of them cost {cost}. {_write_start(offer)} {TIME} This preview cost {dollars(sum(known))}."


def _write_start(offer: OfferedRows) -> str:
    """What Start does, and with which budget."""
    start = "Start asks them all, and until they are answered sets"
    if offer.status is None:
        return f"{start} that aside.{'' if offer.limited else ' No budget limits it here.'}"
    budget, left = describe_budget_here(offer.status.budget), dollars(offer.status.left)
    return f"{start} {dollars(offer.worst or 0)} aside from {budget}, of which {left} is left."

"""The `batch` command: three rows of a table are answered at once, and all of them offered at half the price."""

import asyncio
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from core.billing.budgets import BudgetStatus, describe_budget_here, dollars, name_managers
from core.billing.ledger_rows import PlannedRequest, list_scopes
from core.claude.client import Completion
from core.claude.structured import IN_WORDS
from core.commands.batches.fields import read_fields
from core.commands.batches.inquiry import FRAME, NO_BATCHES
from core.commands.batches.sources import Source, read_source
from core.commands.batches.tables import TableRow
from core.commands.craft.ranges import PARAMETERS
from core.commands.craft.task import TaskResult, TaskRun, leave_to_claude
from core.commands.registry import Command, Parameter, ParameterKind, UsageError, parse_options, parse_values
from core.domain.controls import Control
from core.domain.errors import BudgetForbids, CannotAnswer
from core.domain.models import STRUCTURED_OUTPUTS, Model
from core.domain.wording import count_noun, list_some
from core.prompting.row_prompts import INSTRUCTION, AnswerField, RowPrompt, build_schema, read_answer, write_cell
from core.rendering.names import write_name
from core.store.records.jobs import JobPlan, NewRow

SHOWN = 3  # rows of a preview
SLICE = 200  # rows that are kept at once
PROMPT = 20_000  # characters of a prompt
LONGEST, MOST = 1_000, 32_000  # tokens of a row's answer, thinking included: where nobody says how many, and at most
EFFORTS = ("low", "medium", "high")  # which go with and without thinking
CELLS = 2  # columns of the table that a preview shows
QUOTED = re.compile(r'\s*["“](.+?)["”]((?:\s+\w+=(?:"[^"]*"|[^\s"]+))*)\s*', re.DOTALL)


async def offer_batch(run: TaskRun) -> TaskResult:
    """Read the rows, answer the first of them, and offer to ask all. Raises CannotAnswer, UsageError, ClaudeError."""
    if not run.call.context.batches:
        raise CannotAnswer(NO_BATCHES)
    prompt, values = _read_prompt(run.values)
    run = replace(run, values=values)
    fields, longest = read_fields(values.get("categories"), values.get("schema")), _read_longest(values)
    source = await read_source(run)
    asked = RowPrompt(prompt, source.columns, await _build_body(run, fields, longest), fields)
    if (unknown := asked.find_unknown()) is not None:
        raise UsageError(_explain_unknown(unknown, source.columns), "prompt")
    plan = JobPlan(asked, run.models[0], source.words)
    offer = await _keep_rows(run, plan, source)
    run.act("answering the first rows")
    return TaskResult(await _write_offer(run, plan, offer, list(islice(source.rows, SHOWN))), offers=(Control.START,))


@dataclass(frozen=True, slots=True)
class OfferedRows:
    """What all rows take: how many there are, the bytes of their requests, and the most that they can cost."""

    count: int
    size: int
    worst: int | None
    status: BudgetStatus | None
    """The budget of which it is set aside."""


def _read_prompt(values: Mapping[str, str]) -> tuple[str, Mapping[str, str]]:
    """The prompt and all other values, also those that stand behind a prompt in quotes. Raises UsageError."""
    prompt = values["prompt"].strip()
    if len(prompt) > PROMPT:
        raise UsageError(f"A prompt has {PROMPT:,} characters at most.", "prompt")
    if not (quoted := QUOTED.fullmatch(prompt)):
        return prompt, values
    (row,) = ROWS
    behind = parse_options(row, quoted[2]) if quoted[2].strip() else {}
    return quoted[1].strip(), parse_values(row, "", {**values, **behind, "prompt": quoted[1]})


def _read_longest(values: Mapping[str, str]) -> int:
    longest = int(values.get("max_tokens", LONGEST))
    if not 1 <= longest <= MOST:
        raise UsageError(f"max_tokens is a number from 1 to {MOST:,}.", "max_tokens")
    return longest


def _explain_unknown(name: str, columns: Sequence[str]) -> str:
    known = list_some([f"`{{{one.replace('`', chr(39))}}}`" for one in columns], 10)
    return f"There is no column `{{{name[:40].replace('`', chr(39))}}}`. The columns are {known}."


async def _build_body(run: TaskRun, fields: Sequence[AnswerField], longest: int) -> dict[str, Any]:
    """What all requests have in common: the persona's words and files, and the form of the answer."""
    model = await run.describe_model()
    schema, in_words = build_schema(fields) if fields else None, not model.has(STRUCTURED_OUTPUTS)
    form = IN_WORDS.format(json.dumps(schema, ensure_ascii=False)) if schema and in_words else ""
    knowledge = await run.read_knowledge(run.persona)
    system = [INSTRUCTION, *filter(None, (knowledge, run.persona.system, form))]
    body: dict[str, Any] = {
        "model": model.id,
        "max_tokens": min(longest, model.max_tokens or longest),
        "system": [{"type": "text", "text": one} for one in system],
    }
    output: dict[str, Any] = {"effort": effort} if (effort := _choose_effort(run, model)) else {}
    if schema and not in_words:
        output["format"] = {"type": "json_schema", "schema": schema}
    if output:
        body["output_config"] = output
    if "disabled" in model.thinking:  # else it uses up what an answer may have
        body["thinking"] = {"type": "disabled"}
    return body


def _choose_effort(run: TaskRun, model: Model) -> str | None:
    wanted = run.persona.effort if run.persona.effort in EFFORTS else EFFORTS[0]
    return wanted if wanted in model.efforts else None


async def _keep_rows(run: TaskRun, plan: JobPlan, source: Source) -> OfferedRows:
    """Keep all rows, each with what it takes, and see that a budget allows them. Raises BudgetForbids, CannotAnswer."""
    jobs, key, person = run.store.jobs, run.question.key, run.question.person
    number = run.version.number if run.version else 0
    job = await jobs.begin(replace(run.claim, question=run.question), plan, source.message, number)
    rows, count, size = iter(source.rows), 0, 0
    worst: int | None = 0
    while some := await asyncio.to_thread(_measure_rows, run, plan, rows):
        await jobs.add_rows(run.claim, job, some)
        count, size = count + len(some), size + sum(one.size for one in some)
        known = [one.bound for one in some if one.bound is not None]
        worst = worst + sum(known) if worst is not None and len(known) == len(some) else None
        run.act(f"reading row {count:,} of {source.count:,}")
    scopes = list_scopes(key, person, run.question.homes)
    longest, direct = plan.prompt.max_tokens * count, run.question.homes is not None
    asked = key, run.question.name, person, plan.model, number
    planned = PlannedRequest(*asked, 0, longest, run.clock(), direct=direct)
    refusal = await jobs.offer(run.claim, job, planned, scopes)
    budgets = await run.store.ledger.budgets(key.workspace, run.clock(), person, scopes)
    status = min(budgets.statuses, key=lambda one: one.left, default=None)
    if refusal is not None:
        reason = refusal.reason if worst is None or status is None else _explain_dear(count, worst, status)
        raise BudgetForbids(reason, personal=refusal.personal)
    return OfferedRows(count, size, worst, status)


def _measure_rows(run: TaskRun, plan: JobPlan, rows: Iterator[TableRow]) -> list[NewRow]:
    """The next rows, each with the most that it takes."""
    metering = run.structured.sender.metering
    asked, day, frame = plan.prompt, run.clock().date(), len(json.dumps(plan.prompt.body)) + FRAME
    base, found = asked.input_bound, []
    for row in islice(rows, SLICE):
        words = asked.fill(row.cells)
        tokens = base + len(words.encode())
        cost = metering.prices.worst_cost(plan.model, tokens, plan.prompt.max_tokens, day, metering.geo, batch=True)
        found.append(NewRow(row.number, row.cells, frame + len(json.dumps(words)), tokens, cost, row.message))
    return found


def _explain_dear(count: int, worst: int, status: BudgetStatus) -> str:
    return (
        f"{count_noun(count, 'row')} may cost {dollars(worst)} at batch prices, and of "
        f"{describe_budget_here(status.budget)} {dollars(status.left)} is left. Fewer rows cost less, and so does a "
        f"smaller `max_tokens=`. {name_managers(status.budget)} can raise it with `budget set`."
    )


async def _write_offer(run: TaskRun, plan: JobPlan, offer: OfferedRows, shown: Sequence[TableRow]) -> str:
    """What is offered: the first rows with their answers, and what all cost. Rows that are alike are asked once."""
    requests = [plan.prompt.build_request(row.cells) for row in shown]
    different = {run.find_digest(one): one for one in requests}
    rows = {run.find_digest(one): row for one, row in zip(requests, shown, strict=True)}
    completed = dict(zip(different, await asyncio.gather(*map(run.complete, different.values())), strict=True))
    answers = [completed[run.find_digest(one)] for one in requests]
    head = f"**{count_noun(offer.count, 'row')} of {plan.source}**, with {plan.model}"
    lines = [_write_row(plan, row, one) for row, one in zip(shown, answers, strict=True)]
    columns = [*_choose_columns(plan), *plan.prompt.answer_columns]
    table = [["row", *map(write_name, columns)], ["--:", *["---"] * len(columns)], *lines]
    written = "\n".join(f"| {' | '.join(cells)} |" for cells in table)
    spent = [await run.find_cost(one) for one in different.values()]
    size = sum(one.size for one in _measure_rows(run, plan, iter(rows.values())))
    return f"{head}\n\n{written}\n\n{_write_costs(run, plan, offer, size, spent)}"


def _write_row(plan: JobPlan, row: TableRow, answer: Completion) -> list[str]:
    result, problem = read_answer(plan.prompt, answer.text, answer.stop)
    values = json.loads(result) if plan.prompt.fields and not problem else {}
    told = [write_cell(values.get(one.name)) for one in plan.prompt.fields] or [result]
    if problem:
        told = [f"({problem})", *[""] * (len(told) - 1)]
    named = dict(zip(plan.prompt.columns, row.cells, strict=True))
    cells = [write_cell(named[name]) for name in _choose_columns(plan)]
    return [str(row.number), *(write_name(one) for one in (*cells, *told))]


def _choose_columns(plan: JobPlan) -> list[str]:
    """The columns that a preview shows: those that the prompt names, else the first."""
    named = [one for one in plan.prompt.columns if f"{{{one.casefold()}}}" in plan.prompt.prompt.casefold()]
    return (named or list(plan.prompt.columns))[:CELLS]


def _write_costs(run: TaskRun, plan: JobPlan, offer: OfferedRows, size: int, spent: Sequence[int | None]) -> str:
    """About what all rows cost, the most that they can, and of which budget that is set aside.

    Rows of this size in bytes have spent that.
    """
    when = "Start asks them all: that takes minutes mostly, and 24 hours at most."
    price = run.structured.sender.metering.prices.find_price(plan.model, run.clock().date())
    known = [one for one in spent if one is not None]
    if price is None or offer.worst is None or len(known) < len(spent):
        return f"What all rows cost is not known: {plan.model} has no price here. {when}"
    about = round(sum(known) * float(price.batch) * offer.size / size)
    status = offer.status
    aside = "that is set aside until they are answered. No budget limits it here."
    if status:
        aside = (
            f"that is set aside of {describe_budget_here(status.budget)}, of which {dollars(status.left)} is left, "
            "until they are answered."
        )
    return (
        f"All of them cost about {dollars(min(about, offer.worst))} at batch prices, and at most "
        f"{dollars(offer.worst)}: {aside} {when} This preview cost {dollars(sum(known))}."
    )


ROWS = (
    Command(
        "batch run",
        "Ask Claude the same about every row of a file, at half the price",
        leave_to_claude,
        (
            Parameter(
                "prompt",
                ParameterKind.LONG,
                "what is to be done with each row, with {columns} in braces",
                required=True,
                label="What is to be done with each row",
            ),
            Parameter("categories", ParameterKind.LIST, 'each row gets one of these, as in "bug, billing, praise"'),
            Parameter("schema", ParameterKind.TEXT, 'columns of the answer, as in "name, price:number"'),
            *PARAMETERS,
            Parameter("max_tokens", ParameterKind.NUMBER, f"the longest answer of a row, {LONGEST:,} if left out"),
        ),
        task=offer_batch,
        action="Run a batch on this",
        takes_files=True,
        alias="batch",
    ),
)

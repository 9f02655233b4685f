"""The `batch` command: three rows of a table are answered at once, and all of them offered at half the price."""

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from core.billing.budgets import BudgetStatus, describe_budget_here, dollars, name_managers
from core.billing.ledger_rows import PlannedRequest, list_scopes
from core.claude.structured import IN_WORDS
from core.commands.batches.fields import read_fields
from core.commands.batches.inquiry import FRAME, NO_BATCHES
from core.commands.batches.offers import OfferedRows, write_offer
from core.commands.batches.sources import Source, ensure_one_file, read_source, takes_messages
from core.commands.batches.tables import TableRow
from core.commands.craft.ranges import PARAMETERS
from core.commands.craft.task import TaskResult, TaskRun, leave_to_claude
from core.commands.registry import Command, Invocation, Parameter, ParameterKind, UsageError
from core.domain.controls import Control
from core.domain.errors import BudgetForbids, CannotAnswer
from core.domain.models import STRUCTURED_OUTPUTS, Model
from core.domain.wording import count_noun, list_some
from core.prompting.row_prompts import INSTRUCTION, AnswerField, RowPrompt, build_schema, write_cell
from core.store.records.jobs import JobPlan, NewRow

SLICE, BYTES = 200, 2_000_000  # rows that are kept at once, and bytes of their requests
PROMPT = 20_000  # characters of a prompt
LONGEST, MOST = 1_000, 32_000  # tokens of a row's answer, thinking included: where nobody says how many, and at most
EFFORTS = ("low", "medium", "high")  # which go with and without thinking
NOTHING_TO_ASK = "There is nothing to ask: no row has words in what the prompt names, or each is too long."


async def foresee_batch(call: Invocation) -> None:
    """Raises UsageError for what is wrong with all but the prompt."""
    read_fields(call.values.get("categories"), call.values.get("schema"))
    _read_longest(call.values)
    if not takes_messages(call.values):
        ensure_one_file(call)


async def offer_batch(run: TaskRun) -> TaskResult:
    """Read the rows, answer the first of them, and offer to ask all. Raises CannotAnswer, UsageError, ClaudeError."""
    if not run.call.context.batches:
        raise CannotAnswer(NO_BATCHES)
    prompt, values = run.values["prompt"], run.values
    if len(prompt) > PROMPT:
        raise UsageError(f"A prompt has {PROMPT:,} characters at most.", "prompt")
    fields, longest = read_fields(values.get("categories"), values.get("schema")), _read_longest(values)
    source = await read_source(run)
    asked = RowPrompt(prompt, source.columns, await _build_body(run, fields, longest), fields)
    if (unknown := asked.find_unknown()) is not None:
        raise UsageError(f"{_explain_unknown(unknown, source.columns)} {source.advice}".strip(), "prompt")
    plan = JobPlan(asked, run.models[0], source.words)
    offer = await _keep_rows(run, plan, source)
    run.act("answering the first rows")
    text = await write_offer(run, plan, offer, source)
    job = await run.store.jobs.find(run.question.key, run.question.name)
    return TaskResult(f"{text}\n\nThis is batch {job.number}." if job else text, offers=(Control.START,))


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
    rows, count, size, unasked = iter(source.rows), 0, 0, 0
    worst: int | None = 0
    while some := await asyncio.to_thread(_measure_rows, run, plan, rows):
        await jobs.add_rows(run.claim, job, some)
        count, size = count + len(some), size + sum(one.size for one in some)
        unasked += sum(bool(one.problem) for one in some)
        known = [one.bound for one in some if one.bound is not None]
        worst = worst + sum(known) if worst is not None and len(known) == len(some) else None
        run.act(f"reading row {count:,} of {source.count:,}")
    if unasked == count:
        raise CannotAnswer(NOTHING_TO_ASK)
    scopes = list_scopes(key, person, run.question.homes)
    longest, direct = plan.prompt.max_tokens * (count - unasked), run.question.homes is not None
    asked = key, run.question.name, person, plan.model, number
    planned = PlannedRequest(*asked, 0, longest, run.clock(), direct=direct)
    refusal = await jobs.offer(run.claim, job, planned, scopes)
    budgets = await run.store.ledger.budgets(key.workspace, run.clock(), person, scopes)
    if refusal is not None:
        status = _find_tightest(budgets.statuses, personal=refusal.personal)
        reason = refusal.reason if worst is None or status is None else _explain_dear(count, worst, status)
        raise BudgetForbids(reason, personal=refusal.personal)
    told = min(budgets.statuses, key=_measure_left, default=None) if direct else _find_tightest(budgets.statuses)
    return OfferedRows(count, size, worst, told, unasked, limited=bool(budgets.statuses))


def _find_tightest(statuses: Sequence[BudgetStatus], *, personal: bool = False) -> BudgetStatus | None:
    """The budget with the least left, of those of a person alone, or of those that all may hear of."""
    return min((one for one in statuses if one.budget.scope.personal is personal), key=_measure_left, default=None)


def _measure_left(status: BudgetStatus) -> int:
    return status.left


def _measure_rows(run: TaskRun, plan: JobPlan, rows: Iterator[TableRow]) -> list[NewRow]:
    """The next rows, each with the most that it takes."""
    metering = run.structured.sender.metering
    asked, day, frame = plan.prompt, run.clock().date(), len(json.dumps(plan.prompt.body)) + FRAME
    base, found, size = asked.input_bound, list[NewRow](), 0
    while len(found) < SLICE and size < BYTES and (row := next(rows, None)):
        size += sum(map(len, map(write_cell, row.cells)))
        if problem := asked.explain_unaskable(row.cells):
            found.append(NewRow(row.number, row.cells, 0, 0, 0, row.message, problem=problem))
            continue
        words = asked.fill(row.cells)
        tokens, size = base + len(words.encode()), size + len(words)
        cost = metering.prices.worst_cost(plan.model, tokens, plan.prompt.max_tokens, day, metering.geo, batch=True)
        found.append(
            NewRow(row.number, row.cells, frame + len(json.dumps(words)), tokens, cost, row.message, row.author)
        )
    return found


def _explain_dear(count: int, worst: int, status: BudgetStatus) -> str:
    return (
        f"{count_noun(count, 'row')} may cost {dollars(worst)} at batch prices, and of "
        f"{describe_budget_here(status.budget)} {dollars(status.left)} is left. Fewer rows cost less, and so does a "
        f"smaller `max_tokens=`. {name_managers(status.budget)} can raise it with `budget set`."
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
                'what to do with each row; {text} is its column "text", options (categories="a, b") stand before',
                required=True,
                label="What is to be done with each row",
                led=True,
            ),
            Parameter("categories", ParameterKind.LIST, 'each row gets one of these, as in "bug, billing, praise"'),
            Parameter("schema", ParameterKind.TEXT, 'columns of the answer, as in "name, price:number"'),
            *PARAMETERS,
            Parameter("max_tokens", ParameterKind.NUMBER, f"the longest answer of a row, {LONGEST:,} if left out"),
        ),
        task=offer_batch,
        rehearse=foresee_batch,
        foresee=foresee_batch,
        action="Run a batch on this",
        takes_files=True,
        aliases=("batch",),
        verbs=("list", "show", "start", "retry", "stop"),
    ),
)

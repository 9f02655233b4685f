"""The `persona compare` command: the channel's last questions under two personas, as a table and a file."""

import re
from collections.abc import Sequence
from dataclasses import replace

from core.commands.batches.inquiry import BATCH, IN_BATCH, EndedInquiry, Inquiry, ask_in_batch
from core.commands.craft.task import TaskResult, TaskRun, leave_to_claude
from core.commands.registry import Command, Parameter, ParameterKind, UsageError
from core.commands.trials.answers import TriedAnswer
from core.commands.trials.draft import CURRENT, Candidate, find_candidate
from core.commands.trials.rounds import (
    answer_rounds,
    collect_rounds,
    list_past_questions,
    read_rounds,
    tell_gone,
    write_file,
    write_table,
)
from core.domain.messages import Rank
from core.domain.wording import count_noun
from core.rendering.reply_notes import append_note

LAST = 5  # questions, where nobody says how many
MOST = 20
HOW = (
    "Name one or two personas: `persona compare 3` or `persona compare now translator`. "
    "`persona history` has the versions, `persona library` the others."
)
SAME = "Those are the same persona, so their answers would tell nothing."
TOOLLESS = "All were asked without tools."
WHOLE = "The file has every answer whole."
_BETWEEN = re.compile(r"[\s,]+(?:(?:and|with)[\s,]+)?")


async def compare_personas(run: TaskRun) -> TaskResult:
    """Ask the channel's last questions under two personas. Raises CannotAnswer, UsageError."""
    if run.batched:
        return await ask_in_batch(run, _collect, _write_answers)
    last = _read_last(run)
    pair = await _find_pair(run)
    past = await list_past_questions(run, last, whole=True)
    rounds, missing = await answer_rounds(run, past, pair)
    return _write_comparison(
        run, [one.name for one in pair], [(one.past.words, one.answers) for one in rounds], missing
    )


async def _collect(run: TaskRun) -> Inquiry:
    last, pair = _read_last(run), await _find_pair(run)
    requests, gone = await collect_rounds(run, await list_past_questions(run, last, whole=True), pair)
    return Inquiry(requests, {"names": [one.name for one in pair], "gone": gone})


async def _write_answers(run: TaskRun, ended: EndedInquiry) -> TaskResult:
    rows = [(about["words"], answers) for about, answers in read_rounds(ended, 2)]
    missing = " ".join(filter(None, (tell_gone(ended.kept["gone"]), ended.explain_missing())))
    return _write_comparison(run, ended.kept["names"], rows, missing)


def _write_comparison(
    run: TaskRun, names: Sequence[str], rows: Sequence[tuple[str, Sequence[TriedAnswer]]], missing: str
) -> TaskResult:
    title = f"The last {count_noun(len(rows), 'question') if len(rows) > 1 else 'question'} of this channel"
    tools = TOOLLESS if run.call.context.tools.names else ""
    note = " ".join(filter(None, (missing, tools, WHOLE)))
    text = append_note(f"**{title}**\n\n{write_table(names, rows)}", note)
    return TaskResult(text, (write_file("comparison.md", title, names, rows),))


def _read_last(run: TaskRun) -> int:
    last = int(run.values.get("last", LAST))
    if not 1 <= last <= MOST:
        raise UsageError(f"last is a number from 1 to {MOST}: each question is asked twice, and paid for.", "last")
    return last


async def _find_pair(run: TaskRun) -> list[Candidate]:
    """The personas that are meant; where one is named, it is compared with the one in force. Raises UsageError."""
    names = [one for one in _BETWEEN.split(run.values["which"].strip()) if one]
    if not 0 < len(names) <= 2:
        raise UsageError(HOW, "which")
    names = names if len(names) == 2 else [CURRENT, *names]
    pair = [await find_candidate(run, name) for name in names]
    if replace(pair[0].whole, examples=None) == replace(pair[1].whole, examples=None):
        raise UsageError(SAME, "which")
    return pair


ROWS = (
    Command(
        "persona compare",
        "Answer this channel's last questions under two personas, for you alone",
        leave_to_claude,
        (
            Parameter(
                "which",
                ParameterKind.TEXT,
                "two of `now`, a version's number, or a persona of the library",
                required=True,
                label="Personas",
            ),
            Parameter("last", ParameterKind.NUMBER, f"how many questions, {LAST} where you don't say"),
            BATCH,
        ),
        Rank.MANAGER,
        private=True,
        public=(IN_BATCH,),
        task=compare_personas,
    ),
)

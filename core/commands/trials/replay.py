"""The `replay` command: a whole thread again, turn by turn, under another model or persona."""

from collections.abc import Mapping, Sequence
from dataclasses import astuple, replace

from core.commands.batches.inquiry import BATCH, IN_BATCH, EndedInquiry, Inquiry, ask_in_batch
from core.commands.craft.task import TaskResult, TaskRun, leave_to_claude
from core.commands.persona import choose_model
from core.commands.registry import Command, Parameter, ParameterKind, UsageError, stands_nowhere
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
from core.prompting.personas.check import fit_persona
from core.rendering.reply_notes import append_note, close_text, remove_notes
from core.store.records.trials import PastQuestion

MOST = 50  # questions of a thread, the newest
NOTHING = "Name a model, a persona, or both: `replay model=claude-haiku-5-5`, `replay persona=translator`."
NO_THREAD = "Here I can't tell which thread you mean. Mention me and write `!replay model=...` in it."
UNANSWERED = "(Claude gave no answer)"
HOW = "Each question was asked with what stood above it in this thread."
TOOLLESS = "Tools were left out."
WHOLE = "The file has every answer whole."


async def replay(run: TaskRun) -> TaskResult:
    """Ask each question of the thread again, and show the answers beside those that stand.

    Raises CannotAnswer, UsageError.
    """
    if stands_nowhere(run.question):
        raise UsageError(NO_THREAD)
    if run.batched:
        return await ask_in_batch(run, _collect, _write_answers)
    candidate = await _find_candidate(run)
    past = await list_past_questions(run, MOST, whole=False)
    rounds, missing = await answer_rounds(run, past, [candidate], cached=True)
    rows = [(one.past.words, (_restore(one.past), *one.answers)) for one in rounds]
    return _write_replay(run, candidate.name, rows, missing, whole=len(past) < MOST)


async def _collect(run: TaskRun) -> Inquiry:
    candidate = await _find_candidate(run)
    past = await list_past_questions(run, MOST, whole=False)
    requests, gone = await collect_rounds(run, past, [candidate], lambda one: {"stands": astuple(_restore(one))})
    return Inquiry(requests, {"name": candidate.name, "gone": gone, "whole": len(past) < MOST})


async def _write_answers(run: TaskRun, ended: EndedInquiry) -> TaskResult:
    rows = [(about["words"], (TriedAnswer(*about["stands"]), *answers)) for about, answers in read_rounds(ended, 1)]
    missing = " ".join(filter(None, (tell_gone(ended.kept["gone"]), ended.explain_missing())))
    return _write_replay(run, ended.kept["name"], rows, missing, whole=ended.kept["whole"])


def _write_replay(
    run: TaskRun, name: str, rows: Sequence[tuple[str, Sequence[TriedAnswer]]], missing: str, *, whole: bool
) -> TaskResult:
    names = ["as it stands", name]
    title = f"{count_noun(len(rows), 'question')} of this thread again"
    older = "" if whole else f"Of a thread the newest {MOST} are asked."
    tools = TOOLLESS if run.call.context.tools.names else ""
    note = " ".join(filter(None, (missing, older, HOW, tools, WHOLE)))
    text = append_note(f"**{title}**\n\n{write_table(names, rows)}", note)
    return TaskResult(text, (write_file("replay.md", title, names, rows),))


async def _find_candidate(run: TaskRun) -> Candidate:
    """The persona that is meant, or the one in force, with the model that is meant. Raises UsageError."""
    name = run.values.get("persona", CURRENT)
    found = await find_candidate(run, name)
    if not (wanted := run.values.get("model")):
        return found
    model = await choose_model(run.call, wanted)
    called = f"`{model.id}`" if name == CURRENT else f"{found.name}, `{model.id}`"
    return replace(found, name=called, whole=fit_persona(replace(found.whole, model=wanted), model))


def _restore(past: PastQuestion) -> TriedAnswer:
    """What stands in the thread."""
    final = past.final
    return TriedAnswer(close_text(remove_notes(final.text)) if final else UNANSWERED, "", past.micro_usd)


def _check_named(given: Mapping[str, str]) -> None:
    if not given.keys() & {"model", "persona"}:
        raise UsageError(NOTHING)


ROWS = (
    Command(
        "replay",
        "Answer this thread again under another model or persona, for you alone",
        leave_to_claude,
        (
            Parameter("model", ParameterKind.TEXT, "a model's id, as `persona models` lists them"),
            Parameter("persona", ParameterKind.TEXT, "a version's number, or a persona of the library"),
            BATCH,
        ),
        Rank.MANAGER,
        private=True,
        public=(IN_BATCH,),
        check=_check_named,
        task=replay,
    ),
)

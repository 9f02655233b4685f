"""The `persona try` command: this thread's last question, answered under a persona that does not count yet."""

from collections.abc import Sequence

from core.billing.budgets import dollars
from core.commands.craft.task import TaskResult, TaskRun, leave_to_claude
from core.commands.persona import WHY
from core.commands.registry import Command, Parameter, ParameterKind, stands_nowhere
from core.commands.trials.answers import TriedAnswer, answer_turns
from core.commands.trials.draft import Candidate, find_change, name_version, read_candidate
from core.commands.trials.evaluation import KEEP, TestedExample, answer_examples, count_held, write_tested
from core.commands.trials.rounds import list_past_questions
from core.domain.messages import Rank
from core.rendering.names import write_name
from core.rendering.reply_notes import append_note, close_text, remove_notes
from core.store.records.trials import PastQuestion

TOOLS = "Both were asked without tools."
TOOLLESS = "The draft was asked without tools."
SAME = "This is what this channel has already, so there is nothing to keep."


async def try_persona(run: TaskRun) -> TaskResult:
    """Ask the thread's last question under a draft, and show it beside what stands. Raises CannotAnswer, UsageError."""
    candidate = await read_candidate(run, run.values["what"])
    past = await _find_last_question(run)
    turns = await run.read_turns(past, candidate.whole)
    if past.final:
        today = TriedAnswer(close_text(remove_notes(past.final.text)), "", past.micro_usd)
    else:
        run.act("answering as it is today")
        today = await answer_turns(run, run.persona, await run.read_turns(past, run.persona))
    run.act("answering with the draft")
    tried = await answer_turns(run, candidate.whole, turns, candidate.version)
    tested, stopped = await answer_examples(run, candidate)
    kept = await find_change(run, candidate)
    tools = (TOOLLESS if past.final else TOOLS) if run.call.context.tools.names else ""
    spent = f"With the examples it cost {dollars(await run.sum_cost())}." if tested and not run.stop.is_set() else ""
    note = " ".join(filter(None, (stopped, tools, spent, KEEP if kept else SAME)))
    return TaskResult(append_note(_write_trial(run, candidate, past, [today, tried], tested), note), draft=kept)


async def _find_last_question(run: TaskRun) -> PastQuestion:
    """The newest of the thread; where there is no thread, of the channel. Raises CannotAnswer."""
    (last,) = await list_past_questions(run, 1, whole=stands_nowhere(run.question))
    return last


def _write_trial(
    run: TaskRun,
    candidate: Candidate,
    past: PastQuestion,
    answers: Sequence[TriedAnswer],
    tested: Sequence[TestedExample],
) -> str:
    """Both answers below each other, each with its cost, then the examples."""
    today, tried = answers
    stands = f"**Today** ({'as it stands' if past.final else name_version(run.version)}, {today.cost})"
    draft = f"**Draft** ({candidate.name}, `{tried.model}`, {tried.cost})"
    asked = f"The last question here was: {write_name(past.words)}"
    examples = [f"**Examples** ({count_held(tested)})", write_tested(tested)] if tested else []
    return "\n\n".join([asked, stands, today.text, draft, tried.text, *examples])


ROWS = (
    Command(
        "persona try",
        "Answer the last question here under another persona, for you alone",
        leave_to_claude,
        (
            Parameter(
                "what",
                ParameterKind.LONG,
                "a system prompt, a version's number, or the name of a persona in the library",
                required=True,
                label="Draft",
            ),
            WHY,
        ),
        Rank.MANAGER,
        private=True,
        task=try_persona,
    ),
)

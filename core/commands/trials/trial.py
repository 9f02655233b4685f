"""The `persona try` command: this thread's last question, answered under a persona that does not count yet."""

from dataclasses import replace

from core.commands.craft.task import TaskResult, TaskRun, leave_to_claude
from core.commands.persona import WHY, find_place
from core.commands.registry import Command, Parameter, ParameterKind, stands_nowhere
from core.commands.trials.answers import TriedAnswer, answer_turns
from core.commands.trials.draft import Candidate, read_candidate
from core.domain.errors import CannotAnswer
from core.domain.messages import Rank
from core.domain.personas import Persona
from core.rendering.names import write_name
from core.rendering.reply_notes import append_note, close_text, remove_notes
from core.store.records.trials import PastQuestion

NOTHING = "Nothing was asked here that I could ask again. Ask something first, then try a persona."
LOOKED = 20  # questions of a channel, the newest, of which one has to be readable
TOOLS = "Both were asked without tools."
TOOLLESS = "The draft was asked without tools."
KEEP = "Keep gives this channel the draft as its persona; until then nothing has changed."
SAME = "This is what this channel has already, so there is nothing to keep."


async def try_persona(run: TaskRun) -> TaskResult:
    """Ask the thread's last question under a draft, and show it beside what stands. Raises CannotAnswer, UsageError."""
    candidate = await read_candidate(run, run.values["what"])
    past = await find_last_question(run)
    turns = await run.read_turns(past, candidate.whole)
    if past.final:
        today = TriedAnswer(close_text(remove_notes(past.final.text)), "", past.micro_usd)
    else:
        run.act("answering as it is today")
        today = await answer_turns(run, run.persona, await run.read_turns(past, run.persona))
    run.act("answering with the draft")
    tried = await answer_turns(run, candidate.whole, turns, candidate.version)
    held = await run.store.personas.persona(find_place(run.call))
    kept = candidate.draft if candidate.draft.persona != (held.persona if held else Persona()) else None
    return TaskResult(_write_trial(run, candidate, past, today, tried, changes=kept is not None), draft=kept)


async def find_last_question(run: TaskRun) -> PastQuestion:
    """The newest of the thread that can be asked again; where there is no thread, of those that its giver may read.

    Raises CannotAnswer where there is none.
    """
    key = run.question.key
    whole = stands_nowhere(run.question)
    place = replace(key, thread="") if whole else key
    found = await run.store.trials.list_questions(place, LOOKED if whole else 1)
    threads = {one.question.key.thread: one.rooted for one in found}
    readable = await run.surface.list_readable(run.question.person, threads) if whole else threads.keys()
    last = next((one for one in reversed(found) if one.question.key.thread in readable), None)
    if last is None:
        raise CannotAnswer(NOTHING)
    return last


def _write_trial(
    run: TaskRun, candidate: Candidate, past: PastQuestion, today: TriedAnswer, tried: TriedAnswer, *, changes: bool
) -> str:
    """Both answers below each other, each with its cost, and what a press would do."""
    number = run.version.number if run.version else 0
    held = f"version {number}" if number else "no persona"
    stands = f"**Today** ({'as it stands' if past.final else held}, {today.cost})"
    draft = f"**Draft** ({candidate.name}, `{tried.model}`, {tried.cost})"
    asked = f"The last question here was: {write_name(past.words)}"
    tools = (TOOLLESS if past.final else TOOLS) if run.call.context.tools.names else ""
    note = " ".join(filter(None, (tools, KEEP if changes else SAME)))
    return append_note("\n\n".join([asked, stands, today.text, draft, tried.text]), note)


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

"""The `persona test` command: what a persona answers to the examples kept with it, and whether that is good."""

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import BaseModel, Field

from core.billing.budgets import dollars
from core.claude.errors import ClaudeError
from core.commands.craft.material import DATA
from core.commands.craft.task import ENDINGS, TaskResult, TaskRun, TaskStopped, explain_end, leave_to_claude
from core.commands.registry import Command, Parameter, ParameterKind, UsageError, name_giver
from core.commands.trials.answers import OF_ITSELF, TriedAnswer, answer_turns
from core.commands.trials.draft import CURRENT, Candidate, find_change, read_candidate
from core.commands.trials.rounds import write_file
from core.domain.content import Text
from core.domain.errors import CannotAnswer
from core.domain.messages import Rank
from core.domain.personas import Example
from core.domain.wording import count_noun
from core.prompting.speakers import indent
from core.prompting.turns import Turn
from core.rendering.names import write_name
from core.rendering.reply_notes import append_note, remove_notes

JUDGED = 4_000  # tokens of what Claude says about one answer
NONE = (
    "This persona has no examples to be tested with. Add one: "
    '`example add must="names a date" When do we meet?`, or use a persona of the library.'
)
LEFT_OUT = "Claude did not speak to every claim."
KEEP = "Keep, or the command `keep`, gives this channel that persona; until then nothing has changed."
JUDGE = f"""\
You are shown a question and an answer to it. Below are numbered claims about what the answer says. Go by the answer \
alone, by its sense and not its wording, and say of each claim whether the answer says it. {DATA}

The claims:

"""


class Finding(BaseModel):
    """Whether an answer says what one claim says that it does."""

    number: int = Field(description="The claim's number")
    said: bool = Field(description="Whether the answer says it")
    why: str = Field(description="What in the answer shows that, in at most 20 words")


class Findings(BaseModel):
    """One finding for each claim."""

    findings: list[Finding]


@dataclass(frozen=True, slots=True)
class TestedExample:
    """An example, what was answered, and what of it does not hold."""

    example: Example
    answer: TriedAnswer
    faults: tuple[str, ...] = ()
    unjudged: str = ""
    """Why it could not be judged, in a sentence."""


async def evaluate_persona(run: TaskRun) -> TaskResult:
    """Answer all examples under a persona, and judge each answer. Raises CannotAnswer, UsageError."""
    candidate = await read_candidate(run, run.values.get("what", CURRENT))
    if not candidate.whole.examples:
        raise UsageError(NONE)
    tested, stopped = await answer_examples(run, candidate)
    if not tested:
        raise TaskStopped if run.stop.is_set() else CannotAnswer(stopped)
    kept = await find_change(run, candidate)
    spent = "" if run.stop.is_set() else f"It cost {dollars(await run.sum_cost())}."
    judged = "Claude judged the answers." if any(not one.unjudged for one in tested) else ""
    note = " ".join(filter(None, (stopped, judged, spent, KEEP if kept else "")))
    title = f"{candidate.name[:1].upper()}{candidate.name[1:]}: {count_held(tested)}"
    rows = [(one.example.question, [one.answer]) for one in tested]
    file = write_file("test.md", "Answers to the examples", [candidate.name], rows)
    return TaskResult(append_note(f"**{title}**\n\n{write_tested(tested)}", note), (file,), draft=kept)


async def answer_examples(run: TaskRun, candidate: Candidate) -> tuple[list[TestedExample], str]:
    """What a persona answers to each of its examples, and why some are missing. Raises CannotAnswer."""
    examples = candidate.whole.examples or ()
    asker = await name_giver(run.call)
    tested: list[TestedExample] = []
    for number, one in enumerate(examples, 1):
        run.act(f"testing example {number} of {len(examples)}")
        turns = [Turn("user", (Text(f"{asker}: {indent(one.question)}"),))]
        try:
            answer = await answer_turns(run, candidate.whole, turns, candidate.version)
            tested.append(await _judge(run, one, answer))
        except ENDINGS as error:
            return tested, f"I stopped at example {number}: {explain_end(error)}"
    return tested, ""


def count_held(tested: Sequence[TestedExample]) -> str:
    """In words, how many were answered well: `2 of 3 examples hold, 1 could not be judged`."""
    judged = [one for one in tested if not one.unjudged]
    unjudged = len(tested) - len(judged)
    if not judged:
        return f"{count_noun(unjudged, 'example')} could not be judged"
    held = sum(not one.faults for one in judged)
    said = f"{held} of {count_noun(len(judged), 'example')} {'holds' if len(judged) == 1 else 'hold'}"
    return f"{said}, {unjudged} could not be judged" if unjudged else said


def write_tested(tested: Sequence[TestedExample]) -> str:
    """A line for each example: whether it holds, and what its answer lacks or should not have said."""
    lines = [
        f"| {number} | {write_name(one.example.question)} | {_write_end(one)} |" for number, one in enumerate(tested, 1)
    ]
    return "\n".join(["| | example | result |", "| --: | --- | --- |", *lines])


async def _judge(run: TaskRun, example: Example, answer: TriedAnswer) -> TestedExample:
    """What of an answer is not as the example wants it, or why Claude can't say that."""
    claims = [*((True, one) for one in example.must), *((False, one) for one in example.must_not)]
    if not remove_notes(answer.text).strip():
        return TestedExample(example, answer, ("Claude gave no answer",))
    if not claims:
        return TestedExample(example, answer)
    listed = "\n".join(f"{number}. {one}" for number, (_, one) in enumerate(claims, 1))
    told = f"[The question:]\n  {indent(example.question)}\n\n[The answer:]\n  {indent(answer.text)}"
    try:
        found = await run.request(Findings, JUDGE + listed, told, max_tokens=JUDGED)
    except ClaudeError as error:
        if error.kind not in OF_ITSELF | {"cut", "unformed"}:
            raise
        return TestedExample(example, answer, unjudged=error.sentence)
    said = {one.number: one for one in found.findings}
    if not said.keys() >= set(range(1, len(claims) + 1)):
        return TestedExample(example, answer, unjudged=LEFT_OUT)
    faults = (
        (wanted, claim, said[number].why)
        for number, (wanted, claim) in enumerate(claims, 1)
        if said[number].said is not wanted
    )
    shown = (
        f"{'not said' if wanted else 'said'}: {write_name(claim)} ({write_name(why)})" for wanted, claim, why in faults
    )
    return TestedExample(example, answer, tuple(shown))


def _write_end(one: TestedExample) -> str:
    if one.unjudged:
        return f"could not be judged: {one.unjudged.rstrip('.')}"
    return "; ".join(one.faults) or "holds"


ROWS = (
    Command(
        "persona test",
        "Test a persona with its examples, for you alone",
        leave_to_claude,
        (
            Parameter(
                "what",
                ParameterKind.TEXT,
                "a version, a persona of the library, or a system prompt; else the one that holds",
                label="Persona",
            ),
        ),
        Rank.MANAGER,
        private=True,
        task=evaluate_persona,
    ),
)

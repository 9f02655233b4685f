"""The `persona test` command: what a persona answers to the examples kept with it, and whether that is good."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from pydantic import BaseModel, Field, TypeAdapter

from core.billing.budgets import dollars
from core.claude.errors import ClaudeError
from core.commands.batches.inquiry import (
    BATCH,
    IN_BATCH,
    AskedRequest,
    EndedInquiry,
    Inquiry,
    InquiryAnswer,
    ask_in_batch,
    ensure_answered,
)
from core.commands.craft.material import DATA
from core.commands.craft.task import ENDINGS, TaskResult, TaskRun, TaskStopped, explain_end, leave_to_claude
from core.commands.registry import Command, Parameter, ParameterKind, UsageError, name_giver
from core.commands.trials.answers import OF_ITSELF, TriedAnswer, answer_turns, build_trial, read_tried
from core.commands.trials.draft import CURRENT, Candidate, find_change, read_candidate
from core.commands.trials.rounds import write_file
from core.domain.content import Text
from core.domain.errors import CannotAnswer
from core.domain.messages import Rank
from core.domain.personas import Draft, Example
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
UNASKED = "Nobody asked Claude about it."
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


DRAFT, EXAMPLE = TypeAdapter[Draft | None](Draft | None), TypeAdapter(Example)
TESTED = TypeAdapter(list[TestedExample])


async def evaluate_persona(run: TaskRun) -> TaskResult:
    """Answer all examples under a persona, and judge each answer. Raises CannotAnswer, UsageError."""
    if run.batched:
        return await ask_in_batch(run, _collect_answers, _go_on)
    candidate = await _find_candidate(run)
    tested, stopped = await answer_examples(run, candidate)
    if not tested:
        raise TaskStopped if run.stop.is_set() else CannotAnswer(stopped)
    return await _write_result(run, candidate.name, await find_change(run, candidate), tested, stopped)


async def _find_candidate(run: TaskRun) -> Candidate:
    candidate = await read_candidate(run, run.values.get("what", CURRENT))
    if not candidate.whole.examples:
        raise UsageError(NONE)
    return candidate


async def _write_result(
    run: TaskRun, name: str, kept: Draft | None, tested: Sequence[TestedExample], missing: str
) -> TaskResult:
    spent = "" if run.stop.is_set() else f"It cost {dollars(await run.sum_cost())}."
    judged = "Claude judged the answers." if any(not one.unjudged for one in tested) else ""
    note = " ".join(filter(None, (missing, judged, spent, KEEP if kept else "")))
    title = f"{name[:1].upper()}{name[1:]}: {count_held(tested)}"
    rows = [(one.example.question, [one.answer]) for one in tested]
    file = write_file("test.md", "Answers to the examples", [name], rows)
    return TaskResult(append_note(f"**{title}**\n\n{write_tested(tested)}", note), (file,), draft=kept)


async def _collect_answers(run: TaskRun) -> Inquiry:
    """What asks for the answers to all examples."""
    candidate, asker = await _find_candidate(run), await name_giver(run.call)
    draft = await find_change(run, candidate)
    requests = []
    for one in candidate.whole.examples or ():
        request = await build_trial(run, candidate.whole, _tell_example(one, asker))
        requests.append(AskedRequest(request, {"example": asdict(one), "model": request.model}))
    return Inquiry(requests, {"name": candidate.name, "draft": DRAFT.dump_python(draft, mode="json"), "tested": None})


async def _go_on(run: TaskRun, ended: EndedInquiry) -> Inquiry | TaskResult:
    """Have the answers judged, where that takes Claude; else what came of all."""
    ensure_answered(ended)
    kept = ended.kept
    if kept["tested"] is None:
        tested = [_test(EXAMPLE.validate_python(one.about["example"]), _read_answer(one)) for one in ended.answers]
        requests = [await _build_judgement(run, number, one) for number, one in enumerate(tested) if one.unjudged]
        if requests and not ended.reason:
            return Inquiry(requests, {**kept, "tested": TESTED.dump_python(tested, mode="json")})
        tested = [replace(one, unjudged=UNASKED) if one.unjudged else one for one in tested]
    else:
        tested = TESTED.validate_python(kept["tested"])
        for one in ended.answers:
            number = one.about["number"]
            tested[number] = _read_judgement(run, tested[number], one)
    draft = DRAFT.validate_python(kept["draft"])
    return await _write_result(run, kept["name"], draft, tested, ended.explain_missing())


def _read_answer(one: InquiryAnswer) -> TriedAnswer:
    return read_tried(one, one.about["model"])


async def answer_examples(run: TaskRun, candidate: Candidate) -> tuple[list[TestedExample], str]:
    """What a persona answers to each of its examples, and why some are missing. Raises CannotAnswer."""
    examples = candidate.whole.examples or ()
    asker = await name_giver(run.call)
    tested: list[TestedExample] = []
    for number, one in enumerate(examples, 1):
        run.act(f"testing example {number} of {len(examples)}")
        try:
            answer = await answer_turns(run, candidate.whole, _tell_example(one, asker), candidate.version)
            tested.append(await _judge(run, one, answer))
        except ENDINGS as error:
            return tested, f"I stopped at example {number}: {explain_end(error)}"
    return tested, ""


def _tell_example(example: Example, asker: str) -> list[Turn]:
    return [Turn("user", (Text(f"{asker}: {indent(example.question)}"),))]


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
    tested = _test(example, answer)
    if not tested.unjudged:
        return tested
    instruction, told = _write_judgement(example, answer)
    try:
        found = await run.request(Findings, instruction, told, max_tokens=JUDGED)
    except ClaudeError as error:
        if error.kind not in OF_ITSELF | {"cut", "unformed"}:
            raise
        return TestedExample(example, answer, unjudged=error.sentence)
    return _read_findings(example, answer, found)


def _test(example: Example, answer: TriedAnswer) -> TestedExample:
    """What can be known of an answer without Claude: what is there to be judged is not judged yet."""
    if not remove_notes(answer.text).strip():
        return TestedExample(example, answer, ("Claude gave no answer",))
    return TestedExample(example, answer, unjudged=UNASKED if _list_claims(example) else "")


def _list_claims(example: Example) -> list[tuple[bool, str]]:
    """What an answer is to say, or not to say."""
    return [*((True, one) for one in example.must), *((False, one) for one in example.must_not)]


def _write_judgement(example: Example, answer: TriedAnswer) -> tuple[str, str]:
    """What Claude is told to do, and what it is shown, to judge an answer."""
    listed = "\n".join(f"{number}. {one}" for number, (_, one) in enumerate(_list_claims(example), 1))
    told = f"[The question:]\n  {indent(example.question)}\n\n[The answer:]\n  {indent(answer.text)}"
    return JUDGE + listed, told


async def _build_judgement(run: TaskRun, number: int, one: TestedExample) -> AskedRequest:
    """What asks Claude to judge the answer to the example of this number."""
    instruction, told = _write_judgement(one.example, one.answer)
    request = await run.structured.build(Findings, run.models[0], instruction, told, max_tokens=JUDGED)
    return AskedRequest(request, {"number": number})


def _read_judgement(run: TaskRun, one: TestedExample, judged: InquiryAnswer) -> TestedExample:
    """The example with what Claude says of its answer, or why that is not known."""
    if judged.problem:
        return replace(one, unjudged=judged.sentence)
    try:
        found = run.structured.read(Findings, judged.text, judged.stop, judged.model)
    except ClaudeError as error:
        return replace(one, unjudged=error.sentence)
    return _read_findings(one.example, one.answer, found)


def _read_findings(example: Example, answer: TriedAnswer, found: Findings) -> TestedExample:
    claims = _list_claims(example)
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
                unnamed=True,
            ),
            BATCH,
        ),
        Rank.MANAGER,
        private=True,
        public=(IN_BATCH,),
        task=evaluate_persona,
    ),
)

"""Answers on trial: what Claude says to the same turns under one persona or another, and what each has cost."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from core.billing.budgets import dollars
from core.claude.errors import ClaudeError
from core.commands.batches.inquiry import InquiryAnswer
from core.commands.craft.task import TaskRun, leave_uncached
from core.domain.errors import CannotAnswer
from core.domain.personas import Persona, Version
from core.prompting.personas.check import PersonaUnsuited, check_persona, refuse_model
from core.prompting.request import Request, build_request
from core.prompting.turns import Turn
from core.rendering.reply_notes import append_note, close_text

ENDS = {
    "max_tokens": "It reached its longest length.",
    "model_context_window_exceeded": "This thread is longer than this model can read.",
    "refusal": "Claude declines to answer this.",
}
OF_ITSELF = frozenset({"refused", "too long", "too large"})  # of one request: others may go well


@dataclass(frozen=True, slots=True)
class TriedAnswer:
    """What Claude said, by which model, and what it cost in micro-dollars: None where no price is known."""

    text: str
    model: str
    micro_usd: int | None = None

    @property
    def cost(self) -> str:
        return write_cost(self.micro_usd)


def write_cost(micro_usd: int | None) -> str:
    return "cost not known" if micro_usd is None else dollars(micro_usd)


async def answer_turns(
    run: TaskRun,
    persona: Persona,
    turns: Sequence[Turn],
    version: Version | None = None,
    *,
    cached: bool = False,
) -> TriedAnswer:
    """What Claude answers to these turns under a whole persona, without tools. Asked once, whatever is killed.

    It is `cached` where what follows begins with the same turns. What is asked once more, word for word, is the same
    answer and costs nothing. Raises ClaudeError, BudgetForbids, and as `build_trial`.
    """
    name = persona.model or ""
    request = await build_trial(run, persona, turns, cached=cached)
    digest = run.find_digest(request)
    if digest in run.answered:
        return replace(TriedAnswer(*run.answered[digest]), micro_usd=0)
    answer = await _complete(run, request, name, version)
    run.answered[digest] = (answer.text, answer.model)
    return answer


async def build_trial(run: TaskRun, persona: Persona, turns: Sequence[Turn], *, cached: bool = False) -> Request:
    """What asks Claude to answer these turns under a whole persona, without tools.

    Raises CannotAnswer where the persona's model is not allowed or can't do it.
    """
    name, allowed = persona.model or "", run.call.context.models
    if allowed and name not in allowed:
        raise CannotAnswer(refuse_model(name, allowed))
    model = await run.structured.catalog.describe(name)
    try:
        check_persona(persona, model)
    except PersonaUnsuited as error:
        raise CannotAnswer(str(error)) from None
    known = await run.read_knowledge(persona)
    words, notes = run.instructions, run.notes
    made = build_request(persona, turns, model, "5m", instructions=words, knowledge=known, notes=notes)
    return made if cached else leave_uncached(made)


async def _complete(run: TaskRun, request: Request, name: str, version: Version | None) -> TriedAnswer:
    """What Claude says to one request; what it declines is a note. Raises ClaudeError, BudgetForbids."""
    try:
        completion = await run.complete(request, version)
    except ClaudeError as error:
        if error.kind not in OF_ITSELF:
            raise
        return TriedAnswer(append_note("", error.sentence), name, await run.find_cost(request))
    text = _tell_end(completion.text, completion.stop)
    return TriedAnswer(text, completion.model or name, await run.find_cost(request))


def read_tried(one: InquiryAnswer, name: str) -> TriedAnswer:
    """What came of a request that was asked of a model in a batch; why it has no answer is a note."""
    if one.problem:
        return TriedAnswer(append_note("", one.sentence), name, one.micro_usd)
    return TriedAnswer(_tell_end(one.text, one.stop), one.model or name, one.micro_usd)


def _tell_end(said: str, stop: str) -> str:
    """What Claude said, and why it is no more."""
    text = close_text(said) if stop != "refusal" else ""
    end = ENDS.get(stop, "" if text.strip() else "Claude had nothing to say to that.")
    return append_note(text, end) if end else text

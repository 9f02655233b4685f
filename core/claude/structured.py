"""Structured output: Claude answers with an instance of a class, metered and tried again as every answer is."""

import json
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from core.billing.ledger_rows import BudgetRefusal
from core.claude import sdk
from core.claude.client import Completion
from core.claude.errors import ClaudeError
from core.claude.metering import MeteredRequest, keep_nothing
from core.claude.model_catalog import ModelCatalog
from core.claude.retry import RetryPolicy
from core.claude.sender import Sender
from core.domain.content import Text
from core.domain.errors import BudgetForbids
from core.domain.messages import Question
from core.domain.models import STRUCTURED_OUTPUTS, Model
from core.domain.personas import Version
from core.domain.usage import Usage
from core.prompting.request import Block, Request, leave_out_unread
from core.prompting.turns import Turn
from core.store.protocols import Step, StepEnd

LONGEST = 2_048  # tokens of an answer, thinking included, which some models can't do without
TIMES = 4  # as many tokens may an answer have that was cut
OVERHEAD = 1_000  # tokens, at most, that the API's own words about a form take; it tells no number
NO_STEPS: Mapping[str, Step] = MappingProxyType({})
PROBLEMS = 2_000  # characters of what was wrong that Claude is told

IN_WORDS = """\
Answer with one JSON value that matches this JSON Schema, and with nothing else: no prose, no code fence.

{}"""
CORRECTION = """\
[Your answer is not in the form that is asked for:
{}
Answer once more, with the whole JSON value and nothing else.]"""
GO = "[Now do what you were told to.]"
_FORM = re.compile(r"output_config|output.?format|json_schema|structured.?output", re.IGNORECASE)

Form = TypeVar("Form", bound=BaseModel)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class StructuredOutput:
    """Asks Claude for instances of classes, through the sender that answers have."""

    sender: Sender
    catalog: ModelCatalog
    _in_words: set[tuple[str, type[BaseModel]]] = field(default_factory=set)
    """The models, with a class, whose API did not take that class as a form."""

    async def request(
        self,
        form: type[Form],
        question: Question,
        model: str,
        instruction: str,
        content: str | Sequence[Turn],
        *,
        max_tokens: int = LONGEST,
        persona: Version | None = None,
        steps: Mapping[str, Step] = NO_STEPS,
        end: Callable[[Completion], StepEnd | None] = keep_nothing,
        cached: bool = False,
        once: bool = False,
    ) -> Form:
        """What `model` makes of `content` by the `instruction`, as an instance of `form`; `question` says who pays.

        The fields' names and descriptions are all that Claude is told of them; limits of numbers and lengths are
        checked here. A class must not refer to itself, and a dictionary with any keys has no form. An answer that was
        cut is asked for once more with more tokens, one in another form once more with what was wrong. A model without
        structured outputs is asked in words. What is in `steps` is not asked again, and what `end` makes is stored with
        each settlement. A prompt that grows at its end is `cached` for five minutes. What is asked `once` has no second
        try in another form, or with more tokens.

        Raises ClaudeError: `refused`, `cut`, `unformed`, and every way in which a request fails; BudgetForbids. What
        was said or answered is in none of them, nor in the log.
        """
        await sdk.load()
        known = await self.catalog.describe(model)
        turns = (Turn("user", (Text(content),)),) if isinstance(content, str) else tuple(content)
        in_words = not known.has(STRUCTURED_OUTPUTS) or (model, form) in self._in_words
        draft = _Draft(form, known, instruction, turns, max_tokens, in_words=in_words, cached=cached)
        draft = replace(draft, lengthened=once, corrected=once)
        retry_policy = RetryPolicy(self.sender.seconds, another=False)
        while True:
            order = MeteredRequest(question, persona, draft.build_request(), steps, end=end, aside=True)
            try:
                completion = await self._complete(order, retry_policy)
            except ClaudeError as error:
                if draft.in_words or error.kind != "rejected" or not _FORM.search(error.detail):
                    raise
                log.warning("%s; asking for %s in words instead", error, form.__name__)
                self._in_words.add((model, form))
                draft = replace(draft, in_words=True)
                continue
            found = draft.read(completion)
            if not isinstance(found, _Draft):
                return found
            draft = found

    async def build(
        self, form: type[Form], model: str, instruction: str, content: str, *, max_tokens: int = LONGEST
    ) -> Request:
        """The request that asks for an instance of `form`, to be asked in a batch. `read` knows its answer."""
        await sdk.load()
        known = await self.catalog.describe(model)
        in_words = not known.has(STRUCTURED_OUTPUTS) or (model, form) in self._in_words
        turns = (Turn("user", (Text(content),)),)
        return _Draft(form, known, instruction, turns, max_tokens, in_words=in_words).build_request()

    def read(self, form: type[Form], text: str, stop: str, model: str) -> Form:
        """What Claude said to a request that `build` made, which has no second try. Raises ClaudeError."""
        draft = _Draft(form, Model(model), "", (), LONGEST, in_words=False, lengthened=True, corrected=True)
        found = draft.read(Completion(text, stop, Usage(), model, None))
        assert not isinstance(found, _Draft)
        return found

    async def _complete(self, order: MeteredRequest, retry_policy: RetryPolicy) -> Completion:
        """What one request brought, whatever its tries. Raises ClaudeError, BudgetForbids."""
        async with aclosing(self.sender.stream(self.sender.simplify(order), retry_policy)) as events:
            async for event in events:
                if isinstance(event, BudgetRefusal):
                    raise BudgetForbids(event.reason, personal=event.personal)
                if isinstance(event, Completion):
                    return event
        raise AssertionError("a request ended without a completion")


@dataclass(frozen=True, slots=True)
class _Draft(Generic[Form]):
    """What is asked next, and what was done about the answers so far."""

    form: type[Form]
    model: Model
    instruction: str
    turns: tuple[Turn, ...]
    max_tokens: int
    in_words: bool
    cached: bool = False
    lengthened: bool = False
    corrected: bool = False

    def build_request(self) -> Request:
        """The request: the form as the API takes it, else as words in the system prompt."""
        schema = sdk.transform_schema(self.form)
        shown = json.dumps(schema, ensure_ascii=False)
        system = f"{self.instruction}\n\n{IN_WORDS.format(shown)}" if self.in_words else self.instruction
        turns = self.turns if self.turns[-1].role == "user" else (*self.turns, Turn("user", (Text(GO),)))
        body: dict[str, Any] = {
            "model": self.model.id,
            "max_tokens": min(self.max_tokens, self.model.max_tokens or self.max_tokens),
            "system": [{"type": "text", "text": system}],
            "messages": [
                {"role": turn.role, "content": [part.build_block() for part in turn.content]} for turn in turns
            ],
        }
        output: dict[str, Any] = {"effort": "low"} if "low" in self.model.efforts else {}
        if not self.in_words:
            output |= {"format": {"type": "json_schema", "schema": schema}}
        if output:
            body["output_config"] = output
        if self.cached:
            body["cache_control"] = {"type": "ephemeral"}
        if "disabled" in self.model.thinking:
            body["thinking"] = {"type": "disabled"}
        blocks = [Block("house", Text(system)), *(Block(turn.role, part) for turn in turns for part in turn.content)]
        if not self.in_words:
            blocks.append(Block("form", Text(shown)))
        return leave_out_unread(Request(body, tuple(blocks), overhead=OVERHEAD), self.model)

    def read(self, completion: Completion) -> "Form | _Draft[Form]":
        """The instance, or what is asked next because the answer is none. Raises ClaudeError where that is no use."""
        if completion.stop == "refusal":
            raise self._fail("refused", completion, f"stop_reason refusal, {completion.category}")
        if completion.stop == "model_context_window_exceeded":
            raise self._fail("too long", completion, f"stop_reason {completion.stop}")
        if completion.stop == "max_tokens":
            longer = min(self.max_tokens * TIMES, self.model.max_tokens or self.max_tokens * TIMES)
            if self.lengthened or longer <= self.max_tokens:
                raise self._fail("cut", completion, f"{self.form.__name__} took more than {self.max_tokens} tokens")
            return replace(self, max_tokens=longer, lengthened=True)
        try:
            return self.form.model_validate_json(_find_json(completion.text))
        except ValidationError as error:
            kinds = ", ".join(sorted({one["type"] for one in error.errors(include_input=False)}))
            if self.corrected:
                raise self._fail("unformed", completion, f"no {self.form.__name__}: {kinds}") from None
            log.info("no %s: %s; asking once more", self.form.__name__, kinds)
            return self._correct(completion.text, error)

    def _correct(self, text: str, error: ValidationError) -> "_Draft[Form]":
        """The same with the wrong answer and what is wrong with it; an empty one is no turn."""
        places = [(".".join(map(str, one["loc"])), one["msg"]) for one in error.errors(include_input=False)]
        problems = "\n".join(f"{place}: {problem}" if place else problem for place, problem in places)[:PROBLEMS]
        answered = [Turn("assistant", (Text(text),))] if text.strip() else []
        corrected = Turn("user", (Text(CORRECTION.format(problems)),))
        return replace(self, turns=(*self.turns, *answered, corrected), corrected=True)

    def _fail(self, kind: str, completion: Completion, detail: str) -> ClaudeError:
        return ClaudeError(kind, self.model.id, detail, completion.request)


def _find_json(text: str) -> str:
    """The JSON object in an answer: from its first bracket to its last, where prose or a fence stands around it."""
    if text.lstrip().startswith(("{", "[")):
        return text
    start, end = text.find("{"), text.rfind("}")
    return text[start : end + 1] if 0 <= start < end else text

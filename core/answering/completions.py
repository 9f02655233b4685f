"""Completions: one answer of Claude's, out of as many requests as it takes, with retries and fallback models."""

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import timedelta

from core.answering.final_answer import Answer, conclude, cut_off, decline
from core.billing.ledger_rows import BudgetRefusal
from core.claude.circuit_breaker import CircuitBreaker
from core.claude.client import Claude, Completion, TextSoFar
from core.claude.errors import ClaudeError
from core.claude.metering import MeteredRequest, Metering
from core.claude.retry import Backoff, RetryPolicy
from core.domain.clock import Clock, Sleep
from core.domain.messages import Question, Unanswered
from core.domain.models import MODEL_NOTES, Model, ModelNote
from core.prompting.request import Request, continue_request
from core.store.protocols import Notes

PAUSES = 10  # times that Claude may pause in one answer
FRESH = timedelta(days=1)  # how long a model's capabilities are believed


log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Waiting:
    """Nothing comes for a while; `note` says why, to people."""

    note: str


class Completions:
    """Asks Claude on behalf of a question. `sleep` waits seconds, and `seconds` counts them."""

    def __init__(
        self,
        claude: Claude,
        metering: Metering,
        notes: Notes,
        clock: Clock,
        *,
        sleep: Sleep = asyncio.sleep,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._claude = claude
        self._metering = metering
        self._notes = notes
        self._clock = clock
        self._sleep = sleep
        self._seconds = seconds
        self._models: dict[str, Model] = {}
        self._circuit_breakers: defaultdict[str, CircuitBreaker] = defaultdict(CircuitBreaker)

    async def stream(
        self, question: Question, persona: int, models: Sequence[str], build: Callable[[Model], Request]
    ) -> AsyncGenerator[TextSoFar | Waiting | Answer, None]:
        """The text as it grows, why it does not, and at last the answer. Raises ClaudeError when no model answers.

        The first of `models` is asked, the next when it is overloaded or gone or refuses, each with the request that
        `build` makes for it. Text may begin again, with another model or after a stream that broke off.
        """
        for name, following in zip(models, [*models[1:], None], strict=True):
            retry_policy = RetryPolicy(self._seconds, following is not None)
            try:
                order = MeteredRequest(question, persona, build(await self.model(name)))
                async with aclosing(self._stream_turns(order, retry_policy)) as events:
                    async for event in events:
                        if not isinstance(event, Answer):
                            yield event
                        elif event.unanswered is Unanswered.REFUSED and following:
                            break
                        else:
                            yield replace(event, after=order.request.last)
                            return
                log.warning("%s refuses; asking %s instead", name, following)
            except ClaudeError as error:
                if not (following and error.other_model):
                    raise
                log.warning("%s; asking %s instead", error, following)
        raise ValueError("no model to ask")

    async def model(self, name: str) -> Model:
        """What a model can do: as last told by the Models API, also when that can't be asked just now."""
        if name not in self._models:
            self._models[name] = await self._fetch_model(name)
        return self._models[name]

    async def _recall_model(self, name: str) -> ModelNote | None:
        """What the store has of a model, however old."""
        text = await self._notes.get(f"model:{name}")
        return None if text is None else MODEL_NOTES.validate_json(text)

    async def _fetch_model(self, name: str) -> Model:
        """From the store while that is fresh, then from the Models API, or stale from the store where that fails.

        The request itself finds out whether there is such a model.
        """
        note = await self._recall_model(name)
        if note and self._clock() - note.at < FRESH:
            return note.model
        try:
            model = replace(await self._claude.model(name), id=name)
        except ClaudeError as error:
            log.warning("capabilities of %s are not known: %s", name, error)
            return note.model if note else Model(name)
        if model.known:
            await self._notes.put(f"model:{name}", MODEL_NOTES.dump_json(ModelNote(self._clock(), model)).decode())
        return model

    async def _stream_turns(
        self, order: MeteredRequest, retry_policy: RetryPolicy
    ) -> AsyncGenerator[TextSoFar | Waiting | Answer, None]:
        """One answer of a model; when Claude pauses its turn, it is asked to go on."""
        said = ""
        for _ in range(PAUSES):
            completion: Completion | None = None
            async with aclosing(self._stream_with_retries(order, retry_policy)) as events:
                async for event in events:
                    match event:
                        case TextSoFar(text):
                            yield TextSoFar(said + text) if said else event
                        case BudgetRefusal(reason):
                            yield decline(reason)
                            return
                        case Completion():
                            completion = event
                        case Waiting():
                            yield event
            assert completion is not None
            said += completion.text
            if completion.stop != "pause_turn":
                yield conclude(said, completion)
                return
            order = replace(order, request=continue_request(order.request, completion.content))
        yield cut_off(said, "Claude paused too often here. Say “go on” and it continues.")

    async def _stream_with_retries(
        self, order: MeteredRequest, retry_policy: RetryPolicy
    ) -> AsyncGenerator[TextSoFar | Waiting | Completion | BudgetRefusal, None]:
        """The same request again while its error may pass, and none while the model's circuit breaker is open."""
        circuit_breaker = self._circuit_breakers[order.request.model]
        while True:
            while pause := self._pause_while_open(circuit_breaker, retry_policy):
                if pause.note:
                    yield Waiting(pause.note)
                await self._sleep(pause.seconds)
            try:
                with circuit_breaker.request(self._seconds) as note_first_text:
                    async with aclosing(self._metering.stream(order)) as events:
                        async for event in events:
                            if not isinstance(event, BudgetRefusal):
                                note_first_text()
                            yield event
                return
            except ClaudeError as error:
                pause = retry_policy.back_off(error)
            if pause.note:
                yield Waiting(pause.note)
            await self._sleep(pause.seconds)

    def _pause_while_open(self, circuit_breaker: CircuitBreaker, retry_policy: RetryPolicy) -> Backoff | None:
        """How long to wait before the breaker is asked again; None where a request may go."""
        seconds = circuit_breaker.closed_for(self._seconds())
        if not (circuit_breaker.trouble and seconds):
            return None
        return Backoff(seconds) if circuit_breaker.mending else retry_policy.wait(circuit_breaker.trouble, seconds)

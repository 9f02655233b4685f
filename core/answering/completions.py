"""Asking: one answer, out of as many requests as it takes, each of them paid for."""

import asyncio
import json
import logging
import secrets
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from core.billing.usage import BudgetRefusal
from core.claude.circuit_breaker import CircuitBreaker
from core.claude.client import Claude, Completion
from core.claude.errors import ClaudeError
from core.claude.metering import Heard, MeteredRequest, Metering
from core.claude.retry import RetryPolicy
from core.domain.clock import Clock, Sleep
from core.domain.messages import File, Outcome, Question
from core.domain.models import Model
from core.prompting.request import Request, continued
from core.store.protocols import Notes

PAUSES = 10  # times that Claude may pause in one answer
FRESH = timedelta(days=1)  # how long a model's capabilities are believed


log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Ended:
    """The final words for a question. A notice is not Claude's."""

    text: str
    outcome: Outcome = Outcome.SHOWN
    after: str | None = None
    """The last message that Claude had read."""
    files: tuple[File, ...] = ()

    @property
    def notice(self) -> bool:
        return self.outcome is Outcome.REFUSED


class Completions:
    """Asks Claude on behalf of a question, with patience and with fallbacks.

    `sleep` waits seconds, and `seconds` counts them.
    """

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

    async def ask(
        self,
        question: Question,
        persona: int,
        models: Sequence[str],
        build: Callable[[Model], Request],
        *,
        heard: Heard,
        waits: Callable[[str], None],
    ) -> Ended:
        """Ask the first of `models`, the next when it is overloaded or gone. Raises ClaudeError when none answers.

        `heard` is told the text so far, whole, and `waits` why nothing comes, when that lasts.
        """
        for name, following in zip(models, [*models[1:], None], strict=True):
            retry_policy = RetryPolicy(self._seconds, following is not None, waits)
            try:
                request = build(await self.model(name))
                ended = await self._rounds(MeteredRequest(question, persona, request), heard, retry_policy)
                return replace(ended, after=request.last)
            except ClaudeError as trouble:
                if not (following and trouble.other_model):
                    raise
                log.warning("%s; asking %s instead", trouble, following)
        raise ValueError("no model to ask")

    async def model(self, name: str) -> Model:
        """What a model can do: as last told by the Models API, also when that can't be asked just now."""
        if name not in self._models:
            self._models[name] = await self._kept(name) or await self._told(name)
        return self._models[name]

    async def _kept(self, name: str) -> Model | None:
        """From the store, if it is fresh."""
        note = json.loads(await self._notes.get(f"model:{name}") or "null")
        fresh = note is not None and self._clock() - datetime.fromisoformat(note["at"]) < FRESH
        return _read(note["model"]) if fresh else None

    async def _told(self, name: str) -> Model:
        """From the Models API, or stale from the store; the request itself finds out whether there is such a model."""
        try:
            model = replace(await self._claude.model(name), id=name)
        except ClaudeError as trouble:
            log.warning("capabilities of %s are not known: %s", name, trouble)
            note = json.loads(await self._notes.get(f"model:{name}") or "null")
            return _read(note["model"]) if note else Model(name)
        if model.known:
            note = {"at": self._clock().isoformat(), "model": _written(model)}
            await self._notes.put(f"model:{name}", json.dumps(note))
        return model

    async def _rounds(self, order: MeteredRequest, heard: Heard, retry_policy: RetryPolicy) -> Ended:
        """One answer; when Claude pauses in it, it is asked to go on."""
        said = ""
        for _ in range(PAUSES):
            answer = await self._patiently(order, partial(_after, said, heard), retry_policy)
            if isinstance(answer, BudgetRefusal):
                return Ended(answer.reason, Outcome.REFUSED)
            said += answer.text
            if answer.stop != "pause_turn":
                return concluded(said, answer)
            order = replace(order, request=continued(order.request, answer.content))
        return Ended(_cut(said, "Claude paused too often here. Say “go on” and it continues."))

    async def _patiently(
        self, order: MeteredRequest, heard: Heard, retry_policy: RetryPolicy
    ) -> Completion | BudgetRefusal:
        """The same request again while its trouble may pass, and none while the model's circuit is open."""
        circuit_breaker = self._circuit_breakers[order.request.model]
        while True:
            while circuit_breaker.trouble and (seconds := circuit_breaker.closed_for(self._seconds())):
                await self._sleep(
                    seconds if circuit_breaker.mending else retry_policy.wait(circuit_breaker.trouble, seconds)
                )
            try:
                with circuit_breaker.request(self._seconds) as begun:
                    return await self._metering.ask(order, partial(_begun, begun, heard))
            except ClaudeError as trouble:
                pause = retry_policy.pause(trouble)
            await self._sleep(pause)


def apology(sentence: str, error: Exception) -> Ended:
    """What people read of a failure; its reference finds the error in the log."""
    reference = secrets.token_hex(3).upper()
    log.error("reference %s: %s", reference, error)
    return Ended(f"{sentence} (reference {reference})", Outcome.REFUSED)


def concluded(said: str, answer: Completion) -> Ended:
    """The final words, by why Claude stopped. An answer that was cut says so, and how to go on."""
    if answer.stop == "refusal":
        why = f" ({answer.category})" if answer.category else ""
        return Ended(f"Claude declines to answer this{why}.", Outcome.REFUSED)
    if answer.stop == "max_tokens":
        return _longest(said, answer.bounded)
    if answer.stop == "model_context_window_exceeded":
        return Ended(_cut(said, f"This thread fills all that {answer.model} can read. Start a new one."))
    if not said.strip():
        return Ended("Claude had nothing to say to that.", Outcome.REFUSED)
    return Ended(said)


def _longest(said: str, bounded: bool) -> Ended:
    """An answer that reached the most tokens it may have: the persona's, or what was left of a budget."""
    if not said.strip():
        words = "Claude used up its tokens before it wrote anything. Raise them with `persona tune max_tokens=...`."
        if bounded:
            words = "What is left of a budget here was too little for an answer. `budget show` tells more."
        return Ended(words, Outcome.REFUSED)
    if bounded:
        return Ended(_cut(said, "A budget here is nearly used up and allowed no longer answer."))
    return Ended(_cut(said, "This answer reached its longest length. Say “go on” and it continues."))


def _begun(begun: Callable[[], None], heard: Heard, text: str) -> None:
    """Tell `text`, and that there is some."""
    begun()
    heard(text)


def _after(said: str, heard: Heard, text: str) -> None:
    """Tell `text` as what follows on what was said before a pause."""
    heard(said + text)


def _cut(said: str, why: str) -> str:
    fence = "\n```" if said.count("```") % 2 else ""
    return f"{said.rstrip()}{fence}\n\n*({why})*"


def _written(model: Model) -> dict[str, object]:
    return {name: sorted(value) if isinstance(value, frozenset) else value for name, value in asdict(model).items()}


def _read(values: dict[str, object]) -> Model:
    return Model(**{k: frozenset(v) if isinstance(v, list) else v for k, v in values.items()})  # type: ignore[arg-type]  # as _written wrote them

"""Asking: one answer, out of as many requests as it takes, each of them paid for."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt, wait_exponential_jitter

from core.chat import File, Question
from core.claude import Claude, Completion, Trouble
from core.ledger import Refusal
from core.prompt import Model, Request, continued
from core.purse import Order, Purse
from core.store.protocols import Notes, Outcome

ATTEMPTS = 4  # requests for the same thing, where the trouble may pass
ATTEMPTS_BEFORE_ANOTHER = 2  # where another model could answer
PATIENCE = 30.0  # seconds of retry-after that people wait for
PAUSES = 10  # times that Claude may pause in one answer
FRESH = timedelta(days=1)  # how long a model's capabilities are believed

Clock = Callable[[], datetime]
Sleep = Callable[[float], Awaitable[None]]

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


class Asking:
    """Asks Claude on behalf of a question, with patience and with fallbacks."""

    def __init__(
        self,
        claude: Claude,
        purse: Purse,
        notes: Notes,
        clock: Clock,
        *,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._claude = claude
        self._purse = purse
        self._notes = notes
        self._clock = clock
        self._sleep = sleep
        self._models: dict[str, Model] = {}

    async def ask(
        self,
        question: Question,
        persona: int,
        models: Sequence[str],
        build: Callable[[Model], Request],
        heard: Callable[[str], None],
    ) -> Ended:
        """Ask the first of `models`, the next when it is overloaded or gone. Raises Trouble when none answers."""
        for name, following in zip(models, [*models[1:], None], strict=True):
            attempts = ATTEMPTS_BEFORE_ANOTHER if following else ATTEMPTS
            try:
                request = build(await self.model(name))
                ended = await self._rounds(question, persona, request, heard, attempts)
                return replace(ended, after=request.last)
            except Trouble as trouble:
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
        except Trouble as trouble:
            log.warning("capabilities of %s are not known: %s", name, trouble)
            note = json.loads(await self._notes.get(f"model:{name}") or "null")
            return _read(note["model"]) if note else Model(name)
        if model.known:
            note = {"at": self._clock().isoformat(), "model": _written(model)}
            await self._notes.put(f"model:{name}", json.dumps(note))
        return model

    async def _rounds(
        self, question: Question, persona: int, request: Request, heard: Callable[[str], None], attempts: int
    ) -> Ended:
        """One answer; when Claude pauses in it, it is asked to go on."""
        said = ""
        for _ in range(PAUSES):
            answer = await self._patiently(attempts, question, persona, request, partial(_after, said, heard))
            if isinstance(answer, Refusal):
                return Ended(answer.reason, Outcome.REFUSED)
            said += answer.text
            if answer.stop != "pause_turn":
                return concluded(said, answer)
            request = continued(request, answer.content)
        return Ended(_cut(said, "Claude paused too often here. Say “go on” and it continues."))

    async def _patiently(
        self, attempts: int, question: Question, persona: int, request: Request, heard: Callable[[str], None]
    ) -> Completion | Refusal:
        """The same request again while its trouble may pass."""
        retrying = AsyncRetrying(
            retry=retry_if_exception(lambda error: isinstance(error, Trouble) and _worth_waiting(error)),
            stop=stop_after_attempt(attempts),
            wait=_pause,
            sleep=self._sleep,
            reraise=True,
        )
        answer: Completion | Refusal = await retrying(self._purse.ask, Order(question, persona, request), heard)
        return answer


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


def _after(said: str, heard: Callable[[str], None], text: str) -> None:
    """Tell `text` as what follows on what was said before a pause."""
    heard(said + text)


def _cut(said: str, why: str) -> str:
    fence = "\n```" if said.count("```") % 2 else ""
    return f"{said.rstrip()}{fence}\n\n*({why})*"


def _worth_waiting(trouble: Trouble) -> bool:
    return trouble.transient and (trouble.retry_after or 0) <= PATIENCE


def _pause(state: RetryCallState) -> float:
    """As long as the API says, else longer each time: about 1, 2, 4 seconds."""
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, Trouble) and error.retry_after is not None:
        return max(0.0, error.retry_after)
    return wait_exponential_jitter(initial=1, max=8, jitter=0.5)(state)


def _written(model: Model) -> dict[str, object]:
    return {name: sorted(value) if isinstance(value, frozenset) else value for name, value in asdict(model).items()}


def _read(values: dict[str, object]) -> Model:
    return Model(**{k: frozenset(v) if isinstance(v, list) else v for k, v in values.items()})  # type: ignore[arg-type]  # as _written wrote them

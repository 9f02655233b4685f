"""The purse: what a request may cost is set aside before it is sent, and what it did cost is written down after."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from core.billing.budgets import BudgetStatus
from core.billing.prices import Prices
from core.billing.usage import BudgetRefusal, PlannedRequest, Reservation, Scope, Settlement
from core.claude.client import Claude, Completion
from core.claude.errors import ClaudeError
from core.claude.prompt_cache import PromptCacheTracker
from core.domain.clock import Clock
from core.domain.messages import Question
from core.domain.usage import Usage
from core.prompting.request import Request, shortened
from core.store.protocols import Ledger
from core.telemetry import Emit, RequestEnded, discard_event

SHORTEST = 1000  # tokens: an answer for which less is left is refused
TRIES = 3  # times that a smaller request is tried, while others spend the same budget
ESTIMATE = 1.05  # times what count_tokens says: it is an estimate
Heard = Callable[[str], None]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class MeteredRequest:
    """One request that a question needs, under a version of its channel's persona."""

    question: Question
    persona: int
    request: Request

    @property
    def scopes(self) -> Sequence[Scope]:
        """All whose budgets hold for it."""
        key, person = self.question.key, self.question.person
        return [Scope(key.workspace), Scope(key.workspace, key.channel), Scope(key.workspace, person=person)]


class Metering:
    """Pays for requests. `warn` is told of budgets that are nearly used up."""

    def __init__(
        self,
        claude: Claude,
        ledger: Ledger,
        prices: Prices,
        clock: Clock,
        *,
        emit: Emit = discard_event,
        warn: Callable[[BudgetStatus], Awaitable[None]] | None = None,
    ) -> None:
        self._claude = claude
        self._ledger = ledger
        self._prices = prices
        self._clock = clock
        self._emit = emit
        self._prompt_cache = PromptCacheTracker()
        self.warn = warn

    async def ask(self, order: MeteredRequest, heard: Heard) -> Completion | BudgetRefusal:
        """Send one request, if no budget forbids it, and settle it whatever becomes of it. Raises ClaudeError."""
        bound = self._prompt_cache.bound(order.question.key, order.request)
        found = await self._reserve(order, bound)
        if isinstance(found, BudgetRefusal) and found.left is not None:
            order, found = await self._smaller(order, bound, found)
        if isinstance(found, BudgetRefusal):
            return found
        return await self._paid(order, found, heard)

    async def _reserve(self, order: MeteredRequest, bound: int) -> Reservation | BudgetRefusal:
        question, request, now = order.question, order.request, self._clock()
        output = int(request.body["max_tokens"])
        worst = self._prices.worst(request.model, bound, output, now.date())
        spending = PlannedRequest(
            question.key, question.name, question.person, request.model, order.persona, bound, output, now, worst
        )
        return await self._ledger.reserve(spending, order.scopes)

    async def _smaller(
        self, order: MeteredRequest, bound: int, refusal: BudgetRefusal
    ) -> tuple[MeteredRequest, Reservation | BudgetRefusal]:
        """The same request with a closer bound and a shorter answer, if that fits into what is left."""
        bound = min(bound, await self._counted(order.request) or bound)
        whole = int(order.request.body["max_tokens"])
        found: Reservation | BudgetRefusal = refusal
        for _ in range(TRIES):
            if isinstance(found, Reservation) or found.left is None:
                break
            room = self._prices.room(order.request.model, bound, found.left, self._clock().date())
            if room < min(SHORTEST, whole):
                break
            order = replace(order, request=shortened(order.request, min(whole, room)))
            found = await self._reserve(order, bound)
        return order, found

    async def _counted(self, request: Request) -> int | None:
        """What Anthropic says that the prompt has; None where it does not say."""
        try:
            return int(await self._claude.count(request) * ESTIMATE) + 1
        except ClaudeError as trouble:
            log.warning("the prompt could not be counted: %s", trouble)
            return None

    async def _paid(self, order: MeteredRequest, reservation: Reservation, heard: Heard) -> Completion:
        settled = Settlement(None, "died", self._clock())
        try:
            answer = await self._claude.answer(order.request, heard)
            settled = self._settled(order, answer)
            return replace(answer, bounded=order.request.bounded)
        except ClaudeError as trouble:
            log.warning("%s", trouble, extra={"request": trouble.request})
            nothing = None if trouble.billed else 0
            usage = None if trouble.billed else Usage()
            settled = Settlement(usage, trouble.kind, self._clock(), None, trouble.request, nothing)
            raise
        finally:
            await self._settle(reservation, replace(settled, at=self._clock()), order.request.model)

    def _settled(self, order: MeteredRequest, answer: Completion) -> Settlement:
        """What an answer cost, by the prices of the model that gave it, else of the one that was asked."""
        now = self._clock()
        if answer.stop == "refusal" and not answer.content:
            return Settlement(
                Usage(), answer.stop, now, answer.model, answer.request, 0
            )  # Anthropic bills nothing for it
        models = (answer.model, order.request.model)
        costs = (self._prices.cost(model, answer.usage, now.date()) for model in models)
        cost = next((one for one in costs if one), None)
        miss = self._prompt_cache.note(order.question.key, order.request, answer.usage, now)
        settled = Settlement(answer.usage, answer.stop, now, answer.model, answer.request, miss=miss)
        return replace(settled, micro_usd=cost.micro_usd, saved=cost.saved) if cost else settled

    async def _settle(self, reservation: Reservation, settled: Settlement, asked: str) -> None:
        nearly = await self._ledger.settle(reservation, settled)
        model = settled.model or asked
        self._emit(RequestEnded(model, settled.outcome, settled.usage, settled.micro_usd))
        log.info("asked %s: %s", model, settled.outcome, extra={"request": settled.request})
        for standing in nearly:
            if self.warn is not None:
                await self.warn(standing)

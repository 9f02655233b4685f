"""Metering: the most that a request can cost is reserved before it is sent, and settled to what it did cost after."""

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Coroutine, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import Any, TypeAlias, TypeVar

from pydantic import TypeAdapter

from core.billing.budgets import BudgetStatus, dollars
from core.billing.ledger_rows import BudgetRefusal, PlannedRequest, Reservation, Scope, Settlement, list_scopes
from core.billing.prices import Prices
from core.claude.citations import Citation
from core.claude.client import Activity, Claude, Completion, TextSoFar
from core.claude.errors import ClaudeError
from core.claude.files import ran_code
from core.claude.prompt_cache_tracker import PromptCacheTracker
from core.claude.streams.accumulator import MessageAccumulator, read_field, read_word
from core.domain import backoff
from core.domain.clock import Clock, Sleep
from core.domain.content import FileContent
from core.domain.errors import CannotAnswer, LeaseLost, StoreUnavailable
from core.domain.messages import Question
from core.domain.models import is_model_id
from core.domain.personas import Version
from core.domain.tools import Container
from core.domain.usage import Usage
from core.prompting.request import Request, shorten_request
from core.store.protocols import Ledger, Settled, Step, StepEnd
from core.telemetry import Emit, RequestEnded, discard_event

SHORTEST = 1000  # tokens: an answer for which less is left is refused
TRIES = 3  # times that a smaller request is tried, while others spend the same budget
SETTLES, SETTLING = 60, 8.0  # times that a request is tried to be settled, over minutes; seconds between two at most
ESTIMATE = 1.05  # times what count_tokens says: it is an estimate
ATTEMPTS = 3  # processes that may die over the same request
BROKE = "Something broke three times while I worked on this, so I stopped. A smaller question may work."
OVERRUN = "a request cost %s, more than the %s that was set aside for it; CONFAB_WEB_ESTIMATE says how much that is"
UNTRIED = Step()

T = TypeVar("T")

Renew: TypeAlias = Callable[[Collection[str]], Awaitable[Mapping[str, FileContent]]]
"""Uploads files again that Claude's API has no more: what is told in their place, by the ids that they had."""

CONTAINERS = TypeAdapter(Container)

log = logging.getLogger(__name__)


def keep_nothing(_brought: object) -> None:
    """Nothing is stored of what a request brings."""


def dump_completion(completion: Completion) -> str:
    """What the answer needs of a completion to go on from there, as JSON; its usage is in the ledger."""
    kept = ("text", "stop", "model", "request", "content", "category", "bounded", "flaws")
    citations = [asdict(one) for one in completion.citations]
    container = completion.container and CONTAINERS.dump_python(completion.container, mode="json")
    more = {"citations": citations, "container": container}
    return json.dumps({name: getattr(completion, name) for name in kept} | more)


def restore_completion(dumped: str) -> Completion:
    """A completion of which `dump_completion` kept what an answer needs."""
    kept = json.loads(dumped)
    citations = tuple(Citation(**one) for one in kept.pop("citations", ()))
    told = kept.pop("container", None)
    container = CONTAINERS.validate_python(told) if told else None
    return Completion(usage=Usage(), citations=citations, container=container, **kept)


@dataclass(frozen=True, slots=True)
class MeteredRequest:
    """One request that a question needs, under the version of a persona that was set nearest, if any was."""

    question: Question
    persona: Version | None
    request: Request
    steps: Mapping[str, Step] = field(default_factory=dict)
    """What processes before this one did for the same question."""
    end: Callable[[Completion], StepEnd | None] = keep_nothing
    """What is stored with its settlement."""
    abandon: Callable[[Sequence[object]], StepEnd | None] = keep_nothing
    """What is stored with the settlement of one that did not end, of which these blocks came."""
    aside: bool = False
    """It stands beside the conversation: its answer is worth nothing cut, and its cache nothing to the next prompt."""
    renew: Renew | None = None
    """How files are uploaded again that Claude's API has no more; None once that was done."""

    @property
    def scopes(self) -> Sequence[Scope]:
        """All whose budgets hold for it."""
        return list_scopes(self.question.key, self.question.person, self.question.homes)


async def always() -> None:
    """Whatever is asked is ours to ask."""


class TriedTooOften(CannotAnswer):
    """What a question asks of Claude has ended every process that tried."""


class Metering:
    """Sends what budgets can pay for, one ledger row a request. `warn` is told of budgets that are nearly used up."""

    def __init__(
        self,
        claude: Claude,
        ledger: Ledger,
        prices: Prices,
        clock: Clock,
        *,
        sleep: Sleep = asyncio.sleep,
        emit: Emit = discard_event,
        warn: Callable[[BudgetStatus], Awaitable[None]] | None = None,
        ensure_held: Callable[[], Awaitable[None]] = always,
    ) -> None:
        """Right before a request is sent, `ensure_held` raises LeaseLost where its question is another process's."""
        self._claude = claude
        self.ledger = ledger
        self.prices = prices
        self._clock = clock
        self._sleep = sleep
        self._ensure_held = ensure_held
        self.emit = emit
        self._prompt_cache = PromptCacheTracker()
        self.geo: str | None = None
        """Where answers were computed last: the organization's settings decide it, and it has a price."""
        self.warn = warn
        self._ending: set[asyncio.Task[Any]] = set()

    async def stream(
        self, order: MeteredRequest
    ) -> AsyncGenerator[TextSoFar | Activity | Completion | BudgetRefusal, None]:
        """Send one request if no budget forbids it, and settle it whatever becomes of it. Raises ClaudeError.

        Its text as it grows; at last its completion, once it is settled, or the refusal of a budget in its place. What
        came of it before a restart is not asked again; what ended so many processes raises TriedTooOften.
        """
        done = order.steps.get(order.request.digest, UNTRIED) if order.steps else UNTRIED
        if done.content is not None:
            yield restore_completion(done.content)
            return
        if done.attempts >= ATTEMPTS:
            raise TriedTooOften(BROKE)
        bound = self._prompt_cache.bound(order.question.key, order.request)
        reserved = await self._reserve(order, bound)
        if isinstance(reserved, BudgetRefusal) and reserved.left is not None:
            order, reserved = await self._reserve_less(order, bound, reserved)
        if isinstance(reserved, BudgetRefusal):
            yield reserved
            return
        accumulator, ended, silent, completion = MessageAccumulator(), "cancelled", False, None
        settlement, end = None, None
        try:
            async with aclosing(self._claude.stream(order.request, accumulator)) as events:
                async for event in events:
                    if isinstance(event, Completion):
                        ended, completion = event.stop, replace(event, bounded=order.request.bounded)
                        settlement, end = self._settlement_of(order, bound, event), order.end(completion)
                    else:
                        yield event
        except ClaudeError as error:
            level = logging.INFO if error.kind == "key" else logging.WARNING  # which every question meets
            log.log(level, "%s", error, extra={"request": error.request})
            ended, silent = error.kind, error.silent
            if not error.billed:
                settlement = Settlement(Usage(), ended, self._clock(), None, error.request, 0)
            raise
        finally:
            end = end if completion else order.abandon([one.block for one in accumulator.blocks])
            settlement = settlement or self._bound_settlement(order, bound, accumulator, ended, silent=silent)
            settling = self._settle(reserved, replace(settlement, at=self._clock()), order.request, end)
            stored = await self._see_through(settling)
        if completion:
            yield replace(completion, stored=stored)

    async def _reserve(self, order: MeteredRequest, bound: int) -> Reservation | BudgetRefusal:
        question, model, now = order.question, self._claude.name_priced_model(order.request), self._clock()
        output, worst = int(order.request.body["max_tokens"]), self._find_worst_cost(order.request, bound)
        number, wide = (order.persona.number, not order.persona.place.channel) if order.persona else (0, False)
        planned = PlannedRequest(question.key, question.name, question.person, model, number, bound, output, now, worst)
        stored = not order.aside or order.end is not keep_nothing
        step = order.request.digest if stored else None
        planned = replace(
            planned, direct=question.homes is not None, step=step, persona_wide=None if order.aside else wide
        )
        reserving = asyncio.ensure_future(self.ledger.reserve(planned, order.scopes))
        try:
            reserved = await asyncio.shield(reserving)
            await self._ensure_held()
        except (asyncio.CancelledError, LeaseLost):
            await self._see_through(self._take_back(reserving, order.request))
            raise
        return reserved

    async def _take_back(self, reserving: Awaitable[Reservation | BudgetRefusal], request: Request) -> None:
        """Nobody asks any more what was to be paid for: what is set aside all the same is free again."""
        with suppress(StoreUnavailable):
            reserved = await reserving
            if isinstance(reserved, Reservation):
                await self._settle(
                    reserved, Settlement(Usage(), "cancelled", self._clock(), None, None, 0), request, None
                )

    async def _see_through(self, work: Coroutine[Any, Any, T]) -> T:
        """Do what ends a request to its end, also when who waits for it is cancelled, however often."""
        ending = asyncio.create_task(work)
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)
        return await asyncio.shield(ending)

    def _find_worst_cost(self, request: Request, bound: int) -> int | None:
        """The most that a request can cost, as far as anybody knows what tools will find; None without a price."""
        model, output = self._claude.name_priced_model(request), int(request.body["max_tokens"])
        day, searches = self._clock().date(), request.searches_bound
        worst = self.prices.worst_cost(model, bound, output, day, self.geo, searches=searches)
        return None if worst is None else worst + request.estimate

    async def _reserve_less(
        self, order: MeteredRequest, bound: int, refusal: BudgetRefusal
    ) -> tuple[MeteredRequest, Reservation | BudgetRefusal]:
        """The same request with a closer bound and a shorter answer, if that fits into what is left.

        Else the refusal of the shortest: what that costs is what has to be free.
        """
        bound = min(bound, await self._count(order.request) or bound)
        whole = int(order.request.body["max_tokens"])
        least = whole if order.aside else min(SHORTEST, whole)
        found: Reservation | BudgetRefusal = refusal
        for _ in range(TRIES):
            if isinstance(found, Reservation) or found.left is None:
                break
            model, today = self._claude.name_priced_model(order.request), self._clock().date()
            searches, left = order.request.searches_bound, found.left - order.request.estimate
            room = self.prices.affordable_output(model, bound, left, today, self.geo, searches=searches)
            order = replace(order, request=shorten_request(order.request, max(least, min(whole, room))))
            found = await self._reserve(order, bound)
            if room < least:
                break
        return order, found

    async def _count(self, request: Request) -> int | None:
        """What Anthropic says that the prompt has, with what tools may find; None where it does not say."""
        try:
            return int(await self._claude.count(request) * ESTIMATE) + 1 + request.results_bound
        except ClaudeError as error:
            log.warning("the prompt could not be counted: %s", error)
            return None

    async def _write_settlement(self, reservation: Reservation, settled: Settlement, end: StepEnd | None) -> Settled:
        """Settle the row; while the database can't be written, try again for minutes. Raises StoreUnavailable."""
        settle = partial(self.ledger.settle, reservation, settled, end)
        again = partial(backoff.retry, settle, StoreUnavailable, self._sleep, report=_report_unsettled)
        return await again(longest=SETTLING, tries=SETTLES)

    def _settlement_of(self, order: MeteredRequest, bound: int, answer: Completion) -> Settlement | None:
        """What an answer cost, by the prices of the model that gave it, else of the one that was asked.

        None where a gateway does not tell what it used. What tools found may cost more than was set aside for it.
        """
        now, asked = self._clock(), self._claude.name_priced_model(order.request)
        named = answer.model if is_model_id(answer.model) else asked
        if answer.stop == "refusal" and not answer.content:
            return Settlement(Usage(), answer.stop, now, named, answer.request, 0)  # which is not billed
        if not answer.counted:
            return None
        worst, self.geo = self._find_worst_cost(order.request, bound), answer.geo or self.geo
        costs = (self.prices.cost(model, answer.usage, now.date(), answer.geo) for model in (named, asked))
        cost = next((one for one in costs if one), None)
        if cost and worst is not None and cost.micro_usd > worst:
            log.warning(OVERRUN, dollars(cost.micro_usd), dollars(worst), extra={"request": answer.request})
        key, request = order.question.key, order.request
        miss = None if order.aside else self._prompt_cache.note(key, request, answer.asked, now)
        settled = Settlement(answer.usage, answer.stop, now, named, answer.request, miss=miss)
        if cost is None:
            return settled
        estimate = request.estimate if ran_code(answer.content) else 0
        return replace(settled, micro_usd=cost.micro_usd + estimate, saved=cost.saved, estimate=estimate)

    def _bound_settlement(
        self, order: MeteredRequest, bound: int, came: MessageAccumulator, ended: str, *, silent: bool
    ) -> Settlement:
        """The closest bound of a request whose cost is not known: it was stopped, broke off, or told no usage.

        Its prompt is what message_start told, else the most that it can be; its output is bounded by what came, but
        after a long `silent` wait only by `max_tokens`.
        """
        day, request = self._clock().date(), order.request
        longest = int(request.body["max_tokens"])
        most = came.bound_usage(longest, request.ttl)
        output = longest if silent else most.output
        answered = read_word(came.message, "model")
        model = answered if answered and self.prices.has_price(answered) else self._claude.name_priced_model(request)
        if most.prompt is None:
            micro_usd, prompt = self._find_worst_cost(shorten_request(request, output), bound), bound
        else:
            geo = read_word(read_field(came.message, "usage"), "inference_geo") or self.geo
            cost = self.prices.cost(model, replace(most.prompt, output=output), day, geo)
            micro_usd, prompt = cost.micro_usd + request.estimate if cost else None, most.prompt.prompt
        return Settlement(
            None, ended, self._clock(), answered, micro_usd=micro_usd, input_bound=prompt, output_bound=output
        )

    async def _settle(self, reservation: Reservation, settled: Settlement, asked: Request, end: StepEnd | None) -> bool:
        """Write down what a request came to. Trouble with that loses no answer: the row then stands at its bound.

        Whether the final text is stored with it.
        """
        written = Settled()
        try:
            written = await self._write_settlement(reservation, settled, end)
        except Exception:
            log.exception("row %d of the ledger stands at its bound", reservation.id)
        model = settled.model or self._claude.name_priced_model(asked)
        self.emit(RequestEnded(model, settled.outcome, settled.usage, settled.micro_usd))
        log.info("asked %s: %s", model, settled.outcome, extra={"request": settled.request})
        for status in written.nearly:
            if self.warn is not None:
                await self.warn(status)
        return written.stored


def _report_unsettled(error: BaseException, seconds: float) -> None:
    log.error("a request could not be settled, trying again in %.1f s: %s", seconds, error)

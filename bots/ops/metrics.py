"""Metrics: telemetry events counted for Prometheus, in a registry of its own."""

import asyncio
import re
from datetime import datetime
from functools import partial

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)

from core.domain.clock import Clock
from core.domain.messages import Outcome, Question
from core.domain.usage import Usage
from core.telemetry import (
    AnswerBegun,
    BackfillAdvanced,
    PlatformCalled,
    QuestionClosed,
    RequestEnded,
    ShardsCounted,
    TelemetryEvent,
)

KINDS = ("input", "output", "cache_read", "cache_write_5m", "cache_write_1h")
SECONDS = (0.5, 1, 2, 3, 5, 8, 13, 20, 30, 60, 120, 300)
"""Bounds of the histograms' buckets: a first word takes seconds, a long answer minutes."""
MODELS, OUTCOMES, METHODS = 50, 50, 200  # values that a label has at most; what is beyond counts as one more, `other`
OTHER = "other"
PLAIN = re.compile(r"[\w ./:@{}#-]{1,128}", re.ASCII)


class BoundedLabel:
    """Values of a label: the first `most` different ones, `other` for the rest, and for what is no plain word."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: set[str] = set()

    def limit(self, value: str) -> str:
        """The value, or `other`."""
        if value not in self._known and (len(self._known) >= self._most or not PLAIN.fullmatch(value)):
            return OTHER
        self._known.add(value)
        return value


class Metrics:
    """Counts telemetry events; `render` is what a scrape reads."""

    content_type = CONTENT_TYPE_LATEST

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        histogram = partial(Histogram, buckets=SECONDS, registry=self._registry)
        counter = partial(Counter, registry=self._registry)
        gauge = partial(Gauge, registry=self._registry)
        self._questions = counter("confab_questions", "Questions closed, by how.", ["platform", "outcome"])
        self._first = histogram("confab_first_text_seconds", "From a question to Claude's first words.", ["platform"])
        self._whole = histogram("confab_answer_seconds", "From a question to its whole answer.", ["platform"])
        self._requests = counter("confab_requests", "Requests to Claude, by how they ended.", ["model", "outcome"])
        self._tokens = counter("confab_tokens", "Tokens as Claude bills them.", ["model", "kind"])
        self._cost = counter("confab_cost_usd", "US dollars that requests cost, where prices are known.", ["model"])
        self._hits = gauge("confab_cache_hit_ratio", "Of all prompt tokens so far, those read from cache.")
        self._calls = counter("confab_platform_calls", "Requests to a platform.", ["platform", "method", "outcome"])
        self._open = gauge("confab_open_questions", "Questions that wait or are being answered.")
        self._parked = gauge("confab_parked_questions", "Questions that wait until somebody allows a tool to act.")
        self._oldest = gauge("confab_oldest_question_seconds", "The age of the oldest open question.")
        self._tasks = gauge("confab_tasks", "Tasks that this process has under way.")
        self._connected = gauge("confab_connected", "Whether a platform is connected.", ["platform"])
        self._shards = gauge("confab_shards", "Shards: all, held here, held by nobody.", ["platform", "state"])
        self._starts = gauge("confab_session_starts_left", "Sessions that may begin today.", ["platform"])
        self._unread = gauge("confab_backfill_unread", "Channels and threads still to be read.", ["platform"])
        self._used = Usage()
        self._models, self._outcomes, self._methods = (
            BoundedLabel(MODELS),
            BoundedLabel(OUTCOMES),
            BoundedLabel(METHODS),
        )

    def __call__(self, event: TelemetryEvent) -> None:
        match event:
            case AnswerBegun(question):
                self._first.labels(question.key.platform).observe(self._age(question))
            case QuestionClosed(question, outcome):
                self._close(question, outcome)
            case RequestEnded(model, outcome, usage, micro_usd):
                label = self._models.limit(model)
                self._requests.labels(label, self._outcomes.limit(outcome)).inc()
                self._spend(label, usage or Usage(), micro_usd or 0)
            case PlatformCalled(platform, method, outcome):
                self._calls.labels(platform, self._methods.limit(method), outcome).inc()
            case BackfillAdvanced(workspace, unread):
                self._unread.labels(workspace.partition(":")[0]).set(unread)
            case ShardsCounted():
                self._count_shards(event)

    def _count_shards(self, counted: ShardsCounted) -> None:
        for state in ("count", "held", "unheld"):
            self._shards.labels(counted.platform, state).set(getattr(counted, state))
        if counted.starts_left is not None:
            self._starts.labels(counted.platform).set(counted.starts_left)

    def render(self, waiting: int, oldest: datetime | None, connected: dict[str, bool], parked: int = 0) -> bytes:
        """All of it, with what is known only just now: the open questions and the platforms."""
        self._open.set(waiting)
        self._parked.set(parked)
        self._tasks.set(len(asyncio.all_tasks()))
        self._oldest.set((self._clock() - oldest).total_seconds() if oldest else 0)
        for platform, is_connected in connected.items():
            self._connected.labels(platform).set(is_connected)
        return generate_latest(self._registry)

    def _age(self, question: Question) -> float:
        return (self._clock() - question.at).total_seconds()

    def _close(self, question: Question, outcome: Outcome) -> None:
        platform = question.key.platform
        command = question.command is not None and outcome in (Outcome.CARRIED_OUT, Outcome.REFUSED)
        self._questions.labels(platform, "command" if command else outcome.value).inc()
        if outcome is Outcome.SHOWN:
            self._whole.labels(platform).observe(self._age(question))

    def _spend(self, model: str, usage: Usage, micro_usd: int) -> None:
        self._cost.labels(model).inc(micro_usd / 1_000_000)
        for kind in KINDS:
            if tokens := getattr(usage, kind):
                self._tokens.labels(model, kind).inc(tokens)
        self._used += usage
        if self._used.prompt:
            self._hits.set(self._used.cache_read / self._used.prompt)

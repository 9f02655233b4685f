"""Health: liveness, readiness and metrics of this process, over HTTP."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from aiohttp import web

from bots.app.claude_watch import ClaudeWatch
from bots.app.supervisor import Supervisor
from bots.delivery.living_processes import LivingProcesses
from core.domain.clock import Clock, system_clock
from core.domain.errors import StoreUnavailable
from core.store.protocols import Questions
from core.telemetry import BackfillAdvanced, HeartbeatSent, ShardsCounted, TelemetryEvent

if TYPE_CHECKING:
    from bots.ops.metrics import Metrics

LATE = 10.0  # seconds without a heartbeat after which other processes take our questions over
STUCK = 60.0  # seconds without a heartbeat, though the database answers, after which only a restart can help
SOON = 2.0  # seconds that a probe waits for the database; those of orchestrators wait five


class Health:
    """Liveness and readiness probes. `seconds` is a monotonic clock, `clock` tells the time of day.

    It is told of every telemetry event, and counts them unless it is told that nobody will read the `metrics`.
    """

    def __init__(
        self,
        questions: Questions,
        seconds: Callable[[], float] = time.monotonic,
        clock: Clock = system_clock,
        claude: ClaudeWatch | None = None,
        patience: float = SOON,
        *,
        metrics: bool = True,
    ) -> None:
        self._questions = questions
        self._seconds = seconds
        self._clock = clock
        self._claude = claude
        self._patience = patience
        self._beat_at = seconds()
        self._metrics: Metrics | None = None
        if metrics:
            from bots.ops import metrics as counted  # noqa: PLC0415  it loads the library of Prometheus

            self._metrics = counted.Metrics(clock)
        self.living = LivingProcesses(seconds)
        """The processes that share this one's database, and so the platforms' limits."""
        self._shards: dict[str, ShardsCounted] = {}
        self._unread: dict[str, int] = {}
        """Channels and threads of each workspace in which what was missed is still to be looked for."""
        self._supervisors: Sequence[Supervisor] = ()

    def __call__(self, event: TelemetryEvent) -> None:
        if isinstance(event, HeartbeatSent):
            self._beat_at = self._seconds()
        if isinstance(event, ShardsCounted):
            self._shards[event.platform] = event
        if isinstance(event, BackfillAdvanced):
            self._unread[event.workspace] = event.unread
        self.living(event)
        if self._claude is not None:
            self._claude(event)
        if self._metrics is not None:
            self._metrics(event)

    def is_claude_refused(self) -> bool:
        """Whether Claude does not accept our key."""
        return self._claude is not None and self._claude.refused

    def count_unread(self, workspace: str) -> int:
        """Channels and threads of a workspace in which what was missed is still to be looked for."""
        return self._unread.get(workspace, 0)

    def routes(self, supervisors: Sequence[Supervisor]) -> list[web.RouteDef]:
        """Return the routes that tell the state of this process and of the platforms that `supervisors` run."""
        self._supervisors = supervisors
        return [
            web.get("/healthz", self._answer_healthz),
            web.get("/livez", self._answer_livez),
            web.get("/readyz", self._answer_readyz),
            *([web.get("/metrics", self._answer_metrics)] if self._metrics else []),
        ]

    async def _answer_healthz(self, request: web.Request) -> web.Response:
        silent = self._seconds() - self._beat_at
        told = {"alive": silent < LATE, "seconds_since_beat": round(silent, 1)}
        return web.json_response(told, status=200 if told["alive"] else 503)

    async def _answer_livez(self, request: web.Request) -> web.Response:
        """A database that is away is no reason to restart: the process goes on by itself when it is back."""
        silent = self._seconds() - self._beat_at
        alive = silent < STUCK or not await self._reaches_database()
        return web.json_response({"alive": alive, "seconds_since_beat": round(silent, 1)}, status=200 if alive else 503)

    async def _reaches_database(self) -> bool:
        try:
            await self._count_open()
        except StoreUnavailable:
            return False
        return True

    async def _count_open(self) -> tuple[int, datetime | None]:
        """How many questions are open, and since when. Raises StoreUnavailable soon: probes have little time."""
        try:
            async with asyncio.timeout(self._patience):
                return await self._questions.count_open()
        except TimeoutError as error:
            raise StoreUnavailable("the database does not answer in time") from error

    async def _answer_readyz(self, request: web.Request) -> web.Response:
        offline = {one.platform.name: one.offline for one in self._supervisors}
        told: dict[str, object] = {"ready": not any(offline.values())}
        told["platforms"] = {name: why or "connected" for name, why in offline.items()}
        if self._shards:
            told["shards"] = {name: _describe_shards(one) for name, one in self._shards.items()}
        if any(self._unread.values()):
            told["catching_up"] = dict(self._sum_unread())
        if self.is_claude_refused():
            told["claude"] = "does not accept ANTHROPIC_API_KEY"  # who asks is told so: events are welcome
        try:
            waiting, oldest = await self._count_open()
            age = (self._clock() - oldest).total_seconds() if oldest else 0.0
            told |= {"open_questions": waiting, "oldest_question_seconds": round(age, 1)}
        except StoreUnavailable:
            told |= {"ready": False, "database": "can't be read just now"}
        return web.json_response(told, status=200 if told["ready"] else 503)

    def _sum_unread(self) -> Counter[str]:
        """By platform: who asks may be anybody, and learns nothing of workspaces."""
        summed = Counter[str]()
        for workspace, count in self._unread.items():
            summed[workspace.partition(":")[0]] += count
        return summed

    async def _answer_metrics(self, request: web.Request) -> web.Response:
        try:
            waiting, oldest = await self._count_open()
            parked = await self._questions.count_parked()
        except StoreUnavailable:
            raise web.HTTPServiceUnavailable from None
        connected = {one.platform.name: not one.offline for one in self._supervisors}
        assert self._metrics
        body = self._metrics.render(waiting, oldest, connected, parked)
        return web.Response(body=body, headers={"Content-Type": self._metrics.content_type})


def _describe_shards(counted: ShardsCounted) -> dict[str, int | None]:
    return {"count": counted.count, "held": counted.held, "unheld": counted.unheld, "starts_left": counted.starts_left}

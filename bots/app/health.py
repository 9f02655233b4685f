"""Health: whether this process lives, whether it is connected, and what it counts, over HTTP."""

import time
from collections.abc import Callable, Sequence

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST

from bots.app.supervisor import Supervisor
from bots.ops.metrics import Metrics
from core.domain.clock import Clock, system_clock
from core.domain.errors import StoreUnavailable
from core.store.protocols import Questions
from core.telemetry import HeartbeatSent, TelemetryEvent

LATE = 10.0  # seconds without a beat after which other processes take our questions over


class Health:
    """A watch that can be asked. `clock` counts seconds, `now` tells the time of day."""

    def __init__(
        self, questions: Questions, clock: Callable[[], float] = time.monotonic, now: Clock = system_clock
    ) -> None:
        self._questions = questions
        self._clock = clock
        self._now = now
        self._beaten = clock()
        self._metrics = Metrics(now)
        self._connections: Sequence[Supervisor] = ()

    def __call__(self, sign: TelemetryEvent) -> None:
        if isinstance(sign, HeartbeatSent):
            self._beaten = self._clock()
        self._metrics(sign)

    def routes(self, connections: Sequence[Supervisor]) -> list[web.RouteDef]:
        """Where the state of this process and of `connections` is told."""
        self._connections = connections
        return [web.get("/healthz", self._alive), web.get("/readyz", self._ready), web.get("/metrics", self._counted)]

    async def _alive(self, request: web.Request) -> web.Response:
        silent = self._clock() - self._beaten
        told = {"alive": silent < LATE, "seconds_since_beat": round(silent, 1)}
        return web.json_response(told, status=200 if told["alive"] else 503)

    async def _ready(self, request: web.Request) -> web.Response:
        offline = {one.platform.name: one.offline for one in self._connections}
        told: dict[str, object] = {"ready": not any(offline.values())}
        told["platforms"] = {name: why or "connected" for name, why in offline.items()}
        try:
            waiting, oldest = await self._questions.count_open()
            age = (self._now() - oldest).total_seconds() if oldest else 0.0
            told |= {"open_questions": waiting, "oldest_question_seconds": round(age, 1)}
        except StoreUnavailable:
            told |= {"ready": False, "database": "can't be read just now"}
        return web.json_response(told, status=200 if told["ready"] else 503)

    async def _counted(self, request: web.Request) -> web.Response:
        try:
            waiting, oldest = await self._questions.count_open()
        except StoreUnavailable:
            raise web.HTTPServiceUnavailable from None
        connected = {one.platform.name: not one.offline for one in self._connections}
        body = self._metrics.text(waiting, oldest, connected)
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})

"""Living processes: how many share a platform's limits with this one, as the heartbeats tell."""

import time
from collections import deque
from collections.abc import Callable

from core.telemetry import HeartbeatSent, TelemetryEvent

WINDOW = 60.0  # seconds; what a process sent before it left counts at the platforms for so long


class LivingProcesses:
    """The most processes that lived within the last minute; this one alone, before its first heartbeat.

    It is a sink of telemetry events. `clock` counts seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: deque[tuple[float, int]] = deque()
        """Heartbeats that no later one has outnumbered, oldest first."""

    def __call__(self, event: TelemetryEvent) -> None:
        if isinstance(event, HeartbeatSent):
            while self._seen and self._seen[-1][1] <= event.processes:
                self._seen.pop()
            self._seen.append((self._clock(), event.processes))

    def count(self) -> int:
        """How many there are; where no heartbeat came for a minute, as many as the last one told of."""
        since = self._clock() - WINDOW
        while len(self._seen) > 1 and self._seen[0][0] <= since:
            self._seen.popleft()
        return max(1, self._seen[0][1]) if self._seen else 1

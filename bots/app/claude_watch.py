"""Watch of Claude: what does not work there is logged at the start, and checked again until it works."""

import asyncio
import logging
from collections.abc import Callable

from bots.app.doctor import NOT_ACCEPTED, TROUBLES
from bots.ops.results import CheckResult, CheckResults
from core.domain.clock import Sleep
from core.telemetry import RequestEnded, TelemetryEvent

SOON, LATEST = 30.0, 600.0  # seconds between two checks while something does not work, the first and at most
REST = 6 * 3600.0  # seconds between two checks while all works: a model may begin to retire
REFUSED = "key"  # the outcome of a request whose key Claude does not accept
MEND = TROUBLES[REFUSED][1]

log = logging.getLogger(__name__)


class ClaudeWatch:
    """Logs each finding of `check` that is amiss, once as long as it stays the same, and when all works again.

    It is told of every telemetry event: a request that shows another state of the key than the last check did is a
    reason to check at once.
    """

    def __init__(self, check: Callable[[], CheckResults], sleep: Sleep = asyncio.sleep) -> None:
        self._check = check
        self._sleep = sleep
        self._woken = asyncio.Event()
        self.refused = False
        """Claude does not accept our key, as the last request or check says."""

    def __call__(self, event: TelemetryEvent) -> None:
        if isinstance(event, RequestEnded) and (event.outcome == REFUSED or event.usage is not None):
            if self.refused != (event.outcome == REFUSED):
                self._woken.set()
            self.refused = event.outcome == REFUSED

    async def run(self) -> None:
        """Check until cancelled."""
        before: list[CheckResult] = []
        pause = SOON
        while True:
            found = await self._find()
            amiss = [one for one in found if one.state in ("problem", "warning")]
            self._report([one for one in amiss if one not in before])
            if before and not amiss:
                log.info("Claude: all works now")
            if not self._woken.is_set():  # else a request knows better than a check that began before it
                self._learn(found, before)
            broken = any(one.state == "problem" for one in amiss)
            await self._rest(pause if broken else REST)
            before, pause = amiss, min(pause * 2, LATEST) if broken else SOON

    async def _find(self) -> list[CheckResult]:
        try:
            return [one async for one in self._check()]
        except Exception:
            log.exception("the check of Claude failed")
            return []

    def _learn(self, found: list[CheckResult], before: list[CheckResult]) -> None:
        """Take over what a check says of the key; one that could not ask says nothing."""
        key = next((one for one in found if one.name == "key"), None)
        if key is not None and key.state == "ok":
            if self.refused and not before:
                log.error("Claude, key: accepted for the list of models, and not for an answer. %s", MEND)
            self.refused = False
        elif key is not None and key.says.startswith(NOT_ACCEPTED):
            self.refused = True

    async def _rest(self, seconds: float) -> None:
        """Sleep so long, or until a request tells something new of the key."""
        resting = [asyncio.ensure_future(self._sleep(seconds)), asyncio.create_task(self._woken.wait())]
        try:
            done, _ = await asyncio.wait(resting, return_when=asyncio.FIRST_COMPLETED)
            for one in done:
                one.result()
        finally:
            for one in resting:
                one.cancel()
            await asyncio.gather(*resting, return_exceptions=True)
        self._woken.clear()

    def _report(self, findings: list[CheckResult]) -> None:
        for one in findings:
            level = logging.ERROR if one.state == "problem" else logging.WARNING
            log.log(level, "%s, %s: %s. %s", one.service, one.name, one.says, one.mend)

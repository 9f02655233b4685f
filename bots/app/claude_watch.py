"""Watch of Claude: what does not work there is logged at the start, and checked again until it works."""

import asyncio
import logging
from collections.abc import Callable

from bots.ops.results import CheckResult, CheckResults
from core.domain.clock import Sleep

SOON, LATEST = 30.0, 600.0  # seconds between two checks while something does not work, the first and at most
REST = 6 * 3600.0  # seconds between two checks while all works: a model may begin to retire

log = logging.getLogger(__name__)


class ClaudeWatch:
    """Logs each finding of `check` that is amiss, once as long as it stays the same, and when all works again."""

    def __init__(self, check: Callable[[], CheckResults], sleep: Sleep = asyncio.sleep) -> None:
        self._check = check
        self._sleep = sleep

    async def run(self) -> None:
        """Check until cancelled."""
        before: list[CheckResult] = []
        pause = SOON
        while True:
            amiss = await self._find_amiss()
            self._report([one for one in amiss if one not in before])
            if before and not amiss:
                log.info("Claude: all works now")
            broken = any(one.state == "problem" for one in amiss)
            await self._sleep(pause if broken else REST)
            before, pause = amiss, min(pause * 2, LATEST) if broken else SOON

    async def _find_amiss(self) -> list[CheckResult]:
        try:
            return [one async for one in self._check() if one.state in ("problem", "warning")]
        except Exception:
            log.exception("the check of Claude failed")
            return []

    def _report(self, findings: list[CheckResult]) -> None:
        for one in findings:
            level = logging.ERROR if one.state == "problem" else logging.WARNING
            log.log(level, "%s, %s: %s. %s", one.service, one.name, one.says, one.mend)

"""Check results: the outcome of a health check of a service, and what mends it."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Literal

SECONDS = 5.0  # that one call to a service may take

State = Literal["ok", "warning", "problem", "off"]
"""`off` is what is not configured. A problem keeps people from their answers; a warning does not, or not yet."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One thing that works or does not, in the operator's words. Where something is wrong, `mend` says what to do."""

    service: str
    name: str
    state: State
    says: str
    mend: str = ""

    @property
    def works(self) -> bool:
        return self.state in ("ok", "warning")


@dataclass(frozen=True, slots=True)
class Service:
    """Something that Confab needs, by its name; makes the results of its checks."""

    name: str

    def ok(self, name: str, says: str) -> CheckResult:
        return CheckResult(self.name, name, "ok", says)

    def warning(self, name: str, says: str, mend: str) -> CheckResult:
        return CheckResult(self.name, name, "warning", says, mend)

    def problem(self, name: str, says: str, mend: str) -> CheckResult:
        return CheckResult(self.name, name, "problem", says, mend)

    def off(self, mend: str) -> CheckResult:
        return CheckResult(self.name, "settings", "off", "not configured", mend)


CLAUDE = Service("Claude")
DATABASE = Service("Database")
FILES = Service("Files")
MCP = Service("MCP")
PERSONAS = Service("Personas")
TOOLS = Service("Tools")

CheckResults = AsyncIterator[CheckResult]
"""A check under way: an iterator that asks as it is read, and ends."""


async def run_concurrently(*checks: CheckResults) -> CheckResults:
    """Run checks side by side; what they find comes in their order. Raises what one raised, after all have ended."""
    ended = await asyncio.gather(*(_collect(check) for check in checks), return_exceptions=True)
    for one in ended:
        if not isinstance(one, BaseException):
            for finding in one:
                yield finding
    for one in ended:
        if isinstance(one, BaseException):
            raise one


async def _collect(check: CheckResults) -> list[CheckResult]:
    return [finding async for finding in check]

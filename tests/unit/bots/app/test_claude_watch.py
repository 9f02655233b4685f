"""What does not work at Claude is logged at the start, and again when it changes."""

import asyncio
import logging

from bots.app.claude_watch import LATEST, REST, SOON, ClaudeWatch
from bots.ops.results import CLAUDE

OK = CLAUDE.ok("key", "accepted, for 6 models")
KEY = CLAUDE.problem("key", "not accepted", "Make another.")
ENDS = CLAUDE.warning("model m", "active; it retires on 2026-11-30", "Set CONFAB_MODEL to another one.")


class Checks:
    """Checks that find what they are told to, one after the other; the watch sleeps through all of them."""

    def __init__(self, *rounds) -> None:
        self.rounds = list(rounds)
        self.pauses: list[float] = []

    async def check(self):
        found = self.rounds.pop(0)
        if isinstance(found, Exception):
            raise found
        for one in found:
            yield one

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        if not self.rounds:
            raise asyncio.CancelledError

    async def run(self) -> None:
        await asyncio.gather(ClaudeWatch(self.check, self.sleep).run(), return_exceptions=True)


async def logged(caplog, *rounds) -> list[tuple[str, str]]:
    with caplog.at_level(logging.INFO):
        await Checks(*rounds).run()
    return [(one.levelname, one.getMessage()) for one in caplog.records]


async def test_what_works_is_not_told(caplog):
    assert await logged(caplog, [OK], [OK]) == []


async def test_what_does_not_work_is_told_once_until_it_changes(caplog):
    assert await logged(caplog, [KEY], [KEY], [OK, ENDS], [OK], [KEY]) == [
        ("ERROR", "Claude, key: not accepted. Make another."),
        ("WARNING", "Claude, model m: active; it retires on 2026-11-30. Set CONFAB_MODEL to another one."),
        ("INFO", "Claude: all works now"),
        ("ERROR", "Claude, key: not accepted. Make another."),
    ]


async def test_a_problem_is_looked_at_again_soon_and_a_warning_in_hours():
    checks = Checks(*[[KEY]] * 7, [ENDS], [KEY], [])
    await checks.run()

    assert checks.pauses == [SOON, 60, 120, 240, 480, LATEST, LATEST, REST, SOON, REST]


async def test_a_check_that_breaks_ends_nothing(caplog):
    assert ("ERROR", "Claude, key: not accepted. Make another.") in await logged(caplog, KeyError("x"), [KEY])

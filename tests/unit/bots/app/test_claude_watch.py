"""What does not work at Claude is logged at the start, and again when it changes."""

import asyncio
import logging

from bots.app.claude_watch import LATEST, REST, SOON, ClaudeWatch
from bots.ops.results import CLAUDE
from core.domain.usage import Usage
from core.telemetry import RequestEnded

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


REFUSED, ANSWERED = (RequestEnded("m", *ended) for ended in (("key", None), ("end_turn", Usage(1))))


async def watched(*said, rounds) -> tuple[list[bool], int]:
    """Whether the key was refused after each check; events are told one after the other, each while it rests."""
    waiting, states, checks = list(said), [], list(rounds)

    async def check():
        for one in checks.pop(0):
            yield one

    async def sleep(seconds: float) -> None:
        states.append(watch.refused)
        if not checks:
            raise asyncio.CancelledError
        if waiting:
            watch(waiting.pop(0))
            await asyncio.Event().wait()

    watch = ClaudeWatch(check, sleep)
    async with asyncio.timeout(5):
        await asyncio.gather(watch.run(), return_exceptions=True)
    return states, len(checks)


async def test_a_refused_request_is_a_reason_to_check_and_so_is_one_that_is_answered_again(caplog):
    with caplog.at_level(logging.INFO):
        states = await watched(REFUSED, ANSWERED, rounds=[[OK], [KEY], [OK]])

    assert states == ([False, True, False], 0)
    assert [one.getMessage() for one in caplog.records] == [
        "Claude, key: not accepted. Make another.",
        "Claude: all works now",
    ]


async def test_a_key_that_works_again_is_found_without_a_question():
    assert await watched(REFUSED, rounds=[[OK], [KEY], [KEY], [OK]]) == ([False, True, True, False], 0)


async def test_what_is_known_of_the_key_is_not_told_again_by_a_request():
    watch = ClaudeWatch(Checks().check)
    for event in (REFUSED, REFUSED, ANSWERED, ANSWERED, RequestEnded("m", "overloaded", None)):
        watch(event)

    assert watch.refused is False


async def test_a_check_that_gets_no_answer_changes_nothing_about_a_refused_key():
    away = CLAUDE.problem("key", "no answer (timeout)", "Wait.")

    assert await watched(REFUSED, rounds=[[OK], [away], [KEY], [away]]) == ([False, True, True, True], 0)


async def test_a_check_that_began_before_a_request_was_refused_says_nothing_of_the_key(caplog):
    states, rounds = [], [[OK], [KEY]]

    async def check():
        for one in rounds.pop(0):
            if one is OK:
                watch(REFUSED)
            yield one

    async def sleep(seconds: float) -> None:
        states.append(watch.refused)
        await (asyncio.Event().wait() if rounds else asyncio.sleep(0))
        if not rounds and len(states) == 2:
            raise asyncio.CancelledError

    watch = ClaudeWatch(check, sleep)
    await asyncio.gather(watch.run(), return_exceptions=True)

    assert states == [True, True]
    assert [one.getMessage() for one in caplog.records] == ["Claude, key: not accepted. Make another."]


async def test_a_key_that_only_lists_models_is_told(caplog):
    await watched(REFUSED, rounds=[[OK], [OK]])

    assert [one.levelname for one in caplog.records] == ["ERROR"]
    assert "accepted for the list of models, and not for an answer" in caplog.text


async def test_a_check_that_breaks_ends_nothing(caplog):
    assert ("ERROR", "Claude, key: not accepted. Make another.") in await logged(caplog, KeyError("x"), [KEY])

"""Ending: a process ends in time, whatever is still under way that does not let itself be cancelled."""

import asyncio
import logging
import os
from collections.abc import Coroutine
from typing import Any, TypeVar

ENDING = 10.0  # seconds in which what was cancelled has to end: a tool of others may not take notice of it

Result = TypeVar("Result")

log = logging.getLogger(__name__)


def run_to_end(main: Coroutine[Any, Any, Result], seconds: float = ENDING) -> Result:
    """Run `main` as `asyncio.run` does, and leave what does not end behind it: then the process ends here."""
    failed = True
    with asyncio.Runner() as runner:
        try:
            result = runner.run(main)
            failed = False
        finally:
            if names := runner.get_loop().run_until_complete(_cancel_tasks(seconds)):
                log.error("ends although this does not: %s", ", ".join(names))
                logging.shutdown()
                os._exit(int(failed))
    return result


async def _cancel_tasks(seconds: float) -> list[str]:
    """Cancel all other tasks; the names of those that go on after so many seconds."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    _, going = await asyncio.wait(others, timeout=seconds) if others else (set(), set())
    return sorted(task.get_name() for task in going)

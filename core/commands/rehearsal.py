"""Rehearsal: validates a command whose form is still open, and changes nothing: the form says what is wrong."""

import asyncio
import logging
from collections.abc import Mapping

from core.commands.registry import (
    CommandContext,
    Invocation,
    UsageError,
    check_rank,
    explain_missing,
    find_command,
    list_missing,
    parse_options,
    parse_values,
)
from core.domain.errors import ConfabError
from core.domain.events import Commanded
from core.domain.messages import Question
from core.domain.platform import Surface

SECONDS = 1.5  # that it may take: a platform waits three until it calls a form failed

log = logging.getLogger(__name__)


async def find_faults(
    event: Commanded, surface: Surface, context: CommandContext, seconds: float = SECONDS
) -> Mapping[str, str]:
    """What is wrong with a command, by the parameter that is to blame; the empty one where it is no single one.

    Nothing where that is not known in time: who gave the command is told when it is carried out.
    """
    question = Question(event.key, event.id, event.person, event.at, command=event.line, values=event.values)
    try:
        row, rest = find_command(context.table, event.line)
        if missing := list_missing(row, parse_options(row, rest) | dict(event.values)):
            return {one.name: explain_missing(one) for one in missing}
        call = Invocation(question, parse_values(row, rest, event.values), surface, context)
        async with asyncio.timeout(seconds):
            await check_rank(row, call)
            if row.rehearse is not None:
                await row.rehearse(call)
    except UsageError as error:
        return {error.parameter: _word_for_field(error)}
    except (ConfabError, TimeoutError) as error:
        log.info("whether a form may be saved is found out when its command is carried out: %s", error or "no answer")
    return {}


def _word_for_field(error: UsageError) -> str:
    """The sentence below a field, which need not name it."""
    return str(error).replace(f"{error.parameter} is ", "Must be ", 1) if error.parameter else str(error)

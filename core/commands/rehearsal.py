"""Rehearsal: validates a command whose form is still open, and changes nothing: the form says what is wrong."""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import replace

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
from core.domain.platform import Platform

REHEARSED = "{}:rehearsed"  # the name of what is only rehearsed
SECONDS = 1.5  # that it may take: a platform waits three until it calls a form failed

log = logging.getLogger(__name__)


class Rehearsals:
    """Rehearses the commands of forms, each in so many seconds, and answers a repeated submission as the first one.

    A platform sends a submission again whose answer it did not see; what its first did is then no fault of it.
    """

    def __init__(self, context: CommandContext, platforms: Mapping[str, Platform], seconds: float = SECONDS) -> None:
        self._context = context
        self._platforms = platforms
        self._seconds = seconds

    async def find_faults(self, event: Commanded) -> Mapping[str, str]:
        """What is wrong with a command, by the parameter that is to blame; the empty one where it is no single one.

        Nothing where that is not known in time: who gave the command is told when it is carried out.
        """
        faults = await self._rehearse(event)
        if faults and await self._context.store.questions.is_kept(event.key, event.id):
            return {}  # it was taken the first time, and has changed what it is compared with now
        return faults

    async def _rehearse(self, event: Commanded) -> Mapping[str, str]:
        missing: Mapping[str, str] = {}
        try:
            row, rest = find_command(self._context.table, event.line)
            given = parse_options(row, rest) | dict(event.values)
            missing = {one.name: explain_missing(one) for one in list_missing(row, given)}
            values = parse_values(row, rest, event.values, whole=not missing)
            look = row.foresee if missing else row.rehearse
            async with asyncio.timeout(self._seconds):
                call = await self._build_call(event, values)
                await check_rank(row, call)
                if look is not None:
                    await look(call)
        except UsageError as error:
            return {**missing, error.parameter: _word_for_field(error)}
        except (ConfabError, TimeoutError) as error:
            log.info(
                "whether a form may be saved is found out when its command is carried out: %s", error or "no answer"
            )
        return missing

    async def _build_call(self, event: Commanded, values: Mapping[str, str]) -> Invocation:
        """The command as it would be carried out. Raises what a surface may.

        It has a name of its own: what is to be answered by the command's name waits until that is stored.
        """
        question = Question(
            event.key, REHEARSED.format(event.id), event.person, event.at, address=event.address, command=event.line
        )
        question = replace(question, values=event.values, attachments=event.attachments)
        surface = await self._platforms[event.key.platform].surface(question)
        return Invocation(question, values, surface, self._context)


def _word_for_field(error: UsageError) -> str:
    """The sentence below a field, which need not name it."""
    return str(error).replace(f"{error.parameter} is ", "Must be ", 1) if error.parameter else str(error)

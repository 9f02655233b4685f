"""Commands given by forms: the same functions as in chat, with the same ranks, sentences and rows of the audit log."""

import asyncio
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from bots.web.dashboard.operator_surface import OperatorSurface
from bots.web.sign_in.guard import Visit
from bots.web.sign_in.whois import PATIENCE, Whois
from bots.web.site.site import PageRefused
from core.commands import TABLE
from core.commands.registry import (
    Command,
    CommandContext,
    Invocation,
    UsageError,
    find_command,
    parse_values,
    run_command,
)
from core.domain.errors import CannotAnswer, CannotShow
from core.domain.messages import Question, ThreadKey, clean_text
from core.domain.platform import Surface

NOT_YET = (503, "Not just now", "Confab is starting. Try again in a moment.")
GONE = "That place is gone, or closed to Confab."
AWAY = "{platform} can't be reached just now, so nothing was changed. Try again in a minute."


@dataclass(frozen=True, slots=True)
class CommandOutcome:
    """What came of a command: whether it was carried out, what it says, and which parameter was to blame."""

    good: bool
    says: str
    parameter: str = ""


@dataclass(slots=True)
class Clerk:
    """Gives commands in the name of who sent a form. `context` is there once commands can be given."""

    whois: Whois
    context: CommandContext | None = None
    patience: float = PATIENCE
    """Seconds that a form waits for a platform that is away."""

    def find_row(self, words: str) -> Command:
        """A command, with what it offers here."""
        return find_command(self.context.table if self.context else TABLE, words)[0]

    def find_context(self) -> CommandContext:
        """What commands work with. Raises PageRefused where there is none yet."""
        if self.context is None:
            raise PageRefused(*NOT_YET)
        return self.context

    async def give(self, visit: Visit, words: str, values: Mapping[str, str], channel: str = "") -> CommandOutcome:
        """Give a command in a channel. Raises PageRefused."""
        context = self.find_context()
        if not channel.isprintable():  # no platform has such an id
            return CommandOutcome(good=False, says=GONE)
        key = ThreadKey(visit.workspace, channel or visit.identity.channel, "")
        name = f"web-{secrets.token_hex(8)}"
        question = Question(key, name, visit.person, self.whois.clock(), private=True, command=words)
        if key.platform not in self.whois.platforms:
            return CommandOutcome(good=False, says=f"{key.platform.capitalize()} is not configured in this process.")
        try:
            surface = await self._find_surface(visit, question)
            row = self.find_row(words)
            given = {name: text for name, value in values.items() if (text := clean_text(value)).strip()}
            call = Invocation(question, parse_values(row, "", given), surface, context)
            return CommandOutcome(good=True, says=(await run_command(row, call)).text)
        except UsageError as error:
            return CommandOutcome(good=False, says=str(error), parameter=error.parameter)
        except CannotAnswer as error:
            return CommandOutcome(good=False, says=str(error))
        except CannotShow:
            return CommandOutcome(good=False, says=GONE)

    async def _find_surface(self, visit: Visit, question: Question) -> Surface:
        """Where the command is given. Raises CannotAnswer while the platform is away, and CannotShow."""
        platform = question.key.platform
        try:
            async with asyncio.timeout(self.patience):
                surface = await self.whois.platforms[platform].surface(question)
        except TimeoutError:
            raise CannotAnswer(AWAY.format(platform=platform.capitalize())) from None
        return cast("Surface", OperatorSurface(surface)) if visit.operator else surface  # passes on what it has not

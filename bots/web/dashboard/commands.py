"""Commands given by forms: the same functions as in chat, with the same ranks, sentences and rows of the audit log."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from bots.web.sign_in.guard import Visit
from bots.web.sign_in.whois import Whois
from bots.web.site.site import PageRefused
from core.commands.registry import CommandContext, Invocation, UsageError, find_command, parse_values, run_command
from core.domain.errors import CannotAnswer, CannotShow
from core.domain.messages import Question, ThreadKey
from core.store.audit_log import OPERATOR

NOT_YET = (503, "Not just now", "Confab is starting. Try again in a moment.")
OPERATORS = "A session made at the machine changes nothing: sign in by `dashboard` in chat, so that the log names you."


@dataclass(slots=True)
class Clerk:
    """Gives commands in the name of who sent a form. `context` is there once commands can be given."""

    whois: Whois
    context: CommandContext | None = None

    async def give(self, visit: Visit, words: str, values: Mapping[str, str], channel: str = "") -> tuple[bool, str]:
        """Whether a command was carried out in a channel, and what it says. Raises PageRefused."""
        if self.context is None:
            raise PageRefused(*NOT_YET)
        if visit.person == OPERATOR:
            return False, OPERATORS
        key = ThreadKey(visit.workspace, channel or visit.identity.channel, "")
        name = f"web-{secrets.token_hex(8)}"
        question = Question(key, name, visit.person, self.whois.clock(), private=True, command=words)
        try:
            surface = await self.whois.platforms[key.platform].surface(question)
            row, _ = find_command(self.context.table, words)
            given = {name: value for name, value in values.items() if value.strip()}
            call = Invocation(question, parse_values(row, "", given), surface, self.context)
            return True, (await run_command(row, call)).text
        except (UsageError, CannotAnswer) as error:
            return False, str(error)
        except CannotShow:
            return False, "That place is gone, or closed to Confab."

"""Suggested prompts: what a person is offered to ask in their direct message with us."""

import logging
import time
from collections.abc import Callable

from cachetools import TTLCache

from bots.slack.client import Web
from core.commands.overview import Overviews, Prompt
from core.domain.errors import CannotAnswer, CannotShow, RateLimited, Rejected, Uncertain

METHOD = "assistant.threads.setSuggestedPrompts"
REMEMBERED = 10_000  # direct messages
SECONDS = 6 * 3_600.0  # for which the same prompts are not set again
REFUSED = 3_600.0  # seconds for which a workspace that does not take any is not asked again

log = logging.getLogger(__name__)


class SuggestedPrompts:
    """Sets the prompts of direct messages in one workspace, and remembers what it set."""

    def __init__(self, web: Web, overviews: Overviews, clock: Callable[[], float] = time.monotonic) -> None:
        self._web, self._overviews = web, overviews
        self._known: TTLCache[str, tuple[Prompt, ...]] = TTLCache(REMEMBERED, SECONDS, clock)
        self._refused: TTLCache[str, str] = TTLCache(1, REFUSED, clock)

    async def suggest(self, channel: str) -> None:
        """Offer the prompts of the persona there, unless they stand. It raises nothing of Slack's."""
        if METHOD in self._refused:
            return
        prompts = await self._overviews.list_prompts(self._web.us.workspace, channel)
        if self._known.get(channel) == prompts:
            return
        listed = [{"title": one.title, "message": one.message} for one in prompts]
        try:
            await self._web.call_once(METHOD, channel_id=channel, prompts=listed)
        except (Rejected, CannotAnswer) as refusal:
            self._refused[METHOD] = str(refusal)
            log.warning("no prompts are suggested for an hour, as the workspace does not take them: %s", refusal)
        except (CannotShow, RateLimited, Uncertain) as error:
            log.info("prompts are not suggested: %s", error)
        else:
            self._known[channel] = prompts

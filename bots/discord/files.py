"""Files that hang on messages: fetched from Discord's own servers only, by links that are good for a day.

They go by a session of their own: nothing of the library's waits for a file, so a download ends with who asks for it.
"""

from dataclasses import dataclass

import aiohttp
import discord

from bots.delivery.downloads import GONE, LARGEST, LATER, TOO_LARGE, TRIES, download_file
from bots.discord import message_content
from bots.discord.client import Rest
from bots.discord.errors import translate_errors
from core.domain import backoff
from core.domain.clock import Sleep
from core.domain.errors import CannotAnswer, NoAnswer, RateLimited, Uncertain
from core.domain.messages import Attachment

ORIGINS = ("https://cdn.discordapp.com", "https://media.discordapp.net")
SECONDS = aiohttp.ClientTimeout(total=30.0)  # that one try may take

ELSEWHERE = "it is kept elsewhere, not by Discord; paste its text"
"""A reason for the person, as those in bots.delivery.downloads."""


@dataclass(frozen=True, slots=True)
class FileSource:
    """Where files come from; `origin` is the API's, whose files are Discord's too. `trace` sees each request."""

    rest: Rest
    origin: str
    pause: Sleep
    trace: aiohttp.TraceConfig

    async def fetch(self, attachment: Attachment, channel: str, message: str) -> bytes:
        """The file that hangs on a message of `channel`.

        Raises CannotAnswer, whose words are a reason for the person, CannotShow if the message can't be seen any more.
        """
        if attachment.size > LARGEST:
            raise CannotAnswer(TOO_LARGE)
        content = await self._download(attachment.url)
        if content is None:  # the link may have run out, and the message has a new one
            content = await self._download(await self._find_link(attachment, channel, message))
        if content is None:
            raise CannotAnswer(GONE)
        return content

    async def _download(self, url: str) -> bytes | None:
        """None where the link is not, or no longer, good."""
        if not url.startswith(tuple(f"{origin}/" for origin in (self.origin, *ORIGINS))):
            raise CannotAnswer(ELSEWHERE)
        async with aiohttp.ClientSession(timeout=SECONDS, trace_configs=[self.trace]) as session:
            found = await download_file(session, url, self.pause)
        return found.content if found.status == 200 else None

    async def _find_link(self, attachment: Attachment, channel: str, message: str) -> str:
        passing = (RateLimited, Uncertain)
        try:
            shown = await backoff.retry(
                lambda: translate_errors(self.rest.fetch_message(channel, message)), passing, self.pause, tries=TRIES
            )
        except passing as error:
            raise NoAnswer(LATER) from error
        except discord.HTTPException as error:
            raise CannotAnswer(GONE) from error
        for one in message_content.list_attachments(shown):
            if one.id == attachment.id:
                return one.url
        raise CannotAnswer(GONE)

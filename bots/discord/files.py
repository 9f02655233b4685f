"""Files that hang on messages: fetched from Discord's own servers only."""

from urllib.parse import urlsplit

import discord

from bots.discord.client import Rest
from bots.discord.errors import retry_call
from core.domain.clock import Sleep
from core.domain.errors import CannotAnswer, CannotShow
from core.domain.messages import Attachment

HOSTS = {"cdn.discordapp.com", "media.discordapp.net"}
LARGEST = 25 * 1024 * 1024  # bytes of a file that we read


async def fetch_file(rest: Rest, attachment: Attachment, origin: str, pause: Sleep) -> bytes:
    """The file; `origin` is the API's, whose files are Discord's too.

    Raises CannotAnswer if it is too large, CannotShow if it is not Discord's or no longer there.
    """
    if attachment.size > LARGEST:
        raise CannotAnswer(f"{attachment.name} is larger than the {LARGEST // 2**20} MiB that I read.")
    parts = urlsplit(attachment.url)
    if parts.hostname not in HOSTS and f"{parts.scheme}://{parts.netloc}" != origin:
        raise CannotShow(f"{attachment.name} is not at Discord")
    try:
        return await retry_call(lambda: rest.download_file(attachment.url), pause)
    except discord.HTTPException as error:
        raise CannotShow(f"{attachment.name} is no longer there ({error.status})") from error

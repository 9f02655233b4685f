"""Files: those that hang on messages are fetched, those of an answer are posted below it."""

import logging

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError

from bots.slack.client import Web, classify_error
from core.domain.errors import CannotAnswer, CannotShow, Rejected
from core.domain.messages import Attachment, File, ThreadKey

FETCHED = 32_000_000  # bytes; no request to Claude may be larger
CHUNK = 65_536

log = logging.getLogger(__name__)


async def fetch_file(web: Web, attachment: Attachment, most: int = FETCHED) -> bytes:
    """The file, of `most` bytes. Raises CannotAnswer where Slack refuses it, CannotShow where it has none."""
    url = attachment.url or await _find_url(web, attachment)
    if not web.is_slack_url(url):
        raise CannotAnswer(f"I may not fetch {attachment.name or 'this file'}: it is not kept by Slack.")
    session = web.client.session
    assert session is not None
    headers = {"Authorization": f"Bearer {web.client.token}"}
    try:
        async with session.get(url, headers=headers, allow_redirects=False, proxy=web.client.proxy) as response:
            if response.status != 200 or response.content_type == "text/html":
                raise CannotAnswer(
                    f"Slack does not give me {attachment.name}: the app may need the scope `files:read`."
                )
            return await _read_bytes(response, attachment, most)
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise CannotAnswer(f"Slack does not give me {attachment.name} just now. Please ask again.") from error


async def _read_bytes(response: aiohttp.ClientResponse, attachment: Attachment, most: int) -> bytes:
    content = bytearray()
    async for chunk in response.content.iter_chunked(CHUNK):
        content += chunk
        if len(content) > most:
            raise CannotAnswer(f"{attachment.name} is too large for me: I read up to {most / 1_000_000:g} MB.")
    return bytes(content)


async def _find_url(web: Web, attachment: Attachment) -> str:
    """Where a file is that came with no more than its id."""
    try:
        answer = await web.read("files.info", file=attachment.id)
    except Rejected as rejected:
        raise CannotShow(str(rejected)) from None
    file = answer.get("file") or {}
    return str(file.get("url_private_download") or file.get("url_private") or "")


async def upload_file(web: Web, key: ThreadKey, file: File) -> None:
    """Post a file into the thread. One that Slack does not take is missed, and logged."""
    try:
        await web.client.files_upload_v2(
            filename=file.name,
            content=file.content,
            title=file.name,
            alt_txt=file.alt or None,
            channel=key.channel,
            thread_ts=key.thread or None,
        )
    except SlackApiError as error:
        log.error("a file could not be posted: %s", classify_error("files.upload", error))
    except (SlackClientError, aiohttp.ClientError, TimeoutError, OSError) as error:
        log.error("a file could not be posted: %s", type(error).__name__)

"""Files: those that hang on messages are fetched, those of an answer are posted below it."""

import logging

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError

from bots.delivery.downloads import GONE, LARGEST, LATER, TOO_LARGE, download_file
from bots.slack.client import Web, classify_error
from bots.slack.parse import parse_attachment
from core.domain.errors import CannotAnswer, NoAnswer, Rejected
from core.domain.messages import Attachment, File, ThreadKey

HTML = "text/html"
MISSING = {"file_deleted", "file_not_found"}

NO_SCOPE = "the Slack app lacks the scope `files:read`, which whoever runs me can add"
WITHHELD = "Slack does not give it to me; paste its text, or attach it here anew"
ELSEWHERE = "it is kept elsewhere, not by Slack; paste its text"
"""Reasons for the person, as those in bots.delivery.downloads."""

log = logging.getLogger(__name__)


async def fetch_file(web: Web, attachment: Attachment) -> bytes:
    """The file that hangs on a message. Raises CannotAnswer, whose words are a reason for the person, or CannotShow.

    Slack answers with its login page where the scope is missing. Of a web page of somebody's own that is told apart
    by nothing in the answer, so that Slack is asked about the file first.
    """
    file = attachment if attachment.url and attachment.type != HTML else await _look_up_file(web, attachment)
    if file.size > LARGEST:
        raise CannotAnswer(TOO_LARGE)
    if not web.is_file_url(file.url):
        raise CannotAnswer(ELSEWHERE if file.url else WITHHELD)
    session = web.client.session
    assert session is not None
    headers = {"Authorization": f"Bearer {web.client.token}"}
    found = await download_file(session, file.url, web.sleep, headers=headers, proxy=web.client.proxy)
    if found.status in {404, 410}:
        raise CannotAnswer(GONE)
    if found.status != 200 or (found.type == HTML and file.type != HTML):
        log.warning("Slack answers %s (%s) in place of a file", found.status, found.type)
        await _look_up_file(web, attachment)  # raises if it is the scope that is missing
        raise CannotAnswer(WITHHELD)
    return found.content


async def _look_up_file(web: Web, attachment: Attachment) -> Attachment:
    """The file as Slack knows it now: some come with no more than their id."""
    try:
        answer = await web.read("files.info", file=attachment.id)
    except NoAnswer as error:
        raise NoAnswer(LATER) from error
    except CannotAnswer as error:
        raise CannotAnswer(NO_SCOPE) from error
    except Rejected as rejected:
        log.warning("Slack tells nothing of a file: %s", rejected)
        raise CannotAnswer(GONE if rejected.reason in MISSING else WITHHELD) from rejected
    return parse_attachment({**answer["file"], "id": attachment.id})


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

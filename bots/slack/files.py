"""Files: those that hang on messages are fetched, those of a reply are posted below its pages in one message, once.

Slack gives that message no mark of ours. It is known by its files, as the only one with these that stands below the
reply's first page: in a thread one question is answered at a time.
"""

import json
import logging
from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import partial

from bots.delivery.downloads import GONE, LARGEST, LATER, TOO_LARGE, download_file
from bots.slack.client import TRIES, Web
from bots.slack.parse import Raw, is_mine, parse_attachment, parse_timestamp
from core.domain.errors import (
    CannotAnswer,
    CannotShow,
    ConfabError,
    NoAnswer,
    PlaceClosed,
    RateLimited,
    Rejected,
    Uncertain,
)
from core.domain.messages import Attachment, File, ThreadKey
from core.domain.platform import ReplyView

HTML = "text/html"
MISSING = {"file_deleted", "file_not_found"}

NO_SCOPE = "the Slack app lacks the scope `files:read`, which whoever runs me can add"
WITHHELD = "Slack does not give it to me; paste its text, or attach it here anew"
ELSEWHERE = "it is kept elsewhere, not by Slack; paste its text"
"""Reasons for the person, as those in bots.delivery.downloads."""

UNSCOPED = "the Slack app lacks the scope `files:write`, which whoever runs me can add"
CLOSED = "I may not post files here, which whoever manages this channel can allow"
BUSY = "Slack takes no files just now"
STAYS = (CannotAnswer, PlaceClosed, Rejected, RateLimited, Uncertain)  # why a file that should go does not
REFUSALS = (CannotAnswer, CannotShow, Rejected, RateLimited, Uncertain)
REASONS = {
    "blocked_file_type": "this workspace allows no files of that type",
    "file_type_not_allowed": "this workspace allows no files of that type",
    "file_upload_size_restricted": "this workspace allows no files that large",
    "file_uploads_disabled": "files are switched off in this workspace, which its owners can change",
    "file_uploads_except_images_disabled": "this workspace allows pictures alone, which its owners can change",
    "storage_limit_reached": "this workspace has no room left for files",
}

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


class Uploads:
    """Posts the files of one reply. `uncertain` is whether a message with them may stand there already."""

    def __init__(self, web: Web, reply: ReplyView, *, uncertain: bool) -> None:
        self._web = web
        self._reply = reply
        self._uncertain = uncertain

    async def post(self, files: Sequence[File]) -> None:
        """Post them, unless they stand there. Raises Rejected, CannotShow, CannotAnswer, RateLimited, Uncertain."""
        try:
            await self._web.retry(partial(self._post_unless_there, files), TRIES)
        except Uncertain:
            if not (self._uncertain and await self._stands_there(files)):
                raise

    async def remove(self, files: Sequence[File]) -> None:
        """Delete the messages that hold such files, and these, as far as anybody can look."""
        await remove_files(self._web, locate_reply(self._reply), files, self._find_first_page())

    def _find_first_page(self) -> str | None:
        return find_first_page(self._reply)

    async def _post_unless_there(self, files: Sequence[File]) -> None:
        if self._uncertain and await self._stands_there(files):
            return
        shared = [{"id": await self._upload(file), "title": file.name} for file in files]
        self._uncertain = True
        key = locate_reply(self._reply)
        place = {"channel_id": key.channel, "thread_ts": key.thread or None}
        await self._web.call_with_form("files.completeUploadExternal", files=json.dumps(shared), **place)
        self._uncertain = False

    async def _upload(self, file: File) -> str:
        """Send the bytes of a file; its id. Nobody sees it before it is shared."""
        described = {"filename": file.name, "length": str(len(file.content)), "alt_txt": file.alt or None}
        answer = await self._web.call_with_form("files.getUploadURLExternal", **described)
        await self._web.send_bytes(str(answer.get("upload_url") or ""), file.content)
        return str(answer["file_id"])

    async def _stands_there(self, files: Sequence[File]) -> bool:
        """Whether a message with these files stands below the first page; where nobody can look it is taken for so."""
        try:
            async for raws in self._web.read_messages(locate_reply(self._reply), self._find_first_page()):
                if any(is_mine(raw, self._web.us) and _has_files(raw, files) for raw in raws):
                    return True
        except NoAnswer as error:
            raise Uncertain(f"whether files were posted is not known yet: {error}") from None
        except (CannotAnswer, PlaceClosed, Rejected) as error:
            log.error("files are taken for posted, for nobody can look: %s", error)
            return True
        return False


def find_first_page(reply: ReplyView) -> str | None:
    """The oldest page of a reply that stands there, as far as we know its id."""
    return min(filter(None, reply.pages), key=parse_timestamp, default=None)


def locate_reply(reply: ReplyView) -> ThreadKey:
    """Where the next page of a reply belongs: in its question's thread; of a schedule's run below the first page."""
    key = reply.question.key
    begun = find_first_page(reply) if reply.question.schedule is not None else None
    return replace(key, thread=begun) if begun else key


async def remove_files(web: Web, key: ThreadKey, files: Sequence[File], oldest: str | None) -> None:
    """Delete the messages of ours that hold nothing but such files, and these, as far as anybody can look.

    The oldest page of their answer is where the look begins.
    """
    names = {file.name for file in files}
    try:
        messages = await web.retry(partial(_list_messages, web, key, names, oldest), TRIES)
    except STAYS as error:
        log.warning("files of an answer that is gone stay: %s", error)
        return
    for raw in messages:
        delete = partial(web.call_once, "chat.delete", channel=key.channel, ts=raw["ts"])
        calls = [delete, *(partial(web.call_once, "files.delete", file=one["id"]) for one in raw["files"])]
        for call in calls:
            try:
                await web.retry(call, TRIES)
            except STAYS as error:
                log.info("a file of an answer that is gone stays: %s", error)


async def _list_messages(web: Web, key: ThreadKey, names: Collection[str], oldest: str | None) -> list[Raw]:
    """Messages of ours from `oldest` on that hold nothing but files of these names."""
    found: list[Raw] = []
    async for raws in web.read_messages(key, oldest):
        for raw in raws:
            titles = {str(one.get("title")) for one in raw.get("files") or ()}
            found += [raw] if is_mine(raw, web.us) and titles and titles <= set(names) else []
    return found


def _has_files(raw: Raw, files: Sequence[File]) -> bool:
    """Whether these hang on a message. What a command tells may have changed since, so that only its name is known."""
    exact = all(file.told for file in files)
    shown = [(str(one.get("title")), int(one.get("size") or 0) if exact else 0) for one in raw.get("files") or ()]
    return sorted(shown) == sorted((file.name, len(file.content) if exact else 0) for file in files)


def explain_refusal(error: ConfabError) -> str:
    """Why files are not there, for the person, and who can mend it."""
    match error:
        case CannotAnswer():
            return UNSCOPED
        case CannotShow():
            return CLOSED
        case Rejected():
            return REASONS.get(error.reason, f"Slack does not take it ({error.reason})")
    return BUSY

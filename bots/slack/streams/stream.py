"""Stream: one message of ours that grows by appends, from chat.startStream to chat.stopStream."""

import logging
from collections.abc import Mapping
from typing import Any

from bots.slack.client import Web
from core.domain.errors import CannotAnswer, CannotShow, PlaceClosed, RateLimited, Rejected, Uncertain
from core.domain.messages import Question, ThreadKey
from core.rendering.paginator import Page

OVER = {"message_not_in_streaming_state", "stopped_by_user"}  # Slack ended it: after its lifetime, or for a person

log = logging.getLogger(__name__)


class Stream:
    """A message that is streamed: `page` is what it is to say, `text` what Slack was given of that."""

    def __init__(self, web: Web, key: ThreadKey, ts: str, page: Page, text: str) -> None:
        self.ts = ts
        self.page = page
        self.text = text
        self.open = True
        self.uncertain = False
        """Whether the last call may have been carried out: nothing is appended any more."""
        self._web = web
        self._key = key

    async def append(self, more: str) -> None:
        """Let it grow. Raises RateLimited, Uncertain, Rejected, CannotShow, CannotAnswer."""
        await self._call("chat.appendStream", markdown_text=more)
        self.text += more

    async def stop(self, rest: str, content: Mapping[str, Any]) -> None:
        """End it with the rest of its text, and with blocks and metadata. Raises as `append`."""
        await self._call("chat.stopStream", markdown_text=rest or None, **content)
        self.open = False

    async def end(self) -> None:
        """End it as it stands, unless it is over. Raises RateLimited, Uncertain, CannotShow, CannotAnswer."""
        if self.open:
            await end_stream(self._web, self._key, self.ts)
            self.open = False

    async def _call(self, method: str, **content: object) -> None:
        self.uncertain = True
        try:
            await self._web.call_once(method, channel=self._key.channel, ts=self.ts, **content)
        except RateLimited:
            self.uncertain = False
            raise
        self.uncertain = False


async def start_stream(web: Web, question: Question, page: Page, text: str) -> Stream:
    """Begin a message in the question's thread. Raises as `Stream.append`.

    Slack takes neither metadata nor blocks here, and may want to know who sees it grow also where its manual does not:
    both of team and person, so that neither is said in an organisation, of which we know no team.
    """
    key, team = question.key, web.us.team or None
    answer = await web.call_once(
        "chat.startStream",
        channel=key.channel,
        thread_ts=key.thread,
        recipient_team_id=team,
        recipient_user_id=question.person if team else None,
        markdown_text=text or None,
    )
    return Stream(web, key, str(answer["ts"]), page, text)


async def end_stream(web: Web, key: ThreadKey, ts: str) -> bool:
    """End a stream as it stands, also a dead process's: Slack changes no message that streams. Whether it was one.

    Raises RateLimited, Uncertain, CannotShow, CannotAnswer.
    """
    try:
        await web.call_once("chat.stopStream", channel=key.channel, ts=ts)
    except (Rejected, PlaceClosed) as refused:
        log.info("a stream was not stopped: %s", refused)
        if isinstance(refused, Rejected) and refused.reason in OVER:
            await _leave_session(web, key)
        return False
    return True


async def _leave_session(web: Web, key: ThreadKey) -> None:
    """Say that nothing goes on any more where Slack ended a stream by itself. Nothing depends on it."""
    place = {"channel_id": key.channel, "thread_ts": key.thread}
    try:
        await web.call_once("agents.sessions.setStatus", **place, status="active")
    except (RateLimited, Uncertain, Rejected, CannotShow, CannotAnswer) as error:
        log.info("a session may look busy: %s", error)

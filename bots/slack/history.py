"""History: what Slack shows of a thread now, and how much of it that is."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Set
from contextlib import suppress
from dataclasses import replace

from bots.slack import parse
from bots.slack.client import SCARCE, NoThread, Web
from core.domain.errors import CannotAnswer, CannotShow, HistoryScarce, NoAnswer, Rejected
from core.domain.messages import History, Message, PastMessages, PastRange, Question, Reach, ThreadKey

SCARCE_PAST = "Slack lets this app read one page of history a minute, of {} messages here, so I have not read all."
BROKEN_OFF = "Slack did not show me all of it just now."
NEWEST = 20  # pages of history that we keep of a very long thread: 20,000 messages


class HistoryReader:
    """Reads threads of one workspace. Of a very long one the `newest` pages are kept."""

    def __init__(self, web: Web, newest: int = NEWEST) -> None:
        self._web = web
        self._newest = newest

    async def read_all(self, question: Question) -> History:
        """The thread of what is answered now, or as much of its end as we keep. Raises CannotShow, CannotAnswer.

        HistoryScarce where Slack shows so little that it can't be had.
        """
        key = question.key
        place = key.channel, key.thread
        if place in self._web.too_long:
            raise HistoryScarce(SCARCE)
        pages: deque[list[parse.Raw]] = deque(maxlen=self._newest)
        count = 0
        try:
            async for page in self._web.read_messages(key):
                pages.append(page)
                count += 1
        except NoThread:
            return History((), Reach.WHOLE)
        except HistoryScarce:
            if pages:  # it would take the page of each minute, and never be whole
                self._web.too_long[place] = None
            raise
        except Rejected as refused:
            raise CannotAnswer(f"Slack does not show me this thread ({refused.reason}).") from None
        reach = Reach.WHOLE if count <= self._newest else Reach.TAIL
        raws = [raw for page in pages for raw in page]
        if not raws:  # of a thread that is gone it says so
            raise CannotAnswer("Slack shows me nothing of this thread.")
        if reach is Reach.TAIL:  # Slack repeats the root on each page, and what comes after it is not here
            raws = [raw for raw in raws if raw["ts"] != key.thread]
        return await asyncio.to_thread(parse.parse_history, raws, self._web.us, reach, key.channel, question)

    async def read_message(self, key: ThreadKey, ts: str) -> parse.Raw | None:
        """A message of a thread, or of a channel, as Slack shows it now, None if it is gone; in one call.

        Raises as `Web.read`.
        """
        try:
            page: list[parse.Raw] = await anext(self._web.read_messages(key, ts, ts), [])
        except NoThread:
            return None
        return next((raw for raw in page if raw["ts"] == ts and raw.get("subtype") != "tombstone"), None)

    async def read_beginning(self, key: ThreadKey) -> tuple[Message, ...]:
        """A thread as far as Slack shows it in one answer. Raises CannotShow, CannotAnswer."""
        try:
            raws: list[parse.Raw] = await anext(self._web.read_messages(key), [])
        except Rejected as refused:
            raise CannotAnswer(f"Slack does not show me this thread ({refused.reason}).") from None
        return parse.parse_history(raws, self._web.us, Reach.CHAIN, key.channel).messages

    async def read_past(self, key: ThreadKey, wanted: PastRange) -> PastMessages:
        """The newest messages of a channel, or of a thread of it, in as few pages as that takes; kept nowhere.

        Slack tells a channel from its end and a thread from its beginning. Where it lets us read no more, there is
        less. Raises CannotShow, CannotAnswer.
        """
        place = replace(key, thread=wanted.thread)
        oldest = f"{wanted.since.timestamp():.6f}" if wanted.since else None
        pages: deque[list[parse.Raw]] = deque(maxlen=self._newest)
        cut = ""
        try:
            async for page in self._list_wanted(place, wanted, oldest):
                pages.append(page)
        except NoAnswer:
            if not pages:
                raise
            cut = SCARCE_PAST.format(sum(map(len, pages))) if self._web.pace.scarce else BROKEN_OFF
        except Rejected as refused:
            raise CannotAnswer(f"Slack does not show me this channel ({refused.reason}).") from None
        raws = [raw for page in pages for raw in page]
        history = await asyncio.to_thread(parse.parse_history, raws, self._web.us, Reach.CHAIN, key.channel)
        said = [one for one in history.messages if wanted.since is None or one.at >= wanted.since]
        return PastMessages(tuple(said[-wanted.last :]), cut)

    async def _list_wanted(
        self, place: ThreadKey, wanted: PastRange, oldest: str | None
    ) -> AsyncIterator[list[parse.Raw]]:
        """Pages until there are enough messages; of a thread all."""
        count = 0
        async for page in self._web.read_messages(place, oldest):
            yield page
            count += len(page)
            if not place.thread and count >= wanted.last:
                return

    async def read_beside(self, key: ThreadKey, names: Set[str]) -> tuple[tuple[Message, ...], frozenset[str]]:
        """Messages of a thread's channel that have these names, and which of them are deleted. Raises as `read_all`."""
        ends = sorted(names, key=parse.parse_timestamp)
        found: list[parse.Raw] = []
        try:
            async for page in self._web.read_messages(replace(key, thread=""), ends[0], ends[-1]):
                found += [raw for raw in page if raw["ts"] in names]
        except Rejected as refused:
            raise CannotAnswer(f"Slack does not show me this conversation ({refused.reason}).") from None
        shown = parse.parse_history(found, self._web.us, Reach.CHAIN, key.channel).messages
        return shown, frozenset(names - {message.id for message in shown})

    async def read_answers(self, question: Question) -> History:
        """Our pages that stand in the channel as an answer to this question."""
        found = []
        oldest = f"{question.at.timestamp():.6f}"
        with suppress(CannotShow):  # commands are also given where we are not
            async for page in self._web.read_messages(question.key, oldest):
                found += [raw for raw in page if parse.parse_mark(raw).get("question") == question.name]
        return await asyncio.to_thread(parse.parse_history, found, self._web.us, Reach.CHAIN, question.key.channel)

"""A board: the smallest platform that keeps what was posted, for tests of the core alone."""

import asyncio
import itertools
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from core.domain.controls import Control, name_control
from core.domain.errors import CannotAnswer, CannotShow, NoAnswer
from core.domain.events import Ingest, Posted
from core.domain.messages import (
    Asks,
    Attachment,
    File,
    History,
    LinkTarget,
    Message,
    PastMessages,
    PastRange,
    Question,
    Rank,
    Reach,
    ThreadKey,
)
from core.domain.platform import Connected, ReplyView, ignore_connected

START = datetime(2026, 1, 2, 9, tzinfo=UTC)
US = "U0"


class Board:
    """Threads of messages in memory. `calls` tells what surfaces were asked; `closed` threads raise CannotShow."""

    name = "board"
    instructions = "Nothing is drawn on the board."
    file_hint = "Pin it to the board."

    def __init__(self) -> None:
        self.offline = self.cut = ""
        """Why it is not connected, and why it shows less of the past than there is."""
        self.mute = self.deaf = False
        """Whether it tells nobody's rank, and whether nobody can be told anything alone."""
        self.posts: dict[ThreadKey, list[Message]] = {}
        self.people = {US: "Claude", "U1": "Ada", "U2": "Bob", "U3": "Cy"}
        self.ranks = {"U1": Rank.OWNER}
        self.zones: dict[str, str] = {}
        """The time zones that it knows of people."""
        self.files: dict[str, bytes] = {}
        """What hangs on messages, by the ids of attachments."""
        self.hung: dict[str, tuple[File, ...]] = {}
        """The files that hang on our pages, by page."""
        self.calls: list[str] = []
        self.homes: tuple[str, ...] | None = None
        """Workspaces that who asks shares with us, where the board is all direct messages."""
        self.whispered: list[str] = []
        """Final texts that only their askers may see."""
        self.written: dict[ThreadKey, list[str]] = {}
        """Every other text that our pages had, in the order in which they had them."""
        self.buttons: dict[str, tuple[Control, ...]] = {}
        """What stands below pages of ours now, by their ids."""
        self.subjects: dict[str, str] = {}
        """What those are about."""
        self.notified: list[str] = []  # whom new pages of ours mention
        self.watch: Callable[[str], None] | None = None
        """Is told what goes on before there is text, each time that it changes."""
        self.closed: set[ThreadKey] = set()
        self.hidden: set[str] = set()
        self.secluded: set[str] = set()
        """Threads that are private."""
        self.silent = 0
        """How often it does not say just now who is in a channel."""
        self.strangers: set[str] = set()
        """Who is in no channel."""
        self.managers: Sequence[str] = ()
        """Who may be told what managers should know."""
        self.told: list[tuple[str, str, str]] = []  # what was said to one person alone: workspace, person, text
        self.told_buttons: list[str | None] = []
        self.troubles: list[BaseException] = []
        """What becomes of the next things that are shown."""
        self.troubled: list[str] = []
        """What was to be shown in a closed thread."""
        self.keeps = True
        """Whether what was said in its channels can be read."""
        self.reach = Reach.WHOLE
        self.changed = asyncio.Condition()
        self._numbers = itertools.count(1)
        self._newest = 0
        self._slept = timedelta()

    @property
    def reachable(self) -> bool:
        return not self.offline

    async def run(self, ingest: Ingest, connected: Connected = ignore_connected) -> None:
        self.offline = ""
        connected()
        await asyncio.get_running_loop().create_future()

    async def surface(self, question: Question) -> "BoardSurface":
        return BoardSurface(self, question)

    async def tell(
        self, workspace: str, person: str, text: str, answer: str = "", *, button: tuple[Control, str] | None = None
    ) -> None:
        if self.deaf:
            raise CannotShow("nobody takes direct messages")
        self.told.append((workspace, person, f"{text}\n\n{answer}" if answer else text))
        self.told_buttons.append(button and name_control(*button))

    async def close(self) -> None:
        self.offline = "closed"

    def refuse(self) -> None:
        """Raise the next trouble, if one is scripted."""
        if self.troubles:
            raise self.troubles.pop(0)

    def said(
        self,
        thread: str,
        person: str,
        text: str,
        channel: str = "c1",
        asks: Asks = Asks.CERTAINLY,
        attachments: tuple[Attachment, ...] = (),
    ) -> Posted:
        """Post as a person, and the event that tells of it."""
        key = ThreadKey("board:w1", channel, thread)
        message = self.post(key, Message(self.number(), person, text, START, attachments=attachments))
        return Posted(f"e{message.id}", key, message, asks)

    def post(self, key: ThreadKey, message: Message) -> Message:
        placed = replace(message, at=START + timedelta(milliseconds=int(message.id)) + self._slept)
        self.posts.setdefault(key, []).append(placed)
        return placed

    def now(self) -> datetime:
        """The board's clock: just after the newest post."""
        return START + timedelta(milliseconds=self._newest + 0.5) + self._slept

    def slept(self, seconds: float) -> None:
        """Let time pass on the board's clock."""
        self._slept += timedelta(seconds=seconds)

    def number(self) -> str:
        self._newest = next(self._numbers)
        return f"{self._newest:04}"

    def shown(self, thread: str, channel: str = "c1") -> list[str]:
        """Our pages in a thread, as anybody reads them."""
        return [m.text for m in self.posts.get(ThreadKey("board:w1", channel, thread), []) if m.mine]

    def attached(self, thread: str) -> list[list[str]]:
        """The names of the files that hang on our pages in a thread."""
        posts = self.posts.get(ThreadKey("board:w1", "c1", thread), [])
        return [[file.name for file in self.hung.get(one.id, ())] for one in posts if one.mine]

    def controls(self, thread: str, channel: str = "c1") -> list[tuple[Control, ...]]:
        """The buttons below our pages in a thread."""
        posts = self.posts.get(ThreadKey("board:w1", channel, thread), [])
        return [self.buttons.get(one.id, ()) for one in posts if one.mine]

    async def until(self, thread: str, *texts: str) -> None:
        """Wait until our pages in `thread` read like this."""
        async with asyncio.timeout(30), self.changed:
            await self.changed.wait_for(lambda: self.shown(thread) == list(texts))


class BoardSurface:
    """One thread of the board."""

    def __init__(self, board: Board, question: Question) -> None:
        self._board = board
        self._question = question

    @property
    def us(self) -> str:
        return US

    @property
    def has_past(self) -> bool:
        return self._board.keeps

    async def history(self, beside: AbstractSet[str] = frozenset()) -> History:
        self._board.calls.append("history")
        return History(tuple(self._board.posts.get(self._question.key, [])), self._board.reach)

    async def names(self, people: AbstractSet[str]) -> dict[str, str]:
        self._board.calls.append("names")
        return {person: name for person, name in self._board.people.items() if person in people}

    async def fetch(self, attachment: Attachment, message: str) -> bytes:
        self._board.calls.append("fetch")
        if attachment.id not in self._board.files:
            raise CannotShow(attachment.name)
        return self._board.files[attachment.id]

    async def rank(self, person: str) -> Rank:
        self._board.calls.append("rank")
        if self._board.mute:
            raise CannotAnswer("The board does not tell me who you are.")
        return self._board.ranks.get(person, Rank.MEMBER)

    async def is_secluded(self) -> bool:
        return self._question.key.thread in self._board.secluded

    async def homes(self) -> tuple[str, ...] | None:
        return self._board.homes

    async def zone(self, person: str) -> str | None:
        return self._board.zones.get(person)

    def link(self, message: Message, thread: str) -> str:
        return f"https://board/{self._question.key.channel}/{thread}/{message.id}"

    async def find_target(self, link: str, person: str) -> LinkTarget | None:
        begins, _, rest = link.partition(f"https://board/{self._question.key.channel}/")
        thread, _, message = rest.partition("/")
        return LinkTarget(message, thread) if rest and not begins and thread not in self._board.hidden else None

    async def read_target(self, target: LinkTarget) -> Sequence[Message]:
        return self._board.posts.get(replace(self._question.key, thread=target.at), [])

    async def read_past(self, person: str, wanted: PastRange) -> PastMessages:
        self._board.calls.append("read_past")
        place = self._question.key
        if wanted.thread in self._board.hidden:
            raise CannotAnswer("The board does not show that to you.")
        said = [
            one
            for key, posts in self._board.posts.items()
            for one in posts
            if key == replace(place, thread=wanted.thread) or (not wanted.thread and key.channel == place.channel)
        ]
        found = sorted((one for one in said if wanted.since is None or one.at >= wanted.since), key=lambda one: one.at)
        return PastMessages(tuple(found[-wanted.last :]), self._board.cut)

    async def has_member(self, person: str) -> bool:
        if self._board.silent:
            self._board.silent -= 1
            raise NoAnswer("The board does not tell me who is here just now.")
        return person not in self._board.strangers

    async def may_post(self) -> bool:
        return self._question.key not in self._board.closed

    async def list_managers(self) -> Sequence[str]:
        return self._board.managers

    async def list_readable(self, person: str, threads: Mapping[str, bool]) -> AbstractSet[str]:
        return threads.keys() - self._board.hidden

    async def delete_pages(self, pages: Sequence[str], files: Sequence[File]) -> None:
        self._board.refuse()
        for key, said in self._board.posts.items():
            if key.channel == self._question.key.channel:
                self._board.posts[key] = [one for one in said if one.id not in pages]

    async def show(self, reply: ReplyView) -> None:
        watching = asyncio.create_task(self._watch(reply, self._board.watch)) if self._board.watch else None
        try:
            await self._show_texts(reply)
        finally:
            if watching:
                watching.cancel()
                await asyncio.gather(watching, return_exceptions=True)

    async def _watch(self, reply: ReplyView, tell: Callable[[str], None]) -> None:
        tell(activity := reply.activity)
        while True:
            activity = await reply.wait_for_activity(activity, 600)
            tell(activity)

    async def _show_texts(self, reply: ReplyView) -> None:
        async for text in reply.texts():
            if self._question.key in self._board.closed:
                self._board.troubled.append(text)
                raise CannotShow("the thread is closed")
            self._board.refuse()
            if text or reply.pages:
                await self._write(reply, text)

    async def show_plainly(self, reply: ReplyView, text: str) -> None:
        self._board.refuse()
        await self._write(reply, text)

    async def show_notice(self, reply: ReplyView, notice: str) -> None:
        self._board.refuse()
        page = Message(self._board.number(), US, notice, START, mine=True, answers=self._question.name, notice=True)
        self._board.post(self._question.key, page)
        await reply.record_page(page.id, self._board.now())

    async def _write(self, reply: ReplyView, text: str) -> None:
        if reply.private and reply.whole:
            self._board.whispered.append(text)
        posts = self._board.posts.setdefault(self._question.key, [])
        if not reply.pages:
            page = Message(self._board.number(), US, "", START, mine=True, answers=self._question.name)
            self._board.post(self._question.key, page)
            self._board.notified += [reply.mentions] if reply.mentions else []
            await reply.record_page(page.id, self._board.now())
        written = self._board.written.setdefault(self._question.key, [])
        written += [text] if written[-1:] != [text] else []
        at = next(index for index, post in enumerate(posts) if post.id == reply.pages[0])
        self._board.buttons[posts[at].id] = tuple(reply.controls)
        self._board.subjects[posts[at].id] = reply.subject
        posts[at] = replace(posts[at], text=text, notice=reply.whole and reply.notice)
        if reply.whole and (reply.files or reply.replaced):
            self._board.hung[posts[at].id] = tuple(reply.files)
        async with self._board.changed:
            self._board.changed.notify_all()

"""Surface of Discord: one question's thread, as it is read and shown, from its key and address alone."""

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import partial

import discord

from bots.delivery.pace import Pace
from bots.discord import formatting
from bots.discord.address import DiscordAddress, read_link, write_link
from bots.discord.admission import Admission
from bots.discord.client import ORIGINAL, Rest
from bots.discord.directory import SECONDS, Directory
from bots.discord.errors import (
    INVALID_FORM,
    TITLE_BLOCKED,
    retry_call,
    retry_passing,
    translate_errors,
    translate_refusals,
)
from bots.discord.files import FileSource
from bots.discord.history import HistoryReader
from bots.discord.installed.place import read_installer
from bots.discord.installed.target import OVER, ByToken
from bots.discord.parse import DIRECT, WORKSPACE, BotIdentity, ChannelPlace
from bots.discord.publisher import Publisher
from bots.discord.targets import BySlash, InChannel, OfSchedule, Privately, Target
from core.domain.clock import Clock, Sleep
from core.domain.errors import CannotAnswer, CannotShow, PageGone, PlaceClosed, Rejected
from core.domain.messages import (
    MESSAGE,
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
)
from core.domain.platform import ReplyView
from core.prompting.names import find_ids, replace_ids
from core.prompting.titles import clean_title

TOKEN = 14.5 * 60  # seconds in which a token is relied on; Discord ends it after 15 minutes
NAMING = 3.0  # seconds that the title of a thread is waited for; the words of the question are one without waiting
UNNAMED = "Claude"  # what a thread is called whose question has no words, or words that AutoMod does not take
UNREADABLE_TO_ASKER = "You may not read the history of this channel here, so I read none of it for you."
UNDELETED = "I keep nothing of that answer any more, but Discord does not let me take it away here ({})."


@dataclass(frozen=True, slots=True)
class SurfaceResources:
    """What all surfaces share. `content` is whether Discord shows us everybody's words."""

    rest: Rest
    directory: Directory
    admission: Admission
    clock: Clock
    pace: Pace
    pause: Sleep
    content: bool
    files: FileSource
    explain_closed: Callable[[str | None, str], str] = lambda _guild, _channel: ""
    """Why we may not post in a channel of a server, as far as the gateway has told; empty where we may."""
    may_open_thread: Callable[[str | None, str], bool] = lambda _guild, _channel: True
    """Whether a thread can be opened on a message of a channel, and we may open it and write in it, as far as told."""
    token: float = TOKEN
    """Seconds in which the token of an interaction is relied on."""
    naming: float = NAMING
    """Seconds that the title of a thread is waited for."""


class DiscordSurface:
    """One question's place. `first` is the page that is there already, known since its interaction was deferred."""

    def __init__(
        self, resources: SurfaceResources, us: BotIdentity, question: Question, first: str | None = None
    ) -> None:
        self._resources = resources
        self._us = us
        self._question = question
        self._first = first
        self._authors = {question.person}
        self._shown: dict[str, str] = {}
        """Names that a history has shown, by id."""
        self._address = DiscordAddress.parse(question.address)
        self._place = _find_place(question, self._address)
        self._opened: Target | None = None
        """Where the answer goes that begins a thread, once that is known."""

    @property
    def us(self) -> str:
        return self._us.id

    @property
    def has_past(self) -> bool:
        return True

    async def history(self, beside: AbstractSet[str] = frozenset()) -> History:
        history = await self._read_history()
        self._authors |= {message.author for message in history.messages}
        return history

    async def names(self, people: AbstractSet[str]) -> dict[str, str]:
        return await self._resources.directory.fetch_names(self._guild, people, self._authors, self._shown)

    async def fetch(self, attachment: Attachment, message: str) -> bytes:
        at = self._place.at
        channel = self._question.key.channel if message == at else at  # what a thread was opened on stands above it
        return await self._resources.files.fetch(attachment, channel, message)

    async def rank(self, person: str) -> Rank:
        if self._installer and person != self._installer:  # what is one person's own, nobody else manages
            return min(await self._resources.directory.fetch_rank(None, self._place.at, person), Rank.MEMBER)
        theirs = person == (self._address.person or self._question.person)
        granted = self._address.permissions if theirs and abs(self._count_age()) < SECONDS else None
        return await self._resources.directory.fetch_rank(self._guild, self._place.at, person, granted)

    async def is_secluded(self) -> bool:
        at = self._place.at
        if self._guild is None or at == self._question.key.channel:
            return False
        known = (await self._resources.directory.fetch_threads(self._guild, {at})).get(at)
        return known is None or known.private

    async def homes(self) -> tuple[str, ...] | None:
        if self._guild is not None:
            return None
        servers = await self._resources.admission.list_homes(self._question.person)
        return tuple(WORKSPACE.format(server) for server in servers)

    async def zone(self, person: str) -> str | None:
        """Discord tells nobody's."""
        return None

    def link(self, message: Message, thread: str) -> str:
        return "" if self._installer else write_link(self._guild, self._question.key.channel, message, thread)

    async def has_member(self, person: str) -> bool:
        """A thread of the channel is read by whoever may see that."""
        if self._guild is None:
            return True
        return await self._resources.directory.may_see(self._guild, self._question.key.channel, person)

    async def may_post(self) -> bool:
        return not self._resources.explain_closed(self._guild, self._place.at)

    async def list_managers(self) -> Sequence[str]:
        return self._resources.directory.list_managers(self._guild)

    async def find_target(self, link: str, person: str) -> LinkTarget | None:
        target, channel = read_link(link, self._guild), self._question.key.channel
        if target is None or self._installer or (self._guild and target == LinkTarget("", channel)):
            return None
        if target.at in {channel, self._place.at}:
            return target if await self._may_read_past(person) else None
        readable = await self.list_readable(person, {target.at: False}) if self._guild else ()
        return target if target.at in readable else None

    async def read_target(self, target: LinkTarget) -> Sequence[Message]:
        key = self._question.key
        place = ChannelPlace(key.workspace, key.channel, target.at, key.workspace == DIRECT or target.at != key.channel)
        reader = HistoryReader(self._resources.rest, place, self._us, self._resources.content)
        name = target.message or target.at
        history = await (reader.read_all(name) if place.whole else reader.read_chain(name))
        return history.messages

    async def read_past(self, person: str, wanted: PastRange) -> PastMessages:
        """Of the channel what the person may read there; who asks in a thread may read that one."""
        key = self._question.key
        own = bool(wanted.thread) and (self._place.whole or self._place.workspace == DIRECT)
        if not await (self._may_view(person) if own else self._may_read_past(person)):
            raise CannotAnswer(UNREADABLE_TO_ASKER)
        if wanted.thread and not own:
            return await self._read_chain(wanted)
        place = self._place if own else ChannelPlace(key.workspace, key.channel, key.channel, key.workspace == DIRECT)
        reader = HistoryReader(self._resources.rest, place, self._us, self._resources.content)
        past = await reader.read_past(wanted)
        self._note_shown(past.messages, reader)
        return past

    async def _read_chain(self, wanted: PastRange) -> PastMessages:
        """What a command replies to, with all that led to it."""
        reader = HistoryReader(self._resources.rest, self._place, self._us, self._resources.content)
        name = self._question.values.get(MESSAGE) or self._address.under or wanted.thread
        messages = (await reader.read_chain(name)).messages
        self._note_shown(messages, reader)
        return PastMessages(messages[-wanted.last :])

    def _note_shown(self, messages: Sequence[Message], reader: HistoryReader) -> None:
        """Whose names were shown: these people need not be asked for."""
        self._authors |= {message.author for message in messages}
        self._shown = {**self._shown, **reader.names}

    async def list_readable(self, person: str, threads: Mapping[str, bool]) -> AbstractSet[str]:
        """A private thread is left out, whoever asks: those who read along here need not be in it."""
        own = self._place.at
        if self._installer:  # a channel of its own for each person, whose questions come from many of Discord's
            return threads.keys() & {self._question.key.thread}
        if self._guild is None:
            return threads.keys()
        if not await self._may_read_past(person):
            return threads.keys() & {own} if own in threads and await self._may_view(person) else frozenset()
        unknown = {thread for thread, rooted in threads.items() if not rooted} - {own}
        known = await self._resources.directory.fetch_threads(self._guild, unknown)
        public = {one for one, of in known.items() if of.parent == self._question.key.channel and not of.private}
        return threads.keys() - unknown | public

    async def _may_read_past(self, person: str) -> bool:
        if self._guild is None:
            return True
        return await self._resources.directory.may_read_past(self._guild, self._question.key.channel, person)

    async def _may_view(self, person: str) -> bool:
        return self._guild is None or await self._resources.directory.may_view(self._guild, self._place.at, person)

    async def delete_pages(self, pages: Sequence[str], files: Sequence[File]) -> None:
        """Their files hang on them, and go with them. The page with the button goes also where we may not look."""
        for page in pages:
            delete = partial(self._delete_page, page, last=page == pages[-1])
            try:
                await retry_passing(delete, self._resources.pause)
            except PageGone:
                continue
            except Rejected as rejected:
                raise CannotAnswer(UNDELETED.format(rejected.reason)) from rejected

    async def _delete_page(self, page: str, *, last: bool) -> None:
        """Raises PageGone, Rejected, CannotShow, RateLimited, Uncertain."""
        rest, address = self._resources.rest, self._address
        own = InChannel(rest, self._place, self._us, self._question.name, None)
        pressed = last and not self._own and address.application and address.token
        try:
            await translate_refusals(own.delete(page))
        except PlaceClosed:
            if not pressed:
                raise
            await translate_refusals(rest.delete_answer(address.application or "", address.token or "", ORIGINAL))

    async def show(self, reply: ReplyView) -> None:
        """Raises CannotShow where nothing can be shown, Rejected where Discord does not take the answer."""
        if self._installer and self._slash and self._measure_rest() <= 0:
            raise PlaceClosed(OVER)  # before Claude is paid
        in_channel = not (self._slash or self._question.private or self._may_have_thread(reply))
        if in_channel and (why := self._resources.explain_closed(self._guild, self._place.at)):
            raise PlaceClosed(f"we may not write there: {why}", why)  # before Claude is paid
        await (await self._open_publisher(reply)).run()

    async def show_plainly(self, reply: ReplyView, text: str) -> None:
        await (await self._open_publisher(reply, plainly=True)).settle(text)

    async def show_notice(self, reply: ReplyView, notice: str) -> None:
        await (await self._open_publisher(reply)).show_notice(notice)

    async def _read_history(self) -> History:
        reader = HistoryReader(self._resources.rest, self._place, self._us, self._resources.content)
        if self._question.private:
            return History((), Reach.CHAIN)
        if self._question.schedule is not None:
            return await reader.read_run(self._question)
        if self._slash:
            return await reader.read_answers(self._question.name)
        name, under, key = self._question.name, None if self._own else self._address.under, self._question.key
        whole = self._place.whole and not (under and key.thread != self._place.at)
        history = await (reader.read_all(name) if whole else reader.read_chain(under or name))
        self._shown = reader.names
        return history

    async def _open_publisher(self, reply: ReplyView, plainly: bool = False) -> Publisher:
        target = await self._choose_target(reply)
        prompt = self._address.prompt if self._slash or not self._own else None
        quote = "" if prompt is None else formatting.quote_question(await self._name_ids(prompt))
        rest = self._measure_rest()
        # Without any rest a clock is wrong, or Discord says so.
        ends = isinstance(target, ByToken) or (isinstance(target, Privately) and rest > 0)
        return Publisher(
            reply,
            target,
            self._resources.pace,
            quote,
            self._resources.pause,
            plainly=plainly,
            seconds=rest if ends else None,
            grows=self._question.schedule is None,
        )

    async def _name_ids(self, text: str) -> str:
        return replace_ids(text, await self.names(ids)) if (ids := find_ids(text)) else text

    @property
    def _slash(self) -> bool:
        """Whether what was asked is an interaction, which our first page answers."""
        return self._address.token is not None and self._own

    @property
    def _own(self) -> bool:
        """Whether the address was made of what was asked, and not of a press, or a command that asks it again."""
        of_command = self._address.command == self._question.name
        return of_command or (self._address.command is None and self._address.under is None)

    @property
    def _guild(self) -> str | None:
        workspace = self._question.key.workspace
        return None if workspace == DIRECT else workspace.partition(":")[2]

    @property
    def _installer(self) -> str | None:
        """Whose own place it is, where we are no member."""
        return read_installer(self._question.key)

    def _measure_rest(self) -> float:
        """Seconds in which an interaction's token still shows something; no more of them where our clock is slow."""
        return self._resources.token - max(0.0, self._count_age())

    def _count_age(self) -> float:
        """Seconds from the question, by Discord's clock, to now, by ours; below zero where ours is slow."""
        return (self._resources.clock() - self._question.at).total_seconds()

    async def _choose_target(self, reply: ReplyView) -> Target:
        resources, name = self._resources, self._question.name
        if self._question.schedule is not None:
            return OfSchedule(resources.rest, self._place, self._us, self._question)
        if self._address.application and self._address.token and (self._slash or self._question.private):
            return self._answer_interaction(self._address.application, self._address.token, reply.resumed)
        if self._question.private and self._place.workspace != DIRECT:
            channel = await translate_errors(resources.rest.open_direct_channel(self._question.person))
            return InChannel(resources.rest, ChannelPlace(DIRECT, channel, channel, whole=True), self._us, name, None)
        if not self._own:
            under = self._question.about or self._address.under
            return InChannel(resources.rest, self._place, self._us, name, under)
        if self._may_have_thread(reply):
            self._opened = self._opened or await self._open_thread(reply)
            return self._opened
        return InChannel(resources.rest, self._place, self._us, name, name)

    def _answer_interaction(self, application: str, token: str, resumed: bool) -> Target:
        rest, name = self._resources.rest, self._question.name
        if self._installer and self._slash:
            return ByToken(rest, self._place, application, token, self._first, bool(self._address.visible))
        if self._question.private:
            single = resumed and self._slash  # what a predecessor posted, and could not write down, nobody finds
            return Privately(rest, self._place, application, token, self._first, self._slash, single)
        return BySlash(rest, self._place, self._us, name, application, token, self._first)

    def _may_have_thread(self, reply: ReplyView) -> bool:
        """Whether the answer opens a thread, or had one before what is chosen or allowed here was changed."""
        question = self._question
        asked = question.command is None and not question.private and self._own and not self._slash
        begins = asked and not self._place.whole and question.name == question.key.thread
        return begins and (bool(reply.pages) or self._opens_thread(reply))

    def _opens_thread(self, reply: ReplyView) -> bool:
        return reply.threaded and self._resources.may_open_thread(self._guild, self._place.at)

    async def _open_thread(self, reply: ReplyView) -> Target:
        """A thread on the question, which takes its id; the channel, where none can be opened.

        What a process that is gone has opened is found by that id. Where pages stand already, all of them do.
        """
        rest, key, name = self._resources.rest, self._question.key, self._question.name
        here = InChannel(rest, self._place, self._us, name, name)
        there = InChannel(rest, ChannelPlace(key.workspace, key.channel, name, whole=True), self._us, name, None)
        if reply.pages:
            likely = [there, here] if reply.threaded else [here, there]
            return await self._find_page(reply.pages[0], likely) or here
        if reply.resumed and await retry_call(partial(rest.has_thread, name), self._resources.pause):
            return there
        title = clean_title(await reply.title(self._resources.naming) or self._address.title or "")
        for called in dict.fromkeys((title or UNNAMED, UNNAMED)):
            try:
                await retry_call(partial(rest.open_thread, key.channel, name, called), self._resources.pause)
                return there
            except discord.HTTPException as error:
                if error.code not in {TITLE_BLOCKED, INVALID_FORM}:
                    break
            except CannotShow:
                break
        return here

    async def _find_page(self, page: str, targets: Sequence[Target]) -> Target | None:
        """The first of these in which a page stands."""
        for target in targets:
            inside = partial(self._resources.rest.has_message, target.channel, page)
            if await retry_call(inside, self._resources.pause):
                return target
        return None


def _find_place(question: Question, address: DiscordAddress) -> ChannelPlace:
    key = question.key
    at = key.channel if address.at is None else address.at
    return ChannelPlace(key.workspace, key.channel, at, whole=key.workspace == DIRECT or at != key.channel)

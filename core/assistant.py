"""The assistant: hears events, and answers one question."""

import asyncio
import logging
import secrets
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from core.asking import Asking, Ended
from core.chat import Asks, Deleted, Event, Gone, Heard, Hindered, History, Message, Pressed, Question, Rank
from core.claude import Trouble
from core.commands import TABLE, table
from core.commands.persona import in_force
from core.floor import Floor
from core.personas import Persona
from core.prompt import TTL, Request, request
from core.reply import Reply
from core.seam import Platform, Surface
from core.store.protocols import Claim, Lost, Outcome, Said, Store, Thread, Told, Unavailable
from core.turns import MENTION, Turn, introduce, people, trunk, turns
from core.watch import Begun, Closed, Watch, unwatched

MEMBERS_ONLY = "Only members of this workspace can ask me. Whoever runs this bot can open it to guests."

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Work:
    """A question being answered: its thread as we hold it, and the persona of a version that answers."""

    claim: Claim
    surface: Surface
    thread: Thread
    persona: Persona
    version: int
    declined: bool
    """Whether who asks was told before that only members may."""


class Assistant:
    """Hears what the platforms tell, and answers the questions in it. `floor` runs the answering."""

    def __init__(
        self,
        store: Store,
        *,
        asking: Asking,
        platforms: Mapping[str, Platform],
        defaults: Persona,
        clock: Callable[[], datetime],
        fallbacks: Sequence[str] = (),
        ttl: TTL = "1h",
        zone: str = "UTC",
        guests: bool = False,
        process: str = "",
        watch: Watch = unwatched,
    ) -> None:
        self._store = store
        self._asking = asking
        self._platforms = platforms
        self._defaults = defaults
        self._clock = clock
        self._fallbacks = fallbacks
        self._ttl = ttl
        self._guests = guests
        self._watch = watch
        self._desk = table.Desk(store, defaults, clock, asking.model, self.next_request, TABLE, zone)
        process = process or secrets.token_hex(8)
        self.floor = Floor(store.questions, self.answer, process, self._connected, watch=watch)

    def _connected(self) -> list[str]:
        return [name for name, platform in self._platforms.items() if not platform.offline]

    async def hear(self, event: Event) -> Heard:
        """Keep an event. When this returns it is safe on disk, and the platform may be told so. Raises Unavailable."""
        heard = await self._store.questions.hear(event)
        if heard.question:
            self.floor.wake()
        if isinstance(event, Deleted | Pressed):
            await self.floor.look()
        return heard

    async def answer(self, claim: Claim, stop: asyncio.Event) -> None:
        """Answer one question visibly: Claude's words, a command's, or the reason why there are none.

        When `stop` is set it ends with what was said so far. Raises Lost when another process has taken it over.
        """
        question, outcome = claim.question, Outcome.EXPIRED
        try:
            work = await self._work(claim)
            if for_us(claim, work.thread) and not await self._declined(work):
                outcome = await self._shown(work, stop)
            else:
                outcome = Outcome.NOT_FOR_US
        except* Gone as gone:
            log.warning("can't be shown an answer: %s", gone.exceptions[0])
        await self._store.questions.close(claim, outcome)
        self._watch(Closed(question, outcome))
        log.info("closed: %s", outcome.value)

    async def _work(self, claim: Claim) -> Work:
        """All that is known when an answer begins, asked for at once."""
        question = claim.question
        surface, thread, (persona, version), told = await asyncio.gather(
            self._platforms[question.key.platform].surface(question),
            self._store.threads.thread(question.key),
            in_force(self._store.personas, question.key, self._defaults),
            self._store.notes.get(_declined(question)),
        )
        return Work(claim, surface, thread, persona, version.number if version else 0, bool(told))

    async def next_request(self, question: Question, surface: Surface) -> Request | None:
        """The request that the thread of `question` would make now, or None if nothing of it is kept."""
        thread = await self._store.threads.thread(question.key)
        if thread.messages and thread.cold:
            thread, _ = await self._read(thread, surface)
        told = await self._turns(thread, question, surface)
        if not told:
            return None
        persona, _ = await in_force(self._store.personas, question.key, self._defaults)
        return request(persona, told, await self._asking.model(persona.model or ""), self._ttl)

    async def _welcome(self, claim: Claim, surface: Surface) -> bool:
        """Whether one of those who ask may: members, and guests where they are welcome."""
        if self._guests or claim.question.command is not None:
            return True
        people = {question.person for question in (claim.question, *claim.together)}
        return max([await surface.rank(person) for person in sorted(people)]) > Rank.GUEST

    async def _declined(self, work: Work) -> bool:
        """Whether it is a guest's who knows by now that only members may ask."""
        try:
            return work.declined and not await self._welcome(work.claim, work.surface)
        except Hindered:
            return False  # the answer will say what hinders it

    async def _shown(self, work: Work, stop: asyncio.Event) -> Outcome:
        """Show the reply while it grows, to its end. What is final is kept before it is shown."""
        claim = work.claim
        reply = Reply(claim.question, partial(self._keep_page, claim), claim.pages, work.persona.answers == "thread")
        async with asyncio.TaskGroup() as group:
            group.create_task(work.surface.show(reply))
            ended = await stopped(self._words(work, reply), reply, stop)
            if not (claim.said or ended.files):
                await self._store.questions.said(claim, Said(ended.text, ended.notice, ended.after))
            reply.finish(ended.text, ended.notice, ended.files)
        return ended.outcome

    async def _keep_page(self, claim: Claim, page: str, at: datetime | None) -> None:
        await self._store.questions.posted(claim, page, at or self._clock())

    async def _words(self, work: Work, reply: Reply) -> Ended:
        """What to say, whatever happens: trouble is told in a sentence, with a reference to the log."""
        try:
            return await self._found(work, reply)
        except (table.Problem, Hindered) as problem:
            return Ended(str(problem), Outcome.REFUSED)
        except Trouble as trouble:
            return _apology(trouble.sentence, trouble)
        except (Unavailable, Gone, Lost):
            raise
        except Exception as bug:
            log.exception("a bug kept a question from its answer")
            return _apology("Something went wrong on my side.", bug)

    async def _found(self, work: Work, reply: Reply) -> Ended:
        """What was said already, else what the command or Claude says."""
        claim = work.claim
        if claim.resumed or (work.thread.cold and claim.question.command is None):
            work = await self._reread(work, reply)
        if claim.said:
            return Ended(claim.said.text, Outcome.REFUSED if claim.said.notice else Outcome.SHOWN)
        if claim.question.command is not None:
            return await self._commanded(claim.question, work.surface)
        if not await self._welcome(claim, work.surface):
            await self._store.notes.put(_declined(claim.question), self._clock().isoformat())
            return Ended(MEMBERS_ONLY, Outcome.REFUSED)
        return await self._asked(work, reply)

    async def _reread(self, work: Work, reply: Reply) -> Work:
        """The thread read from the platform, where our own copy may be out of date; a predecessor's pages are ours."""
        thread, history = await self._read(work.thread, work.surface)
        for page in adopted(history, work.claim.question):
            await reply.posted(page.id, page.at)
        return replace(work, thread=thread)

    async def _read(self, thread: Thread, surface: Surface) -> tuple[Thread, History]:
        history = await surface.history()
        await self._store.threads.heal(thread, history)
        return await self._store.threads.thread(thread.key), history

    async def _commanded(self, question: Question, surface: Surface) -> Ended:
        row, rest = table.find(TABLE, question.command or "")
        values = table.values(row, rest, question.values)
        answer = await table.run(row, table.Call(question, values, surface, self._desk))
        return Ended(answer.text, Outcome.REFUSED, files=answer.files)

    async def _asked(self, work: Work, reply: Reply) -> Ended:
        question, persona = work.claim.question, work.persona
        told = await self._turns(work.thread, question, work.surface)
        if not told:
            return Ended("Yes? Ask me something, and I answer here.", Outcome.REFUSED)
        models = [persona.model or "", *(model for model in self._fallbacks if model != persona.model)]
        build = partial(request, persona, told, ttl=self._ttl)
        return await self._asking.ask(question, work.version, models, build, partial(self._heard, reply))

    def _heard(self, reply: Reply, text: str) -> None:
        if not reply.text:
            self._watch(Begun(reply.question))
        reply.say(text)

    async def _conversation(self, thread: Thread, name: str) -> Thread:
        """The part of the thread that the question belongs to, where messages name what they reply to."""
        asked = next((message for message in thread.messages if message.id == name), None)
        if asked is None:
            return thread
        if asked.parent is not None:
            return await self._store.threads.thread(thread.key, branch=name)
        return replace(thread, messages=tuple(trunk(thread.messages)))

    async def _turns(self, thread: Thread, question: Question, surface: Surface) -> list[Turn]:
        """The turns of the question's conversation; everybody in it is introduced once and for ever."""
        thread = await self._conversation(thread, question.name)
        messages = [message for message in thread.messages if message.answers != question.name]
        names = dict(thread.told.names)
        unknown = people(messages) - names.keys()
        if unknown:
            introduced = introduce(names, unknown, await surface.names(unknown))
            names = dict((await self._store.threads.told(thread.key, Told(introduced))).names)
        return turns(messages, thread.replies, names)


def _declined(question: Question) -> str:
    """The note that a guest was told."""
    return f"declined:{question.key.workspace}:{question.key.channel}:{question.person}"


def for_us(claim: Claim, thread: Thread) -> bool:
    """Whether it wants an answer of ours. Follow-ups do, unless all of them mention somebody else."""
    asked = (claim.question, *claim.together)
    if any(one.asks is Asks.CERTAINLY for one in asked):
        return True
    words = {message.id: message.text for message in thread.messages}
    return any(one.name in words and not MENTION.search(words[one.name]) for one in asked)


async def stopped(words: Coroutine[None, None, Ended], reply: Reply, stop: asyncio.Event) -> Ended:
    """The final words, or what there is of them when somebody stops it."""
    working, stopping = asyncio.create_task(words), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        return Ended(f"{reply.text}\n\n*(Stopped.)*".strip(), Outcome.WITHDRAWN)
    finally:
        working.cancel()
        stopping.cancel()


def adopted(history: History, question: Question) -> list[Message]:
    """Pages on the platform that a predecessor posted for this question: marked as such, or unmarked and later."""
    mine = [message for message in history.messages if message.mine]
    return [one for one in mine if one.answers == question.name or _unmarked_after(one, question)]


def _unmarked_after(message: Message, question: Question) -> bool:
    return message.answers is None and not message.notice and message.at > question.at


def _apology(sentence: str, error: Exception) -> Ended:
    reference = secrets.token_hex(3).upper()
    log.error("reference %s: %s", reference, error)
    return Ended(f"{sentence} (reference {reference})", Outcome.REFUSED)

"""Conversation: what Claude is told of the part of a thread to which a question belongs, with its files."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import ParamSpec, TypeVar

from core.claude.metering import Renew
from core.domain.content import CodeFile, Content, FileContent, Files, Text
from core.domain.errors import CannotAnswer, QuestionDeleted
from core.domain.messages import FinalText, Message, Question, ThreadKey
from core.domain.personas import Persona, Place
from core.domain.platform import Surface
from core.domain.wording import count_noun, list_some
from core.files.reader import FileReader
from core.prompting.asides.channel_notes import write_notes
from core.prompting.continuation import ANEW, Continuation, read_continuation
from core.prompting.file_names import clean_attached_name, write_name_as_code
from core.prompting.names import find_ids, introduce_speakers, replace_ids
from core.prompting.personas.knowledge import write_knowledge
from core.prompting.speakers import collect_people
from core.prompting.turns import LIMIT, WHOLE, CutThread, Turn, cut_thread, select_trunk
from core.store.protocols import Thread, Threads
from core.store.records.knowledge import Personas

THINKING = "thinking"
LOST = "The answer that this should go on with is gone."
UNREAD = "[Earlier messages of this conversation could not be read just now.]"

BLIND = "the model that answers here is not shown such files; another one may be"
NOT_TAKEN = "Claude's API did not take it; save it anew, or smaller, and attach that"
TOLD = 5  # files that could not be read, each in a sentence
LARGE = 100_000  # characters of a thread that are read within some milliseconds

P = ParamSpec("P")
T = TypeVar("T")


def _ignore(_activity: str) -> None:
    """Nobody watches."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """The turns, none where nothing is kept; what each file holds that hangs on them, and how the answer joins."""

    files: Files
    renew: Renew
    """Uploads those again that Claude's API has no more."""
    continuation: Continuation = ANEW
    """How the answer goes on with an earlier one, if it does."""
    cut: CutThread = WHOLE
    """What is told, and what is cut."""
    summaries: Mapping[str, str] = field(default_factory=dict)
    """Those of what is cut that are there."""
    unread: bool = False
    """What was said before could not be read, and Claude is told so."""

    @property
    def turns(self) -> list[Turn]:
        """Those with the summaries that are there."""
        return self.tell(self.summaries)

    def tell(self, summaries: Mapping[str, str]) -> list[Turn]:
        """The turns with these summaries in them."""
        turns = self.cut.build_turns(summaries)
        turns[:1] = [_mark_unread(one) if self.unread else one for one in turns[:1]]
        return turns


async def read_conversation(
    threads: Threads,
    thread: Thread,
    question: Question,
    surface: Surface,
    files: FileReader,
    *,
    find_zone: Callable[[], Awaitable[str]] | None = None,
    unread: bool = False,
    act: Callable[[str], None] = _ignore,
    told: str | None = None,
    code: bool = False,
    limit: int = LIMIT,
) -> Conversation:
    """The question's conversation; a speaker's name is asked for until it is known, then kept for ever.

    What others ask meanwhile, and all that is said behind that, is not told yet. A command is told everything.
    `find_zone` tells the asker's time zone now; where it is another than the one told last, it is told from here on.
    `unread` tells Claude that what was said before could not be read. `act` is told what takes a while. Files are there
    for `code` too. Above `limit` bytes old messages are not told. A question that was parked is told the same once
    more, up to the message `told`.
    Raises CannotAnswer where the answer is gone that this one should go on with, QuestionDeleted where what was asked
    is gone.
    """
    thread = _end_where_parked(await _select_branch(threads, thread, question), question, told)
    earlier = _find_earlier(thread, question)
    messages = [one for one in _leave_out_waiting(thread, question) if one.answers != question.name]
    aside = sum(len(one.text) for one in messages) > LARGE
    authors = {message.voice: None for message in reversed(messages) if not message.mine}  # before who is mentioned
    people = authors | dict.fromkeys(sorted(await _run(aside, collect_people, messages)))
    zones, thread = await asyncio.gather(
        remember_zone(threads, thread, question, None if earlier else find_zone),
        introduce_people(threads, thread, people, surface, messages),
    )
    read = await files.read_files(thread.key, messages, surface, partial(_tell_reading, act), code=code)
    act(THINKING)
    build = partial(
        cut_thread,
        limit=limit,
        zones=zones,
        unanswered=thread.unanswered,
        refused_at=thread.refused_at,
        asked=thread.open,
        files=read,
        pending=question.command is None,
        continues=question.continues,
    )
    cut = await _run(aside, build, messages, thread.replies, thread.names)
    renew = partial(files.renew_files, thread.key, messages, surface, code=code)
    return Conversation(read, renew, read_continuation(earlier) if earlier else ANEW, cut, thread.summaries, unread)


def _find_earlier(thread: Thread, question: Question) -> FinalText | None:
    """The answer that this one goes on with, if it does. Raises CannotAnswer where it is gone."""
    if question.continues and question.continues not in thread.replies:
        raise CannotAnswer(LOST)
    return thread.replies[question.continues] if question.continues else None


def _tell_reading(act: Callable[[str], None], name: str) -> None:
    act(f"reading {clean_attached_name(name)}")


def _mark_unread(turn: Turn) -> Turn:
    """The first turn with a note above it that what was said before could not be read."""
    begins, *rest = turn.content
    return replace(turn, content=(Text(f"{UNREAD}\n{begins.words}"), *rest))


def leave_out_files(
    files: Files, problem: str, *, kinds: Collection[str] = (), contents: Collection[Content] = ()
) -> Files:
    """The files where those that are shown as one of `kinds`, or as one of `contents`, are not, for this problem.

    What they say is told.
    """
    if CodeFile.kind in kinds:
        files = {place: replace(read, code=None) for place, read in files.items()}
    left = {
        name for (_, name), read in files.items() if read.shown and (read.shown.kind in kinds or read.shown in contents)
    }
    told = {
        name: replace(read, shown=None, origin=f"not shown, for {problem}")
        for (_, name), read in files.items()
        if name in left and read.text
    }
    problems = dict.fromkeys(left, FileContent(problem=problem)) | told
    return {
        place: read if read.again and place[1] in told else problems.get(place[1], read)
        for place, read in files.items()
    }


def describe_problems(messages: Iterable[Message], files: Files) -> list[str]:
    """Sentences on the files of these messages that were not read whole, for who attached them; of very many a few."""
    names: dict[tuple[str, str], list[str]] = {}
    for place, name in {(message.id, one.id): one.name for message in messages for one in message.attachments}.items():
        if place in files and (sentence := _explain_file(files[place])):
            names.setdefault(sentence, []).append(write_name_as_code(name))
    told = list(names.items())[:TOLD]
    more = sum(map(len, list(names.values())[TOLD:]))
    rest = [f"Nor could I read {count_noun(more, 'more file')}."] if more else []
    return [f"{begins} {list_some(each, TOLD)}{_tell_of_each(ends, each)}" for (begins, ends), each in told] + rest


def _tell_of_each(clause: str, names: Sequence[str]) -> str:
    """What is said behind the names of files, in the plural where there are several: `: each is empty.`"""
    return re.sub(r"^: it\b", ": each", clause) if len(names) > 1 else clause


def _explain_file(read: FileContent) -> tuple[str, str] | None:
    """What is said before and behind the name of a file that was not read whole."""
    if read.code:  # which opens all of it
        return None
    if read.problem:
        return "I could not read", f": {read.problem}."
    return ("I read only a part of", ": send the part that matters.") if read.cut else None


async def remember_zone(
    threads: Threads, thread: Thread, question: Question, find_zone: Callable[[], Awaitable[str]] | None
) -> Mapping[str, str]:
    """The zones told in this conversation. What was told once with a question stands, whatever its zone is now."""
    if find_zone is None:
        return thread.zones
    zone = await find_zone()
    last = next((thread.zones[one.id] for one in reversed(thread.messages) if one.id in thread.zones), None)
    if question.name in thread.zones or zone == last:
        return thread.zones
    return await threads.remember_zone(thread.key, question.name, zone)


def _end_where_parked(thread: Thread, question: Question, told: str | None) -> Thread:
    """The thread as a question was told it before it was parked, as far as that stands as it was."""
    if told is None:
        return thread
    end = next((at for at, message in enumerate(thread.messages, 1) if message.id == told), len(thread.messages))
    later = {message.id for message in thread.messages[end:]}
    moved = {name for name, reply in thread.replies.items() if reply.after in later}
    messages = tuple(message for message in thread.messages[:end] if message.answers not in moved)
    unanswered = {name: why for name, why in thread.unanswered.items() if name != question.name}
    return replace(thread, messages=messages, unanswered=unanswered)


def _leave_out_waiting(thread: Thread, question: Question) -> Iterable[Message]:
    """The messages before the first question behind this one that is answered apart, without those that came late."""
    if question.command is not None:
        return thread.messages
    apart = {name for name, reply in thread.open.items() if reply != question.name} - {question.name}
    asked = next(((message.at, message.id) for message in thread.messages if message.id == question.name), None)
    if question.continues:  # nobody said it
        asked = question.at, question.name
    if asked is None:
        raise QuestionDeleted("what was asked is deleted")
    behind = False
    told: list[Message] = []
    for message in thread.messages:
        waits = message.id in apart
        behind = behind or (waits and asked is not None and (message.at, message.id) > asked)
        if message.mine or not (waits or behind):
            told.append(message)
    return told


async def read_knowledge(personas: Personas, key: ThreadKey, persona: Persona) -> str:
    """What Claude is told of the files that a persona knows, those of this channel alone: the same bytes every time."""
    if not persona.knowledge:
        return ""
    place, ids = Place(key.workspace, key.channel), [one.id for one in persona.knowledge]
    found = await personas.read_knowledge(place, ids)
    return write_knowledge([(one.file.name, one.content) for one in found])


async def name_persona(threads: Threads, thread: Thread, persona: Persona, surface: Surface) -> tuple[Persona, Thread]:
    """The persona with names in the place of ids, in each thread for ever those that Claude was told there first.

    The thread with those names comes beside it.
    """
    ids = find_ids(persona.system or "")
    if not ids:
        return persona, thread
    thread = await introduce_people(threads, thread, sorted(ids), surface)
    return replace(persona, system=replace_ids(persona.system or "", thread.names)), thread


async def tell_notes(threads: Threads, thread: Thread, surface: Surface) -> tuple[str, Thread]:
    """What Claude is told of the channel's notes, with names as `name_persona` has them. The thread comes beside it."""
    written = write_notes((one.at, one.text) for one in thread.notes)
    ids = find_ids(written)
    if not ids:
        return written, thread
    thread = await introduce_people(threads, thread, sorted(ids), surface)
    return replace_ids(written, thread.names), thread


async def introduce_people(
    threads: Threads, thread: Thread, people: Iterable[str], surface: Surface, messages: Sequence[Message] = ()
) -> Thread:
    """The thread with names for all of `people`, and for us, so that nobody in it can have our name.

    Those that the platform shows, or that stand above one of the `messages`, are kept.
    """
    speakers = {message.voice: message.speaker for message in messages if message.speaker}
    unknown = {one: None for one in (surface.us, *people) if one and one not in thread.names}
    if not unknown:
        return thread
    shown = {**speakers, **await surface.names({one: None for one in unknown if one not in speakers}.keys())}
    introduced = introduce_speakers(thread.names, unknown, shown, surface.us)
    found = {one: name for one, name in introduced.items() if one in shown}
    kept = await threads.remember_names(thread.key, found)
    return replace(thread, names={**thread.names, **introduced, **kept})


async def _run(aside: bool, work: Callable[P, T], *args: P.args, **named: P.kwargs) -> T:
    """What `work` returns; done beside the event loop where it takes so long that others would wait."""
    return await asyncio.to_thread(work, *args, **named) if aside else work(*args, **named)


async def _select_branch(threads: Threads, thread: Thread, question: Question) -> Thread:
    """The part of the thread that the question belongs to, where messages name what they reply to.

    What is answered together is one chain, at the end of which the newest of it stands.
    """
    if question.continues and any(message.parent is not None for message in thread.messages):
        return await threads.thread(thread.key, branch=question.name)
    together = {name for name, reply in thread.open.items() if reply == question.name} | {question.name}
    asked = [message for message in thread.messages if message.id in together]
    chained = next((message.id for message in reversed(asked) if message.parent is not None), None)
    if chained is not None:
        return await threads.thread(thread.key, branch=chained)
    if not asked:
        return thread
    return replace(thread, messages=tuple(select_trunk(thread.messages)))


def list_asked(thread: Thread, now: datetime) -> list[datetime]:
    """About when Claude was asked in a thread, oldest first, `now` last: an answer begins to stand soon after that."""
    begun: dict[str, datetime] = {}
    for message in thread.messages:
        if message.mine and message.answers and not message.notice:
            begun[message.answers] = min(message.at, begun.get(message.answers, message.at))
    return [*sorted(at for at in begun.values() if at < now), now]

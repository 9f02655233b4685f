"""Turns: a thread's messages as the alternating user and assistant turns of the Messages API."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import accumulate, groupby
from types import MappingProxyType
from typing import Any, Literal

from core.domain.clock import load_zone
from core.domain.content import CodeFile, Content, Document, FileContent, Files, Image, Text
from core.domain.messages import FinalText, Message, Unanswered
from core.prompting.asides.summaries import CutStep, name_step, tell_omitted
from core.prompting.clock_notes import describe_time, needs_time
from core.prompting.context_window import DEFAULT_CONTEXT, TOKEN_BYTES
from core.prompting.continuation import write_note
from core.prompting.speakers import NO_FILES, quote_message
from core.rendering.reply_notes import remove_notes

NOTHING: Mapping[str, Any] = MappingProxyType({})
LIMIT = DEFAULT_CONTEXT * TOKEN_BYTES  # bytes of UTF-8 told of one thread

_OPENING = "[This thread begins with words of yours.]"
_WAITING = "[The message above your last words is not answered yet. Answer it now.]"
_REFUSED = "[What was said here was declined for its content, and is left out.]"
_DECLINED = "[Confab did not answer this: who asked may not just now. Leave it, unless it is asked for again below.]"
_PARKED = "[Confab began to answer this, and waits for a person to allow something. It goes on later; leave it.]"
_RESUMED = "[Now comes the answer to an earlier message, for which Confab waited until a person allowed something.]"


@dataclass(frozen=True, slots=True)
class Turn:
    """What one side says until the other speaks. `messages` are the ids it was made of."""

    role: Literal["user", "assistant"]
    content: tuple[Content, ...]
    messages: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """All of it as a person reads it."""
        return "\n".join(part.words for part in self.content)


@dataclass(frozen=True, slots=True)
class _Entry:
    role: Literal["user", "assistant"]
    words: str
    message: str = ""
    reply: bool = False
    """It is all that Claude said to a question."""
    at: datetime | None = None
    clock: str = ""
    """The note that stands above it: the time at which a person said it."""
    edited: datetime | None = None
    shown: tuple[Image | Document, ...] = ()
    """They stand below the words."""
    code: tuple[CodeFile, ...] = ()

    @property
    def text(self) -> str:
        return f"{self.clock}\n{self.words}" if self.clock else self.words

    @property
    def size(self) -> int:
        return len(self.text.encode()) + 1 + sum(one.size for one in self.shown)


@dataclass(frozen=True, slots=True)
class CutThread:
    """A thread as it is told: its first entry and its newest ones, and what is cut from between them, in steps."""

    entries: tuple[_Entry, ...]
    steps: tuple[CutStep, ...] = ()
    """What is cut, oldest first; none where all of it is told."""
    pending: bool = True

    def build_turns(self, summaries: Mapping[str, str] = NOTHING) -> list[Turn]:
        """The turns, with the summary of what is cut in its place, where `summaries` has it under its last step."""
        entries = list(self.entries)
        if self.steps:
            entries.insert(1, _Entry("user", tell_omitted(summaries.get(self.steps[-1].digest, ""))))
        opened: dict[CodeFile, None] = {}
        turns: list[Turn] = []
        for role, group in groupby(entries, key=lambda entry: entry.role):
            together = list(group)
            opened |= {one: None for entry in together for one in entry.code}
            turns.append(_build_turn(role, together, opened))
        if turns and turns[0].role == "assistant":
            turns.insert(0, Turn("user", (Text(_OPENING),)))
        if self.pending and turns and turns[-1].role == "assistant":
            turns.append(Turn("user", (Text(_WAITING), *opened)))
        return turns


WHOLE = CutThread(())
"""A thread of which nothing is told, and nothing cut."""


def cut_thread(
    messages: Sequence[Message],
    replies: Mapping[str, FinalText],
    names: Mapping[str, str],
    limit: int = LIMIT,
    *,
    zones: Mapping[str, str] = NOTHING,
    unanswered: Mapping[str, Unanswered] = NOTHING,
    refused_at: Mapping[str, datetime] = NOTHING,
    asked: Collection[str] = (),
    files: Files = NO_FILES,
    pending: bool = True,
    continues: str | None = None,
) -> CutThread:
    """A thread's messages, oldest first, as what alternating turns that begin with the user tell of them.

    While a question is `pending` they also end with the user: what Claude's last words did not answer stands above.

    `replies` holds what Claude said, by question; `names` how each person is called; `zones` the time zone that holds
    from a message on (without any, no time is told); `unanswered` why a question got no answer; `files`
    what attachments hold, by the ids of messages and their own; `continues` whose answer is asked to go on now, by a
    note at the end; it stands above what came of it from then on. A reply of many pages
    is one assistant turn, standing after the last message that Claude had read, or else at its first page. What Claude
    refused is left out, with all that was said before it since the last reply, and a note stands in its place; words
    that were edited after that refusal (`refused_at`) are other words, and told. So is a question of before that came
    later, and is `asked` now or has a reply of its own. Above a message that begins a day,
    ends a long pause, or is said in another time zone stands the time. Each turn of people's ends with the files that
    code can open so far: the API gives a container only those of the turn that is answered.
    Above `limit` bytes, old entries go in steps of half the limit, counted from the thread's beginning, and
    the first stays: while the thread grows, its turns keep their beginning byte for byte between the steps. A note
    stands in their place, with the summary of them once there is one.
    An empty thread has no turns.
    """
    placed = _place_replies(messages, replies, unanswered)
    apart = {name for name, said in replies.items() if not said.notice}.union(asked)

    asking = [] if continues is None else [_Entry("user", write_note(replies.get(continues)))]

    def choose(files: Files) -> tuple[list[_Entry], list[int]]:
        entries = [*_list_entries(placed, replies, names, unanswered, files), *asking]
        told = _set_clocks(_leave_out_refused(entries, unanswered, refused_at, apart), zones)
        return told, _find_cuts(told, limit)

    told, cuts = choose(files)
    kept = {entry.message for entry in _keep_newest(told, cuts, zones) if entry.words != _REFUSED}
    if (moved := _move_files(files, kept)) is not files:
        told, cuts = choose(moved)
    return CutThread(tuple(_keep_newest(told, cuts, zones)), _list_steps(told, cuts, messages), pending)


def _move_files(files: Files, told: Collection[str]) -> Files:
    """The files, where those whose message is not told any more stand with the first of the later ones that is."""
    held = {name: content for (_, name), content in files.items() if not content.again}
    standing = {name for (message, name), content in files.items() if message in told and not content.again}
    moved: dict[tuple[str, str], FileContent] = {}
    for (message, name), content in files.items():
        if content.again and message in told and name in held and name not in standing:
            standing.add(name)
            moved[message, name] = held[name]
    return {**files, **moved} if moved else files


def append_text(turns: Sequence[Turn], text: str) -> list[Turn]:
    """The turns, which end with the user, with a note at their end."""
    *before, last = turns
    return [*before, replace(last, content=(*last.content, Text(text)))]


def select_trunk(messages: Iterable[Message]) -> list[Message]:
    """The messages that reply to none, which are one conversation."""
    return [message for message in messages if message.parent is None]


def _place_replies(
    messages: Sequence[Message], replies: Mapping[str, FinalText], unanswered: Mapping[str, Unanswered]
) -> list[Message]:
    """The messages with each reply as one page, moved to stand after the last message that Claude had read.

    One that waited for a person stands behind all that was answered meanwhile.
    """
    others = {message.id for message in messages if not message.mine}
    pages: dict[str, list[Message]] = {}
    for message in messages:
        if message.mine and message.answers:
            pages.setdefault(message.answers, []).append(message)
    moved: dict[str, list[Message]] = {}
    order: list[Message] = []
    for message in messages:
        if not (message.mine and message.answers):
            order.append(message)
        elif message is pages[message.answers][0]:
            said = replies.get(message.answers)
            place = order if said is None or said.after not in others else moved.setdefault(said.after, [])
            place.append(_join_pages(pages[message.answers], said))
    for standing in moved.values():
        standing.sort(key=lambda page: unanswered.get(page.answers or "") is Unanswered.PARKED)
    placed = [one for message in order for one in (message, *moved.get(message.id, ()))]
    continues = {name: said.continues for name, said in replies.items() if said.continues}
    return _order_continuations(placed, continues) if continues else placed


def _order_continuations(placed: Sequence[Message], continues: Mapping[str, str]) -> list[Message]:
    """The same with each answer that goes on with another one behind that: a stopped one stands where it was posted."""
    standing = {message.answers for message in placed}
    waiting: dict[str, list[Message]] = {}
    ordered: dict[str, Message] = {}

    def add(message: Message) -> None:
        ordered[message.id] = message
        for one in waiting.pop(message.answers or "", ()):
            add(one)

    for message in placed:
        earlier = continues.get(message.answers or "", "")
        if earlier in standing and all(one.answers != earlier for one in ordered.values()):
            waiting.setdefault(earlier, []).append(message)
        else:
            add(message)
    return list(ordered.values())


def _join_pages(pages: Sequence[Message], said: FinalText | None) -> Message:
    first = pages[0]
    text = said.text if said is not None else "\n".join(page.text for page in pages)
    notice = first.notice or bool(said and said.notice)
    return Message(first.id, first.author, text, first.at, mine=True, answers=first.answers, notice=notice)


def _list_entries(
    messages: Sequence[Message],
    replies: Mapping[str, FinalText],
    names: Mapping[str, str],
    unanswered: Mapping[str, Unanswered],
    files: Files,
) -> Iterator[_Entry]:
    before: _Entry | None = None
    for message in messages:
        parked = unanswered.get(message.answers or "") is Unanswered.PARKED
        text = (
            ""
            if message.notice or (parked and message.answers not in replies)
            else remove_notes(message.text).strip()
            if message.mine
            else quote_message(message, names, files)
        )
        if not text:
            continue
        attached = dict.fromkeys((message.id, one.id) for one in message.attachments)
        shown = tuple(part for place in attached if place in files and (part := files[place].shown))
        code = tuple(one for place in attached if place in files and (one := files[place].code))
        entry = _Entry("user", text, message.id, at=message.at, shown=shown, edited=message.edited, code=code)
        if message.mine:
            entry = _Entry("assistant", text, message.id, reply=message.answers in replies)
        said = replies[message.answers] if entry.reply and message.answers else None
        if said and said.continues:
            yield _Entry("user", write_note(replies.get(said.continues)))  # so it was asked to go on
        elif entry.reply and parked:
            yield _Entry("user", _RESUMED)
        elif entry.reply and before and before.reply:
            yield _Entry("user", _WAITING)  # so it was told when the second one was asked for
        yield entry
        if unanswered.get(message.id) is Unanswered.DECLINED:
            yield _Entry("user", _DECLINED)
        if unanswered.get(message.id) is Unanswered.PARKED:
            yield _Entry("user", _PARKED)
        before = entry


def _leave_out_refused(
    entries: Iterable[_Entry],
    unanswered: Mapping[str, Unanswered],
    refused_at: Mapping[str, datetime],
    apart: Collection[str],
) -> list[_Entry]:
    """The entries without those turns of people that Claude refused, each up to the question that it refused.

    What was edited since is not what it refused, nor is a question that is answered `apart`, for it came later. Of what
    its asker may not ask, no edit makes anything else.
    """
    kept: list[_Entry] = []
    for entry in entries:
        at = refused_at.get(entry.message)
        if unanswered.get(entry.message) is not Unanswered.REFUSED or _is_edited_since(entry, at):
            kept.append(entry)
            continue
        told: list[_Entry] = []
        while kept and kept[-1].role == "user":
            before = kept.pop()
            edited = _is_edited_since(before, at) and unanswered.get(before.message) is not Unanswered.DECLINED
            if edited or before.message in apart:
                told.insert(0, before)
        kept += [*told, _Entry("user", _REFUSED, entry.message)]
    return kept


def _is_edited_since(entry: _Entry, at: datetime | None) -> bool:
    return at is not None and entry.edited is not None and entry.edited > at


def _set_clocks(entries: Sequence[_Entry], zones: Mapping[str, str]) -> list[_Entry]:
    """The entries with the time above those that need it. The first zone holds also for what was said before it."""
    zone = _find_zone(entries, zones)
    if zone is None:
        return list(entries)
    found: list[_Entry] = []
    before: datetime | None = None
    for entry in entries:
        zone = zones.get(entry.message, zone)
        at = entry.at and entry.at.astimezone(load_zone(zone))
        shown = at and (before is None or needs_time(before, at))
        found.append(replace(entry, clock=describe_time(at, zone)) if at and shown else entry)
        before = at or before
    return found


def _find_zone(entries: Iterable[_Entry], zones: Mapping[str, str]) -> str | None:
    return next((zones[entry.message] for entry in entries if entry.message in zones), None)


def _find_cuts(entries: Sequence[_Entry], limit: int) -> list[int]:
    """Where the newest entries begin after each step, if any were cut from behind the first entry.

    The cut moves only when they outgrow `limit`, then to half of it; beside a long first entry both are smaller, so
    that a step is more than one message.
    """
    cuts: list[int] = []
    if not entries:
        return cuts
    first = entries[0].size
    room = max(limit - first, limit // 4)
    half = limit // 2 if first <= limit // 4 else room // 2
    start, size = 1, 0
    for end, entry in enumerate(entries[1:], 1):
        size += entry.size
        if size > room:
            before = start
            while start < end and size > half:
                size -= entries[start].size
                start += 1
            cuts += [start] if start > before else []
    return cuts


def _keep_newest(entries: Sequence[_Entry], cuts: Sequence[int], zones: Mapping[str, str]) -> list[_Entry]:
    """The first entry and those behind the last cut, the first of which has the time above it."""
    if not cuts:
        return list(entries)
    start = cuts[-1]
    kept = [entries[0], *entries[start:]]
    place = next((place for place, entry in enumerate(kept[1:], 1) if entry.at), None)
    zone = _find_zone(entries[start + place - 1 :: -1], zones) or _find_zone(entries, zones) if place else None
    if place and zone and (at := kept[place].at):
        kept[place] = replace(kept[place], clock=describe_time(at.astimezone(load_zone(zone)), zone))
    return kept


def _list_steps(entries: Sequence[_Entry], cuts: Sequence[int], messages: Sequence[Message]) -> tuple[CutStep, ...]:
    """What is cut, in its steps; each names the messages of its own and of those before it."""
    if not cuts:
        return ()
    pages: dict[str, list[Message]] = {}
    for message in messages:
        if message.mine and message.answers:
            pages.setdefault(message.answers, []).append(message)
    standing = {page.id: pages[page.answers] for each in pages.values() for page in each if page.answers}
    alone = {message.id: [message] for message in messages} | standing
    steps: list[CutStep] = []
    told: dict[str, Message] = {}
    digest = ""
    for start, end in zip((1, *cuts), cuts, strict=False):
        cut = [entry for entry in entries[start:end] if entry.message]
        told |= {one.id: one for entry in cut for one in alone.get(entry.message, ())}
        digest = name_step(digest, [(one.message, one.edited, one.words * (one.role != "user")) for one in cut])
        said = tuple((entry.role, entry.text) for entry in entries[start:end])
        steps.append(CutStep(digest, said, tuple(told.values())))
    return tuple(steps)


def _build_turn(role: Literal["user", "assistant"], entries: list[_Entry], opened: Iterable[CodeFile]) -> Turn:
    between = "\n" if role == "user" else "\n\n"
    parts: list[Content] = []
    words: list[str] = []
    for entry in entries:
        words.append(entry.text)
        if entry.shown:
            parts += [Text(between.join(words)), *entry.shown]
            words = []
    parts += [Text(between.join(words))] if words else []
    parts += opened if role == "user" else ()
    return Turn(role, tuple(parts), tuple(e.message for e in entries if e.message))


def measure_prompts(turns: Sequence[Turn], system: int) -> list[int]:
    """About how many tokens the prompts of a thread had, the newest last, each of which ended with what was asked.

    `system` are those of what stands before all turns.
    """
    sums = accumulate((sum(part.tokens for part in turn.content) for turn in turns), initial=system)
    asked = (at + 1 for at, turn in enumerate(turns) if turn.role == "user")
    lengths = list(sums)
    return [lengths[at] for at in asked]

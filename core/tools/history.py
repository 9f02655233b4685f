"""History: what Claude may look up in the past of the channel in which it is asked.

It sees what all see who read the answer: nothing private, nothing of another channel, nothing deleted or forgotten.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import Field

from core.domain.clock import load_zone
from core.domain.content import Text
from core.domain.errors import CannotAnswer, CannotShow
from core.domain.messages import FinalText, LinkTarget, Message, ThreadKey, Unanswered
from core.domain.platform import Surface
from core.domain.tools import ToolResult
from core.domain.wording import count_noun
from core.prompting.clock_notes import describe_time, needs_time
from core.prompting.file_names import clean_attached_name
from core.prompting.names import MENTION, introduce_speakers
from core.prompting.speakers import QUOTES, collect_people, indent, leave_out_middle, quote_message
from core.rendering.reply_notes import remove_notes
from core.store.records.searches import Hit, Position, Search
from core.tools.framing import DATA, LARGEST, indent_all
from core.tools.functions import tool
from core.tools.tool import ToolScope

MOST = 50_000  # messages of a channel that are searched, the newest
WORDS = 20  # of one search
EXCERPT = 600  # characters that are told of a message that was found
BEFORE = 200  # of them, at most, before the first word that was looked for
LISTED = 30  # hits that one search can tell
CHUNK = 25  # hits of which it is asked together whether they may be read

READ = 200  # messages of a thread that are told, the newest
READ_CHARACTERS = 40_000  # of all of them
LONGEST = 10_000  # bytes of the text of one of them, and of all that it forwards
FILES = 50  # of one of them that are named
NOTES = 150  # bytes, at most, that are told of one beside its words: when it was said, and that it is the linked one

OURS = "Claude"  # nobody else is told by this name
ELSEWHERE = (
    "That is no link to a message of this channel that everybody who reads along here may read. Only such links can be "
    "read: of other channels, private threads and other sites nothing is told here."
)
GONE = "There is nothing to read at that link: the message was deleted, or the platform does not show it."


def _describe_search(arguments: Mapping[str, Any]) -> str:
    words = str(arguments.get("query") or arguments.get("person") or "")
    return f'searching this channel for "{clean_attached_name(words)}"' if words.strip() else "searching this channel"


@tool(acts=False, group="history", describe=_describe_search)
async def search_history(
    scope: ToolScope,
    query: Annotated[
        str,
        Field(
            max_length=500,
            description="Words that all have to occur in one message, in whatever case; parts of words do. Few are "
            "best. Empty: every message.",
        ),
    ],
    *,
    person: Annotated[
        str,
        Field(max_length=200, description="Only what this person said, by the name as you see it; Claude for yourself"),
    ] = "",
    since: Annotated[
        str, Field(max_length=40, description="Only from then on: 2026-11-20, or 2026-11-20T15:00, in the asker's zone")
    ] = "",
    before: Annotated[str, Field(max_length=40, description="Only before then, written like `since`")] = "",
    limit: Annotated[int, Field(ge=1, le=LISTED, description="How many messages are told at most")] = 10,
) -> ToolResult:
    """Search what was said in this channel before, in the threads in which you were asked something.

    Tells the newest messages that match, each with who said it, when, an excerpt and a link. Use it when a question is
    about something that was said, decided or shared here earlier and is not in this conversation. If nothing is found,
    try fewer or other words. Give the links of messages that your answer rests on.
    """
    zone = await scope.find_zone()
    names = await scope.store.threads.remember_names(scope.question.key, {})
    people, ours = await _find_people(scope, names, person)
    search = Search(
        tuple(dict.fromkeys(query.casefold().split()))[:WORDS],
        people,
        ours,
        _read_time("since", since, zone),
        _read_time("before", before, zone),
    )
    found, read, rest = await _collect_hits(scope, search, limit)
    names = await _name_people(scope, names, [hit.message for hit in found])
    writer = _HitWriter(scope.surface, names, search.words, zone)
    told = [writer.write(number, hit) for number, hit in enumerate(found, 1)]
    return ToolResult((Text("\n".join([_write_heading(len(found), read, rest), *told])),))


def _write_heading(found: int, read: int, rest: bool) -> str:
    looked = f"among the newest {count_noun(read, 'message')} of this channel's threads"
    older = " Older ones were not looked at." if rest else ""
    if not found:
        return f"Nothing was found {looked}.{older}"
    return f"Found {count_noun(found, 'message')}, the newest first, {looked}.{older} {DATA}"


async def _find_people(scope: ToolScope, names: Mapping[str, str], person: str) -> tuple[frozenset[str] | None, bool]:
    """The ids of those who are called so, and whether that is us. Raises CannotAnswer where nobody is."""
    mention = MENTION.fullmatch(person.strip())
    name = mention[1] if mention else person.strip().removeprefix("@").strip()
    if not name:
        return None, False
    if name == scope.surface.us or name.casefold() in {OURS.casefold(), names.get(scope.surface.us, OURS).casefold()}:
        return frozenset(), True
    here = {one for one, known in names.items() if name == one or known.casefold() == name.casefold()}
    if mention:
        here.add(name)
    if people := here or await scope.store.past.find_people(scope.question.key, name):
        return frozenset(people), False
    raise CannotAnswer("Nobody of that name is known in this channel's threads. Search without `person`.")


def _read_time(name: str, written: str, zone: str) -> datetime | None:
    """A time, in the asker's zone where it names none. Raises CannotAnswer."""
    if not written.strip():
        return None
    try:
        at = datetime.fromisoformat(written.strip())
        return (at if at.tzinfo else at.replace(tzinfo=load_zone(zone))).astimezone(UTC)
    except (ValueError, OverflowError):
        raise CannotAnswer(f"`{name}` is no date such as 2026-11-20, or time such as 2026-11-20T15:00.") from None


async def _collect_hits(scope: ToolScope, search: Search, limit: int) -> tuple[list[Hit], int, bool]:
    """What was found and may be read, in how many messages, and whether there are older ones."""
    found: list[Hit] = []
    readable = _Readable(scope)
    position: Position | None = None
    read, rest = 0, True
    while rest and read < MOST and len(found) < limit:
        page = await scope.store.past.search(scope.question.key, search, position)
        found += await readable.choose(page.hits, limit - len(found))
        read, position, rest = read + page.read, page.rest, page.rest is not None
    return found, read, rest


class _Readable:
    """Which threads may be read, on the platform's word, each asked for once."""

    def __init__(self, scope: ToolScope) -> None:
        self._scope = scope
        self._known: dict[str, bool] = {}

    async def choose(self, hits: Sequence[Hit], limit: int) -> list[Hit]:
        """The first of the hits that may be read: not the question, nor its answer, which may say what is searched."""
        found: list[Hit] = []
        asked = self._scope.question.name
        others = [hit for hit in hits if asked not in {hit.message.id, hit.message.answers}]
        for at in range(0, len(others), CHUNK):
            part = others[at : at + CHUNK]
            await self._ask({hit.key.thread: hit.rooted for hit in part})
            found += [hit for hit in part if self._known[hit.key.thread]]
            if len(found) >= limit:
                break
        return found[:limit]

    async def _ask(self, threads: Mapping[str, bool]) -> None:
        if unknown := {name: rooted for name, rooted in threads.items() if name not in self._known}:
            readable = await self._scope.surface.list_readable(self._scope.question.person, unknown)
            self._known |= {name: name in readable for name in unknown}


async def _name_people(scope: ToolScope, names: Mapping[str, str], messages: Sequence[Message]) -> Mapping[str, str]:
    """The names that this conversation has for people, and such for the others that nobody in it has."""
    unknown = {one: None for one in sorted(collect_people(messages)) if one not in names}
    speakers = {message.voice: message.speaker for message in messages if message.speaker}
    shown = {**speakers, **await scope.surface.names({one: None for one in unknown if one not in speakers}.keys())}
    return {**names, **introduce_speakers(names, unknown, shown, scope.surface.us)}


@dataclass(frozen=True, slots=True)
class _HitWriter:
    """Tells what was found, in the asker's time zone."""

    surface: Surface
    names: Mapping[str, str]
    words: Sequence[str]
    zone: str

    def write(self, number: int, hit: Hit) -> str:
        said, at = hit.message, hit.message.at
        named = said if hit.page is None else Message(hit.page, "", "", at, parent=said.id)
        link = self.surface.link(named, hit.key.thread)
        when = describe_time(at.astimezone(load_zone(self.zone)), self.zone)
        excerpt = _cut_excerpt(_quote(said, self.names), self.words)
        return f"{number}. {' '.join(filter(None, (when, link)))}\n{indent_all(excerpt)}"


def _quote(message: Message, names: Mapping[str, str]) -> str:
    """What somebody or we said, with whose words it is."""
    if not message.mine:
        return quote_message(message, names)
    words = remove_notes(message.text)
    return f"{OURS}: {indent(words)}" if words.strip() else ""


def _cut_excerpt(quoted: str, words: Sequence[str]) -> str:
    """As much of it as is told, around the first word that was looked for."""
    if len(quoted) <= EXCERPT:
        return quoted
    folded = quoted.casefold()
    first = min((at for word in words if (at := folded.find(word)) >= 0), default=0)
    start = max(0, min(first - BEFORE, len(quoted) - EXCERPT))
    name, _, _ = quoted.partition(": ")
    begins = f"{name}: \u2026 " if start else ""
    ends = " \u2026" if start + EXCERPT < len(quoted) else ""
    return f"{begins}{quoted[start : start + EXCERPT]}{ends}"


@tool(acts=False, group="history", describe=lambda _: "reading a thread of this channel")
async def read_thread(
    scope: ToolScope,
    link: Annotated[str, Field(max_length=1000, description="The permalink of a message of this channel")],
) -> ToolResult:
    """Read the thread to which a link leads, if it is in this channel. Such links people give, and search_history does.

    Tells its newest messages, the oldest of them first, each with who said it.
    """
    target = await scope.surface.find_target(link, scope.question.person)
    if target is None:
        raise CannotAnswer(ELSEWHERE)
    said = await _read_messages(scope, target)
    if not said:
        raise CannotAnswer(GONE)
    newest = _choose_newest(said, target.message)
    known = await scope.store.threads.remember_names(scope.question.key, {})
    told = _quote_fitting(newest, target.message, await _name_people(scope, known, newest))
    lines = _tell_thread(told, target.message, await scope.find_zone())
    left = len(said) - len(told)
    older = f" {count_noun(left, 'older message')} of it {'is' if left == 1 else 'are'} left out." if left else ""
    heading = f"The thread to which the link leads, the oldest message first.{older} {DATA}"
    return ToolResult((Text("\n".join([heading, *lines])),))


async def _read_messages(scope: ToolScope, target: LinkTarget) -> list[Message]:
    """What was said in a thread: what is kept of it, else what the platform shows."""
    past, key = scope.store.past, scope.question.key
    found = await past.find_thread_of(key, target)
    if found is None:
        try:
            shown = await scope.surface.read_target(target)
        except CannotShow:
            raise CannotAnswer(GONE) from None
        there = ThreadKey(key.workspace, key.channel, target.at)
        return list(join_answers(await past.leave_out_forgotten(there, shown), {}))
    name = found.key.thread
    if name not in await scope.surface.list_readable(scope.question.person, {name: found.rooted}):
        raise CannotAnswer(ELSEWHERE)
    thread = await scope.store.threads.thread(found.key)
    refused = {asked for asked, why in thread.unanswered.items() if why is Unanswered.REFUSED}  # it would be again
    return list(join_answers([one for one in thread.messages if one.id not in refused], thread.replies))


def join_answers(messages: Iterable[Message], replies: Mapping[str, FinalText]) -> Iterator[Message]:
    """What was said, an answer of ours whole in the place of its first page; notices are not."""
    answered: set[str] = set()
    for message in messages:
        whole = replies.get(message.answers or "") if message.mine else None
        empty = message.mine and not (whole or message).text.strip()
        if message.notice or empty or (whole and message.answers in answered):
            continue
        if whole:
            answered.add(message.answers or "")
        yield replace(message, text=whole.text) if whole else message


def _choose_newest(said: Sequence[Message], linked: str) -> list[Message]:
    """The newest that all together are not too long, and what the link names, however old that is."""
    chosen: list[Message] = []
    left = READ_CHARACTERS
    for number, one in enumerate(reversed(said)):
        if one.id == linked or (left > 0 and number < READ):
            short = _shorten(one)
            left -= len(short.text) + sum(len(quote.text) for quote in short.quotes)
            if left >= 0 or one.id == linked:
                chosen.append(short)
    return chosen[::-1]


def _shorten(message: Message) -> Message:
    """A message without the middle of what is too long of it, before it is quoted: a cut later would end a quote."""
    quotes = message.quotes[:QUOTES]
    return replace(
        message,
        text=leave_out_middle(message.text, LONGEST),
        quotes=tuple(replace(one, text=leave_out_middle(one.text, LONGEST // len(quotes))) for one in quotes),
        attachments=message.attachments[:FILES],
    )


def _quote_fitting(said: Sequence[Message], linked: str, names: Mapping[str, str]) -> list[tuple[Message, str]]:
    """The messages with their words as they are told; names, notes and indentation may leave room for the newest only.

    What the link names has its room first.
    """
    quoted = [(one, indent_all(_quote(one, names))) for one in said]
    left = LARGEST - sum(len(words.encode()) for one, words in quoted if one.id == linked)
    chosen: list[tuple[Message, str]] = []
    for one, words in reversed(quoted):
        left -= NOTES + (0 if one.id == linked else len(words.encode()))
        if left >= 0 or one.id == linked:
            chosen.append((one, words))
    return chosen[::-1]


def _tell_thread(said: Sequence[tuple[Message, str]], linked: str, zone: str) -> Iterator[str]:
    """Their lines: a time where it has to be told, and which one the link names."""
    before: datetime | None = None
    for one, words in said:
        at = one.at.astimezone(load_zone(zone))
        if before is None or needs_time(before, at):
            yield describe_time(at, zone)
        if one.id == linked:
            yield "[The link names this message:]"
        yield words
        before = at

"""Reading a thread: whole or by reply chain, with the names, time zones and tools that Claude was given.

And a channel's past, searched backwards in pages that keep nobody waiting: nothing that is private, deleted or
forgotten is found, nor what Claude refused; told again, it would be refused again.
"""

import json
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from pydantic import TypeAdapter

from core.domain.messages import FinalText, LinkTarget, Message, ThreadKey, Unanswered, clean_text
from core.domain.personas import Place, Version
from core.domain.tools import Container
from core.store.places.advisory_locks import lock_channel
from core.store.places.budgets import NEWEST_ZONE
from core.store.places.channel_notes import HELD, read_note
from core.store.places.personas import build_newest_query, read_newest
from core.store.protocols import Thread
from core.store.records.searches import FoundThread, Hit, Position, Search, SearchPage
from core.store.rules.erasures import find_forgotten
from core.store.rules.messages import find_message, read_message
from core.store.rules.questions import read_final_text, thread_key, thread_values
from core.store.rules.reply_chains import trace_chain
from core.store.rules.split_questions import PIECE
from core.store.rules.summaries import SUMMARY
from core.store.rules.threads import ROW, is_tracked
from core.store.sql_port import Row, Sql, Values, parse_stamp, stamp

PERSON, ZONE, TOOLS = "person", "zone", "tools"  # kinds of words about a thread: names, questions' zones, tools
CONTAINER, NEWEST = "container", ""  # where its code ran last
CONTAINERS = TypeAdapter(Container)

MESSAGES = """
SELECT * FROM messages
WHERE workspace = :workspace AND channel = :channel AND thread = :thread AND deleted_at IS NULL
ORDER BY at, message
"""

REPLIES = """
SELECT name, said, notice, after, unanswered, cut, continues FROM questions
WHERE workspace = :workspace AND channel = :channel AND thread = :thread
AND said IS NOT NULL AND NOT private AND NOT notice
"""

# A chain may come from a thread that was begun before it was known to be the same.
CHAIN_MESSAGES = """
SELECT * FROM messages
WHERE workspace = :workspace AND channel = :channel AND {named}
AND deleted_at IS NULL AND (thread = :thread OR NOT private)
ORDER BY at, message
"""

CHAIN_THREADS = """
SELECT DISTINCT workspace, channel, thread FROM messages
WHERE workspace = :workspace AND channel = :channel AND {named}
"""

CHAIN_REPLIES = """
SELECT name, said, notice, after, unanswered, cut, continues FROM questions
WHERE workspace = :workspace AND channel = :channel AND {named}
AND said IS NOT NULL AND NOT private AND NOT notice
"""

# Open ones, and those that got no answer; of a chain also those that stand in another thread.
OPEN = """
SELECT name, reply, parked, so_far FROM questions
WHERE workspace = :workspace AND channel = :channel AND {named} AND outcome IS NULL AND command IS NULL
"""

UNANSWERED = """
SELECT name, unanswered, closed_at FROM questions
WHERE workspace = :workspace AND channel = :channel AND {named} AND unanswered IS NOT NULL
"""

RENEW = """
UPDATE told SET words = :words
WHERE workspace = :workspace AND channel = :channel AND thread = :thread AND kind = :kind AND subject = :subject
"""

TELL = """
INSERT INTO told (workspace, channel, thread, kind, subject, words)
SELECT workspace, channel, thread, :kind, :subject, :words FROM threads
WHERE workspace = :workspace AND channel = :channel AND thread = :thread
ON CONFLICT DO NOTHING
"""

TOLD = """
SELECT kind, subject, words FROM told WHERE workspace = :workspace AND channel = :channel AND thread = :thread
"""

PAGE = 200  # messages that one unit of work reads
LOOKING = 0.03  # seconds after which it looks at no more of them: words may be chosen so that each takes milliseconds
END = "~"  # behind every stamp

# What a page of an answer says the platform tells; until it does, the final text stands for it. Neither column of the
# order can be NULL; to say where NULLs come would keep one engine or the other from reading the index.
PAST = """
SELECT messages.*, coalesce(replied.said, '') AS said
FROM messages LEFT JOIN questions AS replied ON messages.mine AND messages.text = ''
    AND replied.workspace = messages.workspace AND replied.channel = messages.channel
    AND replied.name = messages.answers AND NOT replied.private AND NOT replied.notice
WHERE messages.workspace = :workspace AND messages.channel = :channel AND messages.deleted_at IS NULL
AND (messages.at, messages.message) < (:at, :message) AND messages.at >= :since
ORDER BY messages.at DESC, messages.message DESC
LIMIT :limit
"""

ASKED = """
SELECT name, alone, unanswered FROM questions WHERE workspace = :workspace AND channel = :channel AND {named}
"""

ROOTS = "SELECT message FROM messages WHERE workspace = :workspace AND channel = :channel AND {named}"

FIRST_PAGES = """
SELECT answers, message FROM messages
WHERE workspace = :workspace AND channel = :channel AND {named} AND deleted_at IS NULL AND NOT private
ORDER BY at DESC, message DESC
"""

KNOWN_BY = """
SELECT DISTINCT subject, words FROM told
WHERE workspace = :workspace AND channel = :channel AND kind = 'person'
"""

IN_THREAD = """
SELECT thread, EXISTS (
    SELECT 1 FROM messages AS root WHERE root.workspace = messages.workspace AND root.channel = messages.channel
    AND root.message = messages.thread
) AS rooted FROM messages
WHERE workspace = :workspace AND channel = :channel AND (message = :message OR thread = :at OR message = :at)
AND deleted_at IS NULL AND NOT private
ORDER BY message = :message DESC, at LIMIT 1
"""


def read_thread(sql: Sql, key: ThreadKey, branch: str | None) -> Thread:
    """The thread, or with `branch` the reply chain of that message.

    One that was opened on a message of another thread begins with the reply chain of that message.
    """
    return _read_thread(sql, key, branch)[0]


def open_thread(sql: Sql, key: ThreadKey) -> tuple[Thread, list[Version | None]]:
    """The whole thread with the newest persona of its channel and of its workspace, in one round trip."""
    places = Place(key.workspace, key.channel), Place(key.workspace)
    thread, found = _read_thread(sql, key, None, *map(build_newest_query, places))
    return thread, list(map(read_newest, found))


def _read_thread(
    sql: Sql, key: ThreadKey, branch: str | None, *beside: tuple[str, Values]
) -> tuple[Thread, Sequence[list[Row]]]:
    """The thread, and the rows of other statements that are asked with it."""
    chain = None if branch is None else sorted(trace_chain(sql, key, branch))
    values = {**thread_values(key), "names": chain or []}
    named = "thread = :thread" if chain is None else sql.among("name", "names")
    said = (MESSAGES, REPLIES) if chain is None else _write_chain(sql)
    statements = (ROW, *said, OPEN.format(named=named), UNANSWERED.format(named=named), TOLD, HELD, NEWEST_ZONE)
    tracked, rows, final, waiting, unanswered, words, notes, zone, *others = sql.many_each(
        *((one, values) for one in statements), *beside
    )
    messages, replies = tuple(map(read_message, rows)), _read_replies(final)
    borrowed, earlier = _read_origin(sql, key, messages) if chain is None else ((), {})
    row, told = next(iter(tracked), None), _sort_told(words)
    thread = Thread(
        key=key,
        messages=(*borrowed, *messages),
        stale=row is None or row["read_gap"] is None or row["read_gap"] < row["gap"],
        names=told[PERSON],
        replies=earlier | (replies if chain is None else _select_replies(replies, messages)),
        open={row["name"]: row["reply"] for row in waiting if row["parked"] is None},
        parked={row["name"]: row["so_far"] or "" for row in waiting if row["parked"] is not None},
        unanswered={row["name"]: Unanswered(row["unanswered"]) for row in unanswered},
        refused_at=_read_refusals(unanswered),
        zones=told[ZONE],
        generation=row["gap"] if row else 0,
        borrowed=frozenset(message.id for message in borrowed),
        pieces=frozenset(told[PIECE]),
        container=_read_container(told[CONTAINER].get(NEWEST)),
        tools=_read_tools(told),
        summaries=told[SUMMARY],
        notes=tuple(map(read_note, notes)),
        zone=zone[0]["zone"] if zone else "",
    )
    return thread, others


def _read_container(words: str | None) -> Container | None:
    return CONTAINERS.validate_json(words) if words else None


def _read_refusals(rows: Iterable[Row]) -> dict[str, datetime]:
    """When the refused questions were closed. One that is not closed yet was refused as it is now."""
    refused = (row for row in rows if row["unanswered"] == Unanswered.REFUSED.value and row["closed_at"])
    return {row["name"]: parse_stamp(row["closed_at"]) for row in refused}


def list_chain(sql: Sql, key: ThreadKey, message: str) -> frozenset[ThreadKey]:
    """The threads in which the reply chain of a message is kept."""
    values = {**thread_values(key), "names": sorted(trace_chain(sql, key, message))}
    return frozenset(map(thread_key, sql.many(CHAIN_THREADS.format(named=sql.among("message", "names")), values)))


def remember_zone(sql: Sql, key: ThreadKey, question: str, zone: str) -> dict[str, str]:
    """Keep the time zone that was told with a question of a tracked thread; what was kept before wins."""
    lock_channel(sql, key.workspace, key.channel)
    _tell(sql, key, ZONE, question, zone)
    return _read_told(sql, key)[ZONE]


def remember_container(sql: Sql, key: ThreadKey, container: Container) -> None:
    """Keep where the code of a tracked thread ran; the newest wins. Its channel is locked."""
    if is_tracked(sql, key):
        values = {**thread_values(key), "kind": CONTAINER, "subject": NEWEST}
        words = {**values, "words": CONTAINERS.dump_json(container).decode()}
        if not sql.count_changes(RENEW, words):
            sql.insert_new("told", words)


def remember_names(sql: Sql, key: ThreadKey, names: Mapping[str, str]) -> dict[str, str]:
    """Keep the names of people in a tracked thread; what was kept before wins. All that is kept."""
    lock_channel(sql, key.workspace, key.channel)
    for person, name in names.items():
        _tell(sql, key, PERSON, person, clean_text(name))
    return _read_told(sql, key)[PERSON]


def remember_tools(sql: Sql, key: ThreadKey, choice: str, names: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Keep the tools of a tracked thread under what was chosen; what was kept before wins. All that is kept."""
    lock_channel(sql, key.workspace, key.channel)
    _tell(sql, key, TOOLS, choice, json.dumps(names))
    return _read_tools(_read_told(sql, key))


def _tell(sql: Sql, key: ThreadKey, kind: str, subject: str, words: str) -> None:
    """Keep words about a thread, if it is tracked; what was kept before stays."""
    sql.execute(TELL, {**thread_values(key), "kind": kind, "subject": subject, "words": words})


def _read_tools(told: Mapping[str, dict[str, str]]) -> dict[str, tuple[str, ...]]:
    return {choice: tuple(json.loads(names)) for choice, names in told.get(TOOLS, {}).items()}


def _read_origin(
    sql: Sql, key: ThreadKey, messages: Iterable[Message]
) -> tuple[tuple[Message, ...], dict[str, FinalText]]:
    """What led to the message that the thread was opened on, and has its name, where that is kept in another one."""
    if any(message.id == key.thread for message in messages):
        return (), {}
    row = find_message(sql, key, key.thread)
    if row is None or row["thread"] == key.thread or row["private"]:
        return (), {}
    values = {**thread_values(key), "names": sorted(trace_chain(sql, key, key.thread))}
    rows, replies = sql.many_each(*((one, values) for one in _write_chain(sql)))
    led = tuple(map(read_message, rows))
    return tuple(replace(one, parent=None) for one in led), _select_replies(_read_replies(replies), led)


def _write_chain(sql: Sql) -> tuple[str, str]:
    """The statements for the messages of a chain and for the answers to its questions."""
    messages = CHAIN_MESSAGES.format(named=sql.among("message", "names"))
    return messages, CHAIN_REPLIES.format(named=sql.among("name", "names"))


def _select_replies(replies: Mapping[str, FinalText], messages: Iterable[Message]) -> dict[str, FinalText]:
    """Those of which a page is among the messages."""
    answered = {message.answers for message in messages}
    return {name: final for name, final in replies.items() if name in answered}


def _read_replies(rows: Iterable[Row]) -> dict[str, FinalText]:
    return {row["name"]: final for row in rows if (final := read_final_text(row))}


def _read_told(sql: Sql, key: ThreadKey) -> Mapping[str, dict[str, str]]:
    return _sort_told(sql.many(TOLD, thread_values(key)))


def _sort_told(rows: Iterable[Row]) -> Mapping[str, dict[str, str]]:
    """By kind and subject, the words that are kept about a thread."""
    found: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for row in rows:
        found[row["kind"]][row["subject"]] = row["words"]
    return found


def search_page(sql: Sql, key: ThreadKey, search: Search, position: Position | None) -> SearchPage:
    """One page of a search in a channel, from a position on backwards."""
    begin = position or Position(stamp(search.before) if search.before else END, "")
    since = stamp(search.since) if search.since else ""
    place = {"workspace": key.workspace, "channel": key.channel}
    where = {**place, "at": begin.at, "message": begin.message, "since": since, "limit": PAGE}
    rows, until = sql.many(PAST, where), time.monotonic() + LOOKING
    found: dict[str, Row] = {}
    read = 0
    for row in rows:
        read += 1
        if _matches(row, search):
            found[row["message"]] = row
        if time.monotonic() > until:
            break
    last = rows[read - 1] if read and (read == PAGE or read < len(rows)) else None
    hits = _complete_hits(sql, place, found) if found else ()
    return SearchPage(hits, read, Position(last["at"], last["message"]) if last else None)


def find_people(sql: Sql, key: ThreadKey, name: str) -> frozenset[str]:
    """The ids of those whom Claude was told by this name, in whatever case, in any tracked thread of a channel."""
    sought = name.casefold()  # compared here, for SQLite knows the case of ASCII alone
    place = {"workspace": key.workspace, "channel": key.channel}
    rows = sql.many(KNOWN_BY, place)
    return frozenset(row["subject"] for row in rows if row["words"].casefold() == sought)


def find_thread_of(sql: Sql, key: ThreadKey, target: LinkTarget) -> FoundThread | None:
    """The tracked thread of a channel that a permalink leads to, unless that is private or gone."""
    values = {"workspace": key.workspace, "channel": key.channel, "message": target.message, "at": target.at}
    row = sql.one(IN_THREAD, values)
    return FoundThread(ThreadKey(key.workspace, key.channel, row["thread"]), bool(row["rooted"])) if row else None


def leave_out_forgotten(sql: Sql, key: ThreadKey, messages: Iterable[Message]) -> tuple[Message, ...]:
    """The messages of a thread without those that must not be told again."""
    forgotten = find_forgotten(sql, key)
    return tuple(one for one in messages if not forgotten.covers(one.author, one.at))


def _matches(row: Row, search: Search) -> bool:
    """Whether a row is looked for. All of this is not asked in SQL, where a page's length would bound no work."""
    if row["private"] or row["notice"]:
        return False
    if search.people is not None and not (row["mine"] if search.ours else _name_voice(row) in search.people):
        return False
    words = _read_words(row)
    return bool(words) and all(word in words for word in search.words)


def _name_voice(row: Row) -> str:
    """Whom the words are told of, as `Message.voice` says."""
    return f"{row['author']}/{row['speaker']}" if row["speaker"] else row["author"]


def _read_words(row: Row) -> str:
    """All that a message says and carries, folded. Quotes and files are there as JSON, whose names nobody looks for."""
    carried = [row["quotes"], row["attachments"]] if not row["mine"] else []
    if any(part != "[]" for part in carried):
        message = read_message(row)
        parts = [*(quote.text for quote in message.quotes), *(one.name for one in message.attachments)]
        return "\n".join([row["text"], *parts]).casefold()
    text: str = row["text"] or row["said"]
    return text.casefold()


def _complete_hits(sql: Sql, place: Row, found: dict[str, Row]) -> tuple[Hit, ...]:
    """The hits with what links need, without questions that Claude refused."""
    names = {**place, "names": list(found)}
    threads = {**place, "names": sorted({row["thread"] for row in found.values()})}
    asked, roots, pages = sql.many_each(
        (ASKED.format(named=sql.among("name", "names")), names),
        (ROOTS.format(named=sql.among("message", "names")), threads),
        (FIRST_PAGES.format(named=sql.among("answers", "names")), names),
    )
    refused = {row["name"] for row in asked if row["unanswered"] == Unanswered.REFUSED.value}
    alone = {row["name"] for row in asked if row["alone"]}
    begun = {row["message"] for row in roots}
    first = {row["answers"]: row["message"] for row in pages if row["answers"] in alone}
    return tuple(
        Hit(
            thread_key(row),
            read_message({**row, "text": row["text"] or row["said"]}),
            rooted=row["thread"] in begun,
            page=first.get(name),
        )
        for name, row in found.items()
        if name not in refused
    )

"""Messages of tracked threads as rows: inserted, updated, and tombstones of those that were deleted."""

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from core.domain.messages import Attachment, Message, Quote, QuoteKind, ThreadKey
from core.store.rules.erasures import erase_read_results, record_erasure
from core.store.rules.files import release_files
from core.store.rules.private_answers import drop_answers_with
from core.store.rules.questions import (
    erase_calls,
    find_question,
    stop_answer,
    thread_key,
    thread_values,
    withdraw_questions,
)
from core.store.rules.summaries import drop_summaries_of
from core.store.rules.threads import mark_stale
from core.store.sql_port import Row, Sql, Values, parse_stamp, stamp

NEVER = stamp(datetime.min.replace(tzinfo=UTC))

BY_NAME = "SELECT * FROM messages WHERE workspace = :workspace AND channel = :channel AND message = :message"

TOMBSTONE = """
UPDATE messages SET text = '', attachments = '[]', quotes = '[]', speaker = '', deleted_at = :at WHERE id = :id
"""

PAGE = "SELECT 1 AS stands FROM pages WHERE question = :id AND page = :page"

LATER = """
SELECT 1 AS later FROM messages
WHERE workspace = :workspace AND channel = :channel AND thread = :thread AND at > :at AND deleted_at IS NULL LIMIT 1
"""


def read_message(row: Row) -> Message:
    return Message(
        id=row["message"],
        author=row["author"],
        text=row["text"],
        at=parse_stamp(row["at"]),
        mine=bool(row["mine"]),
        bot=bool(row["bot"]),
        parent=row["parent"],
        answers=row["answers"],
        notice=bool(row["notice"]),
        edited=parse_stamp(row["edited_at"]) if row["edited_at"] else None,
        attachments=_read_attachments(row["attachments"]),
        quotes=_read_quotes(row["quotes"]),
        speaker=row["speaker"],
    )


def find_message(sql: Sql, key: ThreadKey, name: str) -> Row | None:
    """The message of that name in the channel, or its tombstone, whatever thread it is in."""
    return sql.one(*build_message_query(key, name))


def build_message_query(key: ThreadKey, name: str) -> tuple[str, Values]:
    """What `find_message` asks."""
    return BY_NAME, {**thread_values(key), "message": name}


def has_later(sql: Sql, key: ThreadKey, message: Message) -> bool:
    """Whether later messages of its thread are kept already."""
    return sql.one(*build_later_query(key, message)) is not None


def build_later_query(key: ThreadKey, message: Message) -> tuple[str, Values]:
    """What `has_later` asks."""
    return LATER, {**thread_values(key), "at": stamp(message.at)}


def insert_messages(sql: Sql, key: ThreadKey, messages: Iterable[Message], private: bool = False) -> None:
    for message in messages:
        sql.insert("messages", _row_of(key, message, private))


def update_message(sql: Sql, row: Row, message: Message) -> bool:
    """Make a row say what the platform shows, unless it is a tombstone or says something newer. Whether it changed."""
    edited = message.edited and stamp(message.edited)
    if row["deleted_at"] or (edited or NEVER) < (row["edited_at"] or NEVER):
        return False
    shown = {
        "author": message.author,
        "text": message.text,
        "at": stamp(message.at),
        "edited_at": edited,
        "attachments": _write_attachments(message),
        "quotes": _write_quotes(_list_kept_quotes(row, message)),
        "speaker": message.speaker,
        "parent": message.parent or row["parent"],
        "answers": row["answers"] or message.answers,
        "notice": _is_notice(sql, row, message),
    }
    changes = {name: value for name, value in shown.items() if row[name] != value}
    if changes:
        sql.update("messages", row["id"], changes)
    if "attachments" in changes:
        release_files(sql, row, [one.id for one in message.attachments])
    if not row["mine"] and changes.keys() & {"text", "attachments", "quotes"}:
        record_erasure(sql, row["workspace"], row["channel"], message.edited or message.at)
        drop_summaries_of(sql, row)
        if any(row[name] not in ("", "[]") for name in changes.keys() & {"text", "attachments", "quotes"}):
            erase_read_results(sql, row["workspace"], row["channel"])
    return bool(changes)


def _list_kept_quotes(row: Row, message: Message) -> Sequence[Quote]:
    """The quotes that a message has now; what its author had open beside it was told once, and stays."""
    viewed = [one for one in _read_quotes(row["quotes"]) if one.kind is QuoteKind.VIEWED]
    return (*(one for one in message.quotes if one.kind is not QuoteKind.VIEWED), *viewed) if viewed else message.quotes


def _is_notice(sql: Sql, row: Row, message: Message) -> bool:
    """Whether a message is not Claude's. One without a mark says nothing of a page whose whole answer we have."""
    unmarked = message.mine and row["answers"] and not message.answers
    reply = find_question(sql, thread_key(row), row["answers"]) if unmarked else None
    if reply and reply["said"] is not None:
        return bool(reply["notice"])
    return message.notice or bool(row["notice"])


def add_missing_parts(sql: Sql, row: Row, message: Message) -> bool:
    """Take files and quotes from another copy of the same words: Slack's first may lack files, previews come later."""
    shown = {"attachments": _write_attachments(message), "quotes": _write_quotes(message.quotes)}
    missing = {name: value for name, value in shown.items() if row[name] == "[]" != value}
    if not missing or row["edited_at"] != (message.edited and stamp(message.edited)):
        return False
    sql.update("messages", row["id"], missing)
    return True


def tombstone(sql: Sql, row: Row, at: datetime) -> None:
    """Leave a tombstone, and no word of what was said; a question that it asked is withdrawn.

    If it was a page of a whole reply, the reply is no longer what we kept: its thread must be read again. One that
    still grows is stopped. Its files go, where no other message has them.
    """
    sql.execute(TOMBSTONE, {"id": row["id"], "at": stamp(at)})
    if row["attachments"] != "[]":
        release_files(sql, row)
    record_erasure(sql, row["workspace"], row["channel"], at)
    drop_summaries_of(sql, row)
    key = thread_key(row)
    drop_answers_with(sql, key, row["message"])
    question = find_question(sql, key, row["message"])
    if question:
        withdraw_questions(sql, [question])
        if question["outcome"]:
            erase_calls(sql, question)
    reply = find_question(sql, key, row["answers"]) if row["answers"] else None
    if not row["mine"] or (reply and reply["outcome"]):  # a page of an open answer goes when that becomes shorter
        erase_read_results(sql, row["workspace"], row["channel"])
    if reply and reply["outcome"]:
        sql.update("questions", reply["id"], {"said": None, "cut": None})
        erase_calls(sql, reply)
        mark_stale(sql, key)
    elif reply and sql.one(PAGE, {"id": reply["id"], "page": row["message"]}):
        sql.update("questions", reply["id"], {"earlier": None})
        stop_answer(sql, key, reply["name"])


def tombstone_unknown(sql: Sql, key: ThreadKey, name: str, at: datetime) -> None:
    """Leave a tombstone of a message that we never saw."""
    row = {**thread_values(key), "message": name, "author": "", "text": "", "at": stamp(at), "deleted_at": stamp(at)}
    sql.insert("messages", row)


def _row_of(key: ThreadKey, message: Message, private: bool) -> Row:
    return {
        **thread_values(key),
        "message": message.id,
        "author": message.author,
        "text": message.text,
        "at": stamp(message.at),
        "mine": message.mine,
        "bot": message.bot,
        "parent": message.parent,
        "answers": message.answers,
        "notice": message.notice,
        "edited_at": message.edited and stamp(message.edited),
        "attachments": _write_attachments(message),
        "quotes": _write_quotes(message.quotes),
        "speaker": message.speaker,
        "private": private,
    }


def _read_attachments(kept: str) -> tuple[Attachment, ...]:
    return () if kept == "[]" else tuple(Attachment(**attachment) for attachment in json.loads(kept))


def _write_attachments(message: Message) -> str:
    return json.dumps([{name: getattr(one, name) for name in Attachment.__slots__} for one in message.attachments])


def _read_quotes(kept: str) -> tuple[Quote, ...]:
    if kept == "[]":
        return ()
    return tuple(
        Quote(one["text"], QuoteKind(one["kind"]), one["author"], one.get("link", "")) for one in json.loads(kept)
    )


def _write_quotes(quotes: Iterable[Quote]) -> str:
    return json.dumps([_write_quote(one) for one in quotes])


def _write_quote(quote: Quote) -> dict[str, str]:
    link = {"link": quote.link} if quote.link else {}
    return {"text": quote.text, "kind": quote.kind.value, "author": quote.author, **link}

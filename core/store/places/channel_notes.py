"""Channel notes: every change to every channel's, made under optimistic locking; what is forgotten is erased."""

from dataclasses import asdict

from core.billing.ledger_rows import Scope
from core.domain.errors import VersionConflict
from core.domain.messages import clean_text
from core.domain.personas import Place
from core.store.audit_log import AuditAction, AuditEntry, fingerprint
from core.store.places.advisory_locks import lock_personas
from core.store.places.audit import record_audit
from core.store.records.channel_notes import ChannelNote, NoteChange, NoteHistory
from core.store.sql_port import Row, Sql, parse_stamp, stamp

HELD = """
SELECT number, text, author, at FROM channel_notes AS added
WHERE workspace = :workspace AND channel = :channel AND removes IS NULL AND text <> '' AND NOT EXISTS (
    SELECT 1 FROM channel_notes WHERE workspace = :workspace AND channel = :channel AND removes = added.number
)
ORDER BY number
"""

CHANGES = "SELECT * FROM channel_notes WHERE workspace = :workspace AND channel = :channel ORDER BY number"

ERASE = "DELETE FROM channel_notes WHERE workspace = :workspace AND {where}"

# The chain of numbers stays whole, so that no note has the number of another one.
ERASE_WORDS = """
UPDATE channel_notes SET text = '' WHERE workspace = :workspace AND {where} AND author = :person AND text <> ''
"""


ERASE_ONE = """
UPDATE channel_notes SET text = '' WHERE workspace = :workspace AND channel = :channel AND number = :number
"""


def read_notes(sql: Sql, place: Place) -> NoteHistory:
    """Every change to a channel's notes."""
    return NoteHistory(place, tuple(_read_change(row) for row in sql.many(CHANGES, asdict(place))))


def read_note(row: Row) -> ChannelNote:
    """A note of HELD, which has those that hold."""
    return ChannelNote(row["number"], row["text"], row["author"], parse_stamp(row["at"]))


def change_notes(sql: Sql, place: Place, change: NoteChange) -> NoteHistory:
    """Add a change, if its number follows the newest one's; all changes then. Raises VersionConflict."""
    lock_personas(sql, place.workspace)
    held = read_notes(sql, place)
    if held.number != change.number - 1:
        raise VersionConflict(held.number or None)
    text = clean_text(change.text)
    row = {"number": change.number, "author": change.author, "at": stamp(change.at), "text": text}
    sql.insert_new("channel_notes", {**asdict(place), **row, "removes": change.removes, "erases": change.erases})
    if change.erases:
        sql.execute(ERASE_ONE, {**asdict(place), "number": change.removes})
    record_audit(sql, _describe_change(place, change))
    return read_notes(sql, place)


def erase_notes(sql: Sql, scope: Scope) -> int:
    """Erase what a scope has of notes, also of those that hold no more: how many. A thread has none of its own."""
    if scope.thread is not None:
        return 0
    lock_personas(sql, scope.workspace)
    statement = ERASE if scope.person is None else ERASE_WORDS
    where = "TRUE" if scope.channel is None else "channel = :channel"
    return sql.count_changes(statement.format(where=where), asdict(scope))


def _describe_change(place: Place, change: NoteChange) -> AuditEntry:
    """What the audit log tells of a change: which note it is about, and a note's fingerprint."""
    added, kind = change.removes is None, AuditAction.NOTE_ERASE if change.erases else AuditAction.NOTE_REMOVE
    return AuditEntry(
        place.workspace,
        change.at,
        change.author,
        AuditAction.NOTE_ADD if added else kind,
        channel=place.channel,
        subject=str(change.number if added else change.removes),
        details={"text": fingerprint(change.text)} if added else {},
    )


def _read_change(row: Row) -> NoteChange:
    made = row["number"], row["author"], parse_stamp(row["at"]), row["text"], row["removes"]
    return NoteChange(*made, erases=bool(row["erases"]))

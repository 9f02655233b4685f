"""Files that Claude is told of: a row for each content in a thread, and the messages that have it.

Every content, place and id belongs to one thread and one API key. With its last message a file goes into the outbox.
"""

import json
from collections.abc import Collection

from core.store.places.advisory_locks import lock_channel
from core.store.records.files import CODE, FilePlace, FileScope, FileState, StoredFile
from core.store.rules.file_deletions import request_deletion
from core.store.sql_port import Row, Sql, stamp

TOLD = (FileState.UPLOADED.value, FileState.REFUSED.value)
"""States in which a row says all that is told of a file."""

IN_THREAD = """
files.workspace = :workspace AND files.channel = :channel AND files.thread = :thread AND files.api_key = :api_key
"""

ATTACHED = f"""
SELECT attached.message, attached.attachment, files.* FROM attached JOIN files ON files.id = attached.file
WHERE {IN_THREAD} AND {{named}} ORDER BY files.id
"""  # noqa: S608  ours

BY_CONTENT = f"SELECT * FROM files WHERE {IN_THREAD} AND sha256 = :sha256"  # noqa: S608  ours

BY_FILE_ID = f"SELECT * FROM files WHERE {IN_THREAD} AND {{named}}"  # noqa: S608  ours

STANDING = """
SELECT attachments FROM messages
WHERE workspace = :workspace AND channel = :channel AND message = :message AND deleted_at IS NULL
"""

UPLOADED = "UPDATE files SET state = :state, file_id = :file_id, upload = NULL, problem = NULL WHERE upload = :upload"

FAILED = "UPDATE files SET state = :state, problem = :problem, upload = NULL WHERE upload = :upload"

OF_MESSAGE = """
SELECT file, message, attachment FROM attached
WHERE workspace = :workspace AND channel = :channel AND message = :message
"""

DETACH = "DELETE FROM attached WHERE file = :file AND message = :message AND attachment = :attachment"

DETACH_FILE = "DELETE FROM attached WHERE file = :id"

DETACH_THREAD = """
DELETE FROM attached WHERE file IN (
    SELECT id FROM files WHERE workspace = :workspace AND channel = :channel AND thread = :thread
)
"""

DETACH_DELETED = """
DELETE FROM attached WHERE attached.workspace = :workspace AND {channel} AND EXISTS (
    SELECT 1 FROM messages WHERE messages.workspace = attached.workspace AND messages.channel = attached.channel
    AND messages.message = attached.message AND messages.deleted_at IS NOT NULL
)
"""

UNATTACHED = """
SELECT * FROM files WHERE workspace = :workspace AND {channel}
AND NOT EXISTS (SELECT 1 FROM attached WHERE attached.file = files.id)
"""

DELETE = "DELETE FROM files WHERE id = :id"

# Code may have a copy of what is deleted: it runs in another container from here on.
FORGET_CONTAINER = """
DELETE FROM told WHERE kind = 'container' AND workspace = :workspace AND channel = :channel AND thread = :thread
"""


def find_files(
    sql: Sql, scope: FileScope, places: Collection[FilePlace], *, code: bool = False
) -> dict[str, StoredFile]:
    """The uploaded and the refused files of these places, by attachment. A message that has one now has it noted."""
    _lock(sql, scope)
    rows = _list_attached(sql, scope, {attachment for _, attachment in places}, code=code)
    known = {row["attachment"]: row for row in reversed(rows) if row["state"] in TOLD}
    noted = {(row["message"], row["attachment"]) for row in rows}
    for place in places:
        if place[1] in known and place not in noted and _stands(sql, scope, place):
            _note_place(sql, scope, known[place[1]]["id"], place)
    return {attachment: _read_file(row) for attachment, row in known.items()}


def begin_upload(
    sql: Sql, scope: FileScope, file: StoredFile, places: Collection[FilePlace], upload: str | None
) -> StoredFile | None:
    """Keep a file before it is uploaded; see `StoredFiles.begin_upload`."""
    _lock(sql, scope)
    standing = [place for place in places if _stands(sql, scope, place)]
    if not standing:
        return None
    row = sql.one(BY_CONTENT, {**_write_scope(scope), "sha256": file.sha256})
    if row is None:
        number = sql.insert_numbered("files", _write_file(sql, scope, file, upload))
    else:
        number = row["id"]
        if row["state"] not in TOLD:
            request_deletion(sql, scope.key.workspace, scope.api_key, None, row["upload"])
            sql.update("files", number, _begin(sql, upload))
    for place in standing:
        _note_place(sql, scope, number, place)
    return _read_file(row) if row is not None and row["state"] in TOLD else file


def end_upload(sql: Sql, scope: FileScope, upload: str, file_id: str) -> bool:
    """Whether the file is still wanted; else it goes into the outbox."""
    _lock(sql, scope)
    if sql.count_changes(UPLOADED, {"state": FileState.UPLOADED.value, "file_id": file_id, "upload": upload}):
        return True
    if sql.many(BY_FILE_ID.format(named="file_id = :file_id"), {**_write_scope(scope), "file_id": file_id}):
        return True  # it was written before, and nobody could say so
    request_deletion(sql, scope.key.workspace, scope.api_key, file_id, None)
    return False


def fail_upload(sql: Sql, scope: FileScope, upload: str, problem: str, *, uncertain: bool) -> None:
    """The file is sent inline from here on."""
    _lock(sql, scope)
    sql.execute(FAILED, {"state": FileState.INLINE.value, "problem": problem, "upload": upload})
    if uncertain:
        request_deletion(sql, scope.key.workspace, scope.api_key, None, upload)


def refuse_files(sql: Sql, scope: FileScope, attachments: Collection[str], problem: str) -> None:
    """Claude's API does not take these: what is uploaded of them is worth nothing."""
    _lock(sql, scope)
    for number, row in {row["id"]: row for row in _list_attached(sql, scope, attachments)}.items():
        request_deletion(sql, scope.key.workspace, scope.api_key, row["file_id"], row["upload"])
        refused = {"state": FileState.REFUSED.value, "problem": problem, "file_id": None, "upload": None}
        sql.update("files", number, refused)


def discard_files(sql: Sql, scope: FileScope, file_ids: Collection[str]) -> None:
    """Let go of files by their ids at Claude's API, with all their places."""
    _lock(sql, scope)
    statement = BY_FILE_ID.format(named=sql.among("file_id", "ids"))
    for row in sql.many(statement, {**_write_scope(scope), "ids": sorted(file_ids)}):
        sql.execute(DETACH_FILE, row)
        _drop(sql, row)


def release_files(sql: Sql, message: Row, remaining: Collection[str] = ()) -> None:
    """A message has no files any more but the `remaining` ones: those that no other message has go."""
    rows = sql.many(OF_MESSAGE, message)
    for row in rows:
        if row["attachment"] not in remaining:
            sql.execute(DETACH, row)
    if rows:
        _drop_unattached(sql, message["workspace"], message["channel"])


def release_thread_files(sql: Sql, thread: Row) -> None:
    """All files of a thread that is about to be deleted go."""
    sql.execute(DETACH_THREAD, thread)
    _drop_unattached(sql, thread["workspace"], thread["channel"])


def release_forgotten_files(sql: Sql, workspace: str, channel: str | None) -> None:
    """The files of deleted messages go, in a channel or in all of a workspace."""
    values = {"workspace": workspace, "channel": channel}
    named = "TRUE" if channel is None else "attached.channel = :channel"
    sql.execute(DETACH_DELETED.format(channel=named), values)
    _drop_unattached(sql, workspace, channel)


def _drop_unattached(sql: Sql, workspace: str, channel: str | None) -> None:
    named = "TRUE" if channel is None else "channel = :channel"
    for row in sql.many(UNATTACHED.format(channel=named), {"workspace": workspace, "channel": channel}):
        _drop(sql, row)


def _drop(sql: Sql, row: Row) -> None:
    """Delete a row, and put what it names at Claude's API into the outbox."""
    request_deletion(sql, row["workspace"], row["api_key"], row["file_id"], row["upload"])
    sql.execute(FORGET_CONTAINER, row)
    sql.execute(DELETE, row)


def _list_attached(sql: Sql, scope: FileScope, attachments: Collection[str], *, code: bool = False) -> list[Row]:
    statement = ATTACHED.format(named=sql.among("attached.attachment", "names"))
    rows = sql.many(statement, {**_write_scope(scope), "names": sorted(attachments)})
    return [row for row in rows if (row["kind"] == CODE) is code]


def _stands(sql: Sql, scope: FileScope, place: FilePlace) -> bool:
    """Whether a message still has an attachment."""
    message, attachment = place
    row = sql.one(STANDING, {"workspace": scope.key.workspace, "channel": scope.key.channel, "message": message})
    return row is not None and any(one["id"] == attachment for one in json.loads(row["attachments"]))


def _note_place(sql: Sql, scope: FileScope, file: int, place: FilePlace) -> None:
    message, attachment = place
    row = {"file": file, "workspace": scope.key.workspace, "channel": scope.key.channel}
    sql.insert_new("attached", {**row, "message": message, "attachment": attachment})


def _lock(sql: Sql, scope: FileScope) -> None:
    lock_channel(sql, scope.key.workspace, scope.key.channel)


def _begin(sql: Sql, upload: str | None) -> Row:
    state = FileState.UPLOADING if upload else FileState.INLINE
    return {"state": state.value, "upload": upload, "begun_at": stamp(sql.lease_time())}


def _write_scope(scope: FileScope) -> Row:
    key = scope.key
    return {"workspace": key.workspace, "channel": key.channel, "thread": key.thread, "api_key": scope.api_key}


def _write_file(sql: Sql, scope: FileScope, file: StoredFile, upload: str | None) -> Row:
    return {
        **_write_scope(scope),
        "sha256": file.sha256,
        "kind": file.kind,
        "type": file.type,
        "bytes": file.bytes,
        "width": file.width,
        "height": file.height,
        "pages": file.pages,
        "text_bytes": file.text_bytes,
        "bound": file.bound,
        **_begin(sql, upload),
    }


def _read_file(row: Row) -> StoredFile:
    return StoredFile(
        row["sha256"],
        row["kind"],
        row["type"],
        row["bytes"],
        row["width"],
        row["height"],
        row["pages"],
        row["text_bytes"],
        row["bound"],
        FileState(row["state"]),
        row["file_id"] or "",
        row["problem"] or "",
    )

"""Posts of a platform whose history is kept here: written over one another by name, and erased with their words."""

from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import asdict

from core.billing.ledger_rows import Scope
from core.domain.messages import File, ThreadKey
from core.store.records.posts.stored_posts import PostedThread, StoredPost
from core.store.sql_port import Row, Sql, parse_stamp, stamp

FIND = "SELECT * FROM posts WHERE workspace = :workspace AND channel = :channel AND name = :name"

THREAD = (
    "SELECT * FROM posts WHERE workspace = :workspace AND channel = :channel AND thread = :thread ORDER BY at, name"
)

NEWEST = (
    "SELECT * FROM posts WHERE workspace = :workspace AND channel = :channel ORDER BY at DESC, name DESC LIMIT :most"
)

THREADS = """
SELECT grouped.channel, grouped.thread, grouped.begun_at, grouped.newest_at, min(posts.body) AS begun
FROM (
    SELECT channel, thread, min(at) AS begun_at, max(at) AS newest_at
    FROM posts WHERE workspace = :workspace GROUP BY channel, thread
) AS grouped JOIN posts ON posts.workspace = :workspace AND posts.channel = grouped.channel
AND posts.thread = grouped.thread AND posts.at = grouped.begun_at
GROUP BY grouped.channel, grouped.thread, grouped.begun_at, grouped.newest_at
ORDER BY grouped.newest_at DESC, grouped.channel, grouped.thread
"""

PEOPLE = "SELECT DISTINCT person FROM posts WHERE workspace = :workspace ORDER BY person"

WAITING = "SELECT * FROM posts WHERE workspace = :workspace AND waiting <> '' ORDER BY at, name"

INGESTED = """
UPDATE posts SET waiting = ''
WHERE workspace = :workspace AND channel = :channel AND name = :name AND waiting = :waiting AND body = :body
"""

DELETE = "DELETE FROM posts WHERE workspace = :workspace AND channel = :channel AND name = :name"

ERASE = "DELETE FROM posts WHERE {where}"

FILE = """
SELECT post_files.* FROM post_files JOIN posts ON posts.id = post_files.post
WHERE workspace = :workspace AND channel = :channel AND posts.name = :name AND number = :number
"""


def write_post(sql: Sql, post: StoredPost, files: Sequence[File] | None) -> None:
    """Let a post stand in the place of one of its name; the first one's time stays."""
    row = {**asdict(post.key), "name": post.name, "person": post.person, "at": stamp(post.at)}
    held = sql.one(FIND, row)
    changes = {"body": post.body, "waiting": post.waiting, "person": post.person}
    if held:
        number = int(held["id"])
        sql.update("posts", number, changes)
    else:
        number = sql.insert_numbered("posts", row | changes)
    if files is not None:
        sql.execute("DELETE FROM post_files WHERE post = :post", {"post": number})
        for at, file in enumerate(files):
            sql.insert("post_files", {"post": number, "number": at, **_write_file(file)})


def find_post(sql: Sql, workspace: str, channel: str, name: str) -> StoredPost | None:
    row = sql.one(FIND, {"workspace": workspace, "channel": channel, "name": name})
    return _read_post(row) if row else None


def list_thread(sql: Sql, key: ThreadKey) -> list[StoredPost]:
    return [_read_post(row) for row in sql.many(THREAD, asdict(key))]


def list_newest(sql: Sql, workspace: str, channel: str, most: int) -> list[StoredPost]:
    """The newest posts of a channel, oldest first."""
    found = sql.many(NEWEST, {"workspace": workspace, "channel": channel, "most": most})
    return [_read_post(row) for row in reversed(found)]


def list_threads(sql: Sql, workspace: str) -> list[PostedThread]:
    """Threads in which something stands, those with the newest post first."""
    return [
        PostedThread(
            row["channel"], row["thread"], parse_stamp(row["begun_at"]), parse_stamp(row["newest_at"]), row["begun"]
        )
        for row in sql.many(THREADS, {"workspace": workspace})
    ]


def list_people(sql: Sql, workspace: str) -> list[str]:
    return [str(row["person"]) for row in sql.many(PEOPLE, {"workspace": workspace})]


def list_waiting(sql: Sql, workspace: str) -> list[StoredPost]:
    return [_read_post(row) for row in sql.many(WAITING, {"workspace": workspace})]


def mark_ingested(sql: Sql, post: StoredPost) -> None:
    """Nothing of a post waits any more, unless it was written anew meanwhile."""
    sql.execute(INGESTED, {**asdict(post.key), "name": post.name, "waiting": post.waiting, "body": post.body})


def delete_post(sql: Sql, workspace: str, channel: str, name: str) -> None:
    sql.execute(DELETE, {"workspace": workspace, "channel": channel, "name": name})


def read_file(sql: Sql, workspace: str, channel: str, name: str, number: int) -> File | None:
    row = sql.one(FILE, {"workspace": workspace, "channel": channel, "name": name, "number": number})
    return File(row["name"], row["type"], b64decode(row["content"]), row["alt"]) if row else None


def erase_posts(sql: Sql, scope: Scope) -> None:
    """Erase what stands of a scope; of a person what they said, and the answers to them."""
    wanted = {name: value for name, value in asdict(scope).items() if value is not None}
    sql.execute(ERASE.format(where=" AND ".join(f"{name} = :{name}" for name in wanted)), wanted)


def _read_post(row: Row) -> StoredPost:
    key = ThreadKey(row["workspace"], row["channel"], row["thread"])
    return StoredPost(key, row["name"], row["person"], parse_stamp(row["at"]), row["body"], row["waiting"])


def _write_file(file: File) -> dict[str, str]:
    return {"name": file.name, "type": file.type, "alt": file.alt, "content": b64encode(file.content).decode()}

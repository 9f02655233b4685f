"""Posts over any engine."""

from collections.abc import Sequence

from core.domain.messages import File, ThreadKey
from core.store.places import posts
from core.store.records.posts.stored_posts import PostedThread, StoredPost
from core.store.sql_port import Engine


class PostRepository:
    """Keeps the protocol `Posts`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def write(self, post: StoredPost, files: Sequence[File] | None = None) -> None:
        await self._engine.unit(lambda sql: posts.write_post(sql, post, files))

    async def find(self, workspace: str, channel: str, name: str) -> StoredPost | None:
        return await self._engine.unit(lambda sql: posts.find_post(sql, workspace, channel, name))

    async def list_thread(self, key: ThreadKey) -> Sequence[StoredPost]:
        return await self._engine.unit(lambda sql: posts.list_thread(sql, key))

    async def list_newest(self, workspace: str, channel: str, most: int) -> Sequence[StoredPost]:
        return await self._engine.unit(lambda sql: posts.list_newest(sql, workspace, channel, most))

    async def list_threads(self, workspace: str) -> Sequence[PostedThread]:
        return await self._engine.unit(lambda sql: posts.list_threads(sql, workspace))

    async def list_people(self, workspace: str) -> Sequence[str]:
        return await self._engine.unit(lambda sql: posts.list_people(sql, workspace))

    async def list_waiting(self, workspace: str) -> Sequence[StoredPost]:
        return await self._engine.unit(lambda sql: posts.list_waiting(sql, workspace))

    async def mark_ingested(self, post: StoredPost) -> None:
        await self._engine.unit(lambda sql: posts.mark_ingested(sql, post))

    async def delete(self, workspace: str, channel: str, name: str) -> None:
        await self._engine.unit(lambda sql: posts.delete_post(sql, workspace, channel, name))
        self._engine.sweep_soon()

    async def read_file(self, workspace: str, channel: str, name: str, number: int) -> File | None:
        return await self._engine.unit(lambda sql: posts.read_file(sql, workspace, channel, name, number))

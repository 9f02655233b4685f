"""Sign-ins over any engine."""

from collections.abc import Sequence

from core.domain.messages import Rank
from core.store.places.sign_ins import sessions
from core.store.records.sign_ins.sessions import Identity, Session, make_token
from core.store.sql_port import Engine


class SignInRepository:
    """Keeps the protocol `SignIns`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def make_link(self, identity: Identity) -> str:
        token = make_token()
        await self._engine.unit(lambda sql: sessions.keep_link(sql, token, identity))
        return token

    async def find_link(self, token: str) -> Identity | None:
        return await self._engine.unit(lambda sql: sessions.find_link(sql, token))

    async def use_link(self, token: str, rank: Rank) -> tuple[str, Session] | None:
        own = make_token()
        begun = await self._engine.unit(lambda sql: sessions.use_link(sql, token, own, rank))
        return (own, begun) if begun else None

    async def find(self, token: str) -> Session | None:
        return await self._engine.unit(lambda sql: sessions.find_session(sql, token))

    async def list_open(self, workspace: str, person: str) -> Sequence[Session]:
        return await self._engine.unit(lambda sql: sessions.list_sessions(sql, workspace, person))

    async def note_rank(self, token: str, rank: Rank) -> None:
        await self._engine.unit(lambda sql: sessions.note_rank(sql, token, rank))

    async def end(self, token: str, *, left: bool = False) -> None:
        await self._engine.unit(lambda sql: sessions.end_session(sql, token, left=left))

    async def end_all(self, workspace: str, person: str) -> int:
        return await self._engine.unit(lambda sql: sessions.end_sessions(sql, workspace, person))

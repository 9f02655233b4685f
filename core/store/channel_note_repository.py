"""Channel notes over any engine."""

from core.domain.personas import Place
from core.store.places.channel_notes import change_notes, read_notes
from core.store.records.channel_notes import NoteChange, NoteHistory
from core.store.sql_port import Engine


class ChannelNoteRepository:
    """Keeps the protocol `ChannelNotes`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def history(self, place: Place) -> NoteHistory:
        return await self._engine.unit(lambda sql: read_notes(sql, place))

    async def change(self, place: Place, change: NoteChange) -> NoteHistory:
        return await self._engine.unit(lambda sql: change_notes(sql, place, change))

"""Channel notes over any engine."""

from functools import partial

from core.domain.personas import Place
from core.store.places.channel_notes import change_notes, read_notes
from core.store.records.channel_notes import NoteChange, NoteHistory
from core.store.rules.erasures import record_erasure
from core.store.sql_port import Engine, Sql


class ChannelNoteRepository:
    """Keeps the protocol `ChannelNotes`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def history(self, place: Place) -> NoteHistory:
        return await self._engine.unit(lambda sql: read_notes(sql, place))

    async def change(self, place: Place, change: NoteChange) -> NoteHistory:
        return await self._engine.unit(partial(_change, place=place, change=change))


def _change(sql: Sql, place: Place, change: NoteChange) -> NoteHistory:
    held = change_notes(sql, place, change)
    if change.erases:
        record_erasure(sql, place.workspace, place.channel, change.at)
    return held

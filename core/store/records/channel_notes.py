"""Channel notes: facts that a channel wants Claude to know, with every change that was ever made to them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from core.domain.personas import Place

MOST = 30  # notes of a channel: they stand in each of its prompts
LONGEST = 300  # characters of one


@dataclass(frozen=True, slots=True)
class ChannelNote:
    """A note as it was added. It keeps its number, which is that of the change that added it."""

    number: int
    text: str
    author: str
    at: datetime


@dataclass(frozen=True, slots=True)
class NoteChange:
    """One change: it adds a note of this text, or `removes` the note of that number. `number` counts changes from 1.

    The words are gone, and the text is empty, where somebody's words were forgotten, or a change `erases` them.
    """

    number: int
    author: str
    at: datetime
    text: str = ""
    removes: int | None = None
    erases: bool = False
    """Whether the words of the note that it removes, or that was removed before, are erased."""


@dataclass(frozen=True, slots=True)
class NoteHistory:
    """Every change to the notes of a channel, in its order."""

    place: Place
    changes: tuple[NoteChange, ...] = ()

    @property
    def number(self) -> int:
        """That of the newest change, 0 before the first."""
        return self.changes[-1].number if self.changes else 0

    @property
    def notes(self) -> list[ChannelNote]:
        """Those that hold now, the oldest first."""
        removed = {one.removes for one in self.changes}
        held = (one for one in self.changes if one.removes is None and one.text and one.number not in removed)
        return [ChannelNote(one.number, one.text, one.author, one.at) for one in held]

    def find_added(self, number: int) -> NoteChange | None:
        """The change that added the note of this number, also where it was removed since."""
        return next((one for one in self.changes if one.number == number and one.removes is None), None)

    def find_removal(self, number: int) -> NoteChange | None:
        """The change that removed the note of this number."""
        return next((one for one in self.changes if one.removes == number), None)

    def find_erasure(self, number: int) -> NoteChange | None:
        """The change that erased the words of the note of this number."""
        return next((one for one in self.changes if one.removes == number and one.erases), None)

    def list_since(self, number: int) -> Sequence[NoteChange]:
        """What was changed after the change of this number."""
        return [one for one in self.changes if one.number > number]


class ChannelNotes(Protocol):
    """Each method is one unit of work. A place is a channel here, never a whole workspace."""

    async def history(self, place: Place) -> NoteHistory:
        """All there is of a channel's notes."""

    async def change(self, place: Place, change: NoteChange) -> NoteHistory:
        """Make a change whose number follows the newest one's; all that there is then.

        Raises VersionConflict when somebody was faster.
        """

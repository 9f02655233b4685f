"""Note taking: validates a note of a channel and adds it, the same for who types one and for who allows Claude's."""

import unicodedata
from datetime import datetime

from core.domain.errors import ConfabError
from core.domain.messages import clean_text
from core.domain.wording import is_control
from core.store.records.channel_notes import LONGEST, MOST, ChannelNote, ChannelNotes, NoteChange, NoteHistory

INVISIBLE = "Cf"  # the category of what formats, joins or reverses text, and of tags, which nobody sees
EMPTY = "The note is empty."
SECLUDED = (
    "Notes are told in the whole channel, and this is a private thread of it, so none can be added here. "
    "`note add` in the channel adds what everybody there may know."
)
TOO_LONG = "A note has at most {} characters; this one has {}. Say it shorter, or make two of it."
TOO_MANY = "This channel has {} notes, as many as it may have. `note remove NUMBER` makes room, `note list` shows them."


class NoteRefused(ConfabError):
    """A note can't be kept; the message says why and what would do."""


async def take_note(notes: ChannelNotes, held: NoteHistory, text: str, author: str, at: datetime) -> ChannelNote:
    """Add a note to those that are `held`, on one line, without what nobody sees; one that says the same is that note.

    Raises NoteRefused, VersionConflict.
    """
    shown = (" " if is_control(one) else one for one in clean_text(text) if unicodedata.category(one) != INVISIBLE)
    words = " ".join("".join(shown).split())
    if same := next((one for one in held.notes if one.text == words), None):
        return same
    if not words:
        raise NoteRefused(EMPTY)
    if len(words) > LONGEST:
        raise NoteRefused(TOO_LONG.format(LONGEST, len(words)))
    if len(held.notes) >= MOST:
        raise NoteRefused(TOO_MANY.format(MOST))
    change = NoteChange(held.number + 1, author, at, words)
    await notes.change(held.place, change)
    return ChannelNote(change.number, words, author, at)

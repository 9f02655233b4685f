"""The `note` commands: facts that this channel wants Claude to know, each with who noted it and when."""

from collections.abc import Iterable, Sequence

from core.commands.audit import choose_zone
from core.commands.registry import Command, Invocation, Parameter, ParameterKind, UsageError, name_giver
from core.domain.clock import load_zone
from core.domain.errors import VersionConflict
from core.domain.messages import CommandResult, Rank
from core.domain.personas import Place
from core.prompting.names import clean_name, find_ids, replace_ids
from core.rendering.names import write_name
from core.store.note_taking import SECLUDED, NoteRefused, take_note
from core.store.records.channel_notes import ChannelNotes, NoteChange, NoteHistory

NEWEST = 20  # changes that a history shows
NOTHING = "This channel has no notes. `note add Our fiscal year begins in April.` gives it one."
HEAD = "What Claude is told in every answer in this channel:"
HISTORY = "What was changed in this channel's notes, newest first, in the time of {}:"
FASTER = "Somebody else changed the notes in the same moment, so I changed nothing:"
UNKNOWN = "There is no note {} here. `note list` shows them with their numbers."
ERASED = (
    "The words of note {} are erased: I keep them no more, and Claude is not told them. What was posted with them here "
    "stands until somebody deletes it."
)
AGAIN = "Give the command again if you still want it."


async def add_note(call: Invocation) -> CommandResult:
    if await call.surface.is_secluded():
        raise UsageError(SECLUDED)
    notes, held = await _read(call)
    try:
        note = await take_note(notes, held, call.values["text"], call.question.person, call.context.clock())
    except NoteRefused as error:
        raise UsageError(str(error), "text") from None
    except VersionConflict:
        raise UsageError(await _tell_faster(call, held)) from None
    names = await _load_names(call, [NoteChange(note.number, note.author, note.at, note.text)])
    told = "was there already" if note.number <= held.number else "is what Claude is told here from its next answer on"
    return CommandResult(
        f"Note {note.number} {told}. Noted by {write_name(names[note.author])}.\n\n> {_write_words(note.text, names)}"
    )


async def list_notes(call: Invocation) -> CommandResult:
    _, held = await _read(call)
    names = await _load_names(call, held.changes)
    lines = [
        f"- `{one.number}` {_write_words(one.text, names)} *({write_name(names[one.author])}, {one.at:%Y-%m-%d})*"
        for one in held.notes
    ]
    return CommandResult("\n".join([HEAD, "", *lines]) if lines else NOTHING)


async def remove_note(call: Invocation) -> CommandResult:
    notes, held = await _read(call)
    number, person = int(call.values["number"]), call.question.person
    note = next((one for one in held.notes if one.number == number), None)
    names = await _load_names(call, held.changes)
    if note is None:
        _refuse_missing(call, held, number, names)
    else:
        removal = NoteChange(held.number + 1, person, call.context.clock(), removes=number)
        try:
            await notes.change(held.place, removal)
        except VersionConflict:
            raise UsageError(await _tell_faster(call, held)) from None
    added = held.find_added(number)
    words = f"\n\n> {_write_words(added.text, names)}" if added else ""
    return CommandResult(f"Claude is not told note {number} any more. Removed by {await name_giver(call)}.{words}")


async def erase_note(call: Invocation) -> CommandResult:
    """Take a note's words out of what Confab keeps, also those of one that was removed before."""
    notes, held = await _read(call)
    number, person = int(call.values["number"]), call.question.person
    added, erased = held.find_added(number), held.find_erasure(number)
    names = await _load_names(call, held.changes)
    if added is None:
        raise UsageError(UNKNOWN.format(number), "number")
    if erased and (erased.author != person or erased.at <= call.question.at):
        who = write_name(names[erased.author])
        raise UsageError(f"The words of note {number} were erased already, by {who} on {erased.at:%Y-%m-%d}.", "number")
    if not erased:
        erasure = NoteChange(held.number + 1, person, call.context.clock(), removes=number, erases=True)
        try:
            await notes.change(held.place, erasure)
        except VersionConflict:
            raise UsageError(await _tell_faster(call, held)) from None
    return CommandResult(f"{ERASED.format(number)} Erased by {await name_giver(call)}.")


async def show_history(call: Invocation) -> CommandResult:
    _, held = await _read(call)
    if not held.changes:
        return CommandResult(NOTHING)
    shown = [*reversed(held.changes)][:NEWEST]
    more = len(held.changes) - len(shown)
    rest = [f"- and {more} older"] if more else []
    head = HISTORY.format(await choose_zone(call))
    return CommandResult("\n".join([head, "", *await _tell_changes(call, held, shown), *rest]))


async def _read(call: Invocation) -> tuple[ChannelNotes, NoteHistory]:
    key, notes = call.question.key, call.context.store.channel_notes
    return notes, await notes.history(Place(key.workspace, key.channel))


def _refuse_missing(call: Invocation, held: NoteHistory, number: int, names: dict[str, str]) -> None:
    """Raise UsageError for a note that does not hold, unless it was this command that removed it, before a restart."""
    removal = held.find_removal(number)
    if removal is None:
        raise UsageError(UNKNOWN.format(number), "number")
    if removal.author != call.question.person or removal.at <= call.question.at:
        who = write_name(names[removal.author])
        raise UsageError(f"Note {number} was removed already, by {who} on {removal.at:%Y-%m-%d}.", "number")


async def _tell_faster(call: Invocation, held: NoteHistory) -> str:
    """What somebody else has changed since these notes were read."""
    _, now = await _read(call)
    return "\n".join([FASTER, "", *await _tell_changes(call, now, now.list_since(held.number)), "", AGAIN])


async def _tell_changes(call: Invocation, held: NoteHistory, changes: Sequence[NoteChange]) -> list[str]:
    names, zone = await _load_names(call, held.changes), load_zone(await choose_zone(call))
    return [
        f"- {one.at.astimezone(zone):%Y-%m-%d %H:%M}, {write_name(names[one.author])} {_describe(held, one, names)}"
        for one in changes
    ]


def _describe(held: NoteHistory, change: NoteChange, names: dict[str, str]) -> str:
    """What a change did, with the words of the note where they are still there."""
    added = change if change.removes is None else held.find_added(change.removes)
    words = f": {_write_words(added.text, names)}" if added and added.text else ""
    did = "added" if change.removes is None else "erased the words of" if change.erases else "removed"
    return f"{did} note {added.number if added else change.removes}{words}"


def _write_words(text: str, names: dict[str, str]) -> str:
    return replace_ids(text, {one: clean_name(name) for one, name in names.items()})


async def _load_names(call: Invocation, changes: Iterable[NoteChange]) -> dict[str, str]:
    """The names of those who made changes, and of who is mentioned in them."""
    authors = {one.author for one in changes}
    mentioned = set[str]().union(*(find_ids(one.text) for one in changes))
    return {one: one for one in authors} | dict(await call.surface.names(authors | mentioned))


ROWS = (
    Command(
        "note add",
        "Have Claude told a fact in every answer in this channel",
        add_note,
        (Parameter("text", ParameterKind.TEXT, "the fact, in a sentence of at most 300 characters", required=True),),
        Rank.MANAGER,
    ),
    Command("note list", "Show this channel's notes, with who noted each and when", list_notes),
    Command(
        "note remove",
        "Have Claude not told a note any more",
        remove_note,
        (Parameter("number", ParameterKind.NUMBER, "its number in `note list`", required=True),),
        Rank.MANAGER,
    ),
    Command(
        "note erase",
        "Erase a note's words, also from the history",
        erase_note,
        (Parameter("number", ParameterKind.NUMBER, "its number in `note history`", required=True),),
        Rank.MANAGER,
    ),
    Command("note history", "Show who changed this channel's notes, and how", show_history),
)

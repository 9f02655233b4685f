"""Long answers: where a persona wants it so, the first pages are shown of one, and a file has all of it. Pure."""

from collections.abc import Callable, Sequence

from core.domain.messages import File
from core.domain.wording import list_some
from core.files.code_blocks import MOST, make_answer_file, name_answer_file
from core.rendering.reply_notes import append_note, split_notes

SHOWN = 6  # pages
REST = "The rest is in the attached `{}`, which has all of this answer."
CROWDED = " Not attached, for an answer has at most {} files: {}."
FINE = 32  # characters within which the end of the last page is looked for
LINE = 400  # characters before that end, among which one line or word ends

Render = Callable[[str], list[str]]
"""Cuts a text into pages."""


def shorten_answer(
    text: str, render: Render, files: Sequence[File] = (), most: int = SHOWN, rest: str | None = None
) -> list[str]:
    """The first pages of a text; on the last a note says where the `rest` is, above the notes of the text.

    It is in a file beside `files`, where nothing else is said.
    """
    said, notes = split_notes(text)
    rest = _tell_rest(files) if rest is None else rest

    def render_beginning(length: int) -> list[str]:
        shown = append_note(_end_at_line(said[:length]) if length < len(said) else said, rest)
        return render(f"{shown}\n\n{notes}" if notes else shown)

    fits, full = 0, len(said)
    if len(whole := render_beginning(full)) <= most:
        return whole
    while full - fits > FINE:
        middle = (fits + full) // 2
        fits, full = (middle, full) if len(render_beginning(middle)) <= most else (fits, middle)
    return render_beginning(fits)


def list_files(text: str, files: Sequence[File], shortened: bool) -> tuple[File, ...]:
    """What is posted with an answer: its own files, behind all of it where it was shortened."""
    return (make_answer_file(text, files), *_choose_beside(files)) if shortened else tuple(files[:MOST])


def _choose_beside(files: Sequence[File]) -> tuple[File, ...]:
    """Those that have room beside the file of a whole answer: the first ones, but sooner those whose words it lacks."""
    chosen = [*(one for one in files if not one.told), *(one for one in files if one.told)][: MOST - 1]
    return tuple(one for one in files if one in chosen)


def _tell_rest(files: Sequence[File]) -> str:
    """Where the rest of an answer is, and which of its files no room is left for, unless their words are there too."""
    beside = _choose_beside(files)
    lost = [f"`{one.name}`" for one in files if not (one.told or one in beside)]
    return REST.format(name_answer_file(files)) + (CROWDED.format(MOST, list_some(lost)) if lost else "")


def explain_unattached(text: str, files: Sequence[File], reason: str) -> str:
    """A whole text with the words of files that could not be attached, and a note that says why."""
    words = [f"```\n{file.words.rstrip()}\n```" for file in files if file.words]
    names = list_some([f"`{file.name}`" for file in files])
    again = next((f" {file.again}" for file in files if file.again), "")
    return append_note("\n\n".join([text, *words]), f"I could not attach {names}: {reason}.{again}")


def _end_at_line(text: str) -> str:
    """A beginning of a text that ends with a line, or else a word, if one ends shortly before."""
    for mark in ("\n", " "):
        if (at := text.rfind(mark, max(0, len(text) - LINE))) > 0:
            return text[:at]
    return text

"""Long answers: where a persona wants it so, the first pages are shown of one, and a file has all of it. Pure."""

from collections.abc import Callable, Sequence

from core.domain.messages import File
from core.domain.wording import list_some
from core.files.code_blocks import MOST, make_answer_file, name_answer_file
from core.rendering.reply_notes import append_note, split_notes

SHOWN = 6  # pages
REST = "The rest is in the attached `{}`, which has all of this answer."
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
    rest = REST.format(name_answer_file(files)) if rest is None else rest

    def render_beginning(length: int) -> list[str]:
        shown = append_note(_end_at_line(said[:length]) if length < len(said) else said, rest)
        return render(f"{shown}\n\n{notes}" if notes else shown)

    fits, full = 0, len(said)
    while full - fits > FINE:
        middle = (fits + full) // 2
        fits, full = (middle, full) if len(render_beginning(middle)) <= most else (fits, middle)
    return render_beginning(fits)


def list_files(text: str, files: Sequence[File], shortened: bool) -> tuple[File, ...]:
    """What is posted with an answer: its own files, behind all of it where it was shortened."""
    return (*([make_answer_file(text, files)] if shortened else []), *files)[:MOST]


def explain_unattached(text: str, files: Sequence[File], reason: str) -> str:
    """A whole text with the words of files that could not be attached, and a note that says why."""
    words = [f"```\n{file.words.rstrip()}\n```" for file in files if file.words]
    names = list_some([f"`{file.name}`" for file in files])
    return append_note("\n\n".join([text, *words]), f"I could not attach {names}: {reason}.")


def _end_at_line(text: str) -> str:
    """A beginning of a text that ends with a line, or else a word, if one ends shortly before."""
    for mark in ("\n", " "):
        if (at := text.rfind(mark, max(0, len(text) - LINE))) > 0:
            return text[:at]
    return text

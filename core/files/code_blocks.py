"""Code blocks as files: those of a final text that Claude named, and long ones. Pure.

They follow from the text alone, so that any process makes the same files of it.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import chain, count

from core.domain.messages import File, FinalText, clean_text
from core.domain.wording import list_some
from core.rendering.fences import Fence, parse_opening
from core.rendering.names import clean_file_name, read_file_name, shorten_file_name
from core.rendering.reply_notes import append_note, remove_notes, reopen_text

MOST = 10  # files of one answer: platforms hang no more on a message
NAMED = 100  # files of one answer that are counted
LARGEST = 1_000_000  # bytes of one
SIX_PAGES = 10_000  # characters: no six pages of a platform hold less of an answer that a file could have
LONG = 60  # lines of a block; one with more is a file also where it has no name
DEEPEST = 200  # characters before a line of code that are looked at
ANSWER = "answer.md"  # the name of a file that holds a whole answer

_SAME = (
    "bat c cfg cmake conf cpp cs css csv diff go graphql h hcl html ini java js json jsx lua md patch php pl proto ps1 "
    "py r rb rs scala sh sql svg swift tex tf toml ts tsx txt vue xml yaml yml"
)
_OTHERS = {
    "bash": "sh",
    "c++": "cpp",
    "csharp": "cs",
    "dockerfile": "dockerfile",
    "golang": "go",
    "javascript": "js",
    "kotlin": "kt",
    "latex": "tex",
    "makefile": "mk",
    "markdown": "md",
    "perl": "pl",
    "powershell": "ps1",
    "python": "py",
    "python3": "py",
    "ruby": "rb",
    "rust": "rs",
    "shell": "sh",
    "terraform": "tf",
    "typescript": "ts",
    "zsh": "sh",
}
EXTENSIONS = {**{one: one for one in _SAME.split()}, **_OTHERS}
"""How the files of the most common languages end, by what fences call them."""

_QUOTED = re.compile(r"[ \t]*>")


def list_code_files(text: str, *, reopened: bool = False) -> tuple[File, ...]:
    """The files of a final text, in the order of their blocks; what is above `NAMED` or `LARGEST` is left out.

    A block whose fence is not closed is none: it was cut. Nor is the rest of it, with which a text begins that goes on
    with another, where it is `reopened`: whether that is amid a line is not known. The text has all of their words.
    """
    taken: set[str] = set()
    found: list[File] = []
    said = reopen_text(clean_text(text))
    blocks = _find_blocks(said)
    if reopened and parse_opening(said.partition("\n")[0]):
        next(blocks, None)
    for fence, lines in blocks:
        given = read_file_name(fence.info)
        content = ("\n".join(lines) + "\n").encode()
        if (given is None and len(lines) <= LONG) or not "".join(lines).strip() or len(content) > LARGEST:
            continue
        name = _make_unique(clean_file_name(given or "") or _make_name(fence.info, taken), taken)
        taken.add(name.casefold())
        found.append(File(name, "text/plain", content, told=True))
        if len(found) == NAMED:
            break
    return tuple(found)


def bound_files(text: str, files: Sequence[File]) -> tuple[str, Sequence[File]]:
    """The text of an answer, with a note on files that are left out, and as many files as platforms take with it."""
    if not (left := files[MOST:]):
        return text, files
    names = list_some([f"`{file.name}`" for file in left])
    return append_note(text, f"An answer has at most {MOST} files. Not attached, but above: {names}."), files[:MOST]


def name_answer_file(files: Sequence[File]) -> str:
    """The name of the file that holds a whole answer, beside these: none of them has it."""
    return _make_unique(ANSWER, {one.name.casefold() for one in files})


def make_answer_file(text: str, files: Sequence[File] = ()) -> File:
    """A file that holds a whole answer, without our notes below it, beside these."""
    name = name_answer_file(files)
    return File(name, "text/markdown", (remove_notes(clean_text(text)).strip("\n") + "\n").encode(), told=True)


def list_replaced_files(earlier: FinalText | None, *, reopened: bool = False) -> tuple[File, ...]:
    """The files that may have been posted with an answer that is given anew, whatever the persona says today."""
    if earlier is None or earlier.notice:
        return ()
    made = (File(one.name, one.type, b"") for one in earlier.made)
    beside = (*made, *list_code_files(earlier.text, reopened=reopened))
    whole = (make_answer_file(earlier.text, beside[:MOST]),) if len(earlier.text) > SIX_PAGES else ()
    return (*beside, *whole)


def _find_blocks(text: str) -> Iterator[tuple[Fence, list[str]]]:
    """The blocks that are closed, with their lines as they stand between the fences."""
    fence: Fence | None = None
    lines: list[str] = []
    for line in text.split("\n"):
        if fence is None:
            fence, lines = parse_opening(line), []
        elif fence.closed_by(line):
            yield fence, lines
            fence = None
        else:
            lines.append(_remove_lead(line, fence.lead[:DEEPEST]))


def _remove_lead(line: str, lead: str) -> str:
    """A line of code without the quote marks, and without as much indentation as its fence has."""
    at = 0
    for mark in lead:
        if mark == ">":
            quoted = _QUOTED.match(line, at)
            at = quoted.end() if quoted else at
        elif mark == "\t" and line.startswith("    ", at):
            at += 4
        elif line.startswith(mark, at):
            at += 1
    return line[at:]


def _make_name(info: str, taken: set[str]) -> str:
    """A name for a block without one, by its language."""
    language = re.split(r"[\s:{,]", info.strip().strip("{.").lower())[0]
    names = (f"code-{number}.{EXTENSIONS.get(language, 'txt')}" for number in count(1))
    return next(name for name in names if not any(one.startswith(f"{name.partition('.')[0]}.") for one in taken))


def _make_unique(name: str, taken: set[str]) -> str:
    numbered = (shorten_file_name(name, f"-{number}") for number in count(2))
    return next(one for one in chain([name], numbered) if one.casefold() not in taken)

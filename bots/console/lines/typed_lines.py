"""Lines that a person types in the terminal: which are commands, and which words are asked for. Pure."""

from collections.abc import Iterator, Mapping, Sequence

from bots.console.controls import CONTROLS
from bots.console.place import LEAVES, MOVES
from core.commands.lines.options import WORDS
from core.commands.registry import Command, Parameter, find_missing_text

TAKES_BACK = "an empty line or Ctrl-C ends this"
TAKEN_BACK = "Nothing was done."
HELP, SHORT_HELP = "/help", "/?"
STEPS = {
    "start": "Start the batch that was offered last in this channel, as `/batch start`",
    "retry failed": "Ask the rows of its newest batch again that have no answer, as `/batch retry`",
    "stop": "Stop what is answered here, else your newest batch that runs",
}
"""Words that stand here in the place of a batch's buttons."""


def is_command(line: str) -> bool:
    """Whether a line is a command; `/etc/hosts` is none."""
    word = line.split(maxsplit=1)[0]
    return word.startswith("/") and "/" not in word[1:]


def begins_with_command(line: str, table: Sequence[Command]) -> bool:
    """Whether the first word of a line is one that commands begin with here."""
    word, *_ = line.lower().split(maxsplit=1) or [""]
    known = {f"/{words.split()[0]}" for words in (*MOVES, *(row.words for row in table))}
    return word in known | {SHORT_HELP, *LEAVES, *(control.split()[0] for control in CONTROLS)}


def find_needed_words(line: str, table: Sequence[Command]) -> Parameter | None:
    """The words that the command of a line still needs and that its person is asked for."""
    found = find_missing_text(table, line[1:], {}, WORDS)
    return found[1] if found else None


def write_question(parameter: Parameter) -> str:
    """The prompt of the question for words that a command needs."""
    return f"{parameter.about} ({TAKES_BACK}): ".replace("`", "")


def describe_more(line: str) -> list[str]:
    """Lines of Markdown on what this terminal has beside what a line of help lists: its moves, or words for buttons."""
    words = line.lower().split()
    if words == [HELP]:
        return list(_describe(MOVES | STEPS))
    return list(_describe(STEPS)) if words in ([HELP, "batch"], [HELP, "/batch"]) else []


def _describe(words: Mapping[str, str]) -> Iterator[str]:
    """A line of Markdown for each move."""
    return (f"- `/{one}`: {about}" for one, about in words.items())


def explain_move(line: str) -> str:
    """What `/help attach` says: moves are no commands, and known here alone. Empty for every other line."""
    words = line.lower().split()
    if len(words) != 2 or words[0] != HELP:
        return ""
    return "\n".join(
        one for one in _describe(MOVES) if one.startswith(f"- `/{words[1].lstrip('/')}") and is_move(words[1])
    )


def is_move(word: str) -> bool:
    """Whether a word is one of this terminal's moves."""
    return word.lstrip("/") in {words.split()[0] for words in MOVES}

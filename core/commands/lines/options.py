"""Options: the `name=value` pairs of a command's line, its parameters, and the text beside them. Pure."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from core.commands.lines.slips import QUOTES, find_near
from core.domain.errors import ConfabError

MISPLACED = (
    "{0}= stands behind words that it belongs before: `{1} {2} ...`. "
    "If it is one of the words, put all of them into quotes."
)
UNKNOWN = "There is no `{0}=`.{1} If it is one of the words, put all of them into quotes."
OPENING, CLOSING = frozenset(QUOTES), frozenset('"“”')
# `++` and no blanks before: or a long word is read again and again.
_OPTION = re.compile(rf"(?<!\w)(\w++)=([{QUOTES}][^{QUOTES}]*[\"“”]|\S*)")
_LISTED = re.compile(r"(?<!\w)\w++=[^\s\",]++(?:\s*,\s*+[^\s\",=]++(?!=))+")  # a list with blanks at its commas
_PAIR = re.compile(r"([\w-]{1,40})\s*[=:\s]\s*(\S{0,40})")  # as people write pairs by mistake
LINE = 120  # characters of a usage line that is told with a refusal
BLANKS = 20  # between a text in quotes and the pairs behind it
NAME = 40  # characters that are quoted of what a command does not take


class UsageError(ConfabError):
    """A command can't be used as a person gave it; the message says why and what would do.

    Only who gave it is told, where the platform can; by a form, below the field of that `parameter`.
    """

    def __init__(self, message: str, parameter: str = "") -> None:
        super().__init__(message)
        self.parameter = parameter


class ParameterKind(Enum):
    """What a parameter takes, so that a platform can offer the right field."""

    TEXT = "text"
    LONG = "long"
    """Text of many lines: asked for by a form where it is required and missing."""
    NUMBER = "number"
    MONEY = "money"
    CHOICE = "choice"
    LIST = "list"
    """Several words with commas between them."""
    PERSON = "person"


WORDS = frozenset({ParameterKind.TEXT, ParameterKind.LIST, ParameterKind.LONG})
"""What may have several words."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One value that a command takes.

    `choices` are all that a choice allows, suggestions for a text or a list, and the words that stand in place of a
    number. `label` is what a form calls it.
    """

    name: str
    kind: ParameterKind
    about: str
    required: bool = False
    choices: tuple[str, ...] = ()
    label: str = ""
    prose: bool = False
    """Whether it is words that stand in quotes before a long text, of which nobody could tell them."""
    led: bool = False
    """Whether options stand before a long text in the field of a form too, and a pair of another name is refused."""
    unnamed: bool = False
    """Whether it needs no name although it may be left out, and so may others."""


class Shape(Protocol):
    """What options are parsed for: a command, by its words and parameters."""

    @property
    def words(self) -> str: ...
    @property
    def parameters(self) -> Sequence[Parameter]: ...
    def parameter(self, name: str) -> Parameter | None: ...


def format_usage(row: Shape) -> str:
    """The usage line of a command, as people write it: `budget set AMOUNT [per=day|week|month]`."""
    parts = [row.words]
    for one in row.parameters:
        bare = one.required and one is find_trailing_parameter(row)
        text = one.name.upper() if bare else f"{one.name}={_format_choices(one)}"
        parts.append(text if one.required else f"[{text}]")
    return " ".join(parts)


def tell_usage(row: Shape) -> str:
    """How a command is given, in a line; where it takes too much for that, what tells it."""
    usage = format_usage(row)
    return f"Like this: `{usage}`" if len(usage) <= LINE else f"`help {row.words}` shows all that it takes."


def _refuse_words(row: Shape, text: str) -> str:
    """That a command takes no such words, and which of its names may be meant: `efort=low`, `effort: low`."""
    pair = _PAIR.match(text)
    name, value = (pair[1], pair[2]) if pair else (text[:NAME], "")
    near = find_near(name.lower().replace("-", "_"), [one.name for one in row.parameters])
    meant = f" Did you mean `{near}={value or '...'}`?" if near else ""
    return f"`{row.words}` does not take `{text[:NAME]}`.{meant} {tell_usage(row)}"


def parse_options(row: Shape, rest: str) -> dict[str, str]:
    """`name=value` pairs, and what else there is goes to the one text parameter. Raises UsageError.

    Pairs come before a long text, or behind it where it is in quotes: one of this command's amid its words is refused,
    and one of another name is words. A short text may have its pairs after it too. Words behind a value without quotes
    are its own, up to the next pair, where no other parameter may want them. Quotes around a whole text are no part of
    it, and all in them is.
    """
    trailing = find_trailing_parameter(row)
    if trailing and trailing.kind in WORDS and (whole := _read_quoted(rest.strip())):
        return {trailing.name: whole}
    rest = _LISTED.sub(lambda words: "".join(words[0].split()), rest) if any(map(is_list, row.parameters)) else rest
    if trailing and _is_long(trailing):
        rest = _put_options_first(row, trailing, rest)
    options = list(_find_leading_options(row, rest) if _is_long(trailing) else _find_options(row, rest))
    found: dict[str, str] = {}
    between, at, twice, said = [], 0, "", False
    for option, end in zip(options, [*(one.start() for one in options[1:]), len(rest)], strict=False):
        name, value, tail = option[1], _unquote(option), rest[option.end() : end]
        between.append(rest[at : option.start()].rstrip())
        said = said or bool(between[-1].strip())
        takes = _takes_tail(row, option, tail, given=said or (trailing is not None and trailing.name in found))
        twice = twice or (name if name in found else "")
        found[name] = f"{value}{tail.rstrip()}" if takes else value
        at = end if takes else option.end()
    text = "".join([*between, rest[at:]]).strip()
    if text and trailing is None:
        raise UsageError(_refuse_words(row, text))
    if text and trailing and trailing.name in found:
        twice = twice or trailing.name
    if twice:
        raise UsageError(f"{twice} is given more than once. {tell_usage(row)}")
    return found | ({trailing.name: _clean_text(row, trailing, text)} if text and trailing else {})


def _put_options_first(row: Shape, trailing: Parameter, rest: str) -> str:
    """A line with the pairs before its long text that stand behind its quotes.

    Raises UsageError for a pair of no known name, before or behind the text, where that is led by options.
    """
    leading = [0, *(one.end() for one in _find_leading_options(row, rest))]
    begin = len(rest) - len(rest[leading[-1] :].lstrip())
    if trailing.led and (unknown := _OPTION.match(rest, begin)):
        raise _refuse_option(row, unknown[1])
    cut = at = len(rest.rstrip())
    for option in reversed([*_OPTION.finditer(rest, begin)] if rest[begin : begin + 1] in OPENING else []):
        if rest[option.end() : at].strip() or not (trailing.led or row.parameter(option[1])):
            break
        at = option.start()
        blanks = len(rest[max(begin, at - BLANKS) : at]) - len(rest[max(begin, at - BLANKS) : at].rstrip())
        if blanks and at - blanks - begin > 1 and rest[at - blanks - 1] in CLOSING:
            cut = at
    for option in _OPTION.finditer(rest, cut):
        if not row.parameter(option[1]):
            raise _refuse_option(row, option[1])
    return f"{rest[cut:]} {rest[:cut]}"


def _refuse_option(row: Shape, name: str) -> UsageError:
    near = find_near(name, [one.name for one in row.parameters])
    return UsageError(UNKNOWN.format(name[:NAME], f" Did you mean `{near}=`?" if near else f" {tell_usage(row)}"))


def _read_quoted(text: str) -> str:
    """What stands in the quotes around a whole text; nothing where it has none, or others between."""
    inner = text[1:-1].strip()
    quoted = len(text) > 1 and text[0] in OPENING and text[-1] in CLOSING and OPENING.isdisjoint(inner)
    return inner if quoted else ""


def _clean_text(row: Shape, trailing: Parameter, text: str) -> str:
    """The text beside the pairs, without the quotes around it. Raises UsageError for a pair amid a long one."""
    if trailing.kind in WORDS and (whole := _read_quoted(text)):
        return whole
    if _is_long(trailing) and (late := next(_find_options(row, text), None)):
        raise UsageError(MISPLACED.format(late[1], row.words, late[0][:NAME]), late[1])
    return text


def _unquote(option: re.Match[str]) -> str:
    """The value of a pair. Raises UsageError where its quotes do not end."""
    name, value = option[1], option[2]
    if value[:1] in OPENING and (len(value) == 1 or value[-1] not in CLOSING):
        raise UsageError(f'The quotes of {name} do not end. Like this: `{name}="{value.strip(QUOTES)} ..."`', name)
    return value.strip(QUOTES)


def _takes_tail(row: Shape, option: re.Match[str], tail: str, *, given: bool) -> bool:
    """Whether the words behind a value are its own. Raises UsageError where nobody could tell, which needs quotes.

    `given` is whether the parameter without a name has its words already.
    """
    parameter, trailing = row.parameter(option[1]), find_trailing_parameter(row)
    if parameter is None or parameter.kind not in WORDS or option[2][:1] in OPENING or not tail.strip():
        return False
    if trailing is None or parameter is trailing or (given and not _is_long(trailing)):
        return True
    first = tail.split(",", maxsplit=1)[0] if is_list(trailing) else tail
    if parameter.prose if _is_long(trailing) else len(first.split()) > 1:
        name, value = option[1], f"{option[2]}{tail.rstrip()}"
        shown = value if len(value) <= NAME else f"{option[2]} ..."
        raise UsageError(
            f'Put the words of {name} into quotes, for I can\'t tell where they end: `{name}="{shown}"`', name
        )
    return False


def _find_leading_options(row: Shape, text: str) -> Iterator[re.Match[str]]:
    """The pairs at the beginning of `text` that name a parameter, as far as nothing else stands between."""
    at = 0
    for option in _OPTION.finditer(text):
        if text[at : option.start()].strip() or not row.parameter(option[1]):
            return
        yield option
        at = option.end()


def _find_options(row: Shape, text: str) -> Iterator[re.Match[str]]:
    """The pairs anywhere in `text` that name a parameter."""
    return (option for option in _OPTION.finditer(text) if row.parameter(option[1]))


def _is_long(parameter: Parameter | None) -> bool:
    return parameter is not None and parameter.kind is ParameterKind.LONG


def is_list(parameter: Parameter | None) -> bool:
    return parameter is not None and parameter.kind is ParameterKind.LIST


def find_trailing_parameter(row: Shape) -> Parameter | None:
    """The parameter that needs no name: the first that is required, the one that says so, or the only one."""
    required = next((one for one in row.parameters if one.required or one.unnamed), None)
    return required or (row.parameters[0] if len(row.parameters) == 1 else None)


def _format_choices(parameter: Parameter) -> str:
    return "|".join(parameter.choices) if parameter.kind is ParameterKind.CHOICE else "..."

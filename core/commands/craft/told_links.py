"""Links in what Claude says of messages: those that stand in one of them stay, and no other. Code is left as it is.

It is read on each growth of an answer, so the time that a text takes grows as its length, whatever it says.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Set
from dataclasses import dataclass

from core.domain.messages import Message
from core.rendering.fences import Fence, parse_opening
from core.rendering.inline import SpanKind, parse_spans, split_paragraphs

LEFT_OUT = "(a link that stands in none of the messages)"
ENDS = "()[]|\"'*_~`.,;:!?\u2026\u3001\u3002\uff09\uff0c"  # signs behind an address that end a sentence or a mark
JOINS = ":/"  # signs that would make an address of the words around a link that is taken away
LEADS = "0123456789+.-"  # before a scheme: a scheme begins with a letter

_SCHEME = r"(?<![A-Za-z0-9+.-])[A-Za-z0-9+.-]*+://"
_BARE = rf"{_SCHEME}(?:[^\s<>\[]|\[(?!#))++"
_NAMED = (
    r"!?\[(?P<label>(?:[^\[\]]++|\[[^\[\]]*+\])*+)\]\(\s*+(?:<(?P<angled>[^<>\n]*+)>|"
    r"(?P<address>(?:[A-Za-z][A-Za-z0-9+.-]*+:|//|www\.)[^\s()<>]*+(?:\([^\s()<>]*+\)[^\s()<>]*+)*+))"
    r"(?:\s++(?:\"[^\"\n]*+\"|'[^'\n]*+'))?+\s*+\)"
)
_NUMBERS = r"\[(?P<numbers>#\d{1,5}(?:,\s*+#\d{1,5})*+)\](?!\()"
_FOUND = re.compile(rf"{_NUMBERS}|{_NAMED}|(?P<bare>{_BARE})", re.DOTALL)
_TOLD = re.compile(_NAMED, re.DOTALL)
_TOLD_BARE = (re.compile(_BARE), re.compile(rf"{_SCHEME}[^\s<>()\[\]|\"'*`,]++"))  # the other as in JSON or a table


def collect_links(messages: Iterable[Message]) -> frozenset[str]:
    """The links that stand in messages, and those to what they quote."""
    return frozenset(map(_normalize, {link for message in messages for link in _list_links(message)}))


def _list_links(message: Message) -> Iterator[str]:
    for text in (message.text, *(part for quote in message.quotes for part in (quote.text, quote.link))):
        if "](" in text:
            yield from (found["angled"] or found["address"] or "" for found in _TOLD.finditer(text))
        if "://" in text:
            yield from (found[0] for one in _TOLD_BARE for found in one.finditer(text))


def _normalize(link: str) -> str:
    """A link as it is compared: whole, but for how its scheme is written and what ends the sentence that it is in."""
    scheme, colon, rest = link.partition(":")
    return f"{scheme.lstrip(LEADS).lower()}{colon}{rest.rstrip(ENDS)}"


@dataclass(frozen=True, slots=True)
class LinkCheck:
    """What becomes of links in a text: the `known` stay, and what `link` writes stands for the numbers of messages."""

    known: Set[str]
    link: Callable[[list[int]], str]

    def apply(self, text: str) -> str:
        """`text` with links for numbers, and for each link that is not known its label, or a word in its place."""
        parts: list[str] = []
        code = _find_code(text)
        begins, ends = next(code, (len(text), len(text)))
        at = searched = 0
        while found := _FOUND.search(text, searched):
            while ends <= found.start():
                begins, ends = next(code, (len(text), len(text)))
            whole = found.end() <= begins
            searched = found.end() if whole else ends
            if whole or (found["bare"] and found.start() < begins):  # no mark of code is taken away
                until = min(found.end(), begins)
                parts += [text[at : found.start()], self._write(found, until)]
                at = until
        return "".join([*parts, text[at:]])

    def _write(self, found: re.Match[str], until: int) -> str:
        """What stands for a number or a link, which is taken away up to `until`."""
        if found["numbers"]:
            around = (found.string[: found.start()][-1:], found.string[until : until + 1])
            written = self.link([int(one) for one in re.findall(r"\d+", found["numbers"])])
            return written or " " * any(one in {*JOINS} for one in around)
        shown = found.string[found.start() : until]
        if _normalize(found["bare"] or found["angled"] or found["address"] or "") in self.known:
            return shown
        if found["bare"]:
            return LEFT_OUT + shown[len(shown.rstrip(ENDS)) :]
        return self.apply(found["label"].replace("`", "'")).strip(JOINS) or LEFT_OUT


def _find_code(text: str) -> Iterator[tuple[int, int]]:
    """Where code begins and ends, as people are shown it; a span of it that a table or a line may cut is no code."""
    if "`" not in text and "~~~" not in text:
        return
    prose: list[str] = []
    fence: Fence | None = None
    at = began = 0
    for line in text.split("\n"):
        opened = None if fence else parse_opening(line)
        if opened:
            yield from _find_spans(prose, began)
            prose, began = [], at
        if not (fence or opened):
            prose.append(line)
        at += len(line) + 1
        if fence and fence.closed_by(line):
            yield began, at
            opened, fence, began = None, None, at
        fence = opened or fence
    if fence:
        yield began, len(text)
    yield from _find_spans(prose, began)


def _find_spans(lines: list[str], at: int) -> Iterator[tuple[int, int]]:
    for paragraph in split_paragraphs("\n".join(lines)):
        for span in parse_spans(paragraph):
            if span.kind is SpanKind.CODE and not {"|", "\n"} & set(span.text):
                yield at, at + len(span.text)
            at += len(span.text)
        at += 1

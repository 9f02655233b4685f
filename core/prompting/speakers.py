"""Speakers: people's messages as a prompt has them, quoted against impersonation."""

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

from core.domain.content import FileContent, Files
from core.domain.messages import Attachment, Message, Quote, QuoteKind
from core.prompting.file_names import clean_attached_name, describe_file, write_file_name
from core.prompting.names import BOT, clean_name, find_ids, replace_ids

LONGEST = 250_000  # bytes told of one message
QUOTED = 25_000  # bytes told of one of its quotes
QUOTES = 10  # of one message

NO_FILES: Files = MappingProxyType({})

_CUT = "\n[... {} characters are left out here ...]\n"
_CARRIES = {
    QuoteKind.FORWARD: "{} forwarded {}",
    QuoteKind.PREVIEW: "a link of {}'s shows {}",
    QuoteKind.VIEWED: "{} is looking at {}",
    QuoteKind.SUBJECT: "{} asks about {}",
}


def collect_people(messages: Iterable[Message]) -> set[str]:
    """The ids of all who wrote a message, and of all that is mentioned in one; we are not among the authors."""
    found: set[str] = set()
    for message in messages:
        for text in (message.text, *(part for quote in message.quotes for part in (quote.text, quote.author))):
            found |= find_ids(text)
        if not message.mine:
            found.add(message.voice)
    return found


def quote_message(message: Message, names: Mapping[str, str], files: Files = NO_FILES) -> str:
    """A person's message as a prompt has it: their name, a colon, their words, and a note for each attachment.

    Further lines are indented, so none can be another's. What was forwarded stands below a note of its own, with its
    files behind it, and so does the text of a file; what is shown of files stands below all of it.
    """
    name = names.get(message.voice) or clean_name(message.speaker or message.author) or "someone"
    words = indent(replace_ids(leave_out_middle(message.text, LONGEST), names))
    said = [f"{name} {BOT}: {words}" if message.bot else f"{name}: {words}"] if words else []
    carried = [line for quote in message.quotes[:QUOTES] for line in _tell_quote(name, message, quote, names)]
    different = {one.id: one for one in reversed(message.attachments)}
    told = {key: _tell_attachment(name, different[key], files.get((message.id, key))) for key in reversed(different)}
    own = [note for key, note in told.items() if not different[key].quoted]
    return "\n".join(said + own + carried + [note for key, note in told.items() if different[key].quoted])


def _tell_quote(name: str, message: Message, quote: Quote, names: Mapping[str, str]) -> Iterator[str]:
    """A note that says whose words follow, and the words, indented like all that somebody said."""
    author = clean_name(replace_ids(quote.author, names))
    what = f"what {author} said" if author else "this"
    what += f" ({quote.link})" if quote.link else ""
    words = indent(replace_ids(leave_out_middle(quote.text, QUOTED), names))
    if words:
        own = message.author and quote.author == f"<@{message.author}>"
        whose = f"{name}'s own words, said before" if own else f"not {name}'s words"
        yield f"[{_CARRIES[quote.kind].format(name, what)}, which is {whose}:]"
        yield f"  {words}"


def _tell_attachment(name: str, attachment: Attachment, read: FileContent | None) -> str:
    """A note that says what was attached, and whether it follows; below it what it says."""
    begins = f"what {name} forwarded has" if attachment.quoted else f"{name} attached"
    note = f"{begins} {describe_attachment(attachment)}"
    if read is None:
        return f"[{note}]"
    if read.code:
        note = f"{note}, which code finds with {read.code.uploaded.tag} in its name"
    if read.again:
        other = f" as {clean_attached_name(read.told_as)}" if read.told_as else ""
        return f"[{note}, which is told above{other}]"
    if read.shown is not None:
        return f"[{note}, shown below, which says:]\n  {indent(read.text)}" if read.text else f"[{note}, shown below]"
    if read.problem and read.code:
        return f"[{note}]"
    if read.problem:
        return f"[{note}, which Confab could not read: {read.problem}]"
    made = "".join(f"{one}, " for one in (read.origin, f"read as {read.encoding}" * bool(read.encoding)) if one)
    return f"[{note}, {made}which says:]\n  {indent(read.text)}"


def describe_attachment(attachment: Attachment, *, markdown: bool = False) -> str:
    """An attachment in words: its name, what it is, its size; with `markdown` as people are shown it."""
    return describe_file(attachment, (write_file_name if markdown else clean_attached_name)(attachment.name))


def indent(text: str) -> str:
    """A text as it is told within what somebody said: each further line indented."""
    return "\n  ".join(text.strip().splitlines())


def leave_out_middle(text: str, limit: int, before: int = 0) -> str:
    """`text` with its middle left out where it is too long to be told whole; `before` characters of it were already."""
    if len(text.encode()) <= limit:
        return text
    raw = text.encode()
    head, tail = raw[: limit // 2].decode(errors="ignore"), raw[-limit // 2 :].decode(errors="ignore")
    return head + _CUT.format(before + len(text) - len(head) - len(tail)) + tail

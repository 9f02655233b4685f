"""Speakers: people's messages as a prompt has them, quoted against impersonation."""

from collections.abc import Iterable, Iterator, Mapping

from core.domain.messages import Attachment, Message, Quote, QuoteKind
from core.prompting.names import BOT, clean_name, find_ids, replace_ids

LONGEST = 250_000  # bytes told of one message
QUOTED = 25_000  # bytes told of one of its quotes
QUOTES = 10  # of one message

_CUT = "\n[... {} characters are left out here ...]\n"
_CARRIES = {QuoteKind.FORWARD: "{} forwarded {}", QuoteKind.PREVIEW: "a link of {}'s shows {}"}


def collect_people(messages: Iterable[Message]) -> set[str]:
    """The ids of all who wrote a message, and of all that is mentioned in one; we are not among the authors."""
    found: set[str] = set()
    for message in messages:
        for text in (message.text, *(part for quote in message.quotes for part in (quote.text, quote.author))):
            found |= find_ids(text)
        if not message.mine:
            found.add(message.voice)
    return found


def quote_message(message: Message, names: Mapping[str, str]) -> str:
    """A person's message as a prompt has it: their name, a colon, their words, and a note for each attachment.

    Further lines are indented, so none can be another's. What was forwarded stands below a note of its own.
    """
    name = names.get(message.voice) or clean_name(message.speaker or message.author) or "someone"
    words = _indent(replace_ids(_leave_out_middle(message.text, LONGEST), names))
    said = [f"{name} {BOT}: {words}" if message.bot else f"{name}: {words}"] if words else []
    carried = [line for quote in message.quotes[:QUOTES] for line in _tell_quote(name, quote, names)]
    attached = [f"[{name} attached {describe_attachment(attachment)}]" for attachment in message.attachments]
    return "\n".join(said + carried + attached)


def _tell_quote(name: str, quote: Quote, names: Mapping[str, str]) -> Iterator[str]:
    """A note that says whose words follow, and the words, indented like all that somebody said."""
    author = clean_name(replace_ids(quote.author, names))
    what = f"what {author} said" if author else "this"
    words = _indent(replace_ids(_leave_out_middle(quote.text, QUOTED), names))
    if words:
        yield f"[{_CARRIES[quote.kind].format(name, what)}, which is not {name}'s words:]"
        yield f"  {words}"


def describe_attachment(attachment: Attachment) -> str:
    """An attachment in words: its name, its media type, its size."""
    kilobytes = max(1, round(attachment.size / 1000))
    return (
        f"{clean_name(attachment.name) or 'a file'} ({clean_name(attachment.type) or 'unknown type'}, {kilobytes} kB)"
    )


def _indent(text: str) -> str:
    return "\n  ".join(text.strip().splitlines())


def _leave_out_middle(text: str, limit: int) -> str:
    """`text` with its middle left out where it is too long to be told whole."""
    if len(text.encode()) <= limit:
        return text
    raw = text.encode()
    head, tail = raw[: limit // 2].decode(errors="ignore"), raw[-limit // 2 :].decode(errors="ignore")
    return head + _CUT.format(len(text) - len(head) - len(tail)) + tail

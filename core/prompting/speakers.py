"""Speakers: the names that people have in a prompt, and the quoting of their words against impersonation."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping

from core.domain.messages import Attachment, Message

LONGEST = 250_000  # bytes told of one message
NAME = 60  # characters of a speaker's name

MENTION = re.compile(r"<@([^\s<>@]+)>")
_UNSAFE = re.compile(r"[:\[\]<>@`*_~|\\]")
_CUT = "\n[... {} characters are left out here ...]\n"


def collect_people(messages: Iterable[Message]) -> set[str]:
    """The ids of all who wrote a message or are mentioned in one; we are not among the authors."""
    found: set[str] = set()
    for message in messages:
        found.update(MENTION.findall(message.text))
        if not message.mine:
            found.add(message.author)
    return found


def introduce_speakers(told: Mapping[str, str], people: Iterable[str], shown: Mapping[str, str]) -> dict[str, str]:
    """Unique names for the people who have none in `told` yet, from the display names `shown` by the platform.

    Names lose what could break a line or look like a heading, and a second Ada becomes `Ada (2)`.
    """
    taken = {_fold_name(name) for name in told.values()} | {"claude"}
    introduced: dict[str, str] = {}
    numbers: Counter[str] = Counter()  # of the namesakes of each; who has ten thousand is not counted up to each time
    for person in sorted(set(people) - set(told)):
        name = _clean_name(shown.get(person, "")) or _clean_name(person) or "someone"
        unique = name
        while _fold_name(unique) in taken:
            numbers[name] += 1
            unique = f"{name} ({numbers[name] + 1})"
        taken.add(_fold_name(unique))
        introduced[person] = unique
    return introduced


def quote_message(message: Message, names: Mapping[str, str]) -> str:
    """A person's message as a prompt has it: their name, a colon, their words, and a note for each attachment.

    Further lines are indented, so none can be another's.
    """
    name = names.get(message.author) or _clean_name(message.author) or "someone"
    text = MENTION.sub(lambda found: "@" + names.get(found[1], found[1]), message.text)
    words = "\n  ".join(_leave_out_middle(text).strip().splitlines())
    said = [f"{name}{' (bot)' if message.bot else ''}: {words}"] if words else []
    attached = [f"[{name} attached {describe_attachment(attachment)}]" for attachment in message.attachments]
    return "\n".join(said + attached)


def describe_attachment(attachment: Attachment) -> str:
    """An attachment in words: its name, its media type, its size."""
    kilobytes = max(1, round(attachment.size / 1000))
    return (
        f"{_clean_name(attachment.name) or 'a file'} ({_clean_name(attachment.type) or 'unknown type'}, {kilobytes} kB)"
    )


def _leave_out_middle(text: str) -> str:
    """`text` with its middle left out where it is too long to be told whole."""
    if len(text.encode()) <= LONGEST:
        return text
    raw = text.encode()
    head, tail = raw[: LONGEST // 2].decode(errors="ignore"), raw[-LONGEST // 2 :].decode(errors="ignore")
    return head + _CUT.format(len(text) - len(head) - len(tail)) + tail


def _clean_name(name: str) -> str:
    """`name` sanitised: on one line, without what a reader or Claude could take for markup, a mention or a heading."""
    visible = "".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in unicodedata.normalize("NFKC", name))
    return " ".join(_UNSAFE.sub(" ", visible).split())[:NAME].strip()


def _fold_name(name: str) -> str:
    """Two names that a reader takes for the same are equal when folded."""
    return unicodedata.normalize("NFKC", name).casefold()

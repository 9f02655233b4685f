"""Questions about a message, chosen in its menu: each row asks Claude something, and only who chose it is answered."""

from collections.abc import Iterator, Mapping

from core.commands.registry import (
    Command,
    UsageError,
    explain_missing,
    list_missing,
    parse_values,
)
from core.domain.events import Posted
from core.domain.messages import MESSAGE, Asks, Message, Question, Quote, QuoteKind, ThreadKey


def quote_subject(about: Message, link: str) -> Quote:
    """What Claude is told of the message that somebody asks about: all its words, and what its files are called."""
    author = about.speaker or (f"<@{about.author}>" if about.author else "")
    return Quote("\n".join(_list_words(about)), QuoteKind.SUBJECT, author, link)


def build_question(row: Command, given: Mapping[str, str], chosen: Question, quote: Quote) -> Posted:
    """The private question that a row asks about a message: `chosen` says by whom, and which message by its values.

    Raises UsageError.
    """
    for one in list_missing(row, given):
        raise UsageError(explain_missing(one), one.name)
    values = parse_values(row, "", {**given, MESSAGE: chosen.values[MESSAGE]})
    asked = Message(chosen.name, chosen.person, row.asks.format_map(values), chosen.at, quotes=(quote,))
    key = ThreadKey(chosen.key.workspace, chosen.key.channel, chosen.name)
    return Posted(
        chosen.name,
        key,
        asked,
        Asks.CERTAINLY,
        chosen.address,
        alone=True,
        private=True,
        values=chosen.values,
    )


def _list_words(about: Message) -> Iterator[str]:
    yield from filter(None, (about.text, *(quote.text for quote in about.quotes)))
    if names := ", ".join(one.name for one in about.attachments if one.name):
        yield f"[files, which are not shown: {names}]"

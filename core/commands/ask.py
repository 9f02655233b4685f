"""Questions about a message, chosen in its menu: each row asks Claude something, and only who chose it is answered.

A new one is one more row: what it is called, and what Claude is asked.
"""

from collections.abc import Iterator, Mapping

from core.commands.registry import (
    Command,
    Invocation,
    Parameter,
    ParameterKind,
    UsageError,
    explain_missing,
    list_missing,
    parse_values,
)
from core.domain.events import Posted
from core.domain.messages import MESSAGE, Asks, CommandResult, Message, Question, Quote, QuoteKind, ThreadKey


async def point_to_menu(call: Invocation) -> CommandResult:
    """Say where it is: what stands in menus alone can't be given in words."""
    return CommandResult(f"`{call.question.command}` is in the menu of each message.")


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


ROWS = (
    Command(
        "ask about",
        "Ask Claude about one message, in that message's menu",
        point_to_menu,
        (
            Parameter(
                "question", ParameterKind.LONG, "what you want to know about it", required=True, label="Your question"
            ),
        ),
        private=True,
        action="Ask about this",
        asks="{question}",
    ),
)

"""Slash commands, message shortcuts, and the forms (modals) that ask for what one still needs."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from bots.slack import parse
from bots.slack.address import SlackAddress, write_link
from bots.slack.markup import render_plain_text
from bots.slack.parse import BotIdentity, Raw, parse_workspace
from core.commands import TABLE
from core.commands.ask import build_question, quote_subject
from core.commands.registry import (
    Command,
    Parameter,
    ParameterKind,
    find_command,
    find_missing_text,
    is_answered_privately,
    is_misgiven,
    list_missing,
    parse_options,
)
from core.domain.events import Commanded, Posted
from core.domain.messages import MESSAGE, THREAD, Attachment, Question, Quote, QuoteKind, ThreadKey

FORM = "confab_form"  # callback_id of the form of a command
ASKING = "confab_ask"  # and of one that asks about a message
SHORTCUT = "confab_{}"  # of a message shortcut, by the words of its command
QUOTED = "quoted_{}"  # block_id of a part of the message that somebody asks about
TITLE = 24  # characters; Slack refuses longer titles
AUTHOR = 2_000  # characters of a name that a form keeps
LONGEST = 3_000  # characters that a field takes, or a section holds; Slack allows no more
PARTS = 8  # sections of a message in a form; Claude is told no more of one
FILES = 4  # of a message whose names and addresses a form keeps
NOTE = 3_000  # characters of private_metadata


@dataclass(frozen=True, slots=True)
class Choice:
    """A message shortcut that somebody chose: the row, by whom and where, and what the message says."""

    row: Command
    question: Question
    quote: Quote
    files: tuple[Attachment, ...] = ()
    """Those of the message, where the command takes some."""

    def build_event(self, given: Mapping[str, str]) -> Posted | Commanded:
        """The question that it asks, else the command that it gives. Raises UsageError."""
        asked, row = self.question, self.row
        if row.asks:
            return build_question(row, given, asked, self.quote)
        about = {**given, MESSAGE: asked.values[MESSAGE]}
        private = row.whispers(about) or is_misgiven(row, about)
        event = Commanded(asked.name, asked.key, asked.person, row.words, asked.at, about, asked.address, private)
        return replace(event, attachments=self.files)

    def build_form(self) -> dict[str, Any] | None:
        """The view that shows the message and asks for what is missing, or None if that is nothing."""
        if not (missing := list_missing(self.row, {})):
            return None
        note: dict[str, Any] = {"row": self.row.words, "author": self.quote.author[:AUTHOR], "link": self.quote.link}
        note |= {"values": dict(self.question.values), **_pack_place(self.question.key, self.question.address)}
        note |= {"files": [asdict(one) for one in self.files]} if self.files else {}
        blocks = [*_build_parts(self.quote.text), *map(_build_field, missing)]
        return _build_view(ASKING, self.row.action, "Ask", json.dumps(note), blocks)


def name_shortcut(row: Command) -> str:
    """The callback_id of a row's message shortcut."""
    return SHORTCUT.format(row.words.replace(" ", "_"))


def parse_slash_command(body: Raw, now: datetime) -> Commanded:
    """`/confab persona show` as a command of its channel. Slash commands know no thread."""
    line = render_plain_text(body.get("text") or "").strip() or "help"
    key = ThreadKey(parse_workspace(body), body["channel_id"], "")
    address = SlackAddress(url=body.get("response_url") or "").dump()
    return Commanded(
        body["trigger_id"], key, body["user_id"], line, now, {}, address, is_answered_privately(TABLE, line)
    )


def parse_shortcut(body: Raw, us: BotIdentity, now: datetime) -> Choice | None:
    """What somebody chose in a message's menu; None for a shortcut that is not ours. It holds all of the message."""
    row = next((one for one in TABLE if one.action and name_shortcut(one) == body["callback_id"]), None)
    if row is None:
        return None
    about, channel = parse.parse_message(body["message"], us), body["channel"]["id"]
    thread = body["message"].get("thread_ts") or about.id
    question = Question(
        key=ThreadKey(parse_workspace(body), channel, thread),
        name=body["trigger_id"],
        person=body["user"]["id"],
        at=now,
        address=SlackAddress(url=body.get("response_url") or "").dump(),
        values={MESSAGE: about.id, THREAD: thread},
    )
    files = tuple(one for one in about.attachments if not one.quoted) if row.takes_files else ()
    return Choice(row, question, quote_subject(about, write_link(us.url, channel, about.id, thread)), files[:FILES])


def build_form(command: Commanded) -> dict[str, Any] | None:
    """The view (modal) that asks for what a command still needs, or None if that is nothing."""
    needed = find_missing_text(TABLE, command.line, command.values)
    note = json.dumps({"line": command.line, **_pack_place(command.key, command.address)})
    if needed is None or len(note) > NOTE:
        return None
    row, parameter = needed
    return _build_view(FORM, row.title or row.words.capitalize(), "Save", note, [_build_field(parameter)])


def parse_submission(body: Raw, now: datetime) -> Posted | Commanded | None:
    """What somebody gave or asked by a form that they filled in; None for a form that is not ours.

    Raises UsageError where it can't be given so.
    """
    match body["view"].get("callback_id"):
        case "confab_form":
            return _parse_command_form(body, now)
        case "confab_ask":
            return _parse_question_form(body, now)
    return None


def _parse_command_form(body: Raw, now: datetime) -> Commanded:
    """The command whose form was filled in, with what its line already gave."""
    view = body["view"]
    note, fields = json.loads(view["private_metadata"]), _read_fields(view)
    row, rest = find_command(TABLE, note["line"])
    return Commanded(
        id=parse.name_submission(view),
        key=ThreadKey(*note["key"]),
        person=body["user"]["id"],
        line=note["line"],
        at=now,
        values=fields,
        address=note["address"],
        private=row.whispers(parse_options(row, rest) | fields),
        by_form=True,
    )


def _parse_question_form(body: Raw, now: datetime) -> Posted | Commanded:
    """The question about a message, whose words the form shows."""
    view = body["view"]
    note = json.loads(view["private_metadata"])
    row, _ = find_command(TABLE, note["row"])
    question = Question(
        key=ThreadKey(*note["key"]),
        name=parse.name_submission(view),
        person=body["user"]["id"],
        at=now,
        address=note["address"],
        values=note["values"],
    )
    quote = Quote(_join_parts(view["blocks"]), QuoteKind.SUBJECT, note["author"], note["link"])
    files = tuple(Attachment(**one) for one in note.get("files", ()))
    event = Choice(row, question, quote, files).build_event(_read_fields(view))
    return replace(event, by_form=True)


def _read_fields(view: Raw) -> dict[str, str]:
    """What was typed, by the names of the fields."""
    states = (state for block in view["state"]["values"].values() for state in block.items())
    return {name: str(value.get("value") or "") for name, value in states}


def _pack_place(key: ThreadKey, address: str) -> dict[str, Any]:
    """Where a form was opened, which it gives back when it is filled in."""
    return {"key": [key.workspace, key.channel, key.thread], "address": address}


def _build_parts(text: str) -> list[dict[str, Any]]:
    """A message as sections, which come back with the form: nobody else keeps it meanwhile."""
    parts = (text[at : at + LONGEST] for at in range(0, min(len(text), PARTS * LONGEST), LONGEST))
    return [
        {"type": "section", "block_id": QUOTED.format(number), "text": _build_plain_text(part)}
        for number, part in enumerate(parts)
        if part.strip()
    ]


def _join_parts(blocks: Iterable[Raw]) -> str:
    """The message that `_build_parts` has put into a form. Slack may give it back escaped."""
    mark = QUOTED.format("")
    text = "".join(block["text"]["text"] for block in blocks if str(block.get("block_id")).startswith(mark))
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _build_view(kind: str, title: str, submit: str, note: str, blocks: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "type": "modal",
        "callback_id": kind,
        "private_metadata": note,
        "title": _build_plain_text(title[:TITLE]),
        "submit": _build_plain_text(submit),
        "close": _build_plain_text("Cancel"),
        "blocks": blocks,
    }


def _build_field(parameter: Parameter) -> dict[str, Any]:
    long = parameter.kind is ParameterKind.LONG
    element = {"type": "plain_text_input", "action_id": parameter.name, "multiline": long, "max_length": LONGEST}
    label = _build_plain_text(parameter.label or parameter.name.replace("_", " ").capitalize())
    hint = _build_plain_text(f"{parameter.about[:1].upper()}{parameter.about[1:]}.")
    return {"type": "input", "block_id": parameter.name, "label": label, "hint": hint, "element": element}


def _build_plain_text(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text, "emoji": False}

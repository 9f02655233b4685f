"""Message content: all that a Discord message shows, in text, embeds, components, polls, stickers, forwards. Pure.

Its author's own words and files are one thing; what it forwards or previews is another's, and becomes quotes.
"""

import mimetypes
from collections.abc import Iterator
from typing import Any

import discord

from core.domain.controls import parse_control
from core.domain.messages import Attachment, Quote, QuoteKind
from core.domain.wording import fold_lines, list_some

Json = dict[str, Any]

DEEPEST = 10  # components inside components; Discord has three
MOST = 40  # components beside each other; Discord takes no more in a message
BREAK = "\u200b"  # a space of no width
MADE = "rich"  # type of an embed that a bot or a webhook wrote; links make the others


def list_own_texts(payload: Json) -> list[str]:
    """What its author says, in Discord's markup: the content, and of bots their embeds and components."""
    made = [_read_embed(one) for one in _list(payload, "embeds") if _is_made(one)]
    blocks = [*made, _read_components(payload)] if is_from_bot(payload) else []
    files = map(_describe_file, _list(payload, "attachments"))
    texts = (_text(payload, "content"), *blocks, *files, *_list_stickers(payload), _read_poll(payload))
    return [text for text in texts if text]


def list_quotes(payload: Json) -> list[Quote]:
    """What it forwards, and what its links show, in Discord's markup."""
    forwards = [Quote("\n".join(_list_shown_texts(shown))) for shown in _list_snapshots(payload)]
    made = is_from_bot(payload)
    linked = [one for one in _list(payload, "embeds") if not (made and _is_made(one))]
    previews = [Quote(_read_embed(one), QuoteKind.PREVIEW) for one in linked]
    return [quote for quote in (*forwards, *previews) if quote.text]


def list_attachments(payload: Json) -> Iterator[Attachment]:
    """Its own files, and those of what it forwards. Long pastes come without a type."""
    for part in (payload, *_list_snapshots(payload)):
        for one in _list(part, "attachments"):
            name, quoted = one["filename"], part is not payload
            kind = one.get("content_type") or mimetypes.guess_type(name)[0] or "application/octet-stream"
            yield Attachment(one["id"], name, kind.partition(";")[0], one["size"], one["url"], quoted)


def read_attachment(file: discord.Attachment) -> Attachment:
    """A file that was given with a command."""
    kind = file.content_type or mimetypes.guess_type(file.filename)[0] or "application/octet-stream"
    return Attachment(str(file.id), file.filename, kind.partition(";")[0], file.size, file.url)


def is_from_bot(payload: Json) -> bool:
    """Whether another program wrote it: a bot, or whoever posts through a webhook."""
    return bool(payload["author"].get("bot") or payload.get("webhook_id"))


def has_content(payload: Json) -> bool:
    """Whether there is anything to read. Without the MESSAGE_CONTENT intent most messages come empty."""
    parts = ("content", "attachments", "sticker_items", "message_snapshots", "poll", "embeds", "components")
    return any(payload.get(part) for part in parts)


def read_poll_result(payload: Json) -> str:
    """What Discord says below a poll that has ended."""
    embed = next(iter(_list(payload, "embeds")), {})
    said = {_text(field, "name"): _text(field, "value") for field in _list(embed, "fields")}
    winner = " ".join(filter(None, (said.get("victor_answer_emoji_name"), said.get("victor_answer_text"))))
    votes = f"{said.get('victor_answer_votes') or 0} of {said.get('total_votes') or 0} votes"
    ended = f"poll ended: {said.get('poll_question_text') or '?'}"
    return fold_lines(f"({ended} {winner} won with {votes})" if winner else f"({ended} nothing won, with {votes})")


def _list_shown_texts(shown: Json, deep: int = DEEPEST) -> list[str]:
    """All the words of a message that is forwarded, which may forward another."""
    embeds = map(_read_embed, _list(shown, "embeds"))
    inner = (text for one in _list_snapshots(shown) for text in _list_shown_texts(one, deep - 1)) if deep else ()
    files = map(_describe_file, _list(shown, "attachments"))
    parts = (*embeds, _read_components(shown), *files, *_list_stickers(shown), _read_poll(shown))
    texts = (_text(shown, "content"), *parts)
    return [text for text in (*texts, *inner) if text]


def _is_made(embed: Json) -> bool:
    return bool(embed.get("type", MADE) == MADE)


def _read_embed(embed: Json) -> str:
    """The words of an embed in the order in which they stand."""
    author, footer = _inner(embed, "author"), _inner(embed, "footer")
    fields = (f"{_text(one, 'name')}: {_text(one, 'value')}" for one in _list(embed, "fields"))
    parts = (_text(author, "name"), _text(embed, "title"), _text(embed, "description"), *fields, _text(footer, "text"))
    return "\n".join(part for part in parts if part.strip())


def _read_components(holder: Json, deep: int = DEEPEST) -> str:
    """The words of components, also of those inside of others, as deep as they may be."""
    found = (text for one in _list(holder, "components")[:MOST] for text in _list_component_texts(one, deep))
    return "\n".join(filter(None, found))


def _list_component_texts(component: Json, deep: int) -> Iterator[str]:
    if (
        component and deep and not parse_control(_text(component, "custom_id"))
    ):  # our own buttons say nothing, also where forwarded
        yield _text(component, "content")
        label = fold_lines(_text(component, "label") or _text(component, "placeholder"))
        yield f"({label})" if label else ""
        labels = [label for option in _list(component, "options") if (label := _text(option, "label"))]
        yield f"(choices: {list_some(labels)})" if labels else ""
        yield from (fold_lines(_text(item, "description")) for item in _list(component, "items"))
        yield fold_lines(_text(component, "description"))
        yield _read_components(component, deep - 1)
        yield from _list_component_texts(_inner(component, "accessory"), deep - 1)


def _describe_file(file: Json) -> str:
    """What is seen in a picture, as its author describes it; whom that names is not asked."""
    seen, name = fold_lines(_text(file, "description")).replace("<@", f"<{BREAK}@"), fold_lines(_text(file, "filename"))
    return f"({name or 'picture'} shows: {seen})" if seen else ""


def _read_poll(holder: Json) -> str:
    """The question of a poll, and its choices."""
    poll = _inner(holder, "poll")
    question = fold_lines(_text(_inner(poll, "question"), "text"))
    choices = (_inner(answer, "poll_media") for answer in _list(poll, "answers"))
    listed = (
        " ".join(filter(None, (_text(_inner(one, "emoji"), "name"), fold_lines(_text(one, "text"))))) for one in choices
    )
    return "\n".join((f"(poll: {question})", *(f"- {choice}" for choice in listed))) if question else ""


def _list_stickers(holder: Json) -> Iterator[str]:
    return (f"(sticker: {fold_lines(_text(sticker, 'name'))})" for sticker in _list(holder, "sticker_items"))


def _list_snapshots(payload: Json) -> list[Json]:
    return [_inner(snapshot, "message") for snapshot in _list(payload, "message_snapshots")]


def _list(holder: Json, name: str) -> list[Json]:
    value = holder.get(name)
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _inner(holder: Json, name: str) -> Json:
    value = holder.get(name)
    return value if isinstance(value, dict) else {}


def _text(holder: Json, name: str) -> str:
    value = holder.get(name)
    return value if isinstance(value, str) else ""

"""Message content: all that a Slack message shows, in text, blocks, attachments and files. Pure.

Its author's own words and files are one thing; what it forwards or previews is another's, and becomes quotes.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from bots.slack.formatting import is_buttons
from bots.slack.markup import (
    break_mentions,
    list_objects,
    render_blocks,
    render_plain_text,
    render_text,
)
from core.domain.messages import Quote, QuoteKind
from core.domain.wording import fold_lines

Raw = Mapping[str, Any]

MOST = 100  # attachments of one message that are read; Slack shows no more
DEEPEST = 4  # messages inside messages
HIDDEN_FILES = {"tombstone", "hidden_by_limit"}  # modes of files that are not there any more
FORWARDS = ("is_share", "is_msg_unfurl", "message_blocks", "is_reply_unfurl", "is_thread_root_unfurl")
PREVIEWS = ("from_url", "original_url", "app_unfurl_url", "is_app_unfurl")
EMPTY = {"[no preview available]", "This content can't be displayed."}  # fallbacks that say nothing

_WORD = re.compile(r"[^\W_]+")
_MARKS = re.compile(r"[*_~`]+")  # of style, of which text and blocks have their own
_NAMED = re.compile(r"<[^<>\s]*>|[@#]\S+")  # the text may name what the blocks only number


def read_words(raw: Raw) -> str:
    """What its author says: the text, the blocks and the attachments that are its own, each told once."""
    attached = (_render_attachment(one) for one in _list_attachments(raw) if not _classify_quote(one, raw))
    words = [render_plain_text(_read_string(raw, "text")), render_blocks(list_objects(raw, "blocks"))]
    files = list_files(raw)
    return _join_once(words, chain(attached, map(_render_transcript, files), map(_describe_file, files)))


def read_own_blocks(raw: Raw) -> str:
    """What a page of ours says: its blocks say all, buttons nothing, and what hangs on it is not from us."""
    return _render_words(list_objects(raw, "blocks")) or render_plain_text(_read_string(raw, "text"))


def read_quotes(raw: Raw) -> tuple[Quote, ...]:
    """What it forwards, and what its links show."""
    found = ((kind, one) for one in _list_attachments(raw) if (kind := _classify_quote(one, raw)))
    quotes = [Quote(_render_quote(one), kind, _read_author(one, kind)) for kind, one in found]
    mails = [_quote_mail(file) for file in list_files(raw) if file.get("mode") == "email"]
    return tuple(quote for quote in (*quotes, *mails) if quote.text)


def list_files(raw: Raw) -> list[Raw]:
    """Its own files, without those that are not there any more."""
    return [file for file in list_objects(raw, "files") if file.get("id") and file.get("mode") not in HIDDEN_FILES]


def list_attached_files(raw: Raw) -> list[Raw]:
    """Its own files, to be read; not the mails whose words are told as a quote."""
    return [file for file in list_files(raw) if file.get("mode") != "email" or not _read_string(file, "plain_text")]


def list_quoted_files(raw: Raw) -> list[Raw]:
    """The files of what it forwards."""
    return [file for one in _list_attachments(raw) if _classify_quote(one, raw) for file in list_files(one)]


def _render_transcript(file: Raw) -> str:
    """What was said in a clip, as Slack shows it below a message. Of other files the content is read, so no preview."""
    transcript = file.get("transcription")
    shown = transcript.get("preview") if isinstance(transcript, Mapping) else None
    if isinstance(shown, Mapping) and (spoken := _read_string(shown, "content")):
        return break_mentions(f"(spoken: {spoken}{' …' if shown.get('has_more') else ''})")
    return ""


def _describe_file(file: Raw) -> str:
    """What is seen in a picture, as its author describes it."""
    seen, name = (fold_lines(break_mentions(_read_string(file, one))) for one in ("alt_txt", "name"))
    return f"({name or 'picture'} shows: {seen})" if seen else ""


def _quote_mail(file: Raw) -> Quote:
    """A mail that was sent into a channel, or shared there."""
    sender = next(iter(list_objects(file, "from")), {})
    words = (
        _read_string(file, "plain_text") or _read_string(file, "preview_plain_text") or _read_string(file, "preview")
    )
    subject = _read_string(file, "subject") or _read_string(file, "title")
    text = break_mentions(f"{subject}\n{words}".strip())
    return Quote(text, QuoteKind.FORWARD, _read_string(sender, "original") or _read_string(sender, "address"))


def _list_attachments(raw: Raw) -> list[Raw]:
    return list_objects(raw, "attachments")[:MOST]


def _classify_quote(attachment: Raw, raw: Raw) -> QuoteKind | None:
    """Whether an attachment shows another message, or what a link leads to; None for the author's own.

    People hang on nothing but blocks, such as a table; all else below their words comes from links and other apps.
    """
    if any(attachment.get(name) for name in FORWARDS):
        return QuoteKind.FORWARD
    linked = any(attachment.get(name) for name in PREVIEWS)
    pasted = attachment.get("blocks") and not (attachment.get("bot_id") or attachment.get("app_id"))
    return QuoteKind.PREVIEW if linked or not (_is_from_bot(raw) or pasted) else None


def _is_from_bot(raw: Raw) -> bool:
    return bool(raw.get("bot_id") or raw.get("bot_profile") or not raw.get("user"))


def _read_author(attachment: Raw, kind: QuoteKind) -> str:
    """Who said what is forwarded, on Slack's word. Whoever made a web page can write any name on it."""
    if kind is not QuoteKind.FORWARD:
        return ""
    author = _read_string(attachment, "author_id")
    return f"<@{author}>" if re.fullmatch(r"\w+", author) else _read_author_name(attachment)


def _read_author_name(attachment: Raw) -> str:
    return _read_string(attachment, "author_name") or _read_string(attachment, "author_subname")


def _render_quote(attachment: Raw, deep: int = DEEPEST) -> str:
    """The words of another message, with what hangs on it, or a preview's."""
    shown = [
        inner for one in list_objects(attachment, "message_blocks") if isinstance(inner := one.get("message"), dict)
    ]
    blocks = [_render_words(list_objects(message, "blocks")) for message in shown]
    holders = [attachment, *shown] if deep else []
    nested = (_render_quote(one, deep - 1) for holder in holders for one in _list_attachments(holder))
    return _join_once([*blocks, _render_attachment(attachment, whole=False)], nested) or _render_fallback(attachment)


def _render_words(blocks: Iterable[Raw]) -> str:
    """The text of blocks that may be a page of ours, without its buttons."""
    return render_blocks(block for block in blocks if not is_buttons(block))


def _render_attachment(attachment: Raw, whole: bool = True) -> str:
    """What an attachment shows. Where nothing can be read of it, its fallback."""
    blocks = _render_words(list_objects(attachment, "blocks"))
    said = _join_once([blocks, "\n".join(line for line in _list_lines(attachment) if line)])
    return said or (_render_fallback(attachment) if whole else "")


def _list_lines(attachment: Raw) -> Iterator[str]:
    """The parts of an attachment in the order in which they stand."""
    yield _render_part(attachment, "pretext")
    if not any(attachment.get(name) for name in FORWARDS):
        yield render_plain_text(_read_author_name(attachment))
    title, link = _render_part(attachment, "title"), _read_string(attachment, "title_link")
    yield f"{title} ({link})" if title and link else title
    yield _render_part(attachment, "text")
    for field in list_objects(attachment, "fields"):
        yield ": ".join(part for part in (_render_part(field, "title"), _render_part(field, "value")) if part)
    for action in list_objects(attachment, "actions"):
        yield f"({label})" if (label := fold_lines(_render_part(action, "text"))) else ""
    yield _render_part(attachment, "footer")


def _render_part(holder: Raw, name: str) -> str:
    value = holder.get(name)
    return render_plain_text(value) if isinstance(value, str) else render_text(value)


def _render_fallback(attachment: Raw) -> str:
    fallback = _read_string(attachment, "fallback")
    return "" if fallback in EMPTY else render_plain_text(fallback)


def _join_once(carriers: Iterable[str], more: Iterable[str] = ()) -> str:
    """The `carriers`, of which those go that another says whole, and all of `more` that is not said by one."""
    told = dict.fromkeys(carrier.strip("\n") for carrier in carriers if carrier.strip())
    beside = [text.strip("\n") for text in more if text.strip()]
    if len(told) + len(beside) < 2:  # nearly always, and to count words takes as long as all else of a message
        return "".join([*told, *beside])
    kept: list[tuple[str, Counter[str]]] = []
    for carrier in told:
        words = _count_words(carrier)
        if not _is_said(words, kept):
            kept = [(text, known) for text, known in kept if not known <= words]
            kept.append((carrier, words))
    added = [text for text in beside if not _is_said(_count_words(text), kept)]
    return "\n\n".join([*(text for text, _ in kept), *added])


def _is_said(words: Counter[str], kept: Sequence[tuple[str, Counter[str]]]) -> bool:
    return any(words <= known for _, known in kept)


def _count_words(text: str) -> Counter[str]:
    return Counter(_WORD.findall(_NAMED.sub("", text).casefold()) or _MARKS.sub("", text).split() or text.split())


def _read_string(holder: Raw, name: str) -> str:
    value = holder.get(name)
    return value if isinstance(value, str) else ""

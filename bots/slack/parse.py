"""Reading: what Slack tells becomes core's nouns, once. Nothing here waits or asks."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from bots.slack.markup import mentioned, of_blocks, plain
from core.commands import TABLE
from core.commands.registry import UsageError, find_command, parse_options
from core.domain.events import Commanded, Deleted, Edited, Event, Posted, Pressed
from core.domain.messages import Asks, Attachment, History, Message, Reach, ThreadKey

Raw = Mapping[str, Any]

MARK = "confab_reply"  # event_type of the metadata of our pages
WRITTEN = {None, "", "file_share", "thread_broadcast", "me_message", "bot_message"}  # subtypes that somebody wrote
NOBODY = {"USLACKBOT", ""}
HIDDEN = {"tombstone", "hidden_by_limit"}  # modes of files that are not there any more


@dataclass(frozen=True, slots=True)
class Us:
    """Who we are in a workspace: `user` speaks, and its messages carry `bot`. `enterprise` is empty outside Grid."""

    workspace: str
    user: str
    bot: str
    team: str
    enterprise: str = ""


def workspace(body: Raw) -> str:
    """Where the app is installed: what Slack says outside of the event, whose `team` may be its author's."""
    rights: Raw = next(iter(body.get("authorizations") or []), {})
    enterprise = rights.get("enterprise_id") or body.get("enterprise_id") or (body.get("enterprise") or {}).get("id")
    team = rights.get("team_id") or body.get("team_id") or (body.get("team") or {}).get("id")
    return f"slack:{enterprise or team}"


def told(body: Raw, us: Us) -> list[Event]:
    """What an event of the Events API tells; nothing if it is not for us. Malformed ones raise what they raise."""
    event = body["event"]
    match event["type"]:
        case "app_mention" if "edited" not in event:
            return _posted(body, event, us)
        case "message":
            return _message(body, event, us)
        case "agent_session_stopped":
            key = ThreadKey(workspace(body), event["channel"], event["thread_ts"])
            return [Pressed(body["event_id"], key, event["user"], "stop")]
    return []


def completions(channel: str, raws: Iterable[Raw], us: Us, oldest: str) -> list[Event]:
    """What asks us among messages of a channel that Slack shows afterwards, as it would have been told then.

    What is older, or has an answer of ours, is left out.
    """
    shown = {raw["ts"]: raw for raw in raws}
    answered = {payload(raw).get("question") for raw in shown.values() if is_mine(raw, us)}
    missed = [raw for ts, raw in shown.items() if float(ts) >= float(oldest) and ts not in answered]
    events = [event for raw in missed for event in told(_afterwards(channel, raw, us), us)]
    return [event for event in events if not (isinstance(event, Posted) and event.asks is Asks.NO)]


def told_at(event: Event) -> datetime:
    """When what an event tells was said."""
    match event:
        case Posted() | Edited():
            return event.message.at
        case Commanded():
            return event.at
    raise TypeError(f"{type(event).__name__} is not said by anybody")


def _afterwards(channel: str, raw: Raw, us: Us) -> Raw:
    """The payload in which the Events API would have told a message."""
    event = {**raw, "type": "message", "channel": channel}
    return {"event_id": f"{channel}:{raw['ts']}", "team_id": us.team, "enterprise_id": us.enterprise, "event": event}


def history(raws: Iterable[Raw], us: Us, reach: Reach) -> History:
    """A thread as `conversations.replies` shows it, oldest first. Commands and their like are no part of it."""
    ordered = sorted({raw["ts"]: raw for raw in raws}.values(), key=lambda raw: at(raw["ts"]))
    gone = frozenset(raw["ts"] for raw in ordered if raw.get("subtype") == "tombstone")
    written = [message(raw, us) for raw in ordered if raw.get("subtype") in WRITTEN]
    return History(tuple(one for one in written if one.mine or not _command(one)), reach, gone)


def message(raw: Raw, us: Us) -> Message:
    """One message. Ours are read from their blocks, which say all; our mention at its beginning is left out."""
    mine = is_mine(raw, us)
    kept = payload(raw) if mine else {}
    files = raw.get("files") or []
    return Message(
        id=raw["ts"],
        author=us.user if mine else raw.get("user") or raw.get("bot_id") or "USLACKBOT",
        text=_text(raw, us, mine),
        at=at(raw["ts"]),
        mine=mine,
        bot=not mine and _bot(raw),
        answers=kept.get("question"),
        notice=bool(kept.get("notice")) or (mine and bool(files) and not kept),
        edited=at(raw["edited"]["ts"]) if raw.get("edited") else None,
        attachments=tuple(
            _attachment(file) for file in files if file.get("mode") not in {"tombstone", "hidden_by_limit"}
        ),
    )


def at(ts: str) -> datetime:
    """The moment of a ts, which has six digits of a second."""
    seconds, _, micros = ts.partition(".")
    return datetime.fromtimestamp(int(seconds), UTC) + timedelta(microseconds=int(micros or 0))


def whispers(line: str) -> bool:
    """Whether a command is answered to its giver alone; one that is none is."""
    try:
        row, rest = find_command(TABLE, line)
        return row.whispers(parse_options(row, rest))
    except UsageError:
        return True


def is_mine(raw: Raw, us: Us) -> bool:
    return raw.get("user") == us.user or bool(us.bot and raw.get("bot_id") == us.bot)


def payload(raw: Raw) -> Raw:
    """The mark on a page of ours: whose answer it is. Empty on what we did not mark."""
    metadata = raw.get("metadata") or {}
    mark = metadata.get("event_payload") if metadata.get("event_type") == MARK else None
    return mark if isinstance(mark, Mapping) else {}


def _message(body: Raw, event: Raw, us: Us) -> list[Event]:
    match event.get("subtype"):
        case "message_changed":
            return _changed(body, event, us)
        case "message_deleted":
            return [_deleted(body, event.get("previous_message") or {}, event)]
        case subtype if subtype in WRITTEN:
            return _posted(body, event, us)
    return []


def _posted(body: Raw, event: Raw, us: Us) -> list[Event]:
    said = message(event, us)
    key = _key(body, event["channel"], event)
    asks = _asks(event, us)
    if asks is Asks.CERTAINLY and (line := _command(said)):
        return [] if said.bot else [Commanded(said.id, key, said.author, line, said.at, private=whispers(line))]
    return [Posted(said.id, key, said, asks)]


def _changed(body: Raw, event: Raw, us: Us) -> list[Event]:
    """Only what people change in words or files counts; Slack also tells of previews, threads and ourselves."""
    raw, before = event["message"], event.get("previous_message") or {}
    if raw.get("subtype") == "tombstone":
        return [_deleted(body, raw, {**event, "deleted_ts": raw["ts"]})]
    if is_mine(raw, us) or raw.get("subtype") not in WRITTEN:
        return []
    now = message(raw, us)
    if before and _said(message({**before, "ts": raw["ts"]}, us)) == _said(now):
        return []
    if _command(now):
        return []
    return [Edited(body["event_id"], _key(body, event["channel"], raw), now)]


def _said(message: Message) -> tuple[str, Sequence[str]]:
    return message.text, [attachment.id for attachment in message.attachments]


def _deleted(body: Raw, before: Raw, event: Raw) -> Deleted:
    name = event["deleted_ts"]
    key = _key(body, event["channel"], {**before, "ts": name})
    return Deleted(body["event_id"], key, name, at(event.get("event_ts") or event["ts"]))


def _key(body: Raw, channel: str, raw: Raw) -> ThreadKey:
    return ThreadKey(workspace(body), channel, raw.get("thread_ts") or raw["ts"])


def _asks(event: Raw, us: Us) -> Asks:
    """Mentions and direct messages ask for certain, replies in a thread perhaps; a bot has to mention us."""
    if is_mine(event, us):
        return Asks.NO
    if us.user in _mentioned(event) or (_direct(event) and not _bot(event)):
        return Asks.CERTAINLY
    if _bot(event):
        return Asks.NO
    return Asks.PERHAPS if event.get("thread_ts") not in {None, event["ts"]} else Asks.NO


def _direct(event: Raw) -> bool:
    return event.get("channel_type") == "im" or event["channel"].startswith("D")


def _bot(raw: Raw) -> bool:
    return bool(raw.get("bot_id") or raw.get("bot_profile")) or raw.get("user", "") in NOBODY


def _mentioned(raw: Raw) -> set[str]:
    return mentioned(raw.get("text") or of_blocks(raw.get("blocks") or []))


def _command(message: Message) -> str | None:
    """The line of a command that was given in words: `!persona show`."""
    line = message.text[1:]
    return line.strip() if message.text.startswith("!") and line[:1].isalpha() else None


def _text(raw: Raw, us: Us, mine: bool) -> str:
    blocks = of_blocks(raw.get("blocks") or []) if mine or not raw.get("text") else ""
    text = blocks or plain(raw.get("text") or "")
    return re.sub(rf"\A(?:<@{us.user}>[ \t\n,:]*)+", "", text)


def _attachment(file: Raw) -> Attachment:
    """A file; one from another team comes with no more than its id."""
    return Attachment(
        id=file["id"],
        name=file.get("name") or file.get("title") or "",
        type=file.get("mimetype") or "",
        size=int(file.get("size") or 0),
        url=file.get("url_private_download") or file.get("url_private") or "",
    )

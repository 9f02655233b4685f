"""Parsing: payloads of Slack become core's events and messages, once. Pure."""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from bots.slack import message_content
from bots.slack.address import SlackAddress
from bots.slack.markup import calls_group
from core.commands import TABLE
from core.commands.craft.attached_files import list_taken_files
from core.commands.help import is_call_for_help
from core.commands.registry import UsageError, find_command, is_answered_privately
from core.domain.controls import Control, parse_control
from core.domain.events import Commanded, Deleted, Edited, Event, Posted, Pressed, WorkspaceEnded
from core.domain.messages import Asks, Attachment, History, Message, Question, Reach, ThreadKey
from core.prompting.code_spans import drop_code
from core.prompting.names import MENTION

Raw = Mapping[str, Any]
GROUP = "S"  # begins the id of a user group

MARK = "confab_reply"  # event_type of the metadata of our pages
WRITTEN = {None, "", "file_share", "thread_broadcast", "me_message", "bot_message"}  # subtypes that somebody wrote
NOBODY = {"USLACKBOT", ""}


@dataclass(frozen=True, slots=True)
class BotIdentity:
    """Who we are in a workspace: `user` speaks, and its messages carry `bot`. `enterprise` is empty outside Grid."""

    workspace: str
    user: str
    bot: str
    team: str
    enterprise: str = ""
    url: str = ""
    """Where people open the workspace; it ends with a slash."""


def parse_workspace(body: Raw) -> str:
    """The workspace that the app is installed in, from outside of the event, whose `team` may be its author's."""
    rights: Raw = next(iter(body.get("authorizations") or []), {})
    enterprise = rights.get("enterprise_id") or body.get("enterprise_id") or (body.get("enterprise") or {}).get("id")
    return _read_form_workspace(body) or f"slack:{enterprise or _read_team(body)}"


def parse_team(body: Raw) -> str:
    """The team that the app is installed in, also inside an organisation; empty where the payload names none."""
    return "" if _read_form_workspace(body) else _read_team(body)


def _read_team(body: Raw) -> str:
    rights: Raw = next(iter(body.get("authorizations") or []), {})
    return str(rights.get("team_id") or body.get("team_id") or (body.get("team") or {}).get("id") or "")


def _read_form_workspace(body: Raw) -> str:
    """The workspace of a form of ours, as the form keeps it; empty for anything else.

    Slack names the workspace of who filled it in, which in a shared channel may be another one.
    """
    try:
        name = json.loads(body["view"]["private_metadata"])["key"][0]
    except (LookupError, TypeError, ValueError):
        return ""
    return name if isinstance(name, str) and name.startswith("slack:") else ""


def parse_event(body: Raw, us: BotIdentity) -> list[Event]:
    """Events of core in one of the Events API; none if it is not for us. Malformed ones raise what they raise."""
    event = body["event"]
    match event["type"]:
        case "app_mention" if "edited" not in event:
            return _parse_post(body, event, us)
        case "message":
            return _parse_message_event(body, event, us)
        case "agent_session_stopped":
            key = ThreadKey(parse_workspace(body), event["channel"], event["thread_ts"])
            return [Pressed(body["event_id"], key, event["user"], Control.STOP)]
        case "app_uninstalled" | "tokens_revoked":
            ended = parse_end(body)
            return [ended] if ended else []
    return []


def parse_end(body: Raw) -> WorkspaceEnded | None:
    """The end of an installation, if a payload tells of it."""
    event = body.get("event") or {}
    if body.get("type") != "event_callback" or event.get("type") not in {"app_uninstalled", "tokens_revoked"}:
        return None
    if event["type"] == "tokens_revoked" and not (event.get("tokens") or {}).get("bot"):
        return None  # only people's tokens, of which we have none
    return _parse_removal(body)


def is_of_organisation(body: Raw) -> bool:
    """Whether a payload is about an installation for a whole organisation."""
    told = [one for one in body.get("authorizations") or () if isinstance(one, dict)]
    return bool(body.get("is_enterprise_install")) or any(one.get("is_enterprise_install") for one in told)


def parse_presses(body: Raw) -> list[Pressed]:
    """The controls that were used in a `block_actions` payload; what is no control of ours is left out.

    Malformed ones raise what they raise.
    """
    read = ((action, parse_control(str(action.get("value") or ""))) for action in body["actions"])
    return [_parse_press(body, action, *control) for action, control in read if control]


def _parse_press(body: Raw, action: Raw, control: Control, question: str) -> Pressed:
    """A press. Its id is the same when Slack sends it again: the person, the control and the microsecond."""
    container, person, at = body["container"], body["user"]["id"], action["action_ts"]
    thread = (body.get("message") or {}).get("thread_ts") or container.get("thread_ts") or container["message_ts"]
    return Pressed(
        id=f"{at}:{person}:{control.value}",
        key=ThreadKey(parse_workspace(body), body["channel"]["id"], thread),
        person=person,
        control=control,
        question=question,
        at=parse_timestamp(at),
        address=SlackAddress(url=body.get("response_url") or "").dump(),
    )


def _parse_removal(body: Raw) -> WorkspaceEnded:
    """The time of an event is in whole seconds; what was asked in the same one came before."""
    until = datetime.fromtimestamp(body["event_time"] + 1, UTC)
    return WorkspaceEnded(body["event_id"], parse_workspace(body), until)


def name_submission(view: Raw) -> str:
    """The name of what somebody gives by a form: the same for what is sent again, another one for other values.

    Whoever was told that a form failed, which we had taken, may change it and send it again.
    """
    values = json.dumps(view["state"]["values"], sort_keys=True)
    return f"{view['id']}.{hashlib.sha256(values.encode()).hexdigest()[:16]}"


def parse_missed(channel: str, raws: Iterable[Raw], us: BotIdentity, oldest: str) -> list[Event]:
    """Questions among messages of a channel that Slack shows afterwards, as events that were missed.

    What is older, or has an answer of ours, is left out; not what was edited since then and asks for certain.
    """
    shown = {raw["ts"]: raw for raw in raws}
    answered = {parse_mark(raw).get("question") for raw in shown.values() if is_mine(raw, us)}
    found: list[Event] = []
    for ts, raw in shown.items():
        said = float(ts) >= float(oldest)
        edited = float((raw.get("edited") or {}).get("ts") or 0) >= float(oldest)
        if ts not in answered and (said or edited):
            wanted = {Asks.CERTAINLY, Asks.PERHAPS} if said else {Asks.CERTAINLY}
            events = parse_event(_build_payload(channel, raw, us), us)
            found += [event for event in events if (event.asks in wanted if isinstance(event, Posted) else said)]
    return found


def read_event_time(event: Event) -> datetime:
    """The time at which the message of an event was said."""
    match event:
        case Posted() | Edited():
            return event.message.at
        case Commanded():
            return event.at
    raise TypeError(f"{type(event).__name__} is not said by anybody")


def _build_payload(channel: str, raw: Raw, us: BotIdentity) -> Raw:
    """The payload in which the Events API would have sent a message."""
    event = {**raw, "type": "message", "channel": channel}
    return {"event_id": f"{channel}:{raw['ts']}", "team_id": us.team, "enterprise_id": us.enterprise, "event": event}


def parse_history(
    raws: Iterable[Raw], us: BotIdentity, reach: Reach, channel: str = "", asked: Question | None = None
) -> History:
    """The history of a thread from `conversations.replies`, oldest first, without commands and their like.

    A stream of ours without a mark is a page of what is `asked`, if it came later: one question is answered at a time.
    """
    ordered = sorted({raw["ts"]: raw for raw in raws}.values(), key=lambda raw: parse_timestamp(raw["ts"]))
    gone = frozenset(raw["ts"] for raw in ordered if raw.get("subtype") == "tombstone")
    written = [(raw, _parse_page(raw, us, asked)) for raw in ordered if raw.get("subtype") in WRITTEN]
    said = tuple(one for raw, one in written if one.mine or not _find_command_line(raw, one, us))
    unasked = (
        one.id
        for raw, one in written
        if one.edited and not (one.mine or one.bot) and _classify_question({**raw, "channel": channel}, us) is Asks.NO
    )
    return History(said, reach, gone, frozenset(unasked))


def parse_message(raw: Raw, us: BotIdentity) -> Message:
    """A message of core, of all that carries its words; our mention at its beginning is left out.

    Ours are pages of an answer if we marked them as such; anything else that we posted is a notice.
    """
    mine = is_mine(raw, us)
    kept = parse_mark(raw) if mine else {}
    return Message(
        id=raw["ts"],
        author=us.user if mine else raw.get("user") or raw.get("bot_id") or "USLACKBOT",
        text=message_content.read_own_blocks(raw) if mine else _parse_text(raw, us),
        at=parse_timestamp(raw["ts"]),
        mine=mine,
        bot=not mine and _is_bot(raw),
        answers=kept.get("question"),
        notice=mine and (bool(kept.get("notice")) or not kept),
        edited=parse_timestamp(raw["edited"]["ts"]) if raw.get("edited") else None,
        attachments=() if mine else tuple(_list_attachments(raw)),
        quotes=() if mine else message_content.read_quotes(raw),
        speaker=str(raw.get("username") or "") if not mine and _is_bot(raw) else "",
    )


def _parse_page(raw: Raw, us: BotIdentity, asked: Question | None) -> Message:
    said = parse_message(raw, us)
    if asked is not None and is_unmarked_stream(raw, us, asked):
        return replace(said, answers=asked.name, notice=False)
    return said


def is_unmarked_stream(raw: Raw, us: BotIdentity, asked: Question) -> bool:
    """Whether a message in the thread of what was `asked` may be a page of its answer that was streamed, unmarked.

    Slack takes a mark when a stream ends. No other message of ours is without one and says that it was streamed.
    """
    unmarked = is_mine(raw, us) and "streaming_state" in raw and not parse_mark(raw)
    return unmarked and raw.get("thread_ts") == asked.key.thread and parse_timestamp(raw["ts"]) > asked.at


def parse_timestamp(ts: str) -> datetime:
    """The time of a ts, which has six digits of a second."""
    seconds, _, micros = ts.partition(".")
    return datetime.fromtimestamp(int(seconds), UTC) + timedelta(microseconds=int(micros or 0))


def is_mine(raw: Raw, us: BotIdentity) -> bool:
    return raw.get("user") == us.user or bool(us.bot and raw.get("bot_id") == us.bot)


def parse_mark(raw: Raw) -> Raw:
    """The metadata of a page of ours: whose answer it is. Empty on what we did not mark."""
    metadata = raw.get("metadata") or {}
    mark = metadata.get("event_payload") if metadata.get("event_type") == MARK else None
    return mark if isinstance(mark, Mapping) else {}


def _parse_message_event(body: Raw, event: Raw, us: BotIdentity) -> list[Event]:
    match event.get("subtype"):
        case "message_changed":
            return _parse_edit(body, event, us)
        case "message_deleted":
            return [_parse_deletion(body, event.get("previous_message") or {}, event)]
        case subtype if subtype in WRITTEN:
            return _parse_post(body, event, us)
    return []


def _parse_post(body: Raw, event: Raw, us: BotIdentity) -> list[Event]:
    said = parse_message(event, us)
    key = _build_key(body, event["channel"], event)
    asks = _classify_question(event, us)
    if asks is Asks.CERTAINLY and (line := _find_command_line(event, said, us)):
        return [] if said.bot else [_build_command(key, said, line)]
    root = event.get("thread_ts") or said.id
    return [
        Posted(
            said.id,
            key,
            said,
            asks,
            may_add=asks is Asks.CERTAINLY and _begins_direct_thread(event),
            begins=event["type"] == "message" and "thread_ts" not in event,  # a mention may come without its files
            begun_at=parse_timestamp(root) if root != said.id else None,
        )
    ]


def _build_command(key: ThreadKey, said: Message, line: str) -> Commanded:
    private, files = is_answered_privately(TABLE, line), list_taken_files(TABLE, line, said)
    return Commanded(said.id, key, said.author, line, said.at, private=private, attachments=files)


def _parse_edit(body: Raw, event: Raw, us: BotIdentity) -> list[Event]:
    """Only what people change in words or files counts; Slack also tells of previews, threads and ourselves.

    A preview that came is no edit: the message is shown again, with it. An edit may make a command of a message.
    """
    raw, before = event["message"], event.get("previous_message") or {}
    if raw.get("subtype") == "tombstone":
        return [_parse_deletion(body, raw, {**event, "deleted_ts": raw["ts"]})]
    if is_mine(raw, us) or raw.get("subtype") not in WRITTEN:
        return []
    now, key = parse_message(raw, us), _build_key(body, event["channel"], raw)
    asks = _classify_edit({**event, **raw}, us)
    if before:
        then = parse_message({**before, "ts": raw["ts"]}, us)
        asked = _classify_edit({**event, **before, "ts": raw["ts"]}, us)
        if (_read_content(then), asked) == (_read_content(now), asks):
            return [Posted(now.id, key, now)] if now.quotes and not message_content.read_quotes(before) else []
    if asks is Asks.CERTAINLY and not now.bot and (line := _find_command_line({**event, **raw}, now, us)):
        return [_build_command(key, now, line)]
    return [Edited(body["event_id"], key, now, asks)]


def _classify_edit(event: Raw, us: BotIdentity) -> Asks | None:
    """What an edited message asks; a bot's edit may add a mention, and takes no question back."""
    asks = _classify_question(event, us)
    return None if _is_bot(event) and asks is not Asks.CERTAINLY else asks


def _read_content(message: Message) -> tuple[str, Sequence[str]]:
    return message.text, [attachment.id for attachment in message.attachments]


def _parse_deletion(body: Raw, before: Raw, event: Raw) -> Deleted:
    name = event["deleted_ts"]
    key = _build_key(body, event["channel"], {**before, "ts": name})
    return Deleted(body["event_id"], key, name, parse_timestamp(event.get("event_ts") or event["ts"]))


def _build_key(body: Raw, channel: str, raw: Raw) -> ThreadKey:
    return ThreadKey(parse_workspace(body), channel, raw.get("thread_ts") or raw["ts"])


def _classify_question(event: Raw, us: BotIdentity) -> Asks:
    """Mentions and direct messages ask for certain, replies in a thread perhaps; a bot has to mention us.

    A reply that calls a group or everybody is for them.
    """
    if is_mine(event, us):
        return Asks.NO
    mentions = set(MENTION.findall(drop_code(message_content.read_words(event))))
    if us.user in mentions or (_is_direct(event) and not _is_bot(event)):
        return Asks.CERTAINLY
    group = any(one.startswith(GROUP) for one in mentions)
    if _is_bot(event) or group or calls_group(drop_code(event.get("text") or "")):
        return Asks.NO
    return Asks.PERHAPS if event.get("thread_ts") not in {None, event["ts"]} else Asks.NO


def _is_direct(event: Raw) -> bool:
    return event.get("channel_type") == "im" or event["channel"].startswith("D")


def _is_bot(raw: Raw) -> bool:
    return bool(raw.get("bot_id") or raw.get("bot_profile")) or (raw.get("user") or "") in NOBODY


def _find_command_line(raw: Raw, message: Message, us: BotIdentity) -> str | None:
    """The line of a command that was given in words: `!persona show`. To call us and say `help` is one too.

    `!words` that are no command of ours are words.
    """
    words = message.text.replace(f"<@{us.user}>", "")
    if is_call_for_help(words) and (words.startswith("!") or _calls_us(raw, us) or _begins_direct_thread(raw)):
        return "help"
    line = words.strip()[1:].strip()
    try:
        return line if words.strip().startswith("!") and find_command(TABLE, line) else None
    except UsageError:
        return None


def _begins_direct_thread(raw: Raw) -> bool:
    return raw.get("channel", "").startswith("D") and raw.get("thread_ts") in {None, raw["ts"]}


def _calls_us(raw: Raw, us: BotIdentity) -> bool:
    """Whether its author mentions us. What is forwarded, or typed to look like a mention, mentions nobody."""
    return us.user in MENTION.findall(message_content.read_words(raw))


def _parse_text(raw: Raw, us: BotIdentity) -> str:
    return re.sub(rf"\A\s*(?:<@{us.user}>[ \t\n,:]*)+", "", message_content.read_words(raw))


def _list_attachments(raw: Raw) -> Iterator[Attachment]:
    yield from map(parse_attachment, message_content.list_attached_files(raw))
    yield from (parse_attachment(file, quoted=True) for file in message_content.list_quoted_files(raw))


def parse_attachment(file: Raw, *, quoted: bool = False) -> Attachment:
    """A file; one from another team comes with no more than its id."""
    return Attachment(
        id=file["id"],
        name=file.get("name") or file.get("title") or "",
        type=file.get("mimetype") or "",
        size=int(file.get("size") or 0),
        url=file.get("url_private_download") or file.get("url_private") or "",
        quoted=quoted,
    )

"""Intake: payloads of Slack become events, which are stored before Slack is told that we have them."""

import asyncio
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from typing import Any, cast

from cachetools import LRUCache

from bots.delivery.at_least_once import Redelivery
from bots.slack import parse
from bots.slack.client import Web
from bots.slack.ephemeral import Whisper
from bots.slack.history import HistoryReader
from bots.slack.home.field_errors import build_field_errors
from bots.slack.home.home import Home
from bots.slack.parse import Raw
from bots.slack.slash import build_form, parse_shortcut, parse_slash_command, parse_submission
from core.commands import TABLE
from core.commands.craft.attached_files import takes_files
from core.commands.registry import UsageError
from core.domain.clock import Clock, Sleep
from core.domain.errors import CannotAnswer, CannotShow, RateLimited, Rejected, Uncertain
from core.domain.events import Commanded, Deleted, Event, Ingest, Missed, Posted, Pressed, Receipt
from core.domain.messages import Asks, Question, ThreadKey

NO_FORM = "I could not open the form just now. Please choose it again."

TRIGGER = 2.8  # seconds within which a form is opened; Slack takes none after three
TWIN = 0.05  # seconds that a mention waits for the event that tells of the same message with its files
LATE = 0.7  # seconds that it waits once more; whoever was told of the other one may have died
TOLD = 1_000  # questions that are remembered, for the mentions that tell of them once more
ORDER = 1.9  # seconds that what is said below a mention waits for it: as long as all of that takes
READ = 1.0  # seconds within which the message is read then; Slack takes no ack after three

Said = tuple[str, str, str]
"""Channel and thread of a message, and its ts."""

log = logging.getLogger(__name__)


class Intake:
    """Stores what payloads of one workspace say. `web` opens the forms that commands need; `home` outlives this."""

    def __init__(self, ingest: Ingest, web: Web, sleep: Sleep, clock: Clock, home: Home | None = None) -> None:
        self._store = ingest
        self._redelivery = Redelivery(self._ingest, sleep)
        self._sleep = sleep
        self._web = web
        self._clock = clock
        self._home = home
        self._answering: set[asyncio.Task[None]] = set()
        self._told: LRUCache[tuple[str, str], None] = LRUCache(TOLD)
        """Questions that are stored with all that their messages show, by channel and ts."""
        self._arriving: dict[tuple[str, str], asyncio.Event] = {}
        """Messages that are being stored, with what is set once they are, or can't be just now."""
        self._mentions: dict[Said, asyncio.Event] = {}
        """Mentions that are being stored, with what tells that they are."""

    async def accept(self, body: Raw) -> Raw | None:
        """Store the events of a payload; what Slack is answered, or None where they are not safe on disk."""
        kind = str((body.get("event") or {}).get("type")) if body.get("type") == "event_callback" else ""
        store = {"app_mention": self._store_mention, "message": self._store_message}.get(kind, self._store_events)
        try:
            receipts = await store(body)
        except UsageError as error:
            return build_field_errors(body["view"], {error.parameter: str(error)})
        faults = next((one.faults for one in receipts or () if one.faults), None)
        return None if receipts is None else build_field_errors(body["view"], faults) if faults else {}

    async def stop(self) -> None:
        await self._redelivery.stop()
        for task in self._answering:
            task.cancel()
        await asyncio.gather(*self._answering, return_exceptions=True)

    async def _store_events(self, body: Raw) -> Sequence[Receipt] | None:
        return await self._redelivery.store_events(await self._parse(body))

    async def _store_message(self, body: Raw) -> Sequence[Receipt] | None:
        """Store what a message tells, which has all that it shows."""
        message, said, stored = _locate_message(body), _locate(body), asyncio.Event()
        self._arriving[message] = stored
        try:
            events = await self._parse(body)
            if said:
                await self._await_earlier(said)
            receipts = await self._redelivery.store_events(events)
            if receipts is not None and any(map(_is_question, events)):
                self._told[message] = None
            if receipts is not None and said in self._mentions:  # whose look at what is kept may be far off
                self._mentions[said].set()
            return receipts
        finally:
            stored.set()
            if self._arriving.get(message) is stored:
                del self._arriving[message]

    async def _store_mention(self, body: Raw) -> Sequence[Receipt] | None:
        """Store what a mention tells, which comes without files: if need be as Slack shows its message.

        Where we have stored its message, it tells nothing new.
        """
        message = _locate_message(body)
        with self._hold_later(_locate(body)):
            if message not in self._told:
                await self._sleep(TWIN)
            if arriving := self._arriving.get(message):
                await arriving.wait()
            if message in self._told:
                return ()
            events = await self._parse(body)
            if not events:
                return ()
            return await self._redelivery.store_by(events[0], lambda: self._store_hints(body, events))

    @contextmanager
    def _hold_later(self, said: Said | None) -> Iterator[None]:
        """What is said later in the thread is stored after this mention."""
        stored = asyncio.Event()
        if said:
            self._mentions.setdefault(said, stored)
        try:
            yield
        finally:
            stored.set()
            if said and self._mentions.get(said) is stored:
                del self._mentions[said]

    async def _await_earlier(self, said: Said) -> None:
        """Wait for mentions that were said before this in its thread, and of whose messages nobody was told yet."""
        earlier = [stored for other, stored in self._mentions.items() if other[:2] == said[:2] and other < said]
        with suppress(TimeoutError):
            async with asyncio.timeout(ORDER):  # for all of them, however many hang
                for stored in earlier:
                    await stored.wait()

    async def _store_hints(self, body: Raw, events: Sequence[Event]) -> Sequence[Receipt]:
        """Store these events of a mention, unless its message is kept meanwhile. Raises StoreUnavailable."""
        hints = [_build_hint(event) for event in events]
        receipts = [await self._ingest(hint) for hint in hints]
        if _is_awaited(receipts):
            await self._sleep(LATE)
            receipts = [await self._ingest(hint) for hint in hints]
        if _is_awaited(receipts):
            found = await self._read_mention(body, events)
            if said := _locate(body):
                await self._await_earlier(said)
            receipts = [await self._ingest(event) for event in found]
        return receipts

    async def _read_mention(self, body: Raw, told: Sequence[Event]) -> Sequence[Event]:
        """The events of a mention's message as Slack shows it: that it is gone, or what it says.

        They are those that were `told` where Slack does not show it, or not in time.
        """
        event = body["event"]
        key = ThreadKey(self._web.us.workspace, event["channel"], event.get("thread_ts") or "")
        try:
            async with asyncio.timeout(READ):
                raw = await HistoryReader(self._web).read_message(key, event["ts"])
        except (TimeoutError, CannotShow, CannotAnswer, Rejected) as error:
            log.warning("files of a mention are not known, for its message could not be read: %s", error)
            return told
        if raw is None:
            return [
                Deleted(
                    f"{body['event_id']}-gone",
                    replace(key, thread=key.thread or event["ts"]),
                    event["ts"],
                    self._clock(),
                )
            ]
        return await self._parse({**body, "event": {**event, **raw, "type": "message"}}) or told

    async def _ingest(self, event: Event) -> Receipt:
        """Store an event. What comes of a press is said beside the ack, for which Slack waits three seconds."""
        receipt = await self._store(event)
        if isinstance(event, Pressed) and receipt.note:
            at = event.at or self._clock()
            self._say_beside(Question(event.key, event.id, event.person, at, address=event.address), receipt.note)
        return receipt

    def _say_beside(self, question: Question, sentence: str) -> None:
        """Say a sentence to a person alone, while Slack is answered."""
        task = asyncio.create_task(self._say(question, sentence), name=f"answering {question.name}")
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)

    async def _say(self, question: Question, sentence: str) -> None:
        try:
            await Whisper(self._web, question).say(sentence)
        except (CannotShow, Rejected, CannotAnswer) as error:
            log.warning("what became of a press is told to nobody: %s", error)

    async def _parse(self, body: Raw) -> Sequence[Event]:
        """The events of a payload. One that can't be read is logged without its words, and dropped.

        Raises UsageError for a form whose values can't be used.
        """
        try:
            if self._home and self._home.takes(body):
                return self._home.take(body, self._clock())
            return await self._parse_kind(body)
        except (LookupError, TypeError, ValueError, AttributeError, UsageError) as error:
            if isinstance(error, UsageError) and "view" in body:
                raise
            kind = str(body.get("type") or ("command" if "command" in body else "payload"))
            log.error("a malformed %s %s is left out: %r", kind[:40], str(body.get("event_id", ""))[:40], error)
            return []

    async def _parse_kind(self, body: Raw) -> Sequence[Event]:
        events: Sequence[Event | None] = ()
        match "command" if "command" in body else body.get("type"):
            case "command":
                command = parse_slash_command(body, self._clock())
                view = build_form(command)
                events = [] if view and await self._open_form(view, body["trigger_id"]) else [command]
            case "event_callback":
                events = parse.parse_event(body, self._web.us)
                events = await self._home.add_viewed(body, events) if self._home else events
            case "block_actions":
                events = _parse_presses(body)
            case "message_action":
                events = await self._parse_choice(body)
            case "view_submission":
                events = [parse_submission(body, self._clock())]
            case "app_rate_limited":
                events = [build_gap(frozenset({self._web.us.workspace}), self._clock())]
        return [event for event in events if event]

    async def _parse_choice(self, body: Raw) -> Sequence[Event]:
        """What a message shortcut asks or commands, unless a form is opened that asks for the rest of it."""
        choice = parse_shortcut(body, self._web.us, self._clock())
        if choice is None:
            return []
        view = choice.build_form()
        if view is None:
            return [choice.build_event({})]
        if not await self._open_form(view, body["trigger_id"]):
            self._say_beside(choice.question, NO_FORM)
        return []

    async def _open_form(self, view: dict[str, Any], trigger: str) -> bool:
        """Whether Slack opened a form: it does within three seconds."""
        try:
            async with asyncio.timeout(TRIGGER):
                await self._web.call_once("views.open", trigger_id=trigger, view=view)
        except (TimeoutError, RateLimited, Uncertain, Rejected, CannotShow, CannotAnswer) as error:
            log.warning("a form could not be opened: %s", error)
            return False
        return True


def _locate_message(body: Raw) -> tuple[str, str]:
    """The channel and the ts that an event names, whatever they are."""
    return str(body["event"].get("channel")), str(body["event"].get("ts"))


def _is_question(event: Event) -> bool:
    """Whether it asks us for certain, of which Slack may tell as a mention, too."""
    return isinstance(event, Commanded) or (isinstance(event, Posted) and event.asks is Asks.CERTAINLY)


def _locate(body: Raw) -> Said | None:
    """Where and when the message of an event in a thread was said; None for what is no message there."""
    event = body.get("event")
    if not isinstance(event, dict) or event.get("type") not in {"app_mention", "message"}:
        return None
    said = event.get("channel"), event.get("thread_ts"), event.get("ts")
    return cast(Said, said) if all(isinstance(one, str) for one in said) else None


def _build_hint(event: Event) -> Event:
    """What a mention tells, as a hint at what may have files that it has not."""
    if isinstance(event, Posted) and not event.message.attachments:
        return replace(event, hint=True)
    if isinstance(event, Commanded) and not event.attachments and takes_files(TABLE, event.line):
        return replace(event, hint=True)
    return event


def _is_awaited(receipts: Sequence[Receipt]) -> bool:
    return any(receipt.awaited for receipt in receipts)


def _parse_presses(body: Raw) -> Sequence[Event]:
    """The controls that somebody used; that it was none of ours is logged without a word of it."""
    presses = parse.parse_presses(body)
    if not presses:
        log.info("an action that is no control of ours is left out")
    return presses


def build_gap(workspaces: frozenset[str], now: datetime) -> Missed:
    """The event that says that others may have been missed in these workspaces until now; none named means all."""
    return Missed(now.isoformat(), "slack", workspaces)

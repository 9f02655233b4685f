"""Intake: payloads of Slack become events, which are stored before Slack is told that we have them."""

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from bots.delivery.at_least_once import Redelivery
from bots.slack import parse
from bots.slack.client import Web
from bots.slack.ephemeral import answer_press
from bots.slack.slash import build_form, parse_slash_command, parse_submission
from core.domain.clock import Clock, Sleep
from core.domain.errors import CannotAnswer, CannotShow, RateLimited, Rejected, Uncertain
from core.domain.events import Commanded, Event, Ingest, Missed, Pressed, Receipt

TWIN = 0.05  # seconds that a mention waits for the event that tells of the same message with its files

log = logging.getLogger(__name__)


class Intake:
    """Stores what payloads of one workspace say. `web` opens the forms that commands need."""

    def __init__(self, ingest: Ingest, web: Web, sleep: Sleep, clock: Clock) -> None:
        self._store = ingest
        self._redelivery = Redelivery(self._ingest, sleep)
        self._sleep = sleep
        self._web = web
        self._clock = clock
        self._answering: set[asyncio.Task[None]] = set()

    async def accept(self, body: dict[str, Any]) -> bool:
        """Store the events of a payload; whether they are safe on disk, so that it may be acknowledged."""
        if body.get("type") == "event_callback" and (body.get("event") or {}).get("type") == "app_mention":
            await self._sleep(TWIN)
        return await self._redelivery.store_events(await self._parse(body))

    async def stop(self) -> None:
        await self._redelivery.stop()
        for task in self._answering:
            task.cancel()
        await asyncio.gather(*self._answering, return_exceptions=True)

    async def _ingest(self, event: Event) -> Receipt:
        """Store an event. What comes of a press is said beside the ack, for which Slack waits three seconds."""
        receipt = await self._store(event)
        if isinstance(event, Pressed) and receipt.note:
            task = asyncio.create_task(self._answer_press(event, receipt.note), name=f"answering {event.id}")
            self._answering.add(task)
            task.add_done_callback(self._answering.discard)
        return receipt

    async def _answer_press(self, press: Pressed, sentence: str) -> None:
        try:
            await answer_press(self._web, press, sentence)
        except (CannotShow, Rejected, CannotAnswer) as error:
            log.warning("what became of a press is told to nobody: %s", error)

    async def _parse(self, body: dict[str, Any]) -> Sequence[Event]:
        """The events of a payload. One that can't be read is logged without its words, and dropped."""
        try:
            return await self._parse_kind(body)
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            kind = str(body.get("type") or ("command" if "command" in body else "payload"))
            log.error("a malformed %s %s is left out: %r", kind[:40], str(body.get("event_id", ""))[:40], error)
            return []

    async def _parse_kind(self, body: dict[str, Any]) -> Sequence[Event]:
        if "command" in body:
            return await self._complete(parse_slash_command(body, self._clock()), body["trigger_id"])
        match body.get("type"):
            case "event_callback":
                return parse.parse_event(body, self._web.us)
            case "block_actions":
                return _parse_presses(body)
            case "view_submission":
                command = parse_submission(body, self._clock())
                return [command] if command else []
            case "app_rate_limited":
                return [build_gap(frozenset({self._web.us.workspace}), self._clock())]
        return []

    async def _complete(self, command: Commanded, trigger: str) -> Sequence[Event]:
        """The command, unless a form is opened that asks for the rest of it."""
        view = build_form(command)
        if view is None:
            return [command]
        try:
            await self._web.call_once("views.open", trigger_id=trigger, view=view)
        except (RateLimited, Uncertain, Rejected, CannotShow, CannotAnswer) as error:
            log.warning("a form could not be opened: %s", error)
            return [command]
        return []


def _parse_presses(body: dict[str, Any]) -> Sequence[Event]:
    """The controls that somebody used; that it was none of ours is logged without a word of it."""
    presses = parse.parse_presses(body)
    if not presses:
        log.info("an action that is no control of ours is left out")
    return presses


def build_gap(workspaces: frozenset[str], now: datetime) -> Missed:
    """The event that says that others may have been missed in these workspaces until now; none named means all."""
    return Missed(now.isoformat(), "slack", workspaces)

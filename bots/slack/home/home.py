"""Home: opens a person's home tab and its forms, and suggests prompts; all of it beside the acks and the answers."""

import asyncio
import hashlib
import json
import logging
import time
from collections.abc import Callable, Coroutine, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from cachetools import TTLCache

from bots.slack.client import Web
from bots.slack.directory import Directory
from bots.slack.home.forms import FORM, build_form, build_refusal, find_form, parse_submission
from bots.slack.home.prompts import SuggestedPrompts
from bots.slack.home.view import ACTION, CHANNELS, WHOLE, build_home
from bots.slack.home.viewing import Viewing
from bots.slack.parse import Raw
from core.commands.overview import Overviews
from core.domain.errors import ConfabError, RateLimited, Rejected, Uncertain
from core.domain.events import Event
from core.domain.messages import Rank
from core.domain.personas import Place

ATONCE = 4  # homes that are made at once, and then shown: answers have the store and Slack to themselves otherwise
WAITING = 200  # that wait for it; whoever opens theirs then sees it the next time
SAME = 10.0  # seconds in which the same view is not published again
REMEMBERED = 10_000  # views
TRIES = 3
SHOWING = 10.0  # seconds that a view may take to be made, and to be shown: later ones are seen the next time

DIRECT = "D"  # begins the ids of direct messages, in which everybody's rank in the workspace shows

log = logging.getLogger(__name__)


class Home:
    """The app's home in one workspace."""

    def __init__(
        self, web: Web, directory: Directory, overviews: Overviews, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._web, self._directory, self._overviews = web, directory, overviews
        self._memberships = directory.memberships
        self._prompts = SuggestedPrompts(web, overviews)
        self._viewing = Viewing(web, self._memberships, overviews)
        self._published: TTLCache[str, str] = TTLCache(REMEMBERED, SAME, clock)
        """A digest of each person's view."""
        self._slots = asyncio.Semaphore(ATONCE)
        self._tasks: set[asyncio.Task[None]] = set()

    def takes(self, body: Raw) -> bool:
        """Whether a payload is about the home: it was opened, or something on it was used."""
        match body.get("type"):
            case "event_callback":
                return bool(body["event"].get("type") == "app_home_opened")
            case "block_actions":
                return any(str(one.get("action_id", "")).startswith(ACTION) for one in body.get("actions") or ())
            case "view_submission":
                return bool(body["view"].get("callback_id") == FORM)
        return False

    def take(self, body: Raw, now: datetime) -> Sequence[Event]:
        """Begin what such a payload asks for; the commands that it gives. Malformed ones raise what they raise."""
        match body["type"]:
            case "view_submission":
                return parse_submission(body, now)
            case "block_actions":
                self._begin(self._open_form(body["user"]["id"], body["trigger_id"], body["actions"][0], body["view"]))
            case _:
                self._begin(self._open(body["event"]["user"], body["event"]))
        return []

    def refresh(self, person: str) -> None:
        """Show a person's home anew, for something on it was changed by a form."""
        self._begin(self._open(person, {"tab": "home"}))

    async def add_viewed(self, body: Raw, events: Sequence[Event]) -> Sequence[Event]:
        """The events of a message, with what its author looks at."""
        return await self._viewing.add_viewed(body["event"], events)

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        if len(self._tasks) >= WAITING:
            work.close()
            log.warning("a home is not shown: %d others are waited for", WAITING)
            return
        task = asyncio.create_task(self._run(work), name="home")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except (ConfabError, TimeoutError) as error:
            log.warning("a home is not shown: %s", error or "Slack takes too long")
        finally:
            work.close()

    async def _open(self, person: str, event: Raw) -> None:
        channel = str(event.get("channel") or "")
        async with self._slots, asyncio.timeout(SHOWING):
            rank = await self._directory.fetch_rank(person, DIRECT)
            asks = rank > Rank.GUEST or self._overviews.guests
            view = await self._build(person, rank, channel, asks) if event.get("tab") == "home" else None
        async with asyncio.timeout(SHOWING):  # in no slot: what Slack holds up for one is not waited for by others
            if view is not None:
                await self._publish(person, view, event.get("view") or {})
            elif event.get("tab") == "messages" and asks and channel.startswith(DIRECT):
                await self._prompts.suggest(channel)

    async def _build(self, person: str, rank: Rank, channel: str, asks: bool) -> dict[str, Any]:
        """The view of a person's home, with the channels that they manage."""
        if not asks:
            return build_home(None, channel)
        workspace, owner = self._web.us.workspace, rank >= Rank.OWNER
        shared = await self._memberships.list_shared(person) if rank > Rank.GUEST else []
        managed = [one for one in shared if not one.get("is_mpim") and (owner or one.get("creator") == person)]
        names = [one["id"] for one in sorted(managed, key=lambda one: str(one.get("name")))]
        return build_home(await self._overviews.load(workspace, person, names, owner=owner, most=CHANNELS), channel)

    async def _publish(self, person: str, view: dict[str, Any], before: Raw) -> None:
        """Show a view, unless it was just shown, or another process has shown a newer one than the person saw."""
        digest = hashlib.sha256(json.dumps(view, sort_keys=True).encode()).hexdigest()
        if self._published.get(person) == digest:
            return
        publish = partial(self._web.call_once, "views.publish", user_id=person, view=view, hash=before.get("hash"))
        try:
            await self._web.retry(publish, TRIES, on=(RateLimited, Uncertain))
        except Rejected as refusal:
            if refusal.reason != "hash_conflict":
                raise
            log.info("a home is not shown, for another was shown meanwhile")
            return
        self._published[person] = digest

    async def _open_form(self, person: str, trigger: str, action: Raw, view: Raw) -> None:
        """Open the form that a button is for, if who pressed it manages that place as Slack says now."""
        async with asyncio.timeout(SHOWING):
            await self._choose_form(person, trigger, action, view)

    async def _choose_form(self, person: str, trigger: str, action: Raw, view: Raw) -> None:
        words, name = str(action["action_id"]).removeprefix(ACTION), str(action["value"])
        channel = "" if name == WHOLE else name
        if not await self._manages(person, channel):
            await self._web.call_once("views.open", trigger_id=trigger, view=build_refusal())
            return
        place = await self._overviews.load_place(Place(self._web.us.workspace, channel))
        form = find_form(words, place, channel or await self._find_direct(person, view))
        await self._web.call_once("views.open", trigger_id=trigger, view=build_form(form))

    async def _manages(self, person: str, channel: str) -> bool:
        """Whether somebody manages a channel that we are both in, or without one the workspace."""
        if not channel:
            return await self._directory.fetch_rank(person, DIRECT) >= Rank.OWNER
        if await self._memberships.find_shared(person, channel) is None:
            return False
        return await self._directory.fetch_rank(person, channel) >= Rank.MANAGER

    async def _find_direct(self, person: str, view: Raw) -> str:
        """Their direct message with us, in which a command about the workspace is answered."""
        if known := str(view.get("private_metadata") or ""):
            return known
        opened = await self._web.call_until_done("conversations.open", users=person)
        return str(opened["channel"]["id"])

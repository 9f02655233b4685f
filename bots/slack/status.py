"""Activity status beneath a thread: what we are doing while there is no text yet."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from bots.delivery.activity import AHEAD
from bots.slack.client import Web
from bots.slack.formatting import defuse_mentions
from core.domain.errors import CannotAnswer, CannotShow, RateLimited, Rejected, Uncertain
from core.domain.messages import ThreadKey
from core.domain.platform import ReplyView
from core.domain.wording import fold_lines

METHOD = "assistant.threads.setStatus"
CLEARING = 2.0  # seconds that Slack gets to take a status away: what is asked next in the thread waits for it
SECONDS = 90.0  # until it is said again; Slack forgets it after two minutes
CALM = 3.0  # seconds between two statuses of a thread, however fast what goes on changes
LONGEST = 100  # characters of what goes on: it may hold the name of a file
THINKING = "thinking"  # what goes on where nothing is known of it
LOADING = ["Reading the thread…", "Thinking…", "Looking for the right words…"]

log = logging.getLogger(__name__)


class Status:
    """One thread's status. Slack has none in some places and plans, so that it is tried, and nothing depends on it."""

    def __init__(self, web: Web, key: ThreadKey, clearing: float = CLEARING, calm: float = CALM) -> None:
        self._web = web
        self._key = key
        self._clearing = clearing
        self._calm = calm
        self._saying: asyncio.Task[None] | None = None
        self._said = False
        self._calling = False
        self._late = False
        """Whether the status may arrive after the answer."""
        self._work = ""
        """What was told last while text stood already."""

    def begin(self, reply: ReplyView) -> None:
        """Say what goes on, from now until `end`.

        Where pages stand, a killed process may have left a status that no post of ours takes away.
        """
        self._said = bool(reply.pages)
        if self._key.thread:
            self._saying = asyncio.create_task(self._follow(reply))

    def stop_repeating(self) -> None:
        """There is text now: say it no more."""
        if self._saying is not None:
            self._late = self._late or self._calling
            self._saying.cancel()

    def note_post(self) -> None:
        """A message of ours arrived, and with it Slack took the status away, unless that was still on its way."""
        self._said = self._said and self._late

    async def tell_work(self, work: str) -> None:
        """Say what goes on while text stands that no note can stand below; nothing once it goes on."""
        if work != self._work and self._kind not in self._web.silent:
            self._work = work
            with suppress(TimeoutError):
                async with asyncio.timeout(self._clearing):
                    await self._say(f"is {describe_activity(work)}…" if work else "")

    async def clear(self) -> None:
        """Take the status away, also one that a killed process left: an ephemeral message takes none with it."""
        self._said = True
        await self.end()

    async def end(self) -> None:
        """Leave no status behind, as far as Slack says in time that it is gone."""
        if self._saying is None:
            return
        self._saying.cancel()
        await asyncio.gather(self._saying, return_exceptions=True)
        if self._said and self._kind not in self._web.silent:
            try:
                async with asyncio.timeout(self._clearing):
                    await self._say("")
            except TimeoutError:
                log.info("whether a status was taken away is not known")
        self._said = False

    async def _follow(self, reply: ReplyView) -> None:
        """Say what goes on when it is something else, and again before Slack forgets it, where statuses are shown."""
        await asyncio.sleep(AHEAD)
        while self._kind not in self._web.silent:
            await self._web.wait_until_spare(METHOD)
            known = reply.activity
            words = describe_activity(known)
            await self._say(f"is {words}…", loading_messages=LOADING if known == THINKING else [f"Is {words}…"])
            await asyncio.sleep(self._calm)
            await reply.wait_for_activity(known, SECONDS - self._calm)

    async def _say(self, status: str, **more: object) -> None:
        key = self._key
        self._said = self._calling = True
        try:
            await self._web.call_once(METHOD, channel_id=key.channel, thread_ts=key.thread, status=status, **more)
        except (RateLimited, Uncertain) as error:
            log.debug("no status: %s", error)
        except (Rejected, CannotShow, CannotAnswer) as error:
            self._web.silent.add(self._kind)
            log.info("no status is shown in %s channels: %s", self._kind, error)
        finally:
            self._calling = False

    @property
    def _kind(self) -> str:
        return self._key.channel[:1]


def describe_activity(activity: str) -> str:
    """What goes on, in one line that notifies nobody: it may hold what somebody called a file."""
    return defuse_mentions(fold_lines(activity))[:LONGEST]


@asynccontextmanager
async def status(web: Web, key: ThreadKey, reply: ReplyView) -> AsyncIterator[Status]:
    """A status that is taken away at the end, however that comes."""
    shown = Status(web, key)
    shown.begin(reply)
    try:
        yield shown
    finally:
        await shown.end()

"""Workspace of Slack: one team or organisation that the app is installed in, with its client, people and limits."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Protocol

from bots.delivery.backfill import Backfill, BackfillProgress
from bots.slack import formatting
from bots.slack.backfill import BackfillSource
from bots.slack.directory import Directory
from bots.slack.home.home import Home
from bots.slack.installations.clients import Clients, MakeClient
from bots.slack.intake import Intake
from bots.slack.parse import BotIdentity, Raw
from bots.slack.publisher import NOTICE, QUIET
from bots.slack.surface import SlackSurface
from core.domain.controls import Control
from core.domain.errors import CannotAnswer, CannotShow, PlaceClosed, RateLimited, Rejected, TokenRefused, Uncertain
from core.domain.events import Event, Ingest, MissedRange
from core.domain.messages import Question
from core.rendering.paginator import cut

log = logging.getLogger(__name__)


class SlackWorkspace:
    """One workspace: who we are there, and what belongs to it alone.

    `managers` are ids of people who manage everything in it; `grows` says whether answers are shown while they grow.
    """

    def __init__(
        self,
        clients: Clients,
        make_client: MakeClient,
        us: BotIdentity,
        *,
        managers: frozenset[str] = frozenset(),
        grows: bool = True,
    ) -> None:
        self.web = clients.make_web(make_client(), us)
        self.directory = Directory(self.web, managers)
        self._clients = clients
        self._source = BackfillSource(clients.make_slow_web(make_client(), self.web))
        self._grows = grows
        self._intake: Intake | None = None
        self._home: Home | None = None
        self._stopped = False

    @property
    def us(self) -> BotIdentity:
        return self.web.us

    def make_surface(self, question: Question) -> SlackSurface:
        return SlackSurface(
            self.web,
            self.directory,
            question,
            self._grows,
            refresh_home=self._refresh_home,
            offer=self._clients.offer,
        )

    async def accept(self, body: Raw, ingest: Ingest) -> Raw | None:
        """Store the events of a payload; the answer to it, or None where they are not safe on disk."""
        self._stopped = False
        if self._intake is None:
            self._intake = Intake(ingest, self.web, self._clients.sleep, self._clients.clock, self._open_home())
        return await self._intake.accept(body)

    async def fetch_missed(self, missed: MissedRange, progress: BackfillProgress) -> Sequence[Event]:
        """Missed questions that we have not answered, oldest first; read slowly."""
        return await self._source.fetch_missed(missed, progress)

    async def stop(self) -> None:
        """Take in nothing more. Answers under way are still shown."""
        self._stopped = True
        intake, self._intake = self._intake, None
        home, self._home = self._home, None
        if intake is not None:
            await intake.stop()
        if home is not None:
            await home.stop()

    def _open_home(self) -> Home | None:
        """The app's home here, also in a process that took no event of this workspace and answers what others took."""
        overviews = self._clients.overviews
        if self._home is None and overviews and not self._stopped:
            self._home = Home(self.web, self.directory, overviews)
        return self._home

    def _refresh_home(self, person: str) -> None:
        if home := self._open_home():
            home.refresh(person)

    async def tell(self, person: str, text: str, answer: str = "", button: tuple[Control, str] | None = None) -> None:
        """Send a direct message, all of it marked as a notice: no page answers what was asked there.

        It is sent also where Slack refuses its button. Raises CannotShow.
        """
        try:
            opened = await self.web.call_until_done("conversations.open", users=person)
            place = opened["channel"]["id"]
            post = partial(self.web.call_once, "chat.postMessage", channel=place, metadata=NOTICE, **QUIET)
            await self._post_with(post, text, button)
            for page in await cut(answer, partial(formatting.cut_plainly, answer)):
                blocks = formatting.build_sections(page)
                await self.web.retry(
                    partial(post, text=formatting.render_fallback_text(page), blocks=blocks), on=(RateLimited,)
                )
        except (PlaceClosed, Rejected, CannotAnswer, RateLimited, Uncertain) as error:
            raise CannotShow(f"a direct message to {person} was not sent: {error}") from None

    async def _post_with(
        self, post: Callable[..., Awaitable[object]], text: str, button: tuple[Control, str] | None
    ) -> None:
        buttons = formatting.build_buttons([button[0]], button[1], self.web.refused) if button else []
        if buttons:
            section = {"type": "section", "text": {"type": "mrkdwn", "text": text}}
            try:
                await post(text=text, blocks=[section, *buttons])
            except Rejected as rejected:
                log.warning("a direct message is sent without its button: %s", rejected)
            else:
                return
        await post(text=text)


class Workspaces(Protocol):
    """The workspaces that the app is installed in; each is made when it is first needed."""

    async def find(self, workspace: str) -> SlackWorkspace:
        """The workspace of that name. Raises CannotConnect, TokenRefused where we are not installed in it."""

    async def find_for(self, body: Raw) -> SlackWorkspace | None:
        """The workspace that a payload is of; None where we are not installed.

        Raises CannotConnect, StoreUnavailable.
        """

    async def end(self, workspace: str, until: datetime) -> None:
        """We were removed from a workspace, and nothing installed since is meant. Raises StoreUnavailable."""

    async def connect(self) -> frozenset[str]:
        """The names of those that what may be missed concerns; none means all. Raises CannotConnect."""

    async def stop(self) -> None:
        """Take in nothing more, in none of them."""


def start_backfill(workspaces: Workspaces, ingest: Ingest, clients: Clients) -> Backfill:
    """What looks for missed questions, one workspace after the other."""

    async def fetch_missed(missed: MissedRange, progress: BackfillProgress) -> Sequence[Event]:
        try:
            return await (await workspaces.find(missed.workspace)).fetch_missed(missed, progress)
        except TokenRefused:
            return []

    return Backfill(ingest, fetch_missed, clients.sleep, clients.emit)


def choose_managers(managers: frozenset[str], us: BotIdentity) -> frozenset[str]:
    """Those of a workspace among `T024:U0ADA`: in another one the same id is somebody else's."""
    place = f"{us.workspace.partition(':')[2]}:"
    return frozenset(one.removeprefix(place) for one in managers if one.startswith(place))

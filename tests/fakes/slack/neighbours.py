"""Neighbours: another workspace with the same app, whose channels and people have the same ids."""

from collections.abc import Callable

from tests.fakes.slack import events as slack_events
from tests.fakes.slack.nouns import BOT, Shown, Team
from tests.fakes.slack.outbox import Outbox
from tests.fakes.slack.people import People
from tests.fakes.slack.text import displayed
from tests.fakes.slack.world import Happening, World

APART = 50_000_000  # between the numbers of two workspaces: ids of events are unique in all of Slack


class Neighbour(People):
    """A workspace beside the first one, behind the same API and the same connection."""

    def __init__(
        self, team: Team, first: World, outbox: Outbox, events: frozenset[str], url: Callable[[], str], number: int
    ) -> None:
        self.world = World(first.clock)
        self.world.pulse = first.pulse
        self.world.announce = self._announce
        self.world.begin_numbers(number * APART)
        self.world.move_to(team)
        self.outbox, self.events = outbox, events
        self._url = url

    @property
    def url(self) -> str:  # type: ignore[override]  # known once the server listens
        return self._url()

    @property
    def home(self) -> Team:
        """The team itself."""
        return next(team for team in self.world.teams.values() if team.id != "T0EXT")

    def texts(self, channel: str, ts: str) -> list[str]:
        """Our pages in a thread."""
        root = self.world.posts[self.place(channel).id, ts]
        shown = [Shown(post.user, displayed(post), post.ts) for post in self.world.replies(root)]
        return [one.text for one in shown if one.user == BOT]

    def _announce(self, happening: Happening) -> None:
        team = self.world.teams[self.world.channels[happening.post.channel].team]
        for wanted, event in slack_events.about(self.world, happening):
            if wanted in self.events:
                self.outbox.put(slack_events.envelope(self.world, team, event))

"""A Slack workspace on loopback: the unmodified Bolt and slack_sdk run against it."""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from types import TracebackType
from typing import Self

from aiohttp import web

from tests.fakes.departures import forgive_departure
from tests.fakes.slack import answers as slack_answers
from tests.fakes.slack import events as slack_events
from tests.fakes.slack import files as slack_files
from tests.fakes.slack.api import Api
from tests.fakes.slack.events import SUBSCRIBED
from tests.fakes.slack.faults import Fault, Faults, Hook
from tests.fakes.slack.http import Endpoint
from tests.fakes.slack.neighbours import Neighbour
from tests.fakes.slack.nouns import TEAM, Call, Ephemeral, Grant, Ping, Post, Raw, Shown, Team
from tests.fakes.slack.oauth import OAuth
from tests.fakes.slack.outbox import Outbox
from tests.fakes.slack.people import People
from tests.fakes.slack.socket import Sockets
from tests.fakes.slack.text import displayed
from tests.fakes.slack.world import Happening, World

SCOPES = frozenset(
    [
        "app_mentions:read",
        "assistant:write",
        "chat:write",
        "commands",
        "channels:history",
        "groups:history",
        "im:history",
        "mpim:history",
        "channels:read",
        "groups:read",
        "im:read",
        "im:write",
        "mpim:read",
        "usergroups:read",
        "users:read",
        "files:read",
        "files:write",
        "reactions:read",
        "reactions:write",
    ]
)
"""The bot scopes of the suggested manifest."""
BOT_TOKEN = "xoxb-test-T024"
APP_TOKEN = "xapp-test-A0APP"
PATIENCE = 30.0  # seconds that a test waits for something; only one that fails waits so long
ACK_SECONDS = 3.0  # docs.slack.dev: an envelope is acknowledged within three seconds


class SlackFake(People):
    """A workspace with people, channels and one app, and every way in which Slack talks to that app.

    `async with SlackFake() as slack` opens it; `slack.base_url` is what `AsyncWebClient(base_url=...)` wants,
    `slack.token` and `slack.app_token` are its tokens.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.time,
        scopes: frozenset[str] = SCOPES,
        events: frozenset[str] = SUBSCRIBED,
        ack_seconds: float = ACK_SECONDS,
        port: int = 0,
    ) -> None:
        self.world = World(clock)
        self.world.announce = self._tell
        self.events = events
        self.token = BOT_TOKEN
        self.app_token = APP_TOKEN
        app = Grant(TEAM, frozenset({"connections:write"}), "xapp")
        self.grants = {BOT_TOKEN: Grant(TEAM, scopes), APP_TOKEN: app}
        self.faults = Faults()
        self.api = Api(self.world, self.faults, self.grants, events)
        self.outbox = Outbox(self.world.pulse)
        self.sockets = Sockets(self.world, self.outbox, ack_seconds)
        self.outbox.carrier = self.sockets
        self.outbox.answered = partial(slack_answers.acked, self.world)
        self.endpoint: Endpoint | None = None
        self.port = port

    async def __aenter__(self) -> Self:
        app = web.Application(middlewares=[forgive_departure], client_max_size=64 * 1024 * 1024)
        self._route(app.router)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        self.port = self._runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{self.port}/"
        self.api.url = lambda: self.url
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.api.closing.set()
        await self.sockets.close()
        if self.endpoint:
            await self.endpoint.close()
        await self._runner.cleanup()

    def _route(self, router: web.UrlDispatcher) -> None:
        router.add_get("/link/", self.sockets.serve)
        router.add_route("*", "/api/{method}", self.api.door(self.api.method))
        router.add_post("/upload/v1/{key}", self.api.door(self._receive, "upload"))
        router.add_get("/files-pri/{key}/{name}", self.api.door(self._download, "download"))
        router.add_post("/commands/{team}/{key}", self.api.door(self._respond, "response_url"))

    async def _receive(self, _: Call, request: web.Request) -> web.Response:
        return await slack_files.receive(self.world, request)

    async def _respond(self, call: Call, request: web.Request) -> web.Response:
        world = self.api.worlds.get(request.match_info["team"], self.world)
        return await slack_answers.respond(world, call, request)

    async def _download(self, call: Call, request: web.Request) -> web.Response:
        grant = self.grants.get(call.token)
        return slack_files.download(self.world, grant and (None if grant.refusal else grant), request)

    def deliver_http(self, url: str, signing_secret: str, pause: float = 0.0) -> Endpoint:
        """Deliver by signed HTTP from now on, with `pause` seconds between two attempts."""
        assert self.endpoint is None, "there is one request URL"
        self.endpoint = Endpoint(url, signing_secret, self.outbox, self.sockets.ack_seconds, pause)
        self.outbox.carrier = self.endpoint
        self.outbox.connected()
        return self.endpoint

    @property
    def oauth(self) -> OAuth:
        """Where other workspaces install the app."""
        return self.api.oauth

    def add_workspace(self, team: Team) -> Neighbour:
        """Another workspace, whose people and channels have the ids of those here. It has not installed the app."""
        number = len(self.api.worlds) + 1
        made = Neighbour(team, self.world, self.outbox, self.events, lambda: self.url, number)
        self.api.worlds[team.id] = made.world
        return made

    def refuse(self, token: str, error: str) -> None:
        """Let a token be good for nothing: `token_revoked`, `account_inactive`."""
        self.grants[token] = replace(self.grants[token], refusal=error)

    def _tell(self, happening: Happening) -> None:
        team = self.world.teams[self.world.channels[happening.post.channel].team]
        for wanted, event in slack_events.about(self.world, happening):
            if wanted in self.events:
                self.outbox.put(slack_events.envelope(self.world, team, event))

    @property
    def base_url(self) -> str:
        """What `AsyncWebClient(base_url=...)` wants."""
        return f"{self.url}api/"

    @property
    def calls(self) -> list[Call]:
        return self.api.calls

    @property
    def pings(self) -> list[Ping]:
        """Everybody whom the app's messages would have notified."""
        return self.world.pings

    @property
    def unacked(self) -> list[str]:
        return self.outbox.unacked

    def called(self, method: str) -> list[Mapping[str, object]]:
        """The arguments of every call of `method`, in order."""
        return [call.arguments for call in self.calls if call.method == method]

    def thread(self, channel: str, ts: str) -> list[Shown]:
        """A thread as people see it, root first."""
        root = self.world.posts[self.place(channel).id, ts]
        return [shown(post) for post in (root, *self.world.replies(root))]

    def visible(self, channel: str, user: str | None = None) -> list[Shown]:
        """Everything posted in a channel, oldest first, as `user` sees it, with what is whispered to them.

        An open stream in a channel grows only for its recipient; others see how it began.
        """
        place = self.place(channel).id
        posts: list[Post | Ephemeral] = [post for post in self.world.posts.values() if post.channel == place]
        person = self.person(user).id if user else None
        posts += [each for each in self.world.ephemerals if (each.channel, each.user) == (place, person)]
        seen = [self._partly(post, person) for post in posts]
        return [shown(post) for post in sorted(seen, key=lambda post: post.ts)]

    def _partly(self, post: Post | Ephemeral, person: str | None) -> Post | Ephemeral:
        stream = self.world.streaming(post) if isinstance(post, Post) else None
        if stream is None or person in {None, stream.recipient} or self.place(post.channel).kind == "im":
            return post
        return replace(post, text=stream.first, blocks=())

    async def until(self, predicate: Callable[[], object], seconds: float = PATIENCE) -> None:
        """Wait until `predicate` is true; it is asked each time anything has changed here."""
        await self.world.pulse.until(predicate, seconds)

    async def acked(self, key: str, seconds: float = PATIENCE) -> Raw:
        """Wait for the ack of an envelope, and return its payload."""
        await self.until(lambda: any(ack.id == key for ack in self.outbox.acks), seconds)
        return next(ack.payload for ack in self.outbox.acks if ack.id == key)

    async def settled(self, seconds: float = PATIENCE) -> None:
        """Wait until everything that was sent is acknowledged or lost."""
        await self.until(lambda: not self.unacked, seconds)

    async def connected(self, times: int = 1, seconds: float = PATIENCE) -> None:
        """Wait until the app has connected so many times, and is connected now."""
        await self.until(lambda: self.sockets.connections >= times and self.sockets.ready, seconds)

    def on_request(self, hook: Hook) -> None:
        """Call `hook(index, method, phase)` around every request; it may raise `Cut`."""
        self.faults.hooks.append(hook)

    def limit(self, method: str, calls: int, seconds: float) -> None:
        """Answer 429 to more than so many calls in so many seconds of the fake's clock."""
        self.faults.limit(method, calls, seconds)

    def enforce_tiers(self, minute: float = 60.0) -> None:
        """Answer 429 to more calls than Slack's documented tiers allow, in minutes of so many seconds."""
        self.faults.enforce_tiers(minute)

    @property
    def limited(self) -> list[str]:
        """The methods of the calls that a limit has refused, in order."""
        return self.faults.limited

    def fail_next(self, method: str, fault: Fault, times: int = 1) -> None:
        """Let the next calls of `method` (`*` is any) meet `fault`."""
        self.faults.script(method, fault, times)


def shown(post: Post | Ephemeral) -> Shown:
    """A message as a person sees it."""
    if isinstance(post, Ephemeral):
        return Shown("ephemeral", displayed(post), post.ts)
    return Shown(post.user, displayed(post), post.ts, post.metadata)

"""The state of a Slack workspace: everything that is there, and what happens to it."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from tests.fakes.slack.nouns import (
    BOT,
    TEAM,
    Channel,
    Ephemeral,
    File,
    Person,
    Ping,
    Post,
    Pulse,
    Raw,
    ResponseUrl,
    Stream,
    Team,
    Trigger,
    View,
)

STEP = 100  # microseconds between two messages of one instant, as in 1700000000.000100
STREAM_SECONDS = 300.0  # a stream lives about five minutes, traffic or not (python-slack-sdk#1859)
BLOCKS_TEXT = 13_200  # of a whole message's blocks (measured: bolt-js#2509, metabase PR#79908)
BLOCKS = 50  # in a message, counted after markdown was expanded (archestra PR#4980)
STREAM_CHARACTERS = 12_000  # of one streamed message together (CopilotKit#6063)

TEAMS = (Team(TEAM, "Analytical Engines"), Team("T0EXT", "Elsewhere", bot="", bot_id=""))
PEOPLE = (
    Person("U0ADA", "ada", display="Ada", admin=True, owner=True),
    Person("U0BOB", "bob", display="Bob"),
    Person("U0CY", "cy"),
    Person("U0DEE", "dee", display="Dee"),
    Person("U0EVE", "eve", display="Eve", restricted=True),
    Person("U0EXT", "xan", team="T0EXT", display="Xan", stranger=True),
    Person(BOT, "confab", display="Confab", bot=True),
)
STAFF = ("U0ADA", "U0BOB", "U0CY", "U0DEE")
CHANNELS = (
    Channel("C0GEN", "general", members=(*STAFF, "U0EVE", BOT)),
    Channel("C0DEV", "dev", members=(*STAFF, BOT)),
    Channel("C0OUT", "elsewhere", members=("U0ADA",)),
    Channel("C0OLD", "old", members=(*STAFF, BOT), archived=True),
    Channel("C0EXT", "shared", members=(*STAFF, "U0EXT", BOT), ext_shared=True),
    Channel("G0SEC", "secrets", kind="group", members=("U0ADA", "U0BOB", BOT)),
    Channel("G0NOT", "board", kind="group", members=("U0ADA",)),
    Channel("G0MPIM", "mpdm-ada--bob--confab-1", kind="mpim", members=("U0ADA", "U0BOB", BOT)),
    Channel("D0ADA", "", kind="im", members=("U0ADA", BOT)),
    Channel("D0BOB", "", kind="im", members=("U0BOB", BOT)),
)


@dataclass(frozen=True, slots=True)
class Posted:
    """A message appeared."""

    post: Post


@dataclass(frozen=True, slots=True)
class Changed:
    """A message was changed by `user`."""

    post: Post
    previous: Post
    user: str


@dataclass(frozen=True, slots=True)
class Removed:
    """A message disappeared."""

    post: Post
    ts: str


Happening = Posted | Changed | Removed


class World:
    """A workspace's state. Each thing that happens in it is announced once, in order."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.clock = clock
        self.pulse = Pulse()
        self.announce: Callable[[Happening], None] = lambda _: None
        self.teams = {team.id: team for team in TEAMS}
        self.people = {person.id: person for person in PEOPLE}
        self.channels = {channel.id: channel for channel in CHANNELS}
        self.usergroups: dict[str, str] = {}
        self.posts: dict[tuple[str, str], Post] = {}
        self.ephemerals: list[Ephemeral] = []
        self.files: dict[str, File] = {}
        self.uploads: dict[str, File] = {}
        self.views: dict[str, View] = {}
        self.homes: dict[str, View] = {}
        self.triggers: dict[str, Trigger] = {}
        self.response_urls: dict[str, ResponseUrl] = {}
        self.statuses: dict[tuple[str, str], str] = {}
        self.sessions: dict[tuple[str, str], str] = {}
        self.titles: dict[tuple[str, str], str] = {}
        self.prompts: dict[str, Raw] = {}
        self.viewing: dict[tuple[str, str], tuple[Raw, ...]] = {}
        self.pings: list[Ping] = []
        self.tickets: set[str] = set()
        self.stream_seconds = STREAM_SECONDS
        self.stream_characters = STREAM_CHARACTERS
        self.unstreamed: set[str] = set()
        """Kinds of conversations in which this workspace takes no streams."""
        self.parent_on_every_page = True
        """Accounts differ on whether `conversations.replies` repeats the root on later pages; readers stand both."""
        self.unknown_blocks: set[str] = set()
        """Kinds of blocks that this workspace refuses: not every one has every kind."""
        self.most_text, self.most_blocks = BLOCKS_TEXT, BLOCKS
        """Of all blocks of a message: how many characters, and how many blocks; Slack may come to take fewer."""
        self.lands_in_channel = False
        """Whether a reply to a thread that is gone is posted into its channel, in place of an error."""
        self._last = 0
        self._named = 0

    def begin_numbers(self, number: int) -> None:
        """Let ids differ from those of other workspaces, as ids of events do in all of Slack."""
        self._named = number

    def move_to(self, team: Team) -> None:
        """Be another workspace, with people and channels of the same ids."""
        self.teams = {one.id: one for one in (team, TEAMS[1])}
        self.people = {one.id: replace(one, team=team.id) if one.team == TEAM else one for one in PEOPLE}
        self.channels = {one.id: replace(one, team=team.id) if one.team == TEAM else one for one in CHANNELS}

    def stamp(self) -> str:
        """A ts that no message has yet; later calls give later ones."""
        self._last = max(self._last + STEP, int(self.clock() * 1_000_000) // STEP * STEP + STEP)
        return f"{self._last // 1_000_000}.{self._last % 1_000_000:06d}"

    def pass_time(self, seconds: float) -> None:
        """Let later messages be so much later."""
        self._last += int(seconds * 1_000_000)

    def name(self, prefix: str) -> str:
        """An id that nothing has yet."""
        self._named += 1
        return f"{prefix}{self._named:08d}"

    def post(self, post: Post) -> Post:
        self.posts[post.channel, post.ts] = post
        if post.bot_id and post.thread:
            self.statuses.pop((post.channel, post.thread), None)
        self._happened(Posted(post))
        return post

    def change(self, post: Post, user: str) -> Post:
        """Put `post` in the place of the message with its ts."""
        previous = self.posts[post.channel, post.ts]
        self.posts[post.channel, post.ts] = post
        self._happened(Changed(post, previous, user))
        return post

    def touch(self, post: Post) -> Post:
        """Change a message as no event tells: reactions, and a stream that grows."""
        self.posts[post.channel, post.ts] = post
        self.pulse.beat()
        return post

    def remove(self, post: Post) -> None:
        """Delete a message; a root with replies leaves a tombstone, which people see as a change."""
        if self.replies(post):
            grave = Post(post.channel, post.ts, "USLACKBOT", "This message was deleted.", post.ts, subtype="tombstone")
            self.change(grave, post.user)
            return
        del self.posts[post.channel, post.ts]
        self._happened(Removed(post, self.stamp()))

    def replies(self, root: Post) -> list[Post]:
        """What was answered to `root`, oldest first."""
        in_thread = (p for p in self.posts.values() if p.channel == root.channel and p.thread == root.ts)
        return sorted((p for p in in_thread if p.ts != root.ts), key=lambda post: post.ts)

    def whisper(self, ephemeral: Ephemeral) -> None:
        self.ephemerals.append(ephemeral)
        self.pulse.beat()

    def streaming(self, post: Post) -> Stream | None:
        """The stream of `post`, if it is still open."""
        stream = post.stream
        alive = stream is not None and stream.open and self.clock() - stream.since < self.stream_seconds
        return stream if alive else None

    def end_stream(self, post: Post, stopped: bool = False) -> Post:
        """Let a stream be over; `stopped` by a person."""
        assert post.stream
        return self.change(replace(post, stream=replace(post.stream, open=False, stopped=stopped)), post.user)

    def direct(self, user: str) -> Channel | None:
        """The bot's conversation with `user` alone."""
        for channel in self.channels.values():
            if channel.kind == "im" and user in channel.members:
                return channel
        return None

    def _happened(self, happening: Happening) -> None:
        self.announce(happening)
        self.pulse.beat()

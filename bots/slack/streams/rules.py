"""Rules of native streams: what Slack's walls leave of one, and what is known of a workspace's own."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from cachetools import TTLCache

LIFETIME = 240.0  # seconds; Slack ends a stream after some 300, whatever is appended (python-slack-sdk#1859)
CHARACTERS = 9_000  # of one stream; Slack was seen to take 12,000 altogether (CopilotKit#6063)
STARTS = 15  # a minute; Slack allows 20 and more of starts as of stops (tier 2), and processes that begin stop some too
MINUTE = 60.0
REFUSED = 3_600.0  # seconds that a refusal is remembered: a plan may change, or somebody move into the workspace
MOST = 1_000  # channels whose refusals are remembered

PERSONAL = {"channel_type_not_supported", "user_not_found"}  # of one conversation; other words are about the workspace
TOO_LONG = {"msg_blocks_too_long", "msg_blocks_too_many", "msg_too_long"}  # of one text
EVERYWHERE = ""  # stands for all channels among those that are refused


@dataclass(frozen=True, slots=True)
class StreamRules:
    """When a stream is ended before Slack does it, and how many are begun in a minute."""

    lifetime: float = LIFETIME
    characters: int = CHARACTERS
    starts: int = STARTS


class NativeStreams:
    """The streams of one workspace: their rules, how many began just now, and where Slack takes none."""

    def __init__(
        self,
        rules: StreamRules,
        clock: Callable[[], float] = time.monotonic,
        processes: Callable[[], int] = lambda: 1,
    ) -> None:
        self.rules = rules
        self._processes = processes
        self._clock = clock
        self._begun: deque[float] = deque()
        self._refused: TTLCache[str, str] = TTLCache(MOST, REFUSED, timer=clock)

    @property
    def may_start(self) -> bool:
        """Whether one more stream may begin within this process's share of the minute's budget."""
        since = self._clock() - MINUTE
        while self._begun and self._begun[0] <= since:
            self._begun.popleft()
        return len(self._begun) < max(1, self.rules.starts // self._processes())

    def take_start(self) -> bool:
        """Whether one more stream may begin; it counts."""
        if not self.may_start:
            return False
        self._begun.append(self._clock())
        return True

    def is_refused(self, channel: str) -> bool:
        """Whether Slack took no stream there within the last hour."""
        return channel in self._refused or EVERYWHERE in self._refused

    def remember_refusal(self, channel: str, reason: str, *, everywhere: bool) -> None:
        """Begin no stream for an hour: in this conversation, or `everywhere` in the workspace."""
        self._refused[EVERYWHERE if everywhere else channel] = reason

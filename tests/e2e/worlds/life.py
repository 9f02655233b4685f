"""The life of one world: people act, events travel, processes come and go, until all is settled."""

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from core.claude.client import Claude
from core.domain.events import Backfilled, Deleted, Edited, Event, Missed, Posted, Receipt
from core.files.deletions import LINGER, FileDeletions
from core.store import open_store
from tests.e2e.worlds.mail import DiscordMail, SlackMail
from tests.e2e.worlds.model import Truth
from tests.e2e.worlds.people import People
from tests.e2e.worlds.process import BUSY, Process, Servers, begun
from tests.e2e.worlds.steps import (
    Again,
    Delete,
    Edit,
    Fail,
    Fate,
    Feel,
    Kill,
    Miss,
    Mood,
    Release,
    Say,
    Settle,
    Spoil,
    Start,
    Step,
    Stop,
    Storage,
    Trouble,
)
from tests.fakes.claude.script import Answer, Break, Gate, refusal
from tests.fakes.claude.script import Fault as Overload
from tests.fakes.discord.limits import Fault, error, limited
from tests.fakes.discord.limits import Trouble as Discords
from tests.fakes.discord.world import Clock
from tests.fakes.slack.faults import Fault as Slacks
from tests.fakes.slack.http import Endpoint
from tests.fakes.slack.nouns import Envelope
from tests.support.slack_house import SECRET

DEAD = 15.0  # seconds after which a process that does not beat is known to be dead
LATE = 6.0  # seconds that what is held is late at least
ATTEMPTS = 6  # to delete files: each waits longer than any pause between two
PATIENCE = 600.0  # seconds of the brisk loop's that everything may take to be answered

SLACK_METHODS = (
    "chat.postMessage",
    "chat.update",
    "conversations.replies",
    "users.info",
    "assistant.threads.setStatus",
)
SLACK_TROUBLES = {
    Trouble.LIMITED: Slacks(429, "ratelimited", retry_after=1),
    Trouble.FAILED: Slacks(500),
    Trouble.DROPPED: Slacks(dropped=True),
    Trouble.LOST: Slacks(lost=True),
}
MOODS: Mapping[Mood, Callable[[str], Answer | Overload]] = {
    Mood.CALM: lambda text: Answer(text=text),
    Mood.LONG: lambda text: Answer(text=text, chunk=2000),
    Mood.OVERLOADED: lambda _: Overload(529),
    Mood.LIMITED: lambda _: Overload(429, "rate_limit_error", "Slow down", retry_after="1"),
    Mood.BROKEN: lambda text: Answer(text=text, breaks=Break("error", after=6)),
    Mood.RESET: lambda text: Answer(text=text, breaks=Break("reset", after=6)),
    Mood.REFUSING: lambda _: refusal(),
    Mood.SILENT: lambda _: Answer(text=""),
    Mood.CUT: lambda text: Answer(text=text, stop_reason="max_tokens"),
}
FILES = ("/v1/files", "DELETE /v1/files", "GET /v1/files")
STORAGE = {
    Storage.FAILED: Overload(503, "api_error"),
    Storage.LOST: Overload(502, html="<html>", after=True),
    Storage.FULL: Overload(400, "invalid_request_error", "Full", {"error_code": "storage_quota_exceeded"}),
}
MESSAGES = "/channels/{channel}/messages"
DISCORD_METHODS = (
    f"POST {MESSAGES}",
    f"PATCH {MESSAGES}/{{message}}",
    f"GET {MESSAGES}",
    f"GET {MESSAGES}/{{message}}",
    "POST /channels/{channel}/typing",
)
DISCORD_TROUBLES: Mapping[Trouble, Discords] = {
    Trouble.LIMITED: limited(0.2),
    Trouble.FAILED: error(502),
    Trouble.DROPPED: Fault.DROP,
    Trouble.LOST: Fault.LOSE,
}


class Life:
    """One world. `socket`: Slack tells its events by Socket Mode."""

    def __init__(self, servers: Servers, clock: Clock, url: str, socket: bool = False) -> None:
        self.servers = servers
        self.url = url
        self.truth = Truth()
        self.process: Process | None = None
        self.moods: deque[Mood] = deque()
        self._clock = clock
        self._socket = socket
        self._heard: Counter[str] = Counter()
        self._gaps = 0
        self._behind: set[str] = set()
        """The workspaces where it is still looked for what a gap kept from us."""
        self.processes = 0
        self._gates: list[Gate] = []
        self._going = False
        """Whether Claude stops nowhere."""
        slack = servers.slack
        self._endpoint = None if socket else Endpoint("", SECRET, slack.outbox, slack.sockets.ack_seconds, 0.0)
        self.slack_mail = SlackMail(slack, self._endpoint or slack.sockets)
        self.discord_mail = DiscordMail(servers.discord, self._heard)
        self.people = People(servers, self.truth)
        servers.claude.answer = self._answer

    @property
    def mails(self) -> tuple[SlackMail, DiscordMail]:
        return self.slack_mail, self.discord_mail

    async def live(self, steps: Sequence[Step]) -> None:
        """From the first process until all is settled, the last process is gone and its file is swept."""
        await self.people.open_rooms()
        await self._start()
        try:
            for step in steps:
                await self._take(step)
            await self._settle()
            await self._caught_up()
            await self._kill()
            await self._cleared()
            await self._swept()
        finally:
            await self._kill()
            if self._endpoint:
                await self._endpoint.close()

    async def _take(self, step: Step) -> None:
        match step:
            case Say():
                await self._act(step.fate, self.people.say(step))
            case Edit():
                await self._act(step.fate, self.people.edit(step.which))
            case Delete():
                await self._act(step.fate, self.people.delete(step.which))
            case Stop():
                await self._act(Fate.PROMPT, self.people.stop(step.which))
            case Again():
                await self.mails[step.platform].again(step.which)
            case Release():
                await self._release(step.backwards)
            case Miss():
                await self._miss(step.platform)
            case Feel():
                self.moods.extend([step.mood] * step.times)
            case Fail() | Spoil():
                self._fail(step)
            case Kill():
                await self._kill()
            case Start():
                await self._start()
            case Settle():
                await self._settle()

    async def _act(self, fate: Fate, deed: Awaitable[object]) -> None:
        """What a person does, and what becomes of the news of it."""
        for mail in self.mails:
            mail.fate = fate
        await deed
        for mail in self.mails:
            mail.fate = Fate.PROMPT
        if fate is not Fate.SOON:
            await self._read()

    async def _read(self) -> None:
        for mail in self.mails:
            await mail.read()

    async def _release(self, backwards: bool) -> None:
        """Time passes, less than after which a process that does not beat is taken for dead."""
        if self.process is not None:
            await self.process.assistant.worker.heartbeat()
        self._clock.forward(LATE)
        for mail in self.mails:
            await mail.release(backwards)

    async def _start(self) -> None:
        if self.process is not None:
            return
        self._clock.forward(DEAD)
        self.processes += 1
        name = f"process {self.processes}"
        self.process = await begun(self.servers, self.url, name, self._told, self._socket)
        if self._endpoint:
            self._endpoint.url = f"http://127.0.0.1:{self.process.port}/slack/events"
        for mail in self.mails:
            mail.down = mail.missed = False

    async def _kill(self) -> None:
        if self.process is None:
            return
        for mail in self.mails:
            mail.down = True
        process, self.process = self.process, None
        await process.drop()
        self.discord_mail.cut()
        self._behind.clear()

    async def _miss(self, platform: int) -> None:
        """The platform's session ends; the next one begins with a gap."""
        if self.process is None:
            return
        gaps = self._gaps
        if platform:
            self.discord_mail.cut()
            self.servers.discord.gateway.invalidate(resumable=False)
        elif self._socket:
            self.servers.slack.sockets.disconnect("refresh_requested")
        else:
            limited = {"type": "app_rate_limited", "team_id": "T024", "api_app_id": "A0APP", "minute_rate_limited": 1}
            self.servers.slack.outbox.put(Envelope(self.servers.slack.world.name("Ev"), "events_api", limited))
        async with asyncio.timeout(PATIENCE):
            while self._gaps == gaps or self.process.discord.offline:
                await asyncio.sleep(0.01)
        self.mails[platform].missed = False
        self.discord_mail.cut()
        await self._read()

    async def _settle(self) -> None:
        """Claude goes on, whatever is held arrives, and no question stays open."""
        await self._start()
        await self._release(backwards=False)
        for number, mail in enumerate(self.mails):
            if mail.missed:
                await self._miss(number)
        self._going = True
        for gate in self._gates:
            gate.opened.set()
        await self._read()
        assert self.process is not None
        async with asyncio.timeout(PATIENCE):
            while self._behind:
                await asyncio.sleep(0.01)
            await self.process.assistant.worker.idle()
        self._going = False
        await self._read()
        self.truth.known()

    async def _caught_up(self) -> None:
        """In each thread of ours that is cold, one more question: catching up finds what was missed."""
        assert self.process is not None
        for conversation in list(self.truth.conversations):
            key = self.people.key(conversation)
            thread = await self.process.store.threads.thread(key)
            if thread.stale and self.truth.ours(conversation) and self.people.can_ask(conversation):
                await self._act(Fate.PROMPT, self.people.ask(conversation))
        await self._settle()

    async def _swept(self) -> None:
        """What was erased leaves the file with the first beat of whoever comes next."""
        store = await open_store(self.url, clock=self.servers.clock, busy=BUSY)
        await store.questions.heartbeat("sweeper")
        await store.shut()

    async def _cleared(self) -> None:
        """Whoever comes next deletes at Claude what no message has any more, also what may have been uploaded."""
        store = await open_store(self.url, clock=self.servers.clock, busy=BUSY)
        claude = Claude(self.servers.claude.key, self.servers.claude.url)
        assert claude.files
        deletions = FileDeletions(store.files, claude.files)
        for _ in range(ATTEMPTS):
            self._clock.forward(2 * LINGER.total_seconds())
            await deletions.delete_due()
        await claude.close()
        await store.shut()

    def _told(self, event: Event, heard: Receipt) -> None:
        self._heard[event.id] += 1
        match event:
            case Posted():
                self.truth.heard.append((event.key.channel, event.message.id, heard.ours, heard.question))
            case Edited():
                self.truth.changed(event.message.id, event.message.text)
                if heard.question:  # what was lost asks by its edit
                    self.truth.heard.append((event.key.channel, event.message.id, heard.ours, heard.question))
            case Deleted():
                self.truth.deleted(event.message)
            case Missed():
                self._gaps += 1
                self._behind |= {missed.workspace for missed in heard.missed}
            case Backfilled():
                self._behind.discard(event.workspace)

    def _fail(self, step: Fail | Spoil) -> None:
        if isinstance(step, Spoil):
            self.servers.claude.script(*[STORAGE[step.trouble]] * step.times, path=FILES[step.method])
        elif step.platform:
            route = DISCORD_METHODS[step.method]
            self.servers.discord.fault(route, DISCORD_TROUBLES[step.trouble], step.times)
        else:
            self.servers.slack.fail_next(SLACK_METHODS[step.method], SLACK_TROUBLES[step.trouble], step.times)

    def _answer(self, body: Mapping[str, Any]) -> Answer | Overload:
        """What Claude does, in the mood that it is in."""
        mood = self.moods.popleft() if self.moods else Mood.CALM
        text = self.truth.answer(long=mood is Mood.LONG)
        self.truth.received(body, text)
        if mood is not Mood.SLOW:
            return MOODS[mood](text)
        gate = Gate(after=5)
        self._gates.append(gate)
        if self._going:
            gate.opened.set()
        return Answer(text=text, gate=gate)


def clocked(clock: Clock) -> Callable[[], datetime]:
    return lambda: datetime.fromtimestamp(clock(), UTC)

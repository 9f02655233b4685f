"""Mail: what the platforms tell, delivered at once, twice, late or never."""

import asyncio
from collections import Counter
from collections.abc import Callable

from tests.e2e.worlds.steps import Fate
from tests.fakes.discord.server import DiscordFake
from tests.fakes.discord.world import Event
from tests.fakes.slack.nouns import Delivery, Envelope, Raw
from tests.fakes.slack.outbox import Carrier
from tests.fakes.slack.server import SlackFake

PATIENCE = 600.0  # seconds of the brisk loop's that an event may take to be heard


class SlackMail:
    """Carries Slack's envelopes by `carrier`. Whatever it is told while `down` waits for the next process."""

    def __init__(self, slack: SlackFake, carrier: Carrier) -> None:
        self.carrier = carrier
        self.fate = Fate.PROMPT
        self.down = True
        self.missed = False
        self._slack = slack
        self._held: list[str] = []
        slack.outbox.carrier = self

    @property
    def ready(self) -> bool:
        """Whether it can be carried now. Between two sockets Slack waits for the next one."""
        return self._kept or self.carrier.ready

    @property
    def _kept(self) -> bool:
        return self.fate in {Fate.LOST, Fate.HELD} or self.down

    def carry(self, envelope: Envelope, delivery: Delivery) -> None:
        if self._kept:
            self._slack.outbox.pending.pop(envelope.id, None)
            if self.fate is Fate.LOST:
                self.missed = True
            else:
                self._held.append(envelope.id)
            return
        self.carrier.carry(envelope, delivery)
        if self.fate is Fate.TWICE:
            self.carrier.carry(envelope, delivery)

    async def read(self) -> None:
        """Wait until all that is under way was heard."""
        if not self.down:
            await self._slack.settled(PATIENCE)

    async def release(self, backwards: bool) -> None:
        if self.down:
            return
        held, self._held = self._held, []
        for key in held[::-1] if backwards else held:
            await self._deliver(key)

    async def again(self, which: int) -> None:
        sent = self._slack.outbox.sent
        told = [
            key for key, one in sent.items() if key not in self._held and _by_somebody(one.payload.get("event", {}))
        ]
        if told and not self.down:
            await self._deliver(told[-1 - which % len(told)])

    async def _deliver(self, key: str) -> None:
        self._slack.outbox.again(key)
        await self.read()


class DiscordMail:
    """Carries what the gateway dispatches. What it is told while `down` is lost: no session is left to resume."""

    def __init__(self, discord: DiscordFake, heard: Counter[str]) -> None:
        self.fate = Fate.PROMPT
        self.down = True
        self.missed = False
        self._me = discord.me
        self._heard = heard
        self._expected: Counter[str] = Counter()
        self._held: list[Event] = []
        self._told: list[Event] = []
        self._carry: Callable[[Event], None] = discord.world.listener
        discord.world.listener = self.tell

    def tell(self, event: Event) -> None:
        if not event.name.startswith("MESSAGE_") or "REACTION" in event.name:
            self._carry(event)
            return
        if self.fate is Fate.HELD:
            self._held.append(event)
            return
        if event.body.get("author", {}).get("id") != self._me:
            self._told.append(event)
        if self.fate is Fate.LOST or self.down:
            self.missed = True
            return
        self._deliver(event)
        if self.fate is Fate.TWICE:
            self._deliver(event)

    def _deliver(self, event: Event) -> None:
        if (name := told_as(event)) is not None:
            self._expected[name] += 1
        self._carry(event)

    async def read(self) -> None:
        """Wait until all that is under way was heard."""
        async with asyncio.timeout(PATIENCE):
            while not (self.down or self._expected <= self._heard):
                await asyncio.sleep(0.01)

    async def release(self, backwards: bool) -> None:
        if self.down:
            return
        held, self._held = self._held, []
        for event in held[::-1] if backwards else held:
            self._told.append(event)
            self._deliver(event)
            await self.read()

    async def again(self, which: int) -> None:
        if self._told and not self.down:
            self._deliver(self._told[-1 - which % len(self._told)])
            await self.read()

    def cut(self) -> None:
        """The session is over: what was under way is not expected any more."""
        self._expected = Counter(self._heard)


def _by_somebody(event: Raw) -> bool:
    """Whether an event of Slack's tells of somebody else than us."""
    return bool(event) and not any(one.get("bot_id") for one in (event, event.get("message") or {}))


def told_as(event: Event) -> str | None:
    """The id of the core's event that tells of a gateway's; None if there is none."""
    body = event.body
    if event.name == "MESSAGE_DELETE":
        return f"{body['id']}:deleted"
    if event.name == "MESSAGE_UPDATE":
        return f"{body['id']}:{body['edited_timestamp']}" if body.get("edited_timestamp") else None
    return str(body["id"]) if body["type"] in {0, 19} else None

"""What Slack has to tell the app: waiting, delivered, acknowledged, or given up."""

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from tests.fakes.slack.nouns import Ack, Delivery, Envelope, Pulse, Raw

BACKLOG = 1_000  # envelopes that wait for the app to come back; a test that makes more wants to know
RETRIES = 3  # docs.slack.dev, Events API: three more attempts; here they follow each other at once


class Carrier(Protocol):
    """A way to the app."""

    @property
    def ready(self) -> bool: ...

    def carry(self, envelope: Envelope, delivery: Delivery) -> None:
        """Send it on its way; the outbox is told by `acknowledged` or `late`."""


class Outbox:
    """Delivers each envelope until it is acknowledged, or has been tried too often."""

    def __init__(self, pulse: Pulse, retries: int = RETRIES, backlog: int = BACKLOG) -> None:
        self.pulse = pulse
        self.retries = retries
        self.room = backlog
        self.carrier: Carrier | None = None
        self.answered: Callable[[Envelope, Raw], None] = lambda envelope, payload: None
        self.dropping = False
        """Whether what happens while the app is away is lost, as with a subscription that was disabled."""
        self.sent: dict[str, Envelope] = {}
        self.pending: dict[str, Delivery] = {}
        self.deliveries: list[Delivery] = []
        self.acks: list[Ack] = []
        self.lost: list[str] = []
        self._held: list[Envelope] | None = None
        self._backlog: list[tuple[Envelope, Delivery]] = []

    @property
    def unacked(self) -> list[str]:
        """Ids of what the app has not acknowledged and may still be sent."""
        return list(self.pending)

    def put(self, envelope: Envelope) -> None:
        self.sent[envelope.id] = envelope
        if self._held is not None:
            self._held.append(envelope)
        else:
            self._offer(envelope, Delivery(envelope.id, 0))

    def again(self, key: str) -> None:
        """Deliver what was already sent once more, whatever became of it."""
        self._offer(self.sent[key], Delivery(key, 0))

    def hold(self) -> None:
        """Keep everything back until `release`."""
        self._held = []

    def release(self, backwards: bool = False, without: str = "") -> None:
        """Deliver what was held, the newest first if `backwards`. Events `without` go to who dies over them."""
        held, self._held = self._held or [], None
        for envelope in held[::-1] if backwards else held:
            if without and envelope.payload["event"]["type"] == without:
                self._lose(envelope.id)
            else:
                self._offer(envelope, Delivery(envelope.id, 0))

    def connected(self) -> None:
        """The app is back: deliver what waited."""
        waiting, self._backlog = self._backlog, []
        for envelope, delivery in waiting:
            self._offer(envelope, delivery)

    def acknowledged(self, key: str, payload: Raw, status: int | None = None) -> None:
        delivery = self.pending.pop(key, None)
        self.acks.append(Ack(key, payload))
        if delivery and status:
            self.deliveries.append(replace(delivery, status=status))
        if delivery:
            self.answered(self.sent[key], payload)
        self.pulse.beat()

    def late(self, delivery: Delivery, reason: str, status: int | None = None) -> None:
        """An attempt failed: try again, unless it was acknowledged since or a person waited for it."""
        if status:
            self.deliveries.append(replace(delivery, status=status))
        if self.pending.get(delivery.id) != delivery:
            return
        envelope = self.sent[delivery.id]
        if envelope.kind != "events_api" or delivery.attempt >= self.retries:
            self._lose(delivery.id)
        else:
            self._offer(envelope, Delivery(delivery.id, delivery.attempt + 1, reason))

    def expire(self) -> None:
        """Let the seconds be over in which everything that is on its way should have been acknowledged."""
        waiting = {delivery.id for _, delivery in self._backlog}
        for delivery in [one for key, one in self.pending.items() if key not in waiting]:
            self.late(delivery, "timeout")

    def _offer(self, envelope: Envelope, delivery: Delivery) -> None:
        if self.carrier is None or not self.carrier.ready:
            self._keep(envelope, delivery)
            return
        self.pending[envelope.id] = delivery
        self.deliveries.append(delivery)
        self.carrier.carry(envelope, delivery)
        self.pulse.beat()

    def _keep(self, envelope: Envelope, delivery: Delivery) -> None:
        if self.dropping or envelope.kind != "events_api":
            self._lose(envelope.id)
            return
        assert len(self._backlog) < self.room, "more events wait for the app than the outbox holds"
        self.pending[envelope.id] = delivery
        self._backlog.append((envelope, delivery))

    def _lose(self, key: str) -> None:
        self.pending.pop(key, None)
        self.lost.append(key)
        self.pulse.beat()

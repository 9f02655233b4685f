"""The Message Batches of the stand-in for Claude: what each workspace has given in, and what became of its requests.

A batch ends `seconds` after it was created; while that is None, when a test says so. Counts and results are told once
all of it has ended, and results in no order.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from secrets import token_hex
from typing import Any, Literal

from tests.fakes.claude.refused import Refused, missing

LARGEST = 256 * 1024 * 1024  # bytes of a batch
MOST = 100_000  # requests of one
LISTED, DEFAULT = 100, 20
DAY, KEPT = 24 * 3_600, 29 * 24 * 3_600  # seconds until a batch expires, and for which results are there
CUSTOM_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")
KINDS = ("succeeded", "errored", "canceled", "expired")

Status = Literal["in_progress", "canceling", "ended"]
Result = Mapping[str, Any]
Process = Callable[[Mapping[str, Any]], Result]
"""What becomes of one request: its parameters as they were given, and the result as the API tells it."""


@dataclass(slots=True)
class Batch:
    """One batch. `results` are there once it has ended."""

    id: str
    requests: list[Mapping[str, Any]]
    at: float
    status: Status = "in_progress"
    canceled: float | None = None
    ended: float | None = None
    results: dict[str, Result] = field(default_factory=dict)

    def count(self, kind: str) -> int:
        if kind == "processing":
            return len(self.requests) if self.ended is None else 0
        return sum(one["type"] == kind for one in self.results.values())


@dataclass(slots=True)
class Batches:
    """The batches of one workspace, oldest first. `process` answers a request, when the batch ends."""

    clock: Callable[[], float]
    process: Process
    url: Callable[[], str]
    seconds: float | None = 0.0
    """After which a batch ends by itself."""
    largest: int = LARGEST
    done: int = 0
    """How many requests of a batch were answered by the time that it was canceled."""
    expires: frozenset[str] = frozenset()
    """Ids of requests that nobody got to."""
    told: Callable[[list[bytes]], list[bytes]] = list
    """The lines of results that are told in place of these."""
    stuck: set[str] = field(default_factory=set)
    """Batches of whose results no more than the first comes."""
    lost: set[str] = field(default_factory=set)
    """Batches that are there, and their results are not."""
    given: dict[str, Batch] = field(default_factory=dict)
    ever: list[Batch] = field(default_factory=list)
    """All that there ever were, also those that are deleted."""

    @property
    def created(self) -> int:
        return len(self.ever)

    def create(self, body: Mapping[str, Any], size: int) -> dict[str, Any]:
        """Take a batch in, unless something of it is out of shape. What is asked is looked at when its turn comes."""
        if size > self.largest:
            raise Refused("Batch exceeds 256 MB", status=413, type="request_too_large")
        requests = body.get("requests")
        if body.keys() - {"requests"}:
            raise Refused(f"{min(body.keys() - {'requests'})}: Extra inputs are not permitted")
        if not isinstance(requests, list) or not requests:
            raise Refused("requests: List should have at least 1 item after validation")
        if len(requests) > MOST:
            raise Refused(f"requests: List should have at most {MOST} items after validation")
        _check_requests(requests)
        batch = Batch(f"msgbatch_01{token_hex(11)}", requests, self.clock())
        self.given[batch.id] = batch
        self.ever.append(batch)
        return self._describe(batch)

    def retrieve(self, name: str) -> dict[str, Any]:
        return self._describe(self._find(name))

    def cancel(self, name: str) -> dict[str, Any]:
        """Ask for no more of it. It ends a little later."""
        batch = self._find(name)
        if batch.status == "ended":
            raise Refused("Batch has already ended")
        if batch.status == "in_progress":
            batch.status, batch.canceled = "canceling", self.clock()
        return self._describe(batch)

    def delete(self, name: str) -> dict[str, Any]:
        """It is gone with its results, if it has ended."""
        if self._find(name).status != "ended":
            raise Refused("Batch is still processing, so it cannot be deleted. Cancel it first.")
        del self.given[name]
        return {"id": name, "type": "message_batch_deleted"}

    def listing(self, query: Mapping[str, str]) -> dict[str, Any]:
        """A page of them, newest first."""
        limit = int(query.get("limit", DEFAULT))
        if not 1 <= limit <= LISTED:
            raise Refused("limit: Input should be between 1 and 100")
        for one in list(self.given):
            self._find(one)
        newest = list(reversed(self.given.values()))
        names = [one.id for one in newest]
        if "after_id" in query:
            newest = newest[names.index(query["after_id"]) + 1 :] if query["after_id"] in names else []
        if "before_id" in query:
            newest = newest[: names.index(query["before_id"])][-limit:] if query["before_id"] in names else []
        page = newest[:limit]
        ends = {"first_id": page[0].id, "last_id": page[-1].id} if page else {"first_id": None, "last_id": None}
        return {"data": [self._describe(one) for one in page], "has_more": len(newest) > limit, **ends}

    def results(self, name: str) -> Iterator[bytes]:
        """The lines of its results, in another order than it was given in."""
        batch = self._find(name)
        if batch.ended is None:
            raise missing("Batch has not ended yet, so there are no results.")
        if batch.at + KEPT <= self.clock() or name in self.lost:
            raise missing("The results of this batch are no longer available.")
        lines = sorted(batch.results.items(), key=lambda one: one[0][::-1], reverse=True)
        return (f"{json.dumps({'custom_id': custom, 'result': result})}\n".encode() for custom, result in lines)

    def end(self, name: str | None = None) -> None:
        """Answer all of a batch, or of all; canceled, of those that were answered by then."""
        for batch in [self.given[name]] if name else self.given.values():
            if batch.status != "ended":
                self._end(batch)

    def _find(self, name: str) -> Batch:
        """A batch, which has ended by now if its time is up."""
        batch = self.given.get(name)
        if batch is None:
            raise missing(f"Batch not found: {name}")
        late = self.seconds is not None and batch.at + self.seconds <= self.clock()
        if batch.status != "ended" and (late or batch.canceled is not None or batch.at + DAY <= self.clock()):
            self._end(batch)
        return batch

    def _end(self, batch: Batch) -> None:
        for number, one in enumerate(batch.requests):
            custom = str(one["custom_id"])
            if custom in self.expires:
                batch.results[custom] = {"type": "expired"}
            elif batch.canceled is not None and number >= self.done:
                batch.results[custom] = {"type": "canceled"}
            else:
                batch.results[custom] = self.process(one["params"])
        batch.status, batch.ended = "ended", self.clock()

    def _describe(self, batch: Batch) -> dict[str, Any]:
        """As `anthropic.types.messages.MessageBatch` has it."""
        return {
            "id": batch.id,
            "type": "message_batch",
            "processing_status": batch.status,
            "request_counts": {kind: batch.count(kind) for kind in ("processing", *KINDS)},
            "created_at": _moment(batch.at),
            "expires_at": _moment(batch.at + DAY),
            "ended_at": _moment(batch.ended),
            "cancel_initiated_at": _moment(batch.canceled),
            "archived_at": None,
            "results_url": f"{self.url()}/v1/messages/batches/{batch.id}/results" if batch.ended is not None else None,
        }


def _check_requests(requests: list[Any]) -> None:
    seen = set[str]()
    for number, one in enumerate(requests):
        if not isinstance(one, dict) or one.keys() != {"custom_id", "params"} or not isinstance(one["params"], dict):
            raise Refused(f"requests.{number}: custom_id and params are required, and nothing else is permitted")
        custom, params = one["custom_id"], one["params"]
        if not isinstance(custom, str) or not CUSTOM_ID.fullmatch(custom):
            raise Refused(f"requests.{number}.custom_id: String should match pattern '^[a-zA-Z0-9_-]{{1,64}}$'")
        if custom in seen:
            raise Refused(f"requests.{number}.custom_id: {custom} is used more than once in this batch")
        seen.add(custom)
        if "stream" in params:
            raise Refused(f"requests.{number}.params.stream: Extra inputs are not permitted")
        if not params.get("max_tokens"):
            raise Refused(f"requests.{number}.params.max_tokens: Input should be greater than 0")


def _moment(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat()


def as_batch(usage: dict[str, Any]) -> dict[str, Any]:
    """The usage of a message as a batch tells it."""
    return {**usage, "service_tier": "batch"}

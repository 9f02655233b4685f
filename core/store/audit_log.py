"""Audit log: who changed what, as rows of ids, numbers and hashes that an HMAC chains, workspace by workspace. Pure.

Each row's HMAC covers the row and the HMAC before it. So without the key nobody can alter, insert, swap or take away a
row without its being seen; of the newest rows it is seen by who knows a head that was told before.
"""

import hashlib
import hmac
import json
import re
import secrets as random_source
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from typing import Any

from core.domain.messages import clean_text

OPERATOR = "operator"  # the actor of what is done at the machine
PLATFORM = "platform"  # the actor of what a platform tells without saying who did it

KEY_BYTES = 32
LEAST = -(2**63)  # that a row's number can be, where somebody put one in before the first
SEALED = ("workspace", "number", "at", "actor", "action", "channel", "thread", "subject", "details")
"""The columns that a row's HMAC covers: all but the HMAC itself."""
ID = re.compile(r"[\w.:/@#+,=*<>-]{0,100}")  # ids, model names, time zones, fixed words: nothing with a blank in it


class AuditAction(Enum):
    """What was done. Each says what its row has as subject, and as details."""

    PERSONA_SET = "persona.set"
    """Subject: the number of the version. Details: the fields that changed, the system prompt as its fingerprint."""
    PERSONA_TUNE = "persona.tune"
    """The same."""
    PERSONA_CLEAR = "persona.clear"
    """The same; nothing is set there any more."""
    NOTE_ADD = "note.add"
    """Subject: the number of the note. Details: its fingerprint as `text`."""
    NOTE_REMOVE = "note.remove"
    NOTE_ERASE = "note.erase"
    """Subject: the number of the note."""
    BUDGET_SET = "budget.set"
    """Subject: a person, or `@direct`, if it limits those. Details: `change`, `period`, `micro_usd`, `zone`."""
    BUDGET_CLEAR = "budget.clear"
    """The same, without an amount."""
    FORGET = "forget"
    """Subject: the person whose words were erased; empty where everybody's were. Details: `messages`."""
    ANSWER_DELETED = "answer.deleted"
    """Subject: the question that it answered. Details: `asker`, `pages` (how many messages)."""
    TOOL_ALLOWED = "tool.allowed"
    """Subject: the tool. Details: `arguments` as their fingerprint, `asker`, `scope` (`once` or `thread`)."""
    TOOL_REVOKED = "tool.revoked"
    """Subject: the tool. Details: `asker`, for whom it may not act in the thread any more without asking."""
    TOOL_DENIED = "tool.denied"
    """The same, without a scope."""
    TOOL_EXPIRED = "tool.expired"
    """The same: nobody said anything in time."""
    TOOL_BEGAN = "tool.began"
    """The same: it is carried out, and may have acted from here on."""
    TOOL_UNCERTAIN = "tool.uncertain"
    """The same: a process died over it, and whether it has acted nobody knows."""
    TOOL_RAN = "tool.ran"
    """Subject: the tool. Details: `arguments` as their fingerprint, `asker`, `result` (its size in bytes)."""
    SCHEDULE_ADDED = "schedule.added"
    """Subject: the number of the schedule. Details: `line`, what it gives, as its fingerprint; `zone`."""
    SCHEDULE_PAUSED = "schedule.paused"
    """Subject: the number of the schedule. Details: `author`, who added it."""
    SCHEDULE_RESUMED = "schedule.resumed"
    """The same."""
    SCHEDULE_REMOVED = "schedule.removed"
    """The same."""
    SCHEDULE_STOPPED = "schedule.stopped"
    """The same; nobody did it, and `why` is a word for the reason."""
    SETTING = "setting"
    """Subject: the setting. Details: its value's fingerprint."""
    INSTALLATION = "installation"
    """We were added to the workspace."""
    INSTALLATION_ENDED = "installation.ended"
    """We were removed from it. Details: `withdrawn`, how many questions nobody is answered any more."""
    SIGN_IN = "sign_in"
    """Somebody opened the dashboard. Subject: the session."""
    SIGN_OUT = "sign_out"
    """A session ended before its time. The same; where its person may open the dashboard no more, PLATFORM did it."""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One change, as whoever makes it tells of it.

    Details hold ids, numbers and what `fingerprint` makes of a text. Any other text that is no id becomes that too.
    """

    workspace: str
    at: datetime
    actor: str
    """Who did it: a person's id, OPERATOR or PLATFORM."""
    action: AuditAction
    channel: str | None = None
    """None where it concerns the whole workspace."""
    thread: str | None = None
    subject: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)

    def to_columns(self, number: int) -> dict[str, Any]:
        """The columns that its HMAC covers."""
        ids = {name: getattr(self, name) for name in ("workspace", "actor", "channel", "thread", "subject")}
        return {
            **{name: value and clean_text(value) for name, value in ids.items()},
            "number": number,
            "at": self.at.astimezone(UTC).isoformat(timespec="microseconds"),
            "action": self.action.value,
            "details": write_json(_conceal_texts(dict(self.details))),
        }


@dataclass(frozen=True, slots=True)
class AuditRow:
    """A row as it stands in the database, where somebody may have altered it: any text may stand in its columns."""

    workspace: str
    number: int
    at: str
    actor: str
    action: str
    channel: str | None
    thread: str | None
    subject: str
    details: str
    mac: str

    def read_time(self) -> datetime | None:
        """When it was; None where no time stands there."""
        try:
            return datetime.fromisoformat(self.at)
        except ValueError:
            return None

    def read_details(self) -> Mapping[str, Any]:
        """Its details; none where they are no object of JSON."""
        try:
            found = json.loads(self.details)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}


@dataclass(frozen=True, slots=True)
class AuditHead:
    """The newest row of a workspace's chain: who knows it sees when that row, or one before it, is gone."""

    workspace: str
    number: int = 0
    mac: str = ""

    def __str__(self) -> str:
        return f"{self.workspace}:{self.number}:{self.mac}"

    @classmethod
    def parse(cls, text: str) -> "AuditHead":
        """What `str` made of a head. Raises ValueError."""
        workspace, number, mac = text.strip().rsplit(":", 2)
        if not (workspace and re.fullmatch("[0-9a-f]{64}", mac)):
            raise ValueError(text)
        return cls(workspace, int(number), mac)


@dataclass(frozen=True, slots=True)
class AuditFault:
    """The first row of a workspace's chain that is missing, or is not as it was written."""

    workspace: str
    number: int
    says: str


class AuditKeys:
    """HMAC keys, derived from secrets: the first seals, each of them verifies. Nothing prints them.

    Without a secret there is a random one, which ends with the process.
    """

    __slots__ = ("_keys",)

    def __init__(self, secrets: Sequence[bytes] = ()) -> None:
        self._keys = tuple(derive_key(one) for one in secrets or (random_source.token_bytes(KEY_BYTES),))

    def seal(self, before: AuditHead, columns: Mapping[str, Any]) -> str:
        """The HMAC of a row that comes after `before`."""
        return _compute_mac(self._keys[0], before, columns)

    def verify(self, before: AuditHead, columns: Mapping[str, Any]) -> bool:
        """Whether a row is as it was written, right after `before`."""
        found = str(columns["mac"]).encode()
        return any(hmac.compare_digest(_compute_mac(key, before, columns).encode(), found) for key in self._keys)


def derive_key(secret: bytes, purpose: bytes = b"confab audit log") -> bytes:
    """A key for one purpose, by HKDF-SHA256 without a salt (RFC 5869): no other use of the secret tells of it."""
    extracted = hmac.digest(bytes(hashlib.sha256().digest_size), secret, "sha256")
    return hmac.digest(extracted, purpose + b"\x01", "sha256")


def fingerprint(text: str) -> dict[str, Any]:
    """What the log tells of somebody's words: their SHA-256, and how many characters they are."""
    cleaned = clean_text(text)
    return {"sha256": hashlib.sha256(cleaned.encode()).hexdigest(), "length": len(cleaned)}


def write_json(value: object) -> str:
    """JSON, the same for the same value."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def check_rows(keys: AuditKeys, head: AuditHead, rows: Sequence[Mapping[str, Any]]) -> AuditHead | AuditFault:
    """Verify the rows that follow `head`: the new head, or the first fault."""
    for row in rows:
        if row["number"] <= head.number:
            return AuditFault(head.workspace, row["number"], f"row {row['number']} was put in")
        if row["number"] > head.number + 1:
            return AuditFault(head.workspace, head.number + 1, _name_missing(head.number + 1, row["number"] - 1))
        if not keys.verify(head, row):
            return AuditFault(head.workspace, row["number"], f"row {row['number']} is not as it was written")
        head = AuditHead(head.workspace, row["number"], row["mac"])
    return head


def compare_heads(known: AuditHead, newest: AuditHead, mac: str) -> AuditFault | None:
    """Whether a chain that ends with `newest` still has the head that was known; `mac` is its row's there now."""
    if known.number > newest.number:
        first = newest.number + 1
        return AuditFault(known.workspace, first, f"{_name_missing(first, known.number)}, the newest")
    if not hmac.compare_digest(mac, known.mac):
        return AuditFault(known.workspace, known.number, f"row {known.number} is another one than was told before")
    return None


def _compute_mac(key: bytes, before: AuditHead, columns: Mapping[str, Any]) -> str:
    start = before.mac or f"start of {before.workspace}"
    canonical = write_json([start, *(columns[name] for name in SEALED)])
    return hmac.digest(key, canonical.encode(), "sha256").hex()


def _name_missing(first: int, last: int) -> str:
    return f"row {first} is missing" if first >= last else f"rows {first} to {last} are missing"


def _conceal_texts(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _conceal_texts(one) for name, one in value.items()}
    return fingerprint(value) if isinstance(value, str) and not ID.fullmatch(value) else value
